//! `output TASK`: the log of a task's latest attempt.

use super::report::TaskLog;
use super::scope::{self, Words};
use super::{OpsError, Session};
use crate::model::{Record, RunId, TaskName};

/// Finds the log of a task: of the attempt that is going on, the one that failed last, or its record.
pub fn output(session: &Session, graph: Option<String>, task: &str) -> Result<TaskLog, OpsError> {
    let words = Words { graph, words: vec![task.to_owned()], exclude: Vec::new() };
    let scope = scope::one_graph(session, &words)?;
    let selector =
        scope.selectors.first().ok_or_else(|| OpsError::GraphIsNoTask { name: task.to_owned() })?;
    let name = TaskName::parse(selector).map_err(|error| OpsError::Name { error })?;
    let state = session.state()?;
    let namespace = &scope.graph.namespace;
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
    let records = state.records(session.reads(), namespace)?;
    let no_log = || OpsError::NoLog { task: name.clone() };
    let record: Record = session.store()?.load_json(records.get(&name).ok_or_else(no_log)?)?;
    let bytes = match &record.log {
        Some(log) => session.store()?.load(log)?,
        None => Vec::new(),
    };
    Ok(TaskLog { task: name, path: None, bytes: Some(bytes), running: false })
}

fn latest_run(session: &Session) -> Result<Option<RunId>, OpsError> {
    let runs = session.state()?.runs(20)?;
    Ok(runs.into_iter().find(|run| run.branch == *session.reads()).map(|run| run.id))
}
