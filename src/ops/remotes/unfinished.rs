//! What a branch did not finish goes along with a push and comes with a pull: reasons, lines, and the items that did finish.
//!
//! ```text
//! attempts, failed items, kept items of state.db + their logs  <->  model::Unfinished, in the pushed snapshot
//! ```
//! A task's is taken where it has no record here, or the remote's: else this branch has gone on by itself.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Write;
use std::path::Path;

use crate::model::{
    Attempt, Digest, FailedItem, GraphName, Interpreter, ItemKey, ItemLog, ItemRecord, ItemTable, LogFolder,
    Project, Provenance, RunId, Snapshot, Task, TaskName, Unfinished, UnfinishedTask, safe_folder_name,
};
use crate::ops::OpsError;
use crate::ops::output::{log_file, read_range};
use crate::state::{BranchKey, Shards, State, StateError, load_item_table, put_item_table};
use crate::store::{Store, StoreError};

/// Of what one attempt printed, so many bytes go, the last ones.
const LOG_MOST: u64 = 256 * 1024;
/// Of what all failed items of a task printed, about so many bytes go: the more there are, the less of each.
const ITEM_LOGS_MOST: u64 = 32 * 1024 * 1024;
/// Of each item no fewer, however many there are: the last lines say what went wrong.
const LOG_LEAST: u64 = 512;

/// Returns what a branch did not finish; what its tasks printed is in the store.
pub fn gather(
    project: &Project,
    outputs_dir: &Path,
    state: &State,
    store: &Store,
    key: &BranchKey,
) -> Result<Vec<UnfinishedTask>, OpsError> {
    let (mut seen, mut tasks) = (BTreeSet::new(), Vec::new());
    for graph in project.graphs.values() {
        let attempts = state.failed_attempts(key, &graph.namespace)?;
        for task in graph.tasks.values().filter(|task| seen.insert((&graph.namespace, &task.name))) {
            let (mut failed, mut kept) = items(state, key, &graph.namespace, task)?;
            let attempt = attempts.get(&task.name).cloned();
            if attempt.is_none() && failed.is_empty() && kept.items().is_empty() {
                continue;
            }
            let run = attempt.as_ref().map(|one| &one.run).or(failed.first().map(|one| &one.run)).cloned();
            if task.local_only {
                failed.iter_mut().for_each(|item| item.log = None);
                kept = ItemTable::default();
            }
            let log = attempt.as_ref().and_then(|one| one.log.as_deref()).filter(|_| !task.local_only);
            let log = log
                .map(|path| tail(Path::new(path), 0, u64::MAX, LOG_MOST))
                .filter(|bytes| !bytes.is_empty());
            let (failed, item_logs) = with_logs(store, outputs_dir, failed);
            tasks.push(UnfinishedTask {
                graph: graph.namespace.clone(),
                task: task.name.clone(),
                attempt: attempt.map(|attempt| Attempt { log: None, ..attempt }),
                provenance: run.map(|run| provenance(state, &run, task)).unwrap_or_default(),
                log: log.map(|bytes| store.put_bytes(&bytes)).transpose()?,
                failed,
                item_logs: (!item_logs.is_empty()).then(|| store.put_bytes(&item_logs)).transpose()?,
                items: (!kept.items().is_empty()).then(|| put_item_table(store, &kept)).transpose()?,
            });
        }
    }
    Ok(tasks)
}

/// Says of what a remote's branch did not finish either what is said there: where it was tried, that machine knows.
pub fn as_said(
    store: &Store,
    tasks: Vec<UnfinishedTask>,
    said: Option<Unfinished>,
    is_local: &dyn Fn(&UnfinishedTask) -> bool,
) -> Result<Vec<UnfinishedTask>, OpsError> {
    // What a task printed before it was `local_only` goes no more.
    let said = said.into_iter().flat_map(|all| all.tasks).filter(|one| !is_local(one));
    let mut said: BTreeMap<_, _> = said.map(|one| ((one.graph.clone(), one.task.clone()), one)).collect();
    let mut as_said = Vec::new();
    for one in tasks {
        let same = said.remove(&(one.graph.clone(), one.task.clone())).filter(|said| is_same(said, &one));
        as_said.push(match same {
            Some(said) if has_logs(store, &said)? => said,
            _ => one,
        });
    }
    Ok(as_said)
}

