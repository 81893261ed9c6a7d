//! The locks of a folder: who moves a key there now. A bucket has none, and needs none.

use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::bucket::Bucket;
use super::{RemoteError, layout};

/// How often is looked whether a key's lock is free.
const PAUSE: Duration = Duration::from_millis(10);

/// Waits for its turn to move a key, without keeping others of this process from theirs.
pub async fn lock(bucket: &Bucket, key: &str) -> Result<Option<File>, RemoteError> {
    let Some(folder) = bucket.folder() else { return Ok(None) };
    let failed = |source| bucket.folder_failed("lock", key, source);
    let path = place(folder, key);
    std::fs::create_dir_all(folder.join("locks")).map_err(failed)?;
    let file = File::options().create(true).append(true).open(path).map_err(failed)?;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(Some(file)),
            Err(TryLockError::WouldBlock) => tokio::time::sleep(PAUSE).await,
            Err(TryLockError::Error(error)) => return Err(failed(error)),
        }
    }
}

/// Removes a key that was only tried, and what else that left.
pub async fn forget(bucket: &Bucket, key: &str) {
    drop(bucket.remove(key).await);
    let Some(folder) = bucket.folder() else { return };
    drop(std::fs::remove_file(place(folder, key)));
    drop(std::fs::remove_dir(folder.join("probe")));
    // Where it is a remote already, others make their locks there just now.
    if !folder.join(layout::FORMAT).exists() {
        drop(std::fs::remove_dir(folder.join("locks")));
    }
}

fn place(folder: &Path, key: &str) -> PathBuf {
    folder.join("locks").join(crate::model::safe_folder_name(key))
}
