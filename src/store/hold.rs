//! Since when this process uses objects, for whoever deletes some.
//!
//! ```text
//! holds/3   locked, shared, by all processes that began when batch 3 was the last whole one
//! ```
//! Who looks for an object that was put aside brings it back. So of a batch that
//! was whole before a process began, whatever that process relies on is in the
//! trash no more, and the rest may go. Of a later batch nothing may: the process
//! may have seen an object before it was put aside, and not have written down yet
//! what names it. No clock counts, nobody waits, and the lock goes with the
//! process, however that ends.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::{Layout, StoreError};

/// How long until the number of the last batch is read again.
const PAUSE: Duration = Duration::from_millis(2);

/// The hold of one process on the objects of one store; free until the first use.
#[derive(Default)]
pub(super) struct Hold(Mutex<Option<File>>);

impl Hold {
    /// Takes it; the first call does.
    pub(super) fn take(&self, layout: &Layout) -> Result<(), StoreError> {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if held.is_none() {
            *held = Some(acquire(layout)?);
        }
        Ok(())
    }

    /// Takes it where that is possible: in a store that cannot be written nothing is ever deleted.
    pub(super) fn try_take(&self, layout: &Layout) {
        drop(self.take(layout));
    }
}

fn acquire(layout: &Layout) -> Result<File, StoreError> {
    let folder = layout.holds();
    fs::create_dir_all(&folder).map_err(|error| StoreError::writing("make", &folder, error))?;
    loop {
        let path = folder.join(last_closed(layout).to_string());
        let file = open(&path).map_err(|error| StoreError::writing("open", &path, error))?;
        match file.try_lock_shared() {
            Ok(()) if is_at(&file, &path) => return Ok(file),
            // A collection has just found it free, and removes it: there is a newer one.
            Ok(()) | Err(TryLockError::WouldBlock) => std::thread::sleep(PAUSE),
            // Then no collection gets its own lock here either.
            Err(TryLockError::Error(error)) if error.kind() == io::ErrorKind::Unsupported => return Ok(file),
            Err(TryLockError::Error(error)) => return Err(StoreError::writing("lock", &path, error)),
        }
    }
}

fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)
}

/// Returns the number of the last batch that is whole; 0 before the first one, and where it cannot be read.
pub(super) fn last_closed(layout: &Layout) -> u64 {
    fs::read_to_string(layout.last_closed()).ok().and_then(|text| text.trim().parse().ok()).unwrap_or(0)
}

/// Returns the lowest number that some process holds; absent where none does. Removes what is free and old.
pub(super) fn find_oldest(layout: &Layout) -> Result<Option<u64>, StoreError> {
    let folder = layout.holds();
    let entries = match fs::read_dir(&folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        entries => entries.map_err(|error| StoreError::reading(&folder, error))?,
    };
    let closed = last_closed(layout);
    let mut oldest: Option<u64> = None;
    for entry in entries {
        let path = entry.map_err(|error| StoreError::reading(&folder, error))?.path();
        let Some(number) = number_of(&path) else { continue };
        let file = match File::open(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            file => file.map_err(|error| StoreError::reading(&path, error))?,
        };
        match file.try_lock() {
            // Those of the last batch are taken at any moment.
            Ok(()) if number < closed => drop(fs::remove_file(&path)),
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                oldest = Some(oldest.map_or(number, |known| known.min(number)));
            }
            Err(TryLockError::Error(error)) => return Err(StoreError::writing("lock", &path, error)),
        }
    }
    Ok(oldest)
}

fn number_of(path: &Path) -> Option<u64> {
    path.file_name()?.to_str()?.parse().ok()
}

#[cfg(unix)]
fn is_at(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    match (file.metadata(), fs::metadata(path)) {
        (Ok(ours), Ok(there)) => (ours.dev(), ours.ino()) == (there.dev(), there.ino()),
        _ => false,
    }
}

/// An open file cannot be removed here.
#[cfg(not(unix))]
fn is_at(_file: &File, path: &Path) -> bool {
    path.exists()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_process_counts_as_long_as_it_lives() {
        let root = tempfile::tempdir().unwrap();
        let layout = Layout::new(root.path());
        assert_eq!(find_oldest(&layout).unwrap(), None);
        let (first, second) = (Hold::default(), Hold::default());
        first.take(&layout).unwrap();
        fs::create_dir(layout.trash()).unwrap();
        fs::write(layout.last_closed(), "3\n").unwrap();
        second.take(&layout).unwrap();
        first.take(&layout).unwrap();
        assert_eq!(find_oldest(&layout).unwrap(), Some(0));
        drop(first);
        assert_eq!(find_oldest(&layout).unwrap(), Some(3));
        assert!(!layout.holds().join("0").exists(), "what is free and old is removed");
        drop(second);
        assert_eq!(find_oldest(&layout).unwrap(), None);
        assert!(layout.holds().join("3").exists(), "the last one is in use at any moment");
    }
}
