//! `fetch` and `pull`: a branch's state comes from a remote into the store.
//!
//! ```text
//! ref -> snapshot -> records -> results, code, indexes of items -> shards -> (outputs, logs)
//! ```
//! Each step asks for what the one before it named, for all tasks at once.
//! Nothing here moves a branch of this machine: that is for who asked.

use std::collections::BTreeSet;

use super::branch;
use super::bucket::Bucket;
use super::catalog::Catalog;
use super::fetch::{Fetched, Wanted, fetch};
use super::format::{self, Intent};
use super::index::Index;
use super::push::Ends;
use super::{Move, RemoteError};
use crate::model::Phase;
use crate::model::{Digest, Snapshot, SnapshotEntry};
use crate::state::{Need, Reach};

/// What comes besides records, results, code and item tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Take {
    /// Nothing.
    State,
    /// Nothing, and it is told which outputs and logs are left there.
    Lazy,
    /// Outputs and logs.
    All,
}

/// What came.
#[derive(Debug, Clone, PartialEq)]
pub struct Arrived {
    /// The remote's latest move of the branch.
    pub tip: Move,
    /// What it points at, in the store now.
    pub snapshot: Snapshot,
    /// How much came.
    pub fetched: Fetched,
    /// What of [`Take::Lazy`] is left there, each once, and how many bytes that is.
    pub left: (Vec<Digest>, u64),
}

/// Fetches a branch's snapshot and what the chosen tasks' records need; flushes the store.
pub async fn pull(
    ends: Ends<'_>,
    take: Take,
    chosen: &dyn Fn(&SnapshotEntry) -> bool,
) -> Result<Arrived, RemoteError> {
    let super::push::Ends { bucket, store, which, progress, .. } = ends;
    progress.begin(Phase::Looking, 0, 0);
    format::check(bucket, Intent::Read).await?;
    let Some(tip) = branch::read(bucket, which).await? else {
        let known = branch::names(bucket, which.project).await?;
        let (url, branch) = (bucket.url().to_owned(), which.branch.clone());
        return Err(RemoteError::NoBranch { url, branch, known });
    };
    let catalog = Catalog::read(bucket, ends.index_folder).await?;
    let fetch = async |wanted: &[Wanted]| fetch(bucket, &catalog.index, store, wanted, progress).await;

    let named = Wanted { digest: tip.latest.snapshot, needed_by: which.branch.to_string() };
    let mut fetched = fetch(&[named]).await?;
    let snapshot: Snapshot = store.load_json(&tip.latest.snapshot)?;
    let entries: Vec<_> = snapshot.entries.iter().filter(|entry| chosen(entry)).collect();
    let records: Vec<_> = entries.iter().map(|entry| wanted(entry, entry.record)).collect();
    fetched += fetch(&records).await?;
    // First what names other objects, until all of it is here; then the bytes.
    loop {
        let (missing, is_complete) = missing_of(ends, &entries, Take::State)?;
        fetched += fetch(&missing).await?;
        if is_complete {
            break;
        }
    }
    let mut left = (Vec::new(), 0);
    if take != Take::State {
        let (missing, _) = missing_of(ends, &entries, Take::All)?;
        match take {
            Take::Lazy => left = promised(bucket, &catalog.index, &missing)?,
            _ => fetched += fetch(&missing).await?,
        }
    }
    store.flush()?;
    Ok(Arrived { tip: tip.latest, snapshot, fetched, left })
}

/// Makes sure that the remote has what is left there.
fn promised(bucket: &Bucket, index: &Index, wanted: &[Wanted]) -> Result<(Vec<Digest>, u64), RemoteError> {
    let (mut left, mut bytes) = (BTreeSet::new(), 0);
    for Wanted { digest, needed_by } in wanted {
        let Some(located) = index.find(digest) else {
            let (url, needed_by) = (bucket.url().to_owned(), needed_by.clone());
            return Err(RemoteError::Missing { url, digest: *digest, needed_by });
        };
        if left.insert(*digest) {
            bytes += located.entry.raw;
        }
    }
    Ok((left.into_iter().collect(), bytes))
}

fn wanted(entry: &SnapshotEntry, digest: Digest) -> Wanted {
    Wanted { digest, needed_by: entry.task.to_string() }
}

/// Returns what the records need and the store does not have, and whether all of it could be named.
fn missing_of(
    ends: Ends<'_>,
    entries: &[&SnapshotEntry],
    take: Take,
) -> Result<(Vec<Wanted>, bool), RemoteError> {
    let mut reach = Reach::new(ends.store);
    let (mut missing, mut is_complete) = (Vec::new(), true);
    for entry in entries {
        let mut absent = false;
        let mut failed = Ok(());
        let hidden = reach.follow(&entry.record, &mut |need, digest| {
            let bytes = matches!(need, Need::Output(_) | Need::Log);
            if bytes && take != Take::All {
                return;
            }
            match ends.store.has(&digest) {
                Ok(true) => {}
                Ok(false) => {
                    absent |= matches!(need, Need::ShardList | Need::ItemShard);
                    missing.push(wanted(entry, digest));
                }
                Err(error) => failed = Err(error),
            }
        });
        failed?;
        match hidden.into_iter().next() {
            None => {}
            // What hides it comes now, and is looked into after that.
            Some(_) if absent => is_complete = false,
            Some(source) => return Err(RemoteError::Hidden { task: entry.task.clone(), source }),
        }
    }
    Ok((missing, is_complete))
}
