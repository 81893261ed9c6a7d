//! The state of a branch at one moment: which record each task has.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::{Digest, GraphName, TaskName};

/// The newest version of [`Snapshot`] that this kptn reads and writes.
pub const SNAPSHOT_FORMAT: u32 = 2;

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
    /// The format's version: 1, or [`SNAPSHOT_FORMAT`] where `local_only` or `invalid` says something.
    pub format: u32,
    /// The digests of the snapshots it was made from; empty for the first.
    pub parents: Vec<Digest>,
    /// Sorted by graph and task, each pair once.
    pub entries: Vec<SnapshotEntry>,
    /// Of one that was pushed: the object that says what its tasks did not finish ([`super::Unfinished`]).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unfinished: Option<Digest>,
    /// Of one that was pushed: the object that says which records and items are bad ([`super::Invalid`]).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub invalid: Option<Digest>,
    /// Of one that was pushed: records of which files, results and logs are not there, as `local_only` says.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub local_only: BTreeSet<Digest>,
}

impl Snapshot {
    /// Puts a snapshot together; `entries` are sorted.
    pub fn of(parents: Vec<Digest>, entries: Vec<SnapshotEntry>) -> Self {
        Self { format: 1, parents, entries, unfinished: None, invalid: None, local_only: BTreeSet::new() }
    }

    /// Says what goes along when it is pushed; of `local_only` what it has itself counts.
    #[must_use]
    pub fn beside(
        self,
        unfinished: Option<Digest>,
        invalid: Option<Digest>,
        mut local_only: BTreeSet<Digest>,
    ) -> Self {
        let own: BTreeSet<Digest> = self.entries.iter().map(|entry| entry.record).collect();
        local_only.retain(|record| own.contains(record));
        let format = if local_only.is_empty() && invalid.is_none() { 1 } else { SNAPSHOT_FORMAT };
        Self { format, unfinished, invalid, local_only, ..self }
    }
}
