//! `push`, `pull`, `fetch`, `remote`, `gc --remote` and `fsck --remote`: this project's state here and behind an address.
//!
//! `crate::remote` moves bytes and refs; here it is decided which branch, which
//! tasks and what may be given up, and a pulled state becomes a branch's by the
//! one function that moves branches.

mod adding;
mod defer;
mod error;
mod inputs;
mod invalidate;
mod local_only;
mod look;
mod peer;
mod pull;
mod push;
mod survey;
mod unfinished;
pub mod unsent;
mod upkeep;
mod want;

pub use adding::{AddReport, Writing, add, refuse_unwritable, replace_file};
pub use defer::defer;
pub use error::PeerError;
pub use invalidate::{InvalidateReport, InvalidateRequest, MarkedRecord, invalidate};
pub use local_only::StaysThere;
pub use look::FailedThere;
pub use peer::Peer;
pub use pull::{Distance, PullReport, PullRequest, pull};
pub use push::{PushReport, PushRequest, push};
pub use survey::{RemoteCheck, RemoteRow, check, list, policy};
pub use unfinished::{failed_items, gather as gather_unfinished, take_failures};
pub use upkeep::{RemoteFsckReport, RemoteGcReport, fsck, gc};
pub use want::Want;

use std::collections::BTreeMap;

use super::OpsError;
use crate::model::{Digest, GraphName, Silent, Snapshot, TaskName, UnfinishedTask};
use crate::remote::{self, RemoteError, Take, block_on};
use crate::state::{BranchKey, State};
use crate::store::Store;

/// Returns the record that each task has at a remote; none where the branch is not there.
pub fn records_there(
    peer: &Peer,
    store: &Store,
    there: &BranchKey,
) -> Result<BTreeMap<(GraphName, TaskName), Digest>, OpsError> {
    let ends = peer.ends(store, there, &Silent);
    let arrived = match block_on(remote::pull(ends, None, Take::State, &|_, _, _, _| false)) {
        Ok(arrived) => arrived,
        Err(RemoteError::NoBranch { .. }) => return Ok(BTreeMap::new()),
        Err(error) => return Err(error.into()),
    };
    let entries = arrived.snapshot.entries.into_iter();
    Ok(entries.map(|entry| ((entry.graph, entry.task), entry.record)).collect())
}

/// Writes into a branch what a task did not finish elsewhere, where nothing newer is known.
pub fn take_unfinished(
    state: &State,
    store: &Store,
    key: &BranchKey,
    open: &UnfinishedTask,
) -> Result<(), OpsError> {
    let record = state.record_of(key, &open.graph, &open.task)?;
    // As if their branch had the same record.
    let entry = record.map(|record| crate::model::SnapshotEntry {
        graph: open.graph.clone(),
        task: open.task.clone(),
        record,
        outputs: record,
    });
    let theirs = Snapshot::of(Vec::new(), entry.into_iter().collect());
    unfinished::take(state, store, key, &theirs, std::slice::from_ref(open), true).map(drop)
}
