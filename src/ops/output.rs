//! `output TASK`: the log of a task's latest attempt, or of one item's.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Component, Path, PathBuf};

use super::items::{self, Addressed};
use super::report::TaskLog;
use super::{OpsError, Session, memo};
use crate::model::{ItemLog, ItemName, LogFolder, Record, RunId};
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
            return Ok(TaskLog { task: name, path: Some(path), bytes: None, running: true });
        }
    }
    if let Some(log) =
        state.failed_attempt(session.reads(), namespace, &name)?.and_then(|attempt| attempt.log)
    {
        let path = std::path::PathBuf::from(log);
        if path.exists() {
            return Ok(TaskLog { task: name, path: Some(path), bytes: None, running: false });
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
    Ok(TaskLog { task: name, path: None, bytes: Some(bytes), running: false })
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
    Ok(TaskLog { task: task.name.clone(), path: None, bytes: Some(bytes), running: false })
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
