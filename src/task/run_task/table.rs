//! The item table of a mapped task, before it runs and when all its items are done.
//!
//! Before: no two items may write one path. After: the table, the list of
//! results in the order of the items, and the files of removed items leave.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};
use std::path::PathBuf;
use std::sync::Arc;

use super::decide::{Decided, changed_since};
use super::prepare::lane_log;
use super::record::{self, Made};
use super::{Bench, Ended, TaskError, TaskFailure};
use crate::fingerprint::variables;
use crate::model::{
    Digest, Fingerprint, Item, ItemKey, ItemRecord, ItemTable, OutputFile, TaggedHasher, Task, TaskOutcome,
    Timing, outputs_digest,
};
use crate::plan::ItemPlan;
use crate::task::outputs::{Declared, OutputsError};
use crate::task::work::Shared;

/// Everything that a mapped task has when all its items are done.
pub struct Finished {
    /// Files that belong to no item.
    pub whole: Vec<OutputFile>,
    /// Keys in the order of the list.
    pub order: Vec<ItemKey>,
    /// Items that did not have to run.
    pub fresh: Vec<Arc<ItemRecord>>,
    /// Items that ran.
    pub done: Vec<ItemRecord>,
    /// Items that are no longer in the list.
    pub removed: Vec<Arc<ItemRecord>>,
    /// What did not hold still.
    pub changed: Vec<String>,
}

/// Returns all items of a plan.
pub fn items_of(plan: &ItemPlan) -> Vec<Item> {
    let not_fresh = plan.stale.iter().chain(&plan.left).map(|stale| &stale.item);
    plan.fresh.iter().map(|record| &record.item).chain(not_fresh).cloned().collect()
}

/// Fails where two items would write one path, or an item another task's: before any of them runs.
pub fn refuse_shared_paths(shared: &Shared<'_>, task: &Task, items: &[Item]) -> Result<(), TaskError> {
    let mut taken: HashMap<String, (&Item, Literal)> = HashMap::with_capacity(items.len());
    let outputs: Vec<_> = task.outputs.iter().filter(|output| task.is_item_output(output)).collect();
    let mut variables = variables(task, &shared.run.plan.graph);
    for item in items {
        // All items have the same names: these take the places of the last one's.
        variables.extend(item.variables());
        let Declared { files, folders, globs } = Declared::expand(outputs.iter().copied(), &variables)?;
        let literals = files.into_iter().chain(folders).map(|path| (path, Literal::Yes));
        for (path, literal) in literals.chain(globs.into_iter().map(|glob| (glob.text, Literal::No))) {
            if let Some(owner) = shared.owners.declared_by_other(&task.name, &path) {
                return Err(OutputsError::TwoOwners { path, owner }.into());
            }
            match taken.entry(path) {
                Entry::Vacant(free) => drop(free.insert((item, literal))),
                Entry::Occupied(first) => {
                    let path = first.key().clone();
                    let (first, second) = (first.get().0.label(&task.map_over), item.label(&task.map_over));
                    return Err(OutputsError::TwoItems { path, first, second }.into());
                }
            }
        }
    }
    refuse_nested(task, &taken)?;
    let literals = taken.into_iter().filter(|(_, (_, literal))| *literal == Literal::Yes);
    shared.owners.claim(&task.name, literals.map(|(path, _)| path));
    Ok(())
}

/// Whether an output is named, or found by a pattern.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Literal {
    Yes,
    No,
}

/// Fails where what one item writes lies in a folder that is another's.
fn refuse_nested(task: &Task, taken: &HashMap<String, (&Item, Literal)>) -> Result<(), OutputsError> {
    for (path, (second, _)) in taken {
        let mut inner = path.as_str();
        while let Some((folder, _)) = inner.rsplit_once('/') {
            if let Some((first, _)) = taken.get(folder).filter(|(first, _)| *first != *second) {
                let (first, second) = (first.label(&task.map_over), second.label(&task.map_over));
                return Err(OutputsError::TwoItems { path: path.clone(), first, second });
            }
            inner = folder;
        }
    }
    Ok(())
}

/// Fails where patterns of two items found one file.
fn refuse_shared_files(task: &Task, table: &ItemTable) -> Result<(), TaskError> {
    let mut owners: HashMap<&str, &ItemRecord> = HashMap::with_capacity(table.items().len());
    for item in table.items() {
        for file in &item.outputs {
            if let Some(first) = owners.insert(&file.path, item) {
                let label = |record: &ItemRecord| record.item.label(&task.map_over);
                let (first, second) = (label(first), label(item));
                return Err(OutputsError::TwoItems { path: file.path.clone(), first, second }.into());
            }
        }
    }
    Ok(())
}

