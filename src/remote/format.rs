//! `kptn.json`: which kptn may read this remote, and which may write it.
//!
//! As the store's `format.json`: a newer kptn may add fields and keys, and
//! raises `min_reader` or `min_writer` where an older one would do harm.

use serde::{Deserialize, Serialize};

use super::bucket::{Bucket, Swapped};
use super::layout;
use super::{Earnest, RemoteError, leftover, mend};
use crate::model::canonical_json;

/// The newest format that this kptn knows.
const KNOWN: u32 = TABLE;
/// The format that a new remote gets. 1 knew no collections: who writes it does not look for them.
pub const COLLECTIONS: u32 = 2;
/// The format of a remote that has deltas: who knows 2 alone cannot read an index that names one.
pub const DELTAS: u32 = 3;
/// The format of a remote whose snapshots say what stays elsewhere or is bad, or whose records were made of what
/// others have: who knows 3 alone drops that where it merges, and lets such records in.
pub const MARKS: u32 = 4;

/// The format of a remote whose branches are in a table: who knows 4 alone finds none, and would collect all they need.
pub const TABLE: u32 = 5;

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Format {
    format: u32,
    min_reader: u32,
    min_writer: u32,
    /// Where branches are; absent where the bucket has them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    refs: Option<String>,
}

/// What is about to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Intent {
    /// Only to read.
    Read,
    /// To write as well: an empty place becomes a remote.
    Write,
}

/// Fails where this kptn may not do what it is about to.
pub async fn check(bucket: &Bucket, intent: Intent) -> Result<(), RemoteError> {
    if let Some(bytes) = bucket.read(layout::FORMAT).await? {
        return judge(bucket, intent, &bytes);
    }
    if intent == Intent::Read {
        return Err(RemoteError::NotOurs { url: bucket.url().to_owned() });
    }
    let is_made = bucket.has_any().await?;
    if !is_made && let Some(found) = leftover::foreign(bucket)? {
        return Err(RemoteError::NotEmpty { url: bucket.url().to_owned(), found });
    }
    match bucket.swap(layout::FORMAT, None, anew(bucket, is_made)).await? {
        Swapped::Yes => Ok(()),
        // Somebody else made it just now.
        Swapped::No => match bucket.read(layout::FORMAT).await? {
            Some(bytes) => judge(bucket, intent, &bytes),
            None => Err(RemoteError::NotOurs { url: bucket.url().to_owned() }),
        },
    }
}

/// Returns where a remote says that its branches are; absent where it has them itself, or is none yet.
pub async fn refs_of(bucket: &Bucket) -> Result<Option<String>, RemoteError> {
    let bytes = bucket.read(layout::FORMAT).await?.unwrap_or_default();
    // What is damaged is said by who reads it next.
    Ok(serde_json::from_slice::<Format>(&bytes).ok().and_then(|format| format.refs))
}

/// Returns what a remote gets that has no `kptn.json`: where something is there, it may need all that this kptn knows.
fn anew(bucket: &Bucket, is_made: bool) -> Vec<u8> {
    let refs = bucket.table().map(str::to_owned);
    let format = match (&refs, is_made) {
        (Some(_), _) => TABLE,
        (None, true) => MARKS,
        (None, false) => COLLECTIONS,
    };
    canonical_json(&Format { format, min_reader: format, min_writer: format, refs })
}

/// Puts a lost or damaged `kptn.json` right; returns what was done, or would be.
pub async fn mend(bucket: &Bucket, earnest: Earnest) -> Result<Option<String>, RemoteError> {
    let found = bucket.read_versioned(layout::FORMAT).await?;
    let (bytes, version) = match found {
        Some((bytes, _)) if serde_json::from_slice::<Format>(&bytes).is_ok() => return Ok(None),
        None if !bucket.has_any().await? => return Ok(None),
        Some((bytes, version)) => (bytes, Some(version)),
        None => (Vec::new(), None),
    };
    let was = mend::problem(version.is_some());
    if earnest == Earnest::No {
        return Ok(Some(format!("`{}` {was}", layout::FORMAT)));
    }
    let kept = mend::set_aside(bucket, layout::FORMAT, &bytes).await?;
    let swapped = bucket.swap(layout::FORMAT, version.as_ref(), anew(bucket, true)).await?;
    let now = if swapped == Swapped::Yes { "is written anew" } else { "was written anew by somebody else" };
    Ok(Some(format!("`{}` {was} and {now}{kept}", layout::FORMAT)))
}

/// Keeps away those who know less than a format; before anything is written that needs it.
pub async fn raise(bucket: &Bucket, to: u32) -> Result<(), RemoteError> {
    let Some((bytes, version)) = bucket.read_versioned(layout::FORMAT).await? else {
        return Err(RemoteError::NotOurs { url: bucket.url().to_owned() });
    };
    judge(bucket, Intent::Write, &bytes)?;
    let mut found: serde_json::Map<String, serde_json::Value> =
        serde_json::from_slice(&bytes).map_err(|error| bucket.damaged(layout::FORMAT, error))?;
    let least = |name: &str| found.get(name).and_then(serde_json::Value::as_u64).unwrap_or(0);
    let raised = ["format", "min_reader", "min_writer"].map(|name| (name, least(name).max(to.into())));
    if raised.iter().all(|(name, needed)| least(name) == *needed) {
        return Ok(());
    }
    found.extend(raised.map(|(name, value)| (name.to_owned(), value.into())));
    match bucket.swap(layout::FORMAT, Some(&version), canonical_json(&found)).await? {
        Swapped::Yes => Ok(()),
        // Somebody raised it just now: at least as far, or we do it after them.
        Swapped::No => Box::pin(raise(bucket, to)).await,
    }
}

fn judge(bucket: &Bucket, intent: Intent, bytes: &[u8]) -> Result<(), RemoteError> {
    let format: Format =
        serde_json::from_slice(bytes).map_err(|error| bucket.damaged(layout::FORMAT, error))?;
    let needed = match intent {
        Intent::Read => format.min_reader,
        Intent::Write => format.min_reader.max(format.min_writer),
    };
    if needed > KNOWN {
        return Err(RemoteError::NewerFormat { url: bucket.url().to_owned(), found: needed, known: KNOWN });
    }
    if format.refs.as_deref() != bucket.table() {
        let (url, here) = (bucket.url().to_owned(), bucket.table().map(str::to_owned));
        return Err(RemoteError::Refs { url, there: format.refs, here });
    }
    Ok(())
}
