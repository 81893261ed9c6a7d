//! `renamed_from`: a task's records go to its new name.
//!
//! Whoever only looks takes them as they are (`task/known.rs`). Before something
//! is recorded they move, as one operation, so that no task is left behind under
//! a name that nothing has.

use super::{OpsError, Session};
use crate::model::{Graph, Task, TaskName};
use crate::process;
use crate::state::{Change, Entries, LogEntry, Move, Protection, Target};
use crate::task::now_ms;

/// Moves the records of renamed tasks to the names that they have now. Who calls holds the branch's lock.
pub fn carry(session: &Session, graph: &Graph) -> Result<(), OpsError> {
    if graph.tasks.values().all(|task| task.renamed_from.is_empty()) {
        return Ok(());
    }
    let state = session.state()?;
    let Some(point) = state.point(&session.key)? else { return Ok(()) };
    let entries = state.entries(&point)?;
    let changes: Vec<Change> = graph.tasks.values().flat_map(|task| changes(graph, task, &entries)).collect();
    if changes.is_empty() {
        return Ok(());
    }
    let given = changes.iter().filter(|change| change.record.is_some());
    let names: Vec<&str> = given.map(|change| change.task.as_str()).collect();
    let (user, why) = (process::user_name(), names.join(", "));
    let entry = LogEntry {
        verb: "rename",
        why: &why,
        user: &user,
        at_ms: now_ms(),
        commit: session.head.commit.as_deref(),
        ..LogEntry::default()
    };
    let to = Target::With(&changes);
    let wanted = Move { key: &session.key, from: Some(point), to, cloned_from: None, promotes: None };
    // The branch has these records already.
    state.move_branch(&wanted, &Protection::default(), &entry)?;
    Ok(())
}

fn changes(graph: &Graph, task: &Task, entries: &Entries) -> Vec<Change> {
    let entry = |name: &TaskName| entries.get(&(graph.namespace.clone(), name.clone()));
    let change =
        |name: &TaskName, record| Change { graph: graph.namespace.clone(), task: name.clone(), record };
    let old: Vec<_> = task.renamed_from.iter().rev().filter_map(|name| Some((name, entry(name)?))).collect();
    let Some((_, latest)) = old.first() else { return Vec::new() };
    let mut changes: Vec<Change> = old.iter().map(|(name, _)| change(name, None)).collect();
    if entry(&task.name).is_none() {
        changes.push(change(&task.name, Some((latest.record, latest.outputs))));
    }
    changes
}
