//! Branch, commit and places of the git repository around a project.
//!
//! Read only. libgit2 answers where it can; repositories that it cannot open
//! (reftable, SHA-256, partial clones) are asked through the `git` program, so
//! `.git/HEAD` is never parsed by hand. Inside a hook `GIT_DIR` says which
//! repository it is. This is the only file with libgit2 in it.

mod program;
mod tracked;

use std::path::{Path, PathBuf};

use crate::model::{BranchName, ProjectId, safe_folder_name};
use crate::process::ProcessError;

/// Why git could not be asked.
#[derive(Debug, thiserror::Error)]
pub enum GitError {
    /// libgit2 failed at something that the program would fail at too.
    #[error("cannot read the git repository of `{}`", path.display())]
    Library { path: PathBuf, source: git2::Error },
    /// The `git` program is needed for this repository and could not be used.
    #[error("cannot use `git`, which is needed to read the repository of `{}`", path.display())]
    NoProgram { path: PathBuf, source: ProcessError },
    /// The `git` program failed.
    #[error("`git {command}` failed in `{}`: {message}", path.display())]
    Program { path: PathBuf, command: String, message: String },
}

/// What is checked out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// The branch; `detached-` and 12 digits of the commit where there is none.
    pub branch: BranchName,
    /// The commit; absent before the first one.
    pub commit: Option<String>,
}

/// A repository with a worktree.
pub struct Repository {
    root: PathBuf,
    common: PathBuf,
    backend: Backend,
}

enum Backend {
    Library(git2::Repository),
    Program,
}

impl Repository {
    /// Finds the repository that `start` lies in; absent where there is none, or one without a worktree.
    pub fn discover(start: &Path) -> Result<Option<Self>, GitError> {
        let from_env = std::env::var_os("GIT_DIR").is_some();
        let opened =
            if from_env { git2::Repository::open_from_env() } else { git2::Repository::discover(start) };
        match opened {
            Ok(repository) => Ok(Self::from_library(repository)),
            Err(error) if error.code() == git2::ErrorCode::NotFound && !from_env => Ok(None),
            Err(error) => match program::places(start) {
                Ok(places) => {
                    Ok(places.map(|(root, common)| Self { root, common, backend: Backend::Program }))
                }
                // Without the program, libgit2's words are the better ones.
                Err(GitError::NoProgram { path, .. }) => Err(GitError::Library { path, source: error }),
                Err(error) => Err(error),
            },
        }
    }

    fn from_library(repository: git2::Repository) -> Option<Self> {
        let root = repository.workdir()?.to_owned();
        // libgit2 ends folders with a slash, which some callers would print.
        let root = root.components().collect();
        let common = repository.commondir().components().collect();
        Some(Self { root, common, backend: Backend::Library(repository) })
    }

    /// Returns the worktree's root.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Returns the folder that all worktrees of the repository share: `.git` of the main one.
    pub fn common_folder(&self) -> &Path {
        &self.common
    }

    /// Returns what tells this project from others in the repository: its root's path there, `/` for the top.
    pub fn project_id(&self, project_root: &Path) -> ProjectId {
        let real = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_owned());
        let (root, project) = (real(&self.root), real(project_root));
        let inside = project.strip_prefix(&root).unwrap_or(&project);
        let parts: Vec<_> = inside.components().map(|part| part.as_os_str().to_string_lossy()).collect();
        named(&parts.join("/"), "/", ProjectId::parse)
    }

    /// Returns what is checked out now.
    pub fn head(&self) -> Result<Head, GitError> {
        let (reference, commit) = match &self.backend {
            Backend::Library(repository) => {
                library_head(repository).map_err(|error| self.library_error(error))?
            }
            Backend::Program => program::head(&self.root)?,
        };
        let branch = match (&reference, &commit) {
            (Some(reference), _) => reference.strip_prefix("refs/heads/").unwrap_or(reference).to_owned(),
            (None, Some(commit)) => format!("detached-{}", commit.get(..12).unwrap_or(commit)),
            (None, None) => "detached".to_owned(),
        };
        Ok(Head { branch: named(&branch, "unnamed", BranchName::parse), commit })
    }

    /// Returns whether one of these files is not as the checked-out commit has it.
    ///
    /// A file that git does not know counts; one outside the worktree does not.
    pub fn is_dirty(&self, files: &[PathBuf]) -> Result<bool, GitError> {
        let inside: Vec<&Path> = files.iter().filter_map(|file| self.relative(file)).collect();
        if inside.is_empty() {
            return Ok(false);
        }
        match &self.backend {
            Backend::Library(repository) => {
                library_dirty(repository, &inside).map_err(|error| self.library_error(error))
            }
            Backend::Program => program::is_dirty(&self.root, &inside),
        }
    }

    fn relative<'a>(&self, file: &'a Path) -> Option<&'a Path> {
        if file.is_relative() { Some(file) } else { file.strip_prefix(&self.root).ok() }
    }

    fn library_error(&self, source: git2::Error) -> GitError {
        GitError::Library { path: self.root.clone(), source }
    }
}

/// git allows names that kptn does not; those get a cleaned one that no other name gets.
fn named<N, E>(text: &str, top: &str, parse: impl Fn(&str) -> Result<N, E>) -> N {
    let text = if text.is_empty() { top } else { text };
    let cleaned =
        || parse(&safe_folder_name(text)).or_else(|_| parse(&format!("_{}", safe_folder_name(text))));
    match parse(text).or_else(|_| cleaned()) {
        Ok(name) => name,
        #[expect(clippy::unreachable, reason = "`_` and a safe folder name is a name")]
        Err(_) => unreachable!("`_` and a safe folder name is a name"),
    }
}

/// Returns the branch's full reference name (absent where detached) and the commit (absent where unborn).
fn library_head(repository: &git2::Repository) -> Result<(Option<String>, Option<String>), git2::Error> {
    let target = repository.find_reference("HEAD")?.symbolic_target_bytes().map(lossy);
    let commit = match repository.head() {
        Ok(head) => Some(head.peel_to_commit()?.id().to_string()),
        Err(error) if error.code() == git2::ErrorCode::UnbornBranch => None,
        Err(error) => return Err(error),
    };
    Ok((target, commit))
}

fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn library_dirty(repository: &git2::Repository, files: &[&Path]) -> Result<bool, git2::Error> {
    let clean = clean_by_stat(repository);
    let doubtful: Vec<&Path> = files.iter().filter(|file| !clean(file)).copied().collect();
    if doubtful.is_empty() { Ok(false) } else { library_status(repository, &doubtful) }
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

fn library_status(repository: &git2::Repository, files: &[&Path]) -> Result<bool, git2::Error> {
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
    Ok(!repository.statuses(Some(&mut options))?.is_empty())
}

#[cfg(test)]
mod tests;
