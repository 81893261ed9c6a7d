//! `TASK[ITEM]`: which task and which item a person means.
//!
//! An item is looked for in the list as it is now, and then among those on
//! record: one that left the list still has a log, and files that can be shown.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::scope::{self, Words};
use super::{OpsError, Session};
use crate::fingerprint::Memo;
use crate::model::{
    Address, Graph, Item, ItemIndex, ItemKey, ItemName, ItemNotFound, ItemRecord, Task, TaskName,
};
use crate::plan::{Known, expand_items, list_provider};
use crate::task::{Past, StateKnown};

/// One task, and perhaps one of its items.
#[derive(Debug, Clone)]
pub struct Addressed<'a> {
    /// The graph.
    pub graph: &'a Graph,
    /// The task.
    pub task: &'a Task,
    /// The item, as it was typed; absent where the whole task is meant.
    pub item: Option<ItemName>,
}

/// An item that was found.
#[derive(Debug, Clone, PartialEq)]
pub struct FoundItem {
    /// Its values.
    pub item: Item,
    /// What it is known by.
    pub key: ItemKey,
    /// How people name it.
    pub label: String,
    /// Whether it is in the list as it is now.
    pub listed: bool,
    /// What it left last on this branch, of whatever fingerprint; absent where it never finished.
    pub record: Option<Arc<ItemRecord>>,
}

/// Returns what `TASK` or `TASK[ITEM]` is about.
pub fn address<'a>(
    session: &'a Session,
    graph: Option<String>,
    text: &str,
) -> Result<Addressed<'a>, OpsError> {
    let address = Address::parse(text).map_err(|error| OpsError::Address { error })?;
    let words = Words { graph, words: vec![address.task.to_string()], exclude: Vec::new() };
    let scope = scope::one_graph(session, &words)?;
    if scope.selectors.is_empty() {
        return Err(OpsError::GraphIsNoTask { name: address.task.to_string() });
    }
    let task = scope.graph.tasks.get(&address.task);
    let task = task.ok_or_else(|| super::unknown_task(session, address.task.as_str()))?;
    if address.item.is_some() && !task.is_mapped() {
        return Err(OpsError::NoItems { task: task.name.clone() });
    }
    Ok(Addressed { graph: scope.graph, task, item: address.item })
}

/// Reads the past of a graph on the session's branch.
pub fn past_of<'a>(
    session: &'a Session,
    graph: &'a Graph,
    memo: &'a dyn Memo,
) -> Result<StateKnown<'a>, OpsError> {
    Ok(StateKnown::load(Past {
        store: session.store()?,
        state: session.state()?,
        key: session.reads(),
        project: &session.project,
        graph,
        outputs_dir: &session.outputs_dir,
        memo,
    })?)
}

/// Finds an item of a mapped task by its name.
pub fn find_item(
    known: &dyn Known,
    graph: &Graph,
    task: &Task,
    name: &ItemName,
) -> Result<FoundItem, OpsError> {
    let records = records_of(known, &task.name);
    let listed = current_items(known, graph, task);
    let found = match &listed {
        Some(items) => index(task, items.iter().map(|item| (item.key(), item))).find(name),
        None => Err(ItemNotFound::Unknown { near: None }),
    };
    let found = match found {
        Err(ItemNotFound::Unknown { near }) => {
            let kept = records.iter().map(|(key, record)| (*key, &record.item));
            index(task, kept).find(name).map_err(|other| match other {
                ItemNotFound::Unknown { near: other } => ItemNotFound::Unknown { near: near.or(other) },
                ambiguous => ambiguous,
            })
        }
        found => found,
    };
    let (key, item) = found.map_err(|why| match why {
        ItemNotFound::Unknown { .. } if listed.is_none() && records.is_empty() => {
            let provider = list_provider(graph, task).ok().map(|provider| provider.name.clone());
            OpsError::ItemsUnknown { task: task.name.clone(), provider }
        }
        why => OpsError::item(&task.name, name, why),
    })?;
    let listed = listed.as_ref().is_some_and(|items| items.contains(item));
    let (label, record) = (item.label(&task.map_over), records.get(&key).cloned());
    Ok(FoundItem { key, item: item.clone(), label, listed, record })
}

fn index<'a>(task: &'a Task, items: impl Iterator<Item = (ItemKey, &'a Item)>) -> ItemIndex<'a, 'a> {
    ItemIndex::new(&task.map_over, items)
}

/// Returns the items of the list as the task that makes it returned it last; absent where it never did.
pub fn current_items(known: &dyn Known, graph: &Graph, task: &Task) -> Option<Vec<Item>> {
    let provider = list_provider(graph, task).ok()?;
    let result = known.result(known.current(&provider.name)?.as_ref())?;
    expand_items(provider, &result).ok()
}

/// Returns what each item left last on this branch.
pub fn records_of(known: &dyn Known, task: &TaskName) -> BTreeMap<ItemKey, Arc<ItemRecord>> {
    let table = known.current(task).and_then(|record| known.items(&record));
    let table = table.iter().flat_map(|table| table.items().iter().cloned());
    table.chain(known.finished_items(task)).map(|record| (record.key, record)).collect()
}
