//! What is read of a remote as JSON and has a version of its own: a newer one is refused, since what is written
//! after it was read would lose what it says more.

use std::collections::HashSet;

use serde::de::DeserializeOwned;

use super::RemoteError;
use super::bucket::Bucket;
use crate::model::{
    Digest, INVALID_FORMAT, Invalid, Record, SNAPSHOT_FORMAT, Snapshot, UNFINISHED_FORMAT, Unfinished,
};
use crate::store::Store;

/// What has a version of its own.
pub trait Dated: DeserializeOwned {
    /// The newest that this kptn reads.
    const KNOWN: u32;
    /// Returns its own.
    fn format(&self) -> u32;
}

impl Dated for Snapshot {
    const KNOWN: u32 = SNAPSHOT_FORMAT;
    fn format(&self) -> u32 {
        self.format
    }
}

impl Dated for Unfinished {
    const KNOWN: u32 = UNFINISHED_FORMAT;
    fn format(&self) -> u32 {
        self.format
    }
}

impl Dated for Invalid {
    const KNOWN: u32 = INVALID_FORMAT;
    fn format(&self) -> u32 {
        self.format
    }
}

/// Returns the value whose JSON an object of the store is; fails where it is newer than what is known.
pub fn load<T: Dated>(bucket: &Bucket, store: &Store, digest: Digest) -> Result<T, RemoteError> {
    let value: T = store.load_json(&digest)?;
    if value.format() > T::KNOWN {
        let url = bucket.url().to_owned();
        return Err(RemoteError::NewerFormat { url, found: value.format(), known: T::KNOWN });
    }
    Ok(value)
}

/// Tells whether a snapshot, or a record that goes with it, says what [`super::format::MARKS`] is about.
pub fn says_more(store: &Store, next: &Snapshot, missing: &[(Digest, u64)]) -> Result<bool, RemoteError> {
    if next.format > 1 {
        return Ok(true);
    }
    let missing: HashSet<Digest> = missing.iter().map(|(digest, _)| *digest).collect();
    for entry in next.entries.iter().filter(|entry| missing.contains(&entry.record)) {
        // What another remote has promised came before.
        if !store.load_json::<Record>(&entry.record)?.deferred.is_empty() {
            return Ok(true);
        }
    }
    Ok(false)
}
