//! `log`: what was done to this branch, or from it, latest first; and what became of one task.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::maker::{self, FileReport};
use super::report::{LogEntry, TaskHistory, TaskRecord};
use super::undo::{moved, undone};
use super::{OpsError, Session};
use crate::model::{BranchName, Digest, Record, RunId, TaskName};
use crate::state::{BranchKey, Operation, RunRow, State, StateError};
use crate::store::StoreError;

/// So many operations of a project are looked through for the records of a task.
const FAR: u32 = 2_000;

/// What a word after `log` is about.
pub enum Logged {
    /// A task.
    Task(TaskHistory),
    /// A file.
    File(Box<FileReport>),
}

/// Finds out whether a word names a task or a file, and returns what is known of it.
///
/// A task's name is the task; a word with a `/` in it is never one.
pub fn of_word(
    session: &Session,
    here: &Path,
    word: &str,
    graph: Option<&str>,
    limit: u32,
) -> Result<Logged, OpsError> {
    let file = || maker::of_file(session, here, word, graph).map(Box::new).map(Logged::File);
    if word.contains(std::path::is_separator) {
        return file();
    }
    match of_task(session, word, graph, limit) {
        Err(no_task @ (OpsError::UnknownTask { .. } | OpsError::Name { .. })) => match file() {
            // Whoever names a file that is not there may have meant a task.
            Err(OpsError::NotMade(_)) if !here.join(word).exists() => Err(no_task),
            found => found,
        },
        found => found.map(Logged::Task),
    }
}

/// Returns the latest operations on this branch, and runs that are in none yet; at most `limit`.
pub fn history(session: &Session, limit: u32) -> Result<Vec<LogEntry>, OpsError> {
    let state = session.state()?;
    let operations = state.operations(session.reads(), u32::MAX)?;
    let undone = undone(&operations);
    let runs = state.runs(limit)?.into_iter().filter(|run| run.branch == *session.reads());
    let runs: BTreeMap<RunId, RunRow> = runs.map(|run| (run.id.clone(), run)).collect();
    let mut told = BTreeSet::new();
    let mut entries = Vec::new();
    for operation in operations.iter().take(limit as usize) {
        let run = RunId::parse(&operation.why).and_then(|id| runs.get(&id));
        told.extend(run.map(|run| run.id.clone()));
        entries.push(entry(state, operation, run, undone.contains(&operation.id))?);
    }
    for run in runs.into_values().filter(|run| !told.contains(&run.id)) {
        entries.push(unfolded(state, session, run));
    }
    entries.sort_by_key(|entry| std::cmp::Reverse((entry.at_ms, entry.operation)));
    entries.truncate(limit as usize);
    Ok(entries)
}

fn entry(
    state: &State,
    operation: &Operation,
    run: Option<&RunRow>,
    is_undone: bool,
) -> Result<LogEntry, OpsError> {
    // What a run did is counted; looking at both states is for the others.
    let tasks = match run {
        Some(_) => None,
        None if operation.before == operation.after => Some(0),
        None => {
            let before = state.find_entries(&operation.before)?;
            let both = before.zip(state.find_entries(&operation.after)?);
            both.map(|(before, after)| moved(&before, &after).len() as u64)
        }
    };
    Ok(LogEntry {
        operation: Some(operation.id),
        at_ms: run.map_or(operation.at_ms, |run| run.started_ms),
        user: operation.user.clone(),
        verb: operation.verb.clone(),
        branch: operation.branch.to_string(),
        why: operation.why.clone(),
        run: run.map(|run| run.id.clone()),
        graph: run.map(|run| run.graph.clone()),
        counts: run.and_then(|run| run.counts),
        tasks,
        commit: operation.commit.clone(),
        command: operation.command.clone(),
        undoes: operation.undoes,
        undone: is_undone,
    })
}

