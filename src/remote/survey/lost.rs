//! Which keys do not hold what the index says, of some objects: what `push --repair` sends again.

use std::collections::HashSet;

use super::sizes::wrong_keys;
use super::{sizes, verify};
use crate::model::{Digest, Progress};
use crate::remote::RemoteError;
use crate::remote::bucket::Bucket;
use crate::remote::index::Index;

/// Reads the keys of objects; returns those that are absent or damaged.
pub async fn lost(
    bucket: &Bucket,
    index: &Index,
    objects: &[Digest],
    progress: &dyn Progress,
) -> Result<HashSet<String>, RemoteError> {
    let located: Vec<_> = objects.iter().filter_map(|digest| index.find(digest)).collect();
    let mut wrong = wrong_keys(&located, &sizes(&bucket.list_dated("").await?));
    let readable: Vec<_> = located.into_iter().filter(|one| !wrong.contains_key(&one.key())).collect();
    wrong.extend(verify(bucket, readable.into_iter(), progress).await?);
    Ok(wrong.into_keys().collect())
}
