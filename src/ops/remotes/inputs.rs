//! What tasks and items read, brought here after their records came: the rest of those stays at the remote.

use std::collections::HashSet;

use crate::model::{Digest, Graph, ItemKey, MapDeps, Progress, Task};
use crate::ops::items::{address, find_item, past_of};
use crate::ops::{OpsError, Session, memo};
use crate::plan::Known;
use crate::state::LocalMemo;
use crate::task::StateKnown;

/// A task, or one of its items.
pub struct Target<'a> {
    graph: &'a Graph,
    task: &'a Task,
    item: Option<ItemKey>,
    /// How it is typed.
    pub name: String,
    /// Why it failed last; absent where it did not.
    pub error: Option<String>,
}

/// Finds tasks and items by their names, `B` or `B[NC]`.
pub fn named<'a>(session: &'a Session, names: &[String]) -> Result<Vec<Target<'a>>, OpsError> {
    let memo = memo::open(session)?;
    names.iter().map(|name| find(session, &memo, name)).collect()
}

fn find<'a>(session: &'a Session, memo: &LocalMemo, name: &str) -> Result<Target<'a>, OpsError> {
    let addressed = address(session, None, name)?;
    let known = past_of(session, addressed.graph, memo)?;
    let (graph, task) = (addressed.graph, addressed.task);
    let item = addressed.item.as_ref().map(|item| find_item(&known, graph, task, item)).transpose()?;
    let item = item.map(|found| found.key);
    let error = match item {
        None => known.failed_attempt(&task.name).map(|attempt| attempt.error),
        Some(key) => {
            known.failed_items(&task.name).into_iter().find(|one| one.key == key).map(|one| one.error)
        }
    };
    Ok(Target { graph, task, item, name: name.to_owned(), error })
}

/// Returns every item that failed of the tasks that are wanted.
pub fn failed<'a>(session: &'a Session, wanted: &dyn Fn(&Task) -> bool) -> Result<Vec<Target<'a>>, OpsError> {
    let mut all = Vec::new();
    for graph in session.project.graphs.values() {
        for task in graph.tasks.values().filter(|task| task.is_mapped() && wanted(task)) {
            for one in session.state()?.failed_items(&session.key, &graph.namespace, &task.name)? {
                let name = format!("{}[{}]", task.name, one.label);
                all.push(Target { graph, task, item: Some(one.key), name, error: Some(one.error) });
            }
        }
    }
    Ok(all)
}

/// Brings what they read and what they left; returns how many objects came.
pub fn bring(session: &Session, targets: &[Target<'_>], progress: &dyn Progress) -> Result<u64, OpsError> {
    let memo = memo::open(session)?;
    let (mut objects, mut seen) = (Vec::new(), HashSet::new());
    let mut known: Option<(&Graph, StateKnown<'_>)> = None;
    for target in targets {
        let known = match &mut known {
            Some((graph, known)) if std::ptr::eq(*graph, target.graph) => known,
            other => &mut other.insert((target.graph, past_of(session, target.graph, &memo)?)).1,
        };
        // Fifty thousand items read one and the same dependency.
        let mut add = |task: &Task, item: Option<ItemKey>| {
            if seen.insert((target.graph.name.clone(), task.name.clone(), item)) {
                objects.extend(left_by(known, task, item));
            }
        };
        add(target.task, target.item);
        for dep in target.task.deps.iter().filter_map(|dep| target.graph.tasks.get(dep)) {
            // Of a dependency that is taken by item, that item's alone.
            let by_item = target.task.map_deps == MapDeps::Item && dep.is_mapped();
            add(dep, target.item.filter(|_| by_item));
        }
    }
    objects.sort();
    objects.dedup();
    Ok(session.store()?.bring(&objects, progress)?)
}

/// Returns the files that a task left, or of one item its own and those that are no item's.
fn left_by(known: &StateKnown<'_>, task: &Task, item: Option<ItemKey>) -> Vec<Digest> {
    let Some(record) = known.current(&task.name) else { return Vec::new() };
    let mut objects: Vec<Digest> = record.outputs.iter().map(|file| file.digest).collect();
    let items = known.readable_items(&record);
    match item {
        None => objects.extend(items.files().map(|file| file.digest)),
        Some(key) => {
            let files = items.find(&key).into_iter().flat_map(|item| &item.outputs);
            objects.extend(files.map(|file| file.digest));
        }
    }
    objects
}