/// A run that goes on, was cut off, or left nothing new.
fn unfolded(state: &State, session: &Session, run: RunRow) -> LogEntry {
    let plan = state.load_plan(&run.id).ok();
    LogEntry {
        operation: None,
        at_ms: run.started_ms,
        user: plan.as_ref().map(|plan| plan.user.clone()).unwrap_or_default(),
        verb: "run".to_owned(),
        branch: session.reads().branch.to_string(),
        why: run.id.to_string(),
        graph: Some(run.graph),
        counts: run.counts,
        tasks: None,
        commit: plan.as_ref().and_then(|plan| plan.commit.clone()),
        command: plan.map(|plan| plan.command).unwrap_or_default(),
        run: Some(run.id),
        undoes: None,
        undone: false,
    }
}

/// Returns the records that a task has had, on all branches of the project, the latest first; at most `limit`.
pub fn of_task(
    session: &Session,
    name: &str,
    graph: Option<&str>,
    limit: u32,
) -> Result<TaskHistory, OpsError> {
    let task = TaskName::parse(name).map_err(|error| OpsError::Name { error })?;
    let state = session.state()?;
    let graphs: BTreeSet<_> = session
        .project
        .graphs
        .values()
        .filter(|one| graph.is_none_or(|graph| graph == one.name.as_str()))
        .map(|one| one.namespace.clone())
        .collect();
    let defined = session.project.graphs.values().find_map(|one| one.tasks.get(&task));
    let names: Vec<&TaskName> = std::iter::once(&task)
        .chain(defined.iter().flat_map(|task| task.renamed_from.iter().rev()))
        .collect();
    let record_at = |point: &crate::state::Point| -> Result<Option<Digest>, OpsError> {
        for graph in &graphs {
            for name in &names {
                match state.record_at(point, graph, name) {
                    // A state that `gc` has collected has nothing to tell.
                    Err(StateError::Store(StoreError::Absent { .. })) => return Ok(None),
                    record => {
                        if let Some(record) = record? {
                            return Ok(Some(record));
                        }
                    }
                }
            }
        }
        Ok(None)
    };
    let mut now: BTreeMap<Digest, Vec<BranchName>> = BTreeMap::new();
    for branch in state.branches(&session.key.project)? {
        let point = state.point(&branch.key)?.unwrap_or_default();
        if let Some(record) = record_at(&point)? {
            now.entry(record).or_default().push(branch.key.branch);
        }
    }
    let mut seen: BTreeSet<Digest> = now.keys().copied().collect();
    for operation in state.all_operations(&session.key.project, FAR)? {
        if seen.len() > limit as usize {
            break;
        }
        seen.extend(record_at(&operation.after)?);
    }
    let here = now_on(&now, session.reads());
    let mut records: Vec<TaskRecord> = seen
        .into_iter()
        .filter_map(|digest| {
            let record: Record = session.store().ok()?.load_json(&digest).ok()?;
            let promoted = state.promotions(&session.key.project, &digest).unwrap_or_default();
            let on = now.get(&digest).cloned().unwrap_or_default();
            Some(TaskRecord { promoted, ..row(digest, record, on, here) })
        })
        .collect();
    if records.is_empty() && !session.project.graphs.values().any(|one| one.tasks.contains_key(&task)) {
        return Err(super::unknown_task(session, name));
    }
    records.sort_by_key(|record| std::cmp::Reverse(record.made_ms));
    records.truncate(limit as usize);
    Ok(TaskHistory { task, records })
}

fn now_on(now: &BTreeMap<Digest, Vec<BranchName>>, key: &BranchKey) -> Option<Digest> {
    now.iter().find(|(_, branches)| branches.contains(&key.branch)).map(|(digest, _)| *digest)
}

fn row(digest: Digest, record: Record, on: Vec<BranchName>, here: Option<Digest>) -> TaskRecord {
    TaskRecord {
        record: digest,
        made_ms: record.timing.started_ms + record.timing.wall_ms,
        made_on: record.provenance.branch,
        user: record.provenance.user,
        commit: record.provenance.commit,
        dirty: record.provenance.dirty,
        run: record.run,
        accepted: record.accepted,
        wall_ms: record.timing.wall_ms,
        files: record.outputs.len() as u64,
        outputs: record.outputs_digest,
        current: here == Some(digest),
        on,
        promoted: Vec::new(),
    }
}
