//! What a remote allows, by trying: to read, to write, to write only where nothing changed.

use serde::Serialize;

use super::branch::new_id;
use super::bucket::{Bucket, Swapped};
use super::format::{self, Intent};
use super::{RemoteError, layout, lock};

/// What was tried, and what came of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Probe {
    /// Whether it is a remote of kptn's already.
    pub made: bool,
    /// Why it cannot be read; absent where it can.
    pub cannot_read: Option<String>,
    /// Why it cannot be written; absent where it can, or was not tried.
    pub cannot_write: Option<String>,
    /// Whether two writers are told apart; absent where that could not be tried.
    pub conditional: Option<bool>,
}

/// Tries; leaves nothing behind. Writes only where `writing`.
pub async fn probe(bucket: &Bucket, writing: bool) -> Result<Probe, RemoteError> {
    let mut probe = Probe { made: false, cannot_read: None, cannot_write: None, conditional: None };
    match format::check(bucket, Intent::Read).await {
        Ok(()) => probe.made = true,
        Err(RemoteError::NotOurs { .. }) => {}
        Err(error) => probe.cannot_read = Some(told(&error)),
    }
    if writing {
        let in_table = bucket.table().map(|_| layout::probe_in_table(&new_id()));
        for key in std::iter::once(layout::probe(&new_id())).chain(in_table) {
            match conditional(bucket, &key).await {
                Ok(holds) => probe.conditional = Some(holds && probe.conditional != Some(false)),
                Err(error) => probe.cannot_write = Some(told(&error)),
            }
            lock::forget(bucket, &key).await;
        }
    }
    Ok(probe)
}

/// Makes a key twice, and changes it with a version that is no longer its own: both must be refused.
async fn conditional(bucket: &Bucket, key: &str) -> Result<bool, RemoteError> {
    let made = bucket.swap(key, None, b"1".to_vec()).await?;
    let again = bucket.swap(key, None, b"2".to_vec()).await?;
    let Some((_, version)) = bucket.read_versioned(key).await? else { return Ok(false) };
    let moved = bucket.swap(key, Some(&version), b"3".to_vec()).await?;
    let late = bucket.swap(key, Some(&version), b"4".to_vec()).await?;
    Ok([made, again, moved, late] == [Swapped::Yes, Swapped::No, Swapped::Yes, Swapped::No])
}

fn told(error: &RemoteError) -> String {
    let mut text = error.to_string();
    let mut next = std::error::Error::source(error);
    while let Some(source) = next {
        text.push_str(": ");
        text.push_str(&source.to_string());
        next = source.source();
    }
    text
}
