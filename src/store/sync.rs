//! Waits until bytes are on the disk itself: for many files at once.
//!
//! Beyond a few files Linux is asked to write out the whole file system in one
//! call, which costs one wait for the disk instead of one a file.

use std::fs::File;
use std::path::Path;

use super::StoreError;

/// Up to so many files or folders are synced one by one.
#[cfg(target_os = "linux")]
const FEW: usize = 8;

/// Syncs the bytes of files that are on one file system.
pub(super) fn files(paths: &[&Path]) -> Result<(), StoreError> {
    each(paths, File::sync_data)
}

/// Syncs folders of one file system, so that the names in them survive a power cut.
pub(super) fn folders(paths: &[&Path]) -> Result<(), StoreError> {
    if cfg!(windows) {
        // Windows has no such thing: names are journaled.
        return Ok(());
    }
    each(paths, File::sync_all)
}

fn each(paths: &[&Path], sync: impl Fn(&File) -> std::io::Result<()>) -> Result<(), StoreError> {
    #[cfg(target_os = "linux")]
    if let [first, ..] = paths
        && paths.len() > FEW
    {
        return with(first, |file| rustix::fs::syncfs(file).map_err(Into::into));
    }
    paths.iter().try_for_each(|path| with(path, &sync))
}

fn with(path: &Path, sync: impl Fn(&File) -> std::io::Result<()>) -> Result<(), StoreError> {
    let file = File::open(path).map_err(|error| StoreError::reading(path, error))?;
    sync(&file).map_err(|error| StoreError::writing("sync", path, error))
}
