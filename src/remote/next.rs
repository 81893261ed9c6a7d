//! What a push makes of both sides: ours, or a new snapshot with what only others moved.

use std::collections::HashSet;

use super::RemoteError;
use super::branch::Tip;
use super::catalog::Catalog;
use super::dated::{self, Dated};
use super::fetch::{Wanted, fetch};
use super::merge::{merge, merge_unfinished};
use super::push::{Ends, Known, Theirs};
use crate::model::{Digest, Invalid, Snapshot, SnapshotEntry, Unfinished};
use crate::store::Store;

/// How many snapshots back what others have is looked for.
const BACK: usize = 1000;

/// The snapshot to push.
pub(super) struct Next {
    pub digest: Digest,
    pub snapshot: Snapshot,
    /// How many tasks of others are kept beside ours.
    pub merged: u64,
}

/// Returns ours, or a new one with what only others moved.
pub(super) async fn next_snapshot(
    ends: Ends<'_>,
    catalog: &Catalog<'_>,
    tip: Option<&Tip>,
    ours: Digest,
    known: Known<'_>,
    theirs: Theirs,
) -> Result<Next, RemoteError> {
    let store = ends.store;
    let snapshot: Snapshot = store.load_json(&ours)?;
    let alone = |snapshot| Next { digest: ours, snapshot, merged: 0 };
    let Some(tip) = tip else { return Ok(alone(snapshot)) };
    let at_remote = tip.latest.snapshot;
    let seen = known.agreed.map(|(seen, _)| seen);
    if seen == Some(at_remote) || (seen.is_none() && is_before(store, ours, at_remote)?) {
        return Ok(alone(snapshot));
    }
    let conflict = |tasks| RemoteError::Conflict {
        url: ends.bucket.url().to_owned(),
        branch: ends.which.branch.clone(),
        tasks,
    };
    if theirs == Theirs::ReplaceAsSeen && known.looked_at != Some(at_remote) {
        return Err(conflict(Vec::new()));
    }
    let other: Snapshot = load(ends, catalog, at_remote).await?;
    let base = match seen {
        Some(seen) => load(ends, catalog, seen).await?,
        None => Snapshot::default(),
    };
    let went_back = known.went_back(tip);
    let takes_ours = |their: &Digest| match theirs {
        Theirs::ReplaceAsSeen => true,
        // Of what the remote had before it was put back, ours is what came after.
        Theirs::Keep => went_back && (known.had)(their),
    };
    let entries = merge(&base, &snapshot, &other, &takes_ours).map_err(conflict)?;
    let own: HashSet<_> = snapshot.entries.iter().map(|entry| entry.record).collect();
    let merged = entries.iter().filter(|entry| !own.contains(&entry.record)).count() as u64;
    let unfinished = unfinished(ends, catalog, &entries, &snapshot, &other).await?;
    let invalid = invalid(ends, catalog, snapshot.invalid, other.invalid).await?;
    let of_theirs = other.local_only.iter().copied().filter(|record| !own.contains(record));
    let local_only = snapshot.local_only.into_iter().chain(of_theirs).collect();
    let next = Snapshot::of(vec![at_remote, ours], entries).beside(unfinished, invalid, local_only);
    if (Snapshot { parents: other.parents.clone(), ..next.clone() }) == other {
        // All that is ours is there, or was given up for theirs.
        return Ok(Next { digest: at_remote, snapshot: other, merged });
    }
    Ok(Next { digest: store.put_json(&next)?, snapshot: next, merged })
}

/// Puts together what both sides did not finish.
async fn unfinished(
    ends: Ends<'_>,
    catalog: &Catalog<'_>,
    merged: &[SnapshotEntry],
    ours: &Snapshot,
    theirs: &Snapshot,
) -> Result<Option<Digest>, RemoteError> {
    let Some(digest) = theirs.unfinished else { return Ok(ours.unfinished) };
    let their_open: Unfinished = load(ends, catalog, digest).await?;
    let our_open = ours.unfinished.map(|digest| ends.store.load_json(&digest)).transpose()?;
    let both = merge_unfinished(merged, our_open, their_open, &theirs.entries);
    Ok(both.map(|both| ends.store.put_json(&both)).transpose()?)
}

/// Puts together what both sides know to be bad.
async fn invalid(
    ends: Ends<'_>,
    catalog: &Catalog<'_>,
    ours: Option<Digest>,
    theirs: Option<Digest>,
) -> Result<Option<Digest>, RemoteError> {
    let Some(theirs) = theirs.filter(|theirs| Some(*theirs) != ours) else { return Ok(ours) };
    let mut marks = load::<Invalid>(ends, catalog, theirs).await?.marks;
    if let Some(ours) = ours {
        marks.extend(ends.store.load_json::<Invalid>(&ours)?.marks);
    }
    Ok(Invalid::of(marks).map(|all| ends.store.put_json(&all)).transpose()?)
}

/// Returns the value whose JSON an object is, from the remote where it is not here.
async fn load<T: Dated>(ends: Ends<'_>, catalog: &Catalog<'_>, digest: Digest) -> Result<T, RemoteError> {
    let wanted = [Wanted::parsed(digest, ends.which.branch)];
    fetch(ends.bucket, &catalog.index, ends.store, &wanted, ends.progress).await?;
    dated::load(ends.bucket, ends.store, digest)
}

/// Tells whether `earlier` is among the snapshots that `later` came from.
fn is_before(store: &Store, later: Digest, earlier: Digest) -> Result<bool, RemoteError> {
    let (mut waiting, mut seen) = (vec![later], HashSet::new());
    while let Some(digest) = waiting.pop() {
        if digest == earlier {
            return Ok(true);
        }
        if seen.len() < BACK && seen.insert(digest) && store.has(&digest)? {
            waiting.extend(store.load_json::<Snapshot>(&digest)?.parents);
        }
    }
    Ok(false)
}
