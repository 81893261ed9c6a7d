//! What tasks and items read, brought here after their records came: the rest of those stays at the remote.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::{Graph, GraphName, ItemKey, Progress, Task, TaskName, UnfinishedTask};
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
    // Fifty thousand items are one look at the tables of what they read.
    let mut by_task: BTreeMap<(&GraphName, &TaskName), Group<'_, '_>> = BTreeMap::new();
    for target in targets {
        let of_task = || Group { of: target, items: Some(BTreeSet::new()) };
        let group = by_task.entry((&target.graph.name, &target.task.name)).or_insert_with(of_task);
        match (target.item, &mut group.items) {
            (Some(key), Some(items)) => drop(items.insert(key)),
            _ => group.items = None,
        }
    }
    let (mut objects, mut read) = (BTreeSet::new(), BTreeSet::new());
    let mut known: Option<(&Graph, StateKnown<'_>)> = None;
    for Group { of, items } in by_task.values() {
        let known = match &mut known {
            Some((graph, known)) if std::ptr::eq(*graph, of.graph) => known,
            other => &mut other.insert((of.graph, past_of(session, of.graph, &memo)?)).1,
        };
        let files = files(known, of.task);
        objects.extend(files.of_items(items.as_ref()).map(|file| file.digest));
        for dep in of.task.deps.iter().filter_map(|dep| of.graph.tasks.get(dep)) {
            // Of a dependency that is taken by item, those items' alone.
            let items = items.as_ref().filter(|_| takes_item_alone(of.task, dep));
            if items.is_some() || read.insert((&of.graph.name, &dep.name)) {
                let files = self::files(known, dep);
                objects.extend(files.read_by(items).map(|file| file.digest));
            }
        }
    }
    Ok(session.store()?.bring(&objects.into_iter().collect::<Vec<_>>(), progress)?)
}

/// A task, and those of its items that are meant; absent means all of it.
struct Group<'t, 'a> {
    of: &'t Target<'a>,
    items: Option<BTreeSet<ItemKey>>,
}

/// Returns the files that a task left last.
fn files(known: &StateKnown<'_>, task: &Task) -> Files {
    let Some(record) = known.current(&task.name) else { return Files::default() };
    let items = known.readable_items(&record);
    Files::new(record, Some(items))
}
