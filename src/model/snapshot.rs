//! The state of a branch at one moment: which record each task has.

use serde::{Deserialize, Serialize};

use super::{Digest, GraphName, TaskName};

/// One row of a snapshot.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct SnapshotEntry {
    /// The graph's namespace.
    pub graph: GraphName,
    /// The task.
    pub task: TaskName,
    /// Its record.
    pub record: Digest,
    /// The record's outputs digest: what engines compare.
    pub outputs: Digest,
}

/// A sorted table (graph, task) -> record, with the snapshots it came from. Immutable.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Snapshot {
    /// The format's version: 1.
    pub format: u32,
    /// The digests of the snapshots it was made from; empty for the first.
    pub parents: Vec<Digest>,
    /// Sorted by graph and task, each pair once.
    pub entries: Vec<SnapshotEntry>,
    /// Of one that was pushed: the object that says what its tasks did not finish ([`super::Unfinished`]).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unfinished: Option<Digest>,
}
