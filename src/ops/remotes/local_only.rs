//! `local_only`: what such tasks make and print stays on the machine that made it; that it was made does not.
//!
//! A record is one of those where `kptn.yaml` says so now, where it said so when it was made, and where
//! it came from elsewhere without its files. The pushed snapshot lists them, so that nobody looks for the rest.

use std::collections::BTreeSet;

use serde::Serialize;

use crate::model::{Digest, GraphName, ItemTable, Project, Record, SnapshotEntry, TaskName};
use crate::ops::OpsError;
use crate::state::{Reach, Shards, State, load_item_table};
use crate::store::{Store, StoreError};

/// A task whose files a pull did not bring, as they are nowhere but where they were made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StaysThere {
    /// The task.
    pub task: TaskName,
    /// Its files.
    pub files: Vec<String>,
}

/// Tells whether `kptn.yaml` says that a task is `local_only`.
pub fn says(project: &Project, graph: &GraphName, task: &TaskName) -> bool {
    let of_namespace = project.graphs.values().filter(|one| one.namespace == *graph);
    let mut tasks = of_namespace.flat_map(|one| one.tasks.values()).filter(|one| one.local_only);
    tasks.any(|one| one.is_or_was(task))
}

/// Tells whether a record's files, result and log are not to be sent.
pub fn is_kept(
    project: &Project,
    state: &State,
    store: &Store,
    entry: &SnapshotEntry,
    record: &Record,
) -> Result<bool, OpsError> {
    let said = record.local_only || says(project, &entry.graph, &entry.task);
    Ok(said || (state.is_elsewhere(&entry.record) && !is_here(store, &entry.record)?))
}

/// Takes note of the records whose files stay where they were made; returns their tasks.
pub fn take<'a>(
    state: &State,
    store: &Store,
    local_only: &BTreeSet<Digest>,
    wanted: impl Iterator<Item = &'a SnapshotEntry>,
) -> Result<Vec<StaysThere>, OpsError> {
    let (mut records, mut tasks) = (Vec::new(), Vec::new());
    for entry in wanted.filter(|entry| local_only.contains(&entry.record)) {
        // Where it was made, all of it is here.
        if !is_here(store, &entry.record)? {
            records.push(entry.record);
            let record: Record = store.load_json(&entry.record)?;
            let items =
                record.items.and_then(|items| load_item_table(store, &items, &mut Shards::new()).ok());
            let of_items = items.iter().flat_map(ItemTable::files);
            let files = record.outputs.iter().chain(of_items).map(|file| file.path.clone());
            let mut files: Vec<String> = files.collect();
            files.sort();
            tasks.push(StaysThere { task: entry.task.clone(), files });
        }
    }
    state.note_elsewhere(&records)?;
    Ok(tasks)
}

/// Tells whether everything that a record's task made can be had here.
pub fn is_here(store: &Store, record: &Digest) -> Result<bool, StoreError> {
    let (mut here, mut trouble) = (true, None);
    Reach::new(store).follow(record, &mut |need, object| {
        if need.is_made() && here {
            match store.can_have(&object) {
                Ok(has) => here = has,
                Err(error) => trouble = Some(error),
            }
        }
    });
    trouble.map_or(Ok(here), Err)
}
