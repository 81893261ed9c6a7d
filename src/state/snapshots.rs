//! Snapshots as they are read: the latest one stays in memory.
//!
//! A snapshot never changes, so one that was read once is right for ever. A
//! branch's is asked for at every task's end, which must not cost the more the
//! more tasks there are.

use std::borrow::Cow;
use std::sync::{Arc, Mutex, PoisonError};

use serde::Deserialize;

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

/// Returns the record of one task, without building the whole snapshot.
pub(super) fn find_record(
    store: &Store,
    snapshot: &Digest,
    graph: &GraphName,
    task: &TaskName,
) -> Result<Option<Digest>, StoreError> {
    /// As [`SnapshotEntry`]; names are compared as they are written.
    #[derive(Deserialize)]
    struct Entry<'a> {
        #[serde(borrow)]
        graph: Cow<'a, str>,
        #[serde(borrow)]
        task: Cow<'a, str>,
        record: &'a str,
    }
    #[derive(Deserialize)]
    struct Entries<'a> {
        #[serde(borrow)]
        entries: Vec<Entry<'a>>,
    }
    let bytes = store.load(snapshot)?;
    let all: Entries<'_> =
        serde_json::from_slice(&bytes).map_err(|source| StoreError::NotJson { digest: *snapshot, source })?;
    let same = |entry: &&Entry<'_>| entry.graph == graph.as_str() && entry.task == task.as_str();
    Ok(all.entries.iter().find(same).and_then(|entry| entry.record.parse().ok()))
}
