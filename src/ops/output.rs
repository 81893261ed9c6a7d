//! `output TASK`: the log of a task's latest attempt, or of one item's.
//!
//! Items of a mapped task are run by several processes, and maybe on several machines. So where some failed, the file of
//! the first one is not all that there is to tell: lines of the others follow, wherever they were run.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Component, Path, PathBuf};

use super::items::{self, Addressed};
use super::report::{ItemLines, TaskLog};
use super::{OpsError, Session, memo};
use crate::model::{FailedItem, ItemLog, ItemName, LogFolder, Record, RunId, TaskName};
use crate::plan::Known;
use crate::store::Store;

/// Finds the log of a task: of the attempt that is going on, the one that failed last, or its record.
pub fn output(session: &Session, graph: Option<String>, task: &str) -> Result<TaskLog, OpsError> {
    let addressed = items::address(session, graph, task)?;
    let name = addressed.task.name.clone();
    let state = session.state()?;
    let namespace = &addressed.graph.namespace;
    if let Some(item) = &addressed.item {
        return item_log(session, &addressed, item);
    }
    if let (Some(run), true) = (latest_run(session)?, session.running().is_some()) {
        let path = session.store()?.layout().run_log(&run, &name);
        if path.exists() {
            return Ok(TaskLog { path: Some(path), running: true, ..none_of(name) });
        }
    }
    if let Some(attempt) = state.failed_attempt(session.reads(), namespace, &name)? {
        let mut items = state.failed_items(session.reads(), namespace, &name)?;
        items.retain(|item| item.run == attempt.run);
        let path = attempt.log.map(PathBuf::from).filter(|path| path.exists());
        let (told, failed): (Vec<_>, Vec<_>) = lines_of(session, items)?
            .into_iter()
            .partition(|item| item.part.as_ref().is_some_and(|(file, ..)| path.as_ref() == Some(file)));
        // Of a task whose items failed on another machine, that file is a copy of the end of what the first one printed,
        // and all of that is in another file. Else it tells more: of what the task itself failed of, or what was printed
        // before an item that printed nothing.
        let is_elsewhere = told.is_empty() && failed.iter().any(|item| item.part.is_some());
        let path = path.filter(|_| attempt.failed_items == 0 || !is_elsewhere);
        if path.is_some() || !failed.is_empty() {
            return Ok(TaskLog { path, failed, ..none_of(name) });
        }
    }
    let memo = memo::open(session)?;
    let known = items::past_of(session, addressed.graph, &memo)?;
    let no_log = || OpsError::NoLog { task: name.clone() };
    let record: Record = session.store()?.load_json(&known.current_digest(&name).ok_or_else(no_log)?)?;
    let bytes = match &record.log {
        // Of a task that is `local_only` elsewhere, what it printed is not here.
        Some(log) if !session.store()?.can_have(log)? => return Err(no_log()),
        Some(log) => session.store()?.load(log)?,
        None => Vec::new(),
    };
    Ok(TaskLog { bytes: Some(bytes), ..none_of(name) })
}

/// Returns a log of which nothing is found yet.
fn none_of(task: TaskName) -> TaskLog {
    TaskLog { task, path: None, bytes: None, failed: Vec::new(), running: false }
}

/// Returns where the lines of items are that failed, in the order in which they did.
fn lines_of(session: &Session, mut items: Vec<FailedItem>) -> Result<Vec<ItemLines>, OpsError> {
    let store = session.store()?;
    items.sort_by_key(|item| item.ended_ms);
    let lines = |FailedItem { label, error, log, .. }: FailedItem| {
        let part = log.map(|log| (log_file(store, &session.outputs_dir, &log), log.offset, log.length));
        ItemLines { item: label, error, part: part.filter(|(path, ..)| path.exists()) }
    };
    Ok(items.into_iter().map(lines).collect())
}

/// Returns what one item printed: of its attempt that failed last, else of the one that it has on record.
fn item_log(session: &Session, addressed: &Addressed<'_>, name: &ItemName) -> Result<TaskLog, OpsError> {
    let Addressed { graph, task, .. } = addressed;
    let memo = memo::open(session)?;
    let known = items::past_of(session, graph, &memo)?;
    let found = items::find_item(&known, graph, task, name)?;
    let failed = known.failed_items(&task.name).into_iter().find(|item| item.key == found.key);
    let log = match (failed, found.record) {
        (Some(failed), _) => failed.log,
        (None, Some(record)) => record.log.clone(),
        (None, None) => return Err(OpsError::NoItemLog { task: task.name.clone(), item: found.label }),
    };
    let bytes = match &log {
        Some(log) => read_part(session, log)?,
        None => Vec::new(),
    };
    Ok(TaskLog { bytes: Some(bytes), ..none_of(task.name.clone()) })
}

/// Returns the file that has an item's lines; it may be gone.
pub fn log_file(store: &Store, outputs_dir: &Path, log: &ItemLog) -> PathBuf {
    let folder = match log.folder {
        LogFolder::Run => store.layout().run_logs(&log.run),
        LogFolder::Outputs => outputs_dir.to_owned(),
    };
    // What a record from elsewhere names is a file there, or none.
    let is_inside = Path::new(&log.file).components().all(|part| matches!(part, Component::Normal(_)));
    if is_inside { folder.join(&log.file) } else { folder.join("not-a-log") }
}

fn read_part(session: &Session, log: &ItemLog) -> Result<Vec<u8>, OpsError> {
    let path = log_file(session.store()?, &session.outputs_dir, log);
    read_range(&path, log.offset, log.length).map_err(|source| OpsError::io("read", &path, source))
}

/// Reads a part of a file, as much of it as there is.
pub fn read_range(path: &Path, offset: u64, length: u64) -> io::Result<Vec<u8>> {
    let mut file = File::open(path)?;
    file.seek(SeekFrom::Start(offset))?;
    let mut bytes = Vec::new();
    file.take(length).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn latest_run(session: &Session) -> Result<Option<RunId>, OpsError> {
    let runs = session.state()?.runs(20)?;
    Ok(runs.into_iter().find(|run| run.branch == *session.reads()).map(|run| run.id))
}
