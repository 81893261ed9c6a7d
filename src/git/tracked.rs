//! Which files git tracks: kptn never writes over one.
//!
//! Asked of the index, not of a commit: a file that was only added is tracked too.
//! Nothing outside the worktree is.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::{Backend, GitError, Repository, program};

impl Repository {
    /// Returns the files at or below a folder that git tracks, absolute; nothing for a folder outside the worktree.
    pub fn tracked_below(&self, folder: &Path) -> Result<BTreeSet<PathBuf>, GitError> {
        let Some(inside) = self.relative(folder) else { return Ok(BTreeSet::new()) };
        let paths = match &self.backend {
            Backend::Library(repository) => {
                library_tracked(repository, inside).map_err(|error| self.library_error(error))?
            }
            Backend::Program(place) => program::tracked_below(place, inside)?,
        };
        Ok(paths.into_iter().map(|path| self.root.join(path)).collect())
    }
}

fn library_tracked(repository: &git2::Repository, folder: &Path) -> Result<Vec<PathBuf>, git2::Error> {
    let index = repository.index()?;
    let path = |entry: git2::IndexEntry| PathBuf::from(String::from_utf8_lossy(&entry.path).into_owned());
    Ok(index.iter().map(path).filter(|path| path.starts_with(folder)).collect())
}
