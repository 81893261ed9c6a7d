//! Lists of matching files, kept while the folders that were walked stay as they are.
//!
//! A run looks at the folders of its modules twice a task; with thousands of
//! files in them, one stat a folder instead of reading it keeps the cost of a
//! task from growing with the project.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use super::seen::ListingLook;
use crate::store::FileStat;

/// What a walk found, and the folders it went through.
#[derive(Clone)]
struct Walk {
    folders: Vec<(PathBuf, ListingLook)>,
    found: Vec<PathBuf>,
}

/// Walks by where they began and what they looked for.
#[derive(Default)]
pub(super) struct Lists(Mutex<HashMap<(PathBuf, String), Walk>>);

impl Lists {
    /// Returns what a walk would find now, where the stats of its folders tell; absent where they do not.
    pub(super) fn find(&self, base: &Path, pattern: &str) -> Option<Vec<PathBuf>> {
        let walks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let walk = walks.get(&(base.to_owned(), pattern.to_owned()))?;
        walk.folders.iter().all(|(folder, look)| holds(folder, look)).then(|| walk.found.clone())
    }

    /// Keeps what a walk found; one through a folder whose stat cannot be trusted is not kept.
    pub(super) fn keep(
        &self,
        base: &Path,
        pattern: &str,
        folders: &[(PathBuf, ListingLook)],
        found: &[PathBuf],
    ) {
        if folders.iter().all(|(_, look)| look.sure && look.stat.is_some()) {
            let walk = Walk { folders: folders.to_vec(), found: found.to_vec() };
            let mut walks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            walks.insert((base.to_owned(), pattern.to_owned()), walk);
        }
    }
}

fn holds(folder: &Path, look: &ListingLook) -> bool {
    fs::metadata(folder).is_ok_and(|metadata| Some(FileStat::from(&metadata)) == look.stat)
}