/// Returns what stands for the fingerprint of an item whose code changed while it ran: nothing has it.
pub fn unsettled(fingerprint: Fingerprint) -> Fingerprint {
    Fingerprint(TaggedHasher::new("kptn unsettled item 1").field("of", fingerprint.0.as_bytes()).finish())
}

/// Records the whole task.
pub async fn record<'e>(
    bench: &Bench<'_, 'e>,
    task: &'e Task,
    decided: Arc<Decided<'e>>,
    finished: Finished,
) -> Result<Ended, TaskFailure> {
    let shared = bench.shared;
    let (recordable, timing) = bench
        .threads
        .run(move || -> Result<_, TaskError> {
            leave_removed(shared, task, &finished)?;
            let made = made(shared, task, &decided, finished)?;
            let timing = made.timing;
            Ok((record::put(shared, task, &decided, made)?, timing))
        })
        .await?;
    record::finish(bench, task, recordable.finished).await?;
    Ok(Ended {
        outcome: TaskOutcome::Ran,
        timing: Some(timing),
        outputs: Some(recordable.comparison),
        log: None,
    })
}

/// Files of items that are no longer in the list leave the folder, unless another item has them now.
pub fn leave_removed(shared: &Shared<'_>, task: &Task, finished: &Finished) -> Result<(), TaskError> {
    if finished.removed.is_empty() {
        return Ok(());
    }
    let done = finished.done.iter().flat_map(|item| &item.outputs);
    let kept: HashSet<&str> = finished
        .fresh
        .iter()
        .flat_map(|item| &item.outputs)
        .chain(done)
        .chain(&finished.whole)
        .map(|file| file.path.as_str())
        .collect();
    let leaving = finished.removed.iter().flat_map(|item| &item.outputs);
    let leaving = leaving.filter(|file| !kept.contains(file.path.as_str()));
    shared.with_all_outputs(&task.name, |outputs| outputs.remove_files(leaving))?;
    Ok(())
}

/// Puts the items together to the whole.
pub fn made(
    shared: &Shared<'_>,
    task: &Task,
    decided: &Decided<'_>,
    finished: Finished,
) -> Result<Made, TaskError> {
    let mut changed = finished.changed.clone();
    let since = changed_since(shared, task, decided);
    changed.extend(since.into_iter().filter(|name| !changed.contains(name)).collect::<Vec<_>>());
    let timing = timing_of(&finished.done);
    let Finished { mut whole, order, fresh, done, .. } = finished;
    let table = ItemTable::new(fresh.into_iter().chain(done.into_iter().map(Arc::new)));
    refuse_shared_files(task, &table)?;
    let result = task.cache_result.then(|| list_of_results(shared, &order, &table)).transpose()?;
    if !whole.is_empty() {
        // A pattern of the whole task also finds what belongs to items.
        let of_items: HashSet<&str> = table.files().map(|file| file.path.as_str()).collect();
        whole.retain(|file| !of_items.contains(file.path.as_str()));
    }
    Ok(Made {
        outputs_digest: outputs_digest(whole.iter().chain(table.files())),
        outputs: whole,
        result,
        items: Some(Arc::new(table)),
        timing,
        logs: logs(shared, task),
        changed,
        accepted: None,
    })
}

/// The results of the items, in the order of the list.
fn list_of_results(shared: &Shared<'_>, order: &[ItemKey], table: &ItemTable) -> Result<Digest, TaskError> {
    let mut list = b"[".to_vec();
    for (at, key) in order.iter().enumerate() {
        if at > 0 {
            list.push(b',');
        }
        // The stored bytes are canonical JSON already.
        match table.find(key).and_then(|item| item.result) {
            Some(digest) => list.extend_from_slice(&shared.run.store.load(&digest)?),
            None => list.extend_from_slice(b"null"),
        }
    }
    list.push(b']');
    Ok(shared.run.store.put_bytes(&list)?)
}

/// From the first start to the last end; CPU time in sum, memory of the largest.
pub fn timing_of(items: &[ItemRecord]) -> Timing {
    let started_ms =
        items.iter().map(|item| item.timing.started_ms).min().unwrap_or_else(crate::task::now_ms);
    let end =
        items.iter().map(|item| item.timing.started_ms + item.timing.wall_ms).max().unwrap_or(started_ms);
    Timing {
        started_ms,
        wall_ms: end.saturating_sub(started_ms),
        cpu_ms: items.iter().map(|item| item.timing.cpu_ms).sum(),
        peak_kib: items.iter().map(|item| item.timing.peak_kib).max().unwrap_or(0),
    }
}

/// The log files of the task's lanes, in their order.
fn logs(shared: &Shared<'_>, task: &Task) -> Vec<PathBuf> {
    let lane = |lane| lane_log(shared, task, lane);
    (0..).map(lane).take_while(|path| path.exists()).collect()
}