/// Tells whether two tell of the same attempts, whatever was kept of what they printed.
fn is_same(one: &UnfinishedTask, other: &UnfinishedTask) -> bool {
    let silent = |item: &FailedItem| FailedItem { log: None, ..item.clone() };
    one.attempt == other.attempt
        && one.items == other.items
        && one.failed.iter().map(silent).eq(other.failed.iter().map(silent))
}

fn has_logs(store: &Store, one: &UnfinishedTask) -> Result<bool, StoreError> {
    for log in one.log.iter().chain(&one.item_logs) {
        if !store.has(log)? {
            return Ok(false);
        }
    }
    Ok(true)
}

fn items(
    state: &State,
    key: &BranchKey,
    graph: &GraphName,
    task: &Task,
) -> Result<(Vec<FailedItem>, ItemTable), OpsError> {
    if !task.is_mapped() {
        return Ok((Vec::new(), ItemTable::default()));
    }
    let kept = state.kept_items(key, graph, &task.name)?.into_iter().map(|mut item| {
        // Its lines are in a file of this machine.
        item.log = None;
        item.into()
    });
    Ok((state.failed_items(key, graph, &task.name)?, ItemTable::new(kept)))
}

/// Returns failed items whose logs are parts of the bytes that come with them.
fn with_logs(store: &Store, outputs_dir: &Path, failed: Vec<FailedItem>) -> (Vec<FailedItem>, Vec<u8>) {
    let mut all = Vec::new();
    let share = (ITEM_LOGS_MOST / (failed.len() as u64).max(1)).clamp(LOG_LEAST, LOG_MOST);
    let with_log = |mut item: FailedItem| {
        let log = item.log.take();
        let bytes = log.map(|log| tail(&log_file(store, outputs_dir, &log), log.offset, log.length, share));
        if let Some(bytes) = bytes.filter(|bytes| !bytes.is_empty()) {
            let (offset, length) = (all.len() as u64, bytes.len() as u64);
            let (run, file) = (item.run.clone(), String::new());
            item.log = Some(ItemLog { run, folder: LogFolder::Run, file, offset, length });
            all.extend(bytes);
        }
        item
    };
    (failed.into_iter().map(with_log).collect(), all)
}

/// Reads the end of a part of a file, of so many bytes at most; nothing where it is gone.
fn tail(path: &Path, offset: u64, length: u64, most: u64) -> Vec<u8> {
    let Ok(metadata) = fs::metadata(path) else { return Vec::new() };
    let end = offset.saturating_add(length).min(metadata.len());
    let start = offset.max(end.saturating_sub(most));
    read_range(path, start, end.saturating_sub(start)).unwrap_or_default()
}

/// Returns where and with what a task was tried, as far as the run's plan still tells.
fn provenance(state: &State, run: &RunId, task: &Task) -> Provenance {
    let Ok(plan) = state.load_plan(run) else { return Provenance::default() };
    let host = state.run(run).ok().flatten().map(|row| row.host).unwrap_or_default();
    Provenance {
        host,
        branch: plan.branch.to_string(),
        commit: plan.commit,
        kptn: env!("CARGO_PKG_VERSION").to_owned(),
        interpreter: plan.interpreters.of(task.script.language).map(Interpreter::shown),
        ..Provenance::default()
    }
}

