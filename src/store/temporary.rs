//! Files that are not finished yet, and what interrupted processes left of them.
//!
//! Inside the store each process writes in a folder of its own, `tmp/<writer>/`,
//! and holds a lock on `tmp/<writer>.lock`, taken before the folder is made: a
//! folder whose lock is free belongs to nobody. Outside, beside a file that is
//! given back, a temporary file has a name that only kptn uses, and goes when it
//! is an hour old.

use std::ffi::OsStr;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use super::StoreError;

/// What kptn's temporary files outside the store begin with.
const PREFIX: &str = ".kptn-tmp-";

/// How old such a file must be before another process removes it.
const OLD: Duration = Duration::from_secs(60 * 60);

static COUNTER: AtomicU64 = AtomicU64::new(0);

/// Returns a name that no process gave before.
fn fresh_name() -> String {
    use std::hash::{BuildHasher, RandomState};
    let count = COUNTER.fetch_add(1, Ordering::Relaxed);
    // `RandomState` is seeded by the system once a process.
    let random = RandomState::new().hash_one((std::process::id(), count));
    format!("{:x}-{count:x}-{random:016x}", std::process::id())
}

/// Returns whether a file of this name is one that kptn was about to put in place.
pub fn is_temporary(name: &OsStr) -> bool {
    name.as_encoded_bytes().starts_with(PREFIX.as_bytes())
}

/// Returns a path in `folder` for a file that will be renamed to its place there.
pub(super) fn beside(folder: &Path) -> PathBuf {
    folder.join(format!("{PREFIX}{}", fresh_name()))
}

/// Removes from one folder what interrupted processes left more than an hour ago; returns how many.
pub(super) fn clean_folder(folder: &Path) -> io::Result<usize> {
    let mut removed = 0;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if is_temporary(&entry.file_name()) && is_old(&entry.metadata()?) {
            // One may be a folder full of files that were to be put there together.
            match entry.file_type()?.is_dir() {
                true => fs::remove_dir_all(entry.path())?,
                false => fs::remove_file(entry.path())?,
            }
            removed += 1;
        }
    }
    Ok(removed)
}

fn is_old(metadata: &fs::Metadata) -> bool {
    let age = |time| SystemTime::now().duration_since(time).ok();
    metadata.modified().ok().and_then(age).is_some_and(|age| age > OLD)
}

/// The folder in which this process writes what has no digest yet.
pub(super) struct Workshop {
    folder: PathBuf,
    lock_path: PathBuf,
    _lock: File,
}

impl Workshop {
    /// Makes this process's folder, and removes those of processes that ended.
    pub(super) fn open(temporary: &Path) -> Result<Self, StoreError> {
        let writing = |path: &Path, error| StoreError::writing("make", path, error);
        fs::create_dir_all(temporary).map_err(|error| writing(temporary, error))?;
        clean(temporary);
        let name = fresh_name();
        let lock_path = temporary.join(format!("{name}.lock"));
        let lock = File::create_new(&lock_path).map_err(|error| writing(&lock_path, error))?;
        match lock.lock() {
            // Then nobody can tell that it is free either, and nothing is ever taken for abandoned.
            Err(error) if error.kind() == io::ErrorKind::Unsupported => {}
            locked => locked.map_err(|error| writing(&lock_path, error))?,
        }
        let folder = temporary.join(name);
        fs::create_dir(&folder).map_err(|error| writing(&folder, error))?;
        Ok(Self { folder, lock_path, _lock: lock })
    }

    /// Returns a path for a new file.
    pub(super) fn path(&self) -> PathBuf {
        self.folder.join(fresh_name())
    }
}

impl Drop for Workshop {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
        let _ = fs::remove_file(&self.lock_path);
    }
}

/// Removes the folders whose lock is free. Failing to is no reason not to go on.
fn clean(temporary: &Path) {
    let Ok(entries) = fs::read_dir(temporary) else { return };
    for entry in entries.flatten() {
        let path = entry.path();
        if path.extension().is_some_and(|extension| extension == "lock") {
            clean_lock(&path);
        } else if path.is_dir() && is_abandoned(&path.with_extension("lock")) {
            let _ = fs::remove_dir_all(&path);
            let _ = fs::remove_file(path.with_extension("lock"));
        }
    }
}

/// A lock without a folder may be one that is just being taken: only an old one goes.
fn clean_lock(lock: &Path) {
    let has_folder = lock.with_extension("").is_dir();
    if !has_folder && fs::metadata(lock).is_ok_and(|metadata| is_old(&metadata)) && is_abandoned(lock) {
        let _ = fs::remove_file(lock);
    }
}

fn is_abandoned(lock: &Path) -> bool {
    match OpenOptions::new().write(true).open(lock) {
        Ok(file) => file.try_lock().is_ok(),
        Err(error) => error.kind() == io::ErrorKind::NotFound,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_dead_writer_left_goes_and_what_a_living_one_writes_stays() {
        let root = tempfile::tempdir().unwrap();
        let living = Workshop::open(root.path()).unwrap();
        fs::write(living.path(), "half").unwrap();
        let dead = root.path().join("dead");
        fs::create_dir(&dead).unwrap();
        fs::write(dead.join("half"), "half").unwrap();
        fs::write(root.path().join("dead.lock"), "").unwrap();

        let next = Workshop::open(root.path()).unwrap();
        assert!(!dead.exists());
        assert_eq!(fs::read_dir(&living.folder).unwrap().count(), 1);
        drop((living, next));
        assert_eq!(fs::read_dir(root.path()).unwrap().count(), 0);
    }

    #[test]
    fn only_old_temporary_files_of_ours_leave_a_users_folder() {
        let root = tempfile::tempdir().unwrap();
        let long_ago = SystemTime::now() - 2 * OLD;
        let make = |name: &str, time: SystemTime| {
            let file = File::create(root.path().join(name)).unwrap();
            file.set_modified(time).unwrap();
        };
        make(".kptn-tmp-old", long_ago);
        make(".kptn-tmp-new", SystemTime::now());
        make(".other-tmp-old", long_ago);
        assert_eq!(clean_folder(root.path()).unwrap(), 1);
        assert!(!root.path().join(".kptn-tmp-old").exists());
    }
}
