//! Which files are not as the checked-out commit has them.
//!
//! A file that git does not know counts; one outside the worktree does not. What
//! the commit, the index and the file's stat agree on is not read.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::{Backend, GitError, Repository, lossy, program};

impl Repository {
    /// Returns whether one of these files is not as the checked-out commit has it.
    pub fn is_dirty(&self, files: &[PathBuf]) -> Result<bool, GitError> {
        Ok(!self.dirty(files)?.is_empty())
    }

    /// Returns those of these files that are not as the checked-out commit has them, as they were given.
    pub fn dirty(&self, files: &[PathBuf]) -> Result<BTreeSet<PathBuf>, GitError> {
        let inside: Vec<(&PathBuf, &Path)> =
            files.iter().filter_map(|file| Some((file, self.relative(file)?))).collect();
        let paths: Vec<&Path> = inside.iter().map(|(_, path)| *path).collect();
        if paths.is_empty() {
            return Ok(BTreeSet::new());
        }
        let dirty = match &self.backend {
            Backend::Library(repository) => {
                library_dirty(repository, &paths).map_err(|error| self.library_error(error))?
            }
            Backend::Program(place) => program::dirty(place, &paths)?,
        };
        let is_dirty = |path: &Path| dirty.iter().any(|one| path == one || path.starts_with(one));
        Ok(inside.into_iter().filter(|(_, path)| is_dirty(path)).map(|(file, _)| file.clone()).collect())
    }
}

fn library_dirty(repository: &git2::Repository, files: &[&Path]) -> Result<BTreeSet<PathBuf>, git2::Error> {
    let clean = clean_by_stat(repository);
    let doubtful: Vec<&Path> = files.iter().filter(|file| !clean(file)).copied().collect();
    if doubtful.is_empty() { Ok(BTreeSet::new()) } else { library_status(repository, &doubtful) }
}

/// Returns what tells files that surely are as committed: the commit, the index and the file's stat agree.
///
/// A status of libgit2 reads whole folders, which costs the more the more files a project has.
fn clean_by_stat(repository: &git2::Repository) -> impl Fn(&Path) -> bool {
    let tree = repository.head().and_then(|head| head.peel_to_tree()).ok();
    let index = repository.index().and_then(|mut index| index.read(false).map(|()| index)).ok();
    let root = repository.workdir().map(Path::to_owned);
    move |file| {
        let (Some(tree), Some(index), Some(root)) = (&tree, &index, &root) else { return false };
        let Some(entry) = index.get_path(file, 0) else { return false };
        let committed = tree.get_path(file).is_ok_and(|committed| committed.id() == entry.id);
        committed && root.join(file).metadata().is_ok_and(|now| has_stat_of(&now, &entry))
    }
}

#[cfg(unix)]
fn has_stat_of(now: &std::fs::Metadata, entry: &git2::IndexEntry) -> bool {
    use std::os::unix::fs::MetadataExt;
    let time = (i64::from(entry.mtime.seconds()), i64::from(entry.mtime.nanoseconds()));
    // git writes a length of 0 where it could not trust the time.
    (now.mtime(), now.mtime_nsec()) == time && now.len() == u64::from(entry.file_size) && now.len() > 0
}

#[cfg(not(unix))]
fn has_stat_of(_: &std::fs::Metadata, _: &git2::IndexEntry) -> bool {
    false
}

fn library_status(repository: &git2::Repository, files: &[&Path]) -> Result<BTreeSet<PathBuf>, git2::Error> {
    let mut options = git2::StatusOptions::new();
    options
        .include_untracked(true)
        .recurse_untracked_dirs(true)
        .include_ignored(true)
        .recurse_ignored_dirs(true)
        .disable_pathspec_match(true)
        .no_refresh(false);
    for file in files {
        options.pathspec(file);
    }
    let statuses = repository.statuses(Some(&mut options))?;
    Ok(statuses.iter().map(|entry| PathBuf::from(lossy(entry.path_bytes()))).collect())
}