/// Writes into a branch what a remote's branch did not finish; returns those tasks.
pub fn take(
    state: &State,
    store: &Store,
    here: &BranchKey,
    theirs: &Snapshot,
    unfinished: &[UnfinishedTask],
    takes_items: bool,
) -> Result<Vec<TaskName>, OpsError> {
    let mut taken = Vec::new();
    let records: BTreeMap<_, _> =
        theirs.entries.iter().map(|entry| ((&entry.graph, &entry.task), entry.record)).collect();
    for one in unfinished {
        let their_record = records.get(&(&one.graph, &one.task)).copied();
        let ours = state.failed_attempt(here, &one.graph, &one.task)?;
        let ended = |attempt: &Option<Attempt>| attempt.as_ref().map_or(0, |one| one.ended_ms);
        let record = state.record_of(here, &one.graph, &one.task)?;
        // Where it never finished here, a part of their state came: their record of it did not.
        let has_gone_on = record.is_some() && record != their_record;
        if has_gone_on || ended(&ours) > ended(&one.attempt) {
            continue;
        }
        if let Some(attempt) = &one.attempt {
            take_attempt(state, store, here, one, attempt)?;
        }
        // What became of an item here stays: it may exist nowhere else.
        let kept = state.kept_items(here, &one.graph, &one.task)?;
        let kept: BTreeSet<ItemKey> = kept.into_iter().map(|item| item.key).collect();
        let known = state.failed_items(here, &one.graph, &one.task)?;
        let known: BTreeMap<ItemKey, u64> = known.into_iter().map(|item| (item.key, item.ended_ms)).collect();
        let is_news = |item: &FailedItem| {
            !kept.contains(&item.key) && known.get(&item.key).is_none_or(|ended| *ended < item.ended_ms)
        };
        let failed: Vec<_> = failed_items(store, one)?.into_iter().filter(is_news).collect();
        state.fail_items(here, &one.graph, &one.task, &failed)?;
        if let Some(items) = one.items.filter(|_| takes_items) {
            let table = load_item_table(store, &items, &mut Shards::new()).map_err(StateError::from)?;
            let is_new = |key: &ItemKey| !kept.contains(key) && !known.contains_key(key);
            let items = table.items().iter().filter(|item| is_new(&item.key));
            let items: Vec<_> = items.map(|item| ItemRecord { log: None, ..(**item).clone() }).collect();
            state.keep_items(here, &one.graph, &one.task, &items)?;
        }
        taken.push(one.task.clone());
    }
    Ok(taken)
}

/// Writes into a branch why a task failed elsewhere, where nothing later is known; returns the items that failed.
pub fn take_failures(
    state: &State,
    store: &Store,
    here: &BranchKey,
    one: &UnfinishedTask,
) -> Result<Vec<FailedItem>, OpsError> {
    let ours = state.failed_attempt(here, &one.graph, &one.task)?.map_or(0, |ours| ours.ended_ms);
    if let Some(attempt) = one.attempt.as_ref().filter(|attempt| attempt.ended_ms >= ours) {
        take_attempt(state, store, here, one, attempt)?;
    }
    failed_items(store, one)
}

fn take_attempt(
    state: &State,
    store: &Store,
    here: &BranchKey,
    one: &UnfinishedTask,
    attempt: &Attempt,
) -> Result<(), OpsError> {
    let log = one.log.map(|log| write(store, &log, &attempt.run, &one.task)).transpose()?;
    let log = log.map(|file| store.layout().run_logs(&attempt.run).join(file).display().to_string());
    let attempt = Attempt { log, ..attempt.clone() };
    Ok(state.fail_task(here, &one.graph, &one.task, &attempt)?)
}

/// Returns failed items whose logs are parts of a file of this machine.
pub fn failed_items(store: &Store, one: &UnfinishedTask) -> Result<Vec<FailedItem>, OpsError> {
    let (Some(logs), Some(first)) = (&one.item_logs, one.failed.first()) else {
        // What they printed did not come, and a file that the other side names is none of ours.
        return Ok(one.failed.iter().map(|item| FailedItem { log: None, ..item.clone() }).collect());
    };
    let file = write(store, logs, &first.run, &one.task)?;
    let here = |item: &FailedItem| {
        let log = item.log.clone().map(|log| ItemLog {
            run: first.run.clone(),
            folder: LogFolder::Run,
            file: file.clone(),
            ..log
        });
        FailedItem { log, ..item.clone() }
    };
    Ok(one.failed.iter().map(here).collect())
}

/// Writes what a task printed to a file of a run's folder; returns the file's name, which is by its bytes: what is there
/// of another machine, or of this one, stays as it is.
fn write(store: &Store, object: &Digest, run: &RunId, task: &TaskName) -> Result<String, OpsError> {
    let folder = store.layout().run_logs(run);
    let name = format!("{}.{}.log", safe_folder_name(task.as_str()), object.short());
    let path = folder.join(&name);
    if path.exists() {
        return Ok(name);
    }
    fs::create_dir_all(&folder).map_err(|error| StoreError::writing("make", &folder, error))?;
    let bytes = store.load(object)?;
    let writing = |error| StoreError::writing("write", &path, error);
    // At once or not at all: what is there is taken for the whole.
    let mut file = tempfile::NamedTempFile::new_in(&folder).map_err(writing)?;
    file.write_all(&bytes).map_err(writing)?;
    file.persist(&path).map_err(|error| writing(error.error))?;
    Ok(name)
}
