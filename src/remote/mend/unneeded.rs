//! What is lost and needed by nobody leaves the index, so that a check does not name it for ever.

use std::collections::HashSet;

use crate::model::Progress;
use crate::remote::RemoteError;
use crate::remote::bucket::Bucket;
use crate::remote::catalog::Catalog;
use crate::remote::index::Located;
use crate::remote::survey::{Refs, sizes, walk, wrong_keys};
use crate::store::Store;

/// Takes keys out of the index that are not there, or cut off, and in which no branch needs anything now; returns
/// what was done. Does nothing where that cannot be told.
pub async fn drop_unneeded(
    bucket: &Bucket,
    catalog: &mut Catalog<'_>,
    store: &Store,
    progress: &dyn Progress,
) -> Result<Vec<String>, RemoteError> {
    let refs = Refs::read(bucket).await?;
    catalog.refresh().await?;
    // After the index: what that names was there before.
    let listed = bucket.list_dated("").await?;
    let all = catalog.index.all();
    let wrong: HashSet<String> = wrong_keys(&all, &sizes(&listed)).into_keys().collect();
    if wrong.is_empty() || !refs.unreadable.is_empty() {
        return Ok(Vec::new());
    }
    let needed = walk(bucket, &catalog.index, store, &wrong, &refs.now(), progress).await?;
    if !needed.is_whole || !needed.hidden.is_empty() {
        return Ok(Vec::new());
    }
    let is_needed = |one: &&Located| needed.objects.contains_key(&one.entry.digest);
    let used: HashSet<String> = all.iter().filter(is_needed).map(Located::key).collect();
    let mut goes: Vec<String> = wrong.difference(&used).cloned().collect();
    if goes.is_empty() {
        return Ok(Vec::new());
    }
    goes.sort();
    let dropped = catalog.change(|catalog, write_id| {
        let gc = catalog.index.head.gc.clone();
        Some(catalog.index.without(&|key| goes.iter().any(|gone| gone == key), gc, write_id))
    });
    dropped.await?;
    let told =
        |key: &String| format!("`{key}` was lost, and no branch needs what was in it: the index drops it");
    Ok(goes.iter().map(told).collect())
}
