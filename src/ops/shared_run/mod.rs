//! A run that several machines carry out, with nothing in common but a remote.
//!
//! ```text
//! publish   `run open --remote`: what is there comes, what is here goes; the plan, and a brief for each task
//! enter     `task run --remote`: one brief, what the task needs of others, a state of this task's own
//! work      the same task code as everywhere; what it made goes, with a report of which the first counts
//! bundles   `task bundles --remote`: what is stale of a mapped task, cut into lists
//! spare     who ends a task marks what has nothing to do after it, for engines that look before they start a machine
//! gather    `run close --remote`: reports -> this machine's state -> close, pull, push
//! lost      tasks whose machine died without a report, where the engine says so
//! ```
//! A worker reads no `kptn.yaml` and asks no git: the brief says all that counts, and that its
//! code is the same is checked. So what a task costs does not grow with the graph.

mod bundles;
mod enter;
mod error;
mod gather;
mod lost;
mod material;
mod publish;
mod spare;
mod work;

pub use bundles::bundles;
pub use enter::Entering;
pub use error::SharedRunError;
pub use gather::close;
pub use lost::LostTask;
pub(super) use publish::LOOKS_FOR_MARKS;
pub use publish::{abandon, open, open_when};
pub use work::run_one;

use std::collections::BTreeSet;

use super::OpsError;
use super::remotes::Peer;
use crate::model::{
    BranchName, Digest, FailedItem, ItemRecord, RunId, SnapshotEntry, TaskName, UnfinishedTask,
};
use crate::remote::{RemoteError, SharedRun};
use crate::state::{BranchKey, Reach, Shards, State, StateError, load_item_table};
use crate::store::Store;

/// Names a run at a remote.
pub(super) fn there(peer: &Peer, store: &Store, run: &RunId) -> SharedRun {
    SharedRun::new(peer.bucket().clone(), run.clone(), &store.layout().run_parts(run))
}

/// Reads a run's id as it was typed.
fn parse_run(text: &str) -> Result<RunId, OpsError> {
    RunId::parse(text).ok_or_else(|| OpsError::UnknownRun { run: text.to_owned() })
}

/// Refuses a branch that a worker was told and that is not the run's; what a CI builds (`auto`) is no order.
fn refuse_other_branch(told: Option<&str>, run: &RunId, branch: &BranchName) -> Result<(), OpsError> {
    match told.filter(|told| !["", "auto", branch.as_str()].contains(told)) {
        Some(told) => {
            let (told, run, branch) = (told.to_owned(), run.clone(), branch.clone());
            Err(SharedRunError::OtherBranch { told, run, branch }.into())
        }
        None => Ok(()),
    }
}

/// Writes items that several machines finished or failed into a state; one that finished anywhere has not failed.
fn take_items(
    state: &State,
    store: &Store,
    key: &BranchKey,
    open: &[&UnfinishedTask],
    failed: impl Fn(&UnfinishedTask) -> Result<Vec<FailedItem>, OpsError>,
) -> Result<(), OpsError> {
    for one in open {
        state.fail_items(key, &one.graph, &one.task, &failed(one)?)?;
    }
    for one in open {
        let Some(items) = &one.items else { continue };
        let table = load_item_table(store, items, &mut Shards::new()).map_err(StateError::from)?;
        let items = table.items().iter().map(|item| ItemRecord { log: None, ..(**item).clone() });
        state.keep_items(key, &one.graph, &one.task, &items.collect::<Vec<_>>())?;
    }
    Ok(())
}

/// Returns every object that records and unfinished tasks lead to.
fn needed(
    reach: &mut Reach<'_>,
    task: &TaskName,
    entries: &[SnapshotEntry],
    unfinished: &[UnfinishedTask],
) -> Result<BTreeSet<Digest>, OpsError> {
    let (mut all, mut hidden) = (BTreeSet::new(), Vec::new());
    for entry in entries {
        hidden.extend(reach.follow(&entry.record, &mut |_, digest| all.extend([digest])));
    }
    for open in unfinished {
        all.extend(open.log.iter().chain(&open.item_logs));
        if let Some(items) = &open.items {
            hidden.extend(reach.follow_items(items, &mut |_, digest| all.extend([digest])));
        }
    }
    match hidden.into_iter().next() {
        Some(source) => Err(RemoteError::Hidden { task: task.clone(), source }.into()),
        None => Ok(all),
    }
}
