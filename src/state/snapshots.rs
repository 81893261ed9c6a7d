//! Snapshots as they are read: the latest one stays in memory.
//!
//! A snapshot never changes, so one that was read once is right for ever. A
//! branch's is asked for at every task's end, which must not cost the more the
//! more tasks there are.

use std::sync::{Arc, Mutex, PoisonError};

use crate::model::{Digest, GraphName, Snapshot, SnapshotEntry, TaskName};
use crate::store::{Store, StoreError};

#[derive(Default)]
pub(super) struct SnapshotCache(Mutex<Option<(Digest, Arc<Snapshot>)>>);

impl SnapshotCache {
    /// Returns a snapshot; that of no digest is empty.
    pub(super) fn load(&self, store: &Store, digest: Option<Digest>) -> Result<Arc<Snapshot>, StoreError> {
        let Some(digest) = digest else { return Ok(Arc::default()) };
        let mut cached = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((known, snapshot)) = &*cached
            && *known == digest
        {
            return Ok(Arc::clone(snapshot));
        }
        let snapshot = Arc::new(store.load_json::<Snapshot>(&digest)?);
        *cached = Some((digest, Arc::clone(&snapshot)));
        Ok(snapshot)
    }
}

/// Returns the rows of one graph.
pub(super) fn of_graph<'a>(snapshot: &'a Snapshot, graph: &GraphName) -> &'a [SnapshotEntry] {
    let start = snapshot.entries.partition_point(|entry| entry.graph < *graph);
    let rest = &snapshot.entries[start..];
    &rest[..rest.partition_point(|entry| entry.graph == *graph)]
}

/// Returns the row of one task.
pub(super) fn of_task<'a>(
    snapshot: &'a Snapshot,
    graph: &GraphName,
    task: &TaskName,
) -> Option<&'a SnapshotEntry> {
    let key = |entry: &SnapshotEntry| (entry.graph.clone(), entry.task.clone());
    let found = snapshot.entries.binary_search_by(|entry| (&entry.graph, &entry.task).cmp(&(graph, task)));
    let entry = snapshot.entries.get(found.ok()?)?;
    debug_assert_eq!(key(entry), (graph.clone(), task.clone()));
    Some(entry)
}
