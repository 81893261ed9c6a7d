//! The locks of a folder. A bucket has none, and needs none.
//!
//! ```text
//! locks/<key>     who moves a key now
//! locks/writing   shared by all who write: what lies half-written while it is free was left by the dead
//! ```

use std::fs::{File, TryLockError};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::bucket::Bucket;
use super::{RemoteError, layout};

/// How often is looked whether a lock is free.
const PAUSE: Duration = Duration::from_millis(10);
/// How often is tried what another process may undo by removing an empty folder.
pub const TRIES: u32 = 20;
/// The name of the lock of all who write.
const WRITING: &str = "writing";

/// Waits for its turn to move a key, without keeping others of this process from theirs.
pub async fn lock(bucket: &Bucket, key: &str) -> Result<Option<File>, RemoteError> {
    let Some(folder) = bucket.folder() else { return Ok(None) };
    let file = open(folder, key).map_err(|source| bucket.folder_failed("lock", key, source))?;
    until_free(bucket, key, || file.try_lock()).await?;
    Ok(Some(file))
}

/// Says that this process writes, as long as the file is open; absent where nobody asks, as it is no remote yet.
pub async fn writing(bucket: &Bucket) -> Result<Option<File>, RemoteError> {
    let Some(folder) = bucket.folder().filter(|folder| is_remote(folder)) else { return Ok(None) };
    let file = open(folder, WRITING).map_err(|source| bucket.folder_failed("lock", WRITING, source))?;
    until_free(bucket, WRITING, || file.try_lock_shared()).await?;
    Ok(Some(file))
}

/// Does something while nobody writes to a folder; absent where somebody does, or that cannot be told.
pub fn while_nobody_writes<T>(folder: &Path, work: impl FnOnce() -> T) -> Option<T> {
    // Where it cannot be made there is no room for anything, and nobody has it.
    let file = open(folder, WRITING).ok();
    match file.as_ref().map(File::try_lock) {
        None | Some(Ok(())) => Some(work()),
        Some(Err(_)) => None,
    }
}

/// Removes a key that was only tried, and what else that left.
pub async fn forget(bucket: &Bucket, key: &str) {
    drop(bucket.remove(key).await);
    let Some(folder) = bucket.folder() else { return };
    drop(std::fs::remove_file(place(folder, key)));
    // Where it is a remote already, others write there just now.
    if !is_remote(folder) {
        drop(std::fs::remove_dir(folder.join("probe")));
        drop(std::fs::remove_dir(folder.join("locks")));
    }
}

async fn until_free(
    bucket: &Bucket,
    key: &str,
    take: impl Fn() -> Result<(), TryLockError>,
) -> Result<(), RemoteError> {
    loop {
        match take() {
            Ok(()) => return Ok(()),
            Err(TryLockError::WouldBlock) => tokio::time::sleep(PAUSE).await,
            Err(TryLockError::Error(error)) => return Err(bucket.folder_failed("lock", key, error)),
        }
    }
}

/// Opens a lock; its folder may go meanwhile, with what somebody else tried.
fn open(folder: &Path, key: &str) -> io::Result<File> {
    let mut tries = 0;
    loop {
        tries += 1;
        let made = std::fs::create_dir_all(folder.join("locks"));
        match made.and_then(|()| File::options().create(true).append(true).open(place(folder, key))) {
            Err(error)
                if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::AlreadyExists)
                    && tries < TRIES => {}
            opened => return opened,
        }
    }
}

fn is_remote(folder: &Path) -> bool {
    folder.join(layout::FORMAT).exists()
}

fn place(folder: &Path, key: &str) -> PathBuf {
    folder.join("locks").join(crate::model::safe_folder_name(key))
}
