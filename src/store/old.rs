//! What is no object and grows all the same: folders of runs, and damaged objects that were set aside.
//!
//! A collection puts the folders of runs that nobody needs into its batch, and
//! they come back with an undo, as objects do. Damaged objects are in nobody's
//! way: they are deleted where they are, once they have been there for long.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::trash::{Amount, Batch};
use super::{FileStat, Store, StoreError};
use crate::model::RunId;

impl Store {
    /// Returns the runs that have a folder; what is no run's is left out.
    pub fn run_folders(&self) -> Result<Vec<RunId>, StoreError> {
        let folder = self.layout().runs();
        let mut found: Vec<RunId> = names(&folder)?.iter().filter_map(|name| RunId::parse(name)).collect();
        found.sort();
        Ok(found)
    }

    /// Returns how many bytes the files of a run's folder have.
    pub fn run_size(&self, run: &RunId) -> u64 {
        size_of(&self.layout().run(run))
    }

    /// Puts folders of runs into a batch; those that are not there are passed over.
    pub fn put_runs_aside(&self, batch: &Batch, runs: &[RunId]) -> Result<(), StoreError> {
        let folder = self.layout().trashed_runs(batch.number);
        fs::create_dir_all(&folder).map_err(|error| StoreError::writing("make", &folder, error))?;
        runs.iter().try_for_each(|run| move_folder(&self.layout().run(run), &folder.join(run.as_str())))
    }

    /// Brings the folders of runs back that a batch has; returns how many there were.
    pub fn bring_runs_back(&self, batch: &Batch) -> Result<u64, StoreError> {
        let folder = self.layout().trashed_runs(batch.number);
        let runs: Vec<RunId> = names(&folder)?.iter().filter_map(|name| RunId::parse(name)).collect();
        for run in &runs {
            move_folder(&folder.join(run.as_str()), &self.layout().run(run))?;
        }
        drop(fs::remove_dir(&folder));
        Ok(runs.len() as u64)
    }

    /// Returns damaged objects that were set aside before some time, in ms since the epoch, and their sizes.
    pub fn damaged_before(&self, before_ms: u64) -> Result<Vec<(PathBuf, u64)>, StoreError> {
        let folder = self.layout().damaged_folder();
        let old = |path: &Path| {
            // Moving it there is the last change; what it had before may be of any time.
            let stat = FileStat::at(path)?;
            let since = u64::try_from(stat.changed_ns.max(stat.modified_ns) / 1_000_000).ok()?;
            (since < before_ms).then_some(stat.size)
        };
        let paths = names(&folder)?.into_iter().map(|name| folder.join(name));
        Ok(paths.filter_map(|path| old(&path).map(|size| (path, size))).collect())
    }

    /// Deletes damaged objects that were set aside.
    pub fn delete_damaged(&self, paths: &[(PathBuf, u64)]) -> Result<(), StoreError> {
        for (path, _) in paths {
            match fs::remove_file(path) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                removed => removed.map_err(|error| StoreError::writing("remove", path, error))?,
            }
        }
        Ok(())
    }
}

/// Deletes the folders of runs of a batch.
pub(super) fn delete_runs(folder: &Path) -> Result<(), StoreError> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed.map_err(|error| StoreError::writing("remove", folder, error)),
    }
}

/// Sums up runs: how many, and their bytes.
pub fn amount_of_runs(store: &Store, runs: &[RunId]) -> Amount {
    runs.iter().map(|run| store.run_size(run)).collect()
}

fn move_folder(from: &Path, to: &Path) -> Result<(), StoreError> {
    match fs::rename(from, to) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        moved => moved.map_err(|error| StoreError::writing("move", from, error)),
    }
}

fn names(folder: &Path) -> Result<Vec<String>, StoreError> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(|error| StoreError::reading(folder, error))?,
    };
    Ok(entries.flatten().filter_map(|entry| entry.file_name().into_string().ok()).collect())
}

fn size_of(path: &Path) -> u64 {
    let Ok(metadata) = fs::symlink_metadata(path) else { return 0 };
    if !metadata.is_dir() {
        return metadata.len();
    }
    let entries = fs::read_dir(path).into_iter().flatten().flatten();
    entries.map(|entry| size_of(&entry.path())).sum()
}
