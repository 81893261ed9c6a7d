//! What is done otherwise where a remote is a folder: a lock stands for a condition, and writers are told from the dead.

use std::fs::File;
use std::io::Read;

use super::bucket::{Bucket, Swapped, Version};
use super::{RemoteError, lock};

/// How much of a file is read at a time.
const BLOCK: usize = 256 * 1024;

/// Gives a key new bytes where it still holds what was read.
pub async fn swap(
    bucket: &Bucket,
    key: &str,
    expected: Option<&Version>,
    bytes: Vec<u8>,
) -> Result<Swapped, RemoteError> {
    let _lock = lock::lock(bucket, key).await?;
    let now = bucket.read_versioned(key).await?.map(|(_, version)| version);
    let same = match (expected, &now) {
        (None, None) => true,
        (Some(expected), Some(now)) => expected.digest().is_some() && expected.digest() == now.digest(),
        _ => false,
    };
    if !same {
        return Ok(Swapped::No);
    }
    bucket.write(key, bytes).await.map(|()| Swapped::Yes)
}

/// Hands a file's bytes over here and now: the client would, in small pieces, on another thread each.
pub fn read_pieces(
    bucket: &Bucket,
    key: &str,
    mut file: File,
    mut piece: impl FnMut(&[u8]) -> Result<(), RemoteError>,
) -> Result<(), RemoteError> {
    let mut block = vec![0; BLOCK];
    loop {
        match file.read(&mut block) {
            Ok(0) => return Ok(()),
            Ok(read) => piece(&block[..read])?,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(source) => return Err(bucket.folder_failed("read", key, source)),
        }
    }
}

/// Tells whether a write failed since another process removed the empty folder under it.
pub fn has_vanished(error: &object_store::Error) -> bool {
    super::said::system(error).is_some_and(|error| error.kind() == std::io::ErrorKind::NotFound)
}
