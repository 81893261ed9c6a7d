//! Which keys do not hold what the index says, of some objects: what `push --repair` sends again.

use std::collections::HashSet;

use super::sizes::wrong_keys;
use super::{sizes, verify};
use crate::model::{Digest, Progress};
use crate::remote::RemoteError;
use crate::remote::bucket::Bucket;
use crate::remote::index::{Index, Whole};
use crate::store::Store;

/// Reads the keys of objects; returns those that are absent or damaged.
pub async fn lost(
    bucket: &Bucket,
    index: &Index,
    store: &Store,
    objects: &[Digest],
    progress: &dyn Progress,
) -> Result<HashSet<String>, RemoteError> {
    let whole = objects.iter().filter_map(|digest| index.find_whole(digest));
    let mut located: Vec<_> = whole.flat_map(Whole::all).collect();
    // Of many deltas against one base, that is read once.
    located.sort_by_key(|one| one.entry.digest);
    located.dedup();
    let mut wrong = wrong_keys(&located, &sizes(&bucket.list_dated("").await?));
    let readable: Vec<_> = located.into_iter().filter(|one| !wrong.contains_key(&one.key())).collect();
    wrong.extend(verify(bucket, index, store, readable.into_iter(), progress).await?);
    Ok(wrong.into_keys().collect())
}
