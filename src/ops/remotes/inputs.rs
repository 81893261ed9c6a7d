//! What tasks and items read, brought here after their records came: the rest of those stays at the remote.

use std::collections::{BTreeSet, HashSet};

use crate::model::{Digest, Graph, ItemKey, Progress, Task, UnfinishedTask};
use crate::ops::items::{address, find_item, past_of};
use crate::ops::{OpsError, Session, memo};
use crate::plan::{Known, takes_item_alone};
use crate::state::LocalMemo;
use crate::store::Brought;
use crate::task::{Files, StateKnown};

/// A task, or one of its items.
pub struct Target<'a> {
    /// The graph.
    pub graph: &'a Graph,
    /// The task.
    pub task: &'a Task,
    /// The item; absent where the task is meant.
    pub item: Option<ItemKey>,
    /// How it is typed.
    pub name: String,
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
    Ok(Target { graph, task, item: item.map(|found| found.key), name: name.to_owned() })
}

/// Returns every item that failed of those tasks.
pub fn failed<'a>(session: &'a Session, open: &[UnfinishedTask]) -> Vec<Target<'a>> {
    let mut all = Vec::new();
    for one in open {
        let mut graphs = session.project.graphs.values().filter(|graph| graph.namespace == one.graph);
        let found = graphs.find_map(|graph| Some((graph, graph.tasks.get(&one.task)?)));
        let Some((graph, task)) = found else { continue };
        let name = |label: &str| format!("{}[{label}]", task.name);
        let items = one.failed.iter();
        all.extend(items.map(|item| Target { graph, task, item: Some(item.key), name: name(&item.label) }));
    }
    all
}

/// Brings what they read and what they left.
pub fn bring(
    session: &Session,
    targets: &[Target<'_>],
    progress: &dyn Progress,
) -> Result<Brought, OpsError> {
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
            add(dep, target.item.filter(|_| takes_item_alone(target.task, dep)));
        }
    }
    objects.sort();
    objects.dedup();
    Ok(session.store()?.bring(&objects, progress)?)
}

/// Returns the files that a task left, or of one item its own and those that are no item's.
fn left_by(known: &StateKnown<'_>, task: &Task, item: Option<ItemKey>) -> Vec<Digest> {
    let Some(record) = known.current(&task.name) else { return Vec::new() };
    let items = known.readable_items(&record);
    let item = item.map(|key| BTreeSet::from([key]));
    Files::new(record, Some(items)).of_items(item.as_ref()).map(|file| file.digest).collect()
}
