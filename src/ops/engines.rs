//! `run open` and `run close`: a run that goes on between processes, for engines.
//!
//! ```text
//! open    take the branch -> compile the plan -> a row holds the place, this process ends
//! enter   `task run --run ID`: the row is open, and the branch's lock is shared while the task runs
//! close   for itself -> count what tasks came to -> fold, and the row is closed
//! ```
//! An open with the key of a run that is open finds that run. A close of a
//! closed run says once more how it ended.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use indexmap::IndexMap;
use serde::Serialize;

use super::engine_error::EngineError;
use super::holding::lock_both;
use super::run::{Check, Opened, Opening, RunRequest, UNCHECKED, WhenNothing};
use super::tasks::{ByWhom, Retrying, load_plan, make_run};
use super::{OpsError, Session, run};
use crate::model::{
    AfterFailure, BranchName, Diagnostic, Digest, Force, GraphName, RunId, RunPlan, Silent, Task, TaskName,
    TaskOutcome, canonical_json,
};
use crate::state::{BranchKey, EngineRun, Extent, LockOn, RunCounts, RunLock, RunState, Wait};
use crate::task::serve::{self, Served};
use crate::task::{Listener, now_ms};

/// How often is looked whether the branch's lock can be shared: it is held by who opens or closes a run.
const PAUSE: Duration = Duration::from_millis(50);

/// A run that is open, and what may run in it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct OpenReport {
    /// The run.
    pub run: RunId,
    /// The graph.
    pub graph: GraphName,
    /// The branch that it is pinned to.
    pub branch: BranchName,
    /// Whether an earlier open with the same key had opened it.
    pub found: bool,
    /// How many tasks of the selection are fresh.
    pub fresh: u64,
    /// Whether fresh tasks run all the same.
    pub force: Force,
    /// What happens to the rest after a failure.
    pub after_failure: AfterFailure,
    /// How many tasks with a tag may run at once.
    pub concurrency: IndexMap<String, u32>,
    /// What may run, in an order in which dependencies come first.
    pub tasks: Vec<OpenTask>,
    /// What was in the way.
    #[serde(skip)]
    pub notes: Vec<Diagnostic>,
}

/// What opening came to.
#[derive(Debug, Clone, PartialEq)]
pub enum OpenedRun {
    /// It is open.
    Open(OpenReport),
    /// Everything selected is fresh, and a run was not wanted for that.
    Nothing {
        /// How many tasks that are.
        fresh: u64,
    },
}

impl OpenedRun {
    /// Returns the run where one was wanted in any case.
    pub(super) fn report(self) -> Result<OpenReport, OpsError> {
        match self {
            Self::Open(report) => Ok(report),
            Self::Nothing { .. } => Err(OpsError::UnknownRun { run: String::new() }),
        }
    }
}

/// A task that may run.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct OpenTask {
    /// Its name.
    pub task: TaskName,
    /// What it depends on, of the tasks that may run.
    pub deps: Vec<TaskName>,
    /// Whether it is run in bundles of items.
    pub mapped: bool,
    /// Its cores, in 1/1024.
    pub cpu_units: u32,
    /// Its memory, in MiB; absent where it claims none.
    pub memory_mib: Option<u64>,
    /// Its tags.
    pub tags: Vec<String>,
    /// How often it is tried again.
    pub retries: u32,
    /// How long one attempt, or one item, may take, in ms; absent means no limit.
    pub timeout_ms: Option<u64>,
}

/// A run that was closed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CloseReport {
    /// The run.
    pub run: RunId,
    /// How its tasks ended.
    pub counts: RunCounts,
    /// One digest over what every task of the branch has as outputs: two engines that did the same have the same.
    pub outputs: Digest,
    /// The exit code of the same run on this machine.
    pub exit: i32,
    /// Whether it was closed before.
    pub was_closed: bool,
}

/// Opens a run, or finds the one that the engine has opened under the same key.
pub fn open(
    session: &Session,
    request: &RunRequest,
    listeners: Vec<Arc<dyn Listener>>,
) -> Result<OpenReport, OpsError> {
    open_when(session, request, WhenNothing::Open, UNCHECKED, listeners)?.report()
}

/// The same, where there may be nothing to do; `check` may refuse what was planned, and then nothing was opened.
pub(super) fn open_when(
    session: &Session,
    request: &RunRequest,
    when_nothing: WhenNothing,
    check: Check<'_>,
    listeners: Vec<Arc<dyn Listener>>,
) -> Result<OpenedRun, OpsError> {
    if let Some(plan) = find_open(session, request)? {
        return Ok(OpenedRun::Open(report(session, &plan, true, Vec::new())));
    }
    Ok(match run::open(session, request, when_nothing, check, &Silent)? {
        Opening::Opened(opened) => {
            let (plan, notes) = begin(session, *opened, listeners)?;
            OpenedRun::Open(report(session, &plan, false, notes))
        }
        Opening::Nothing { fresh, .. } => OpenedRun::Nothing { fresh },
    })
}

/// Begins a run that was opened for an engine; from here on its row alone holds the branch.
pub(super) fn begin(
    session: &Session,
    opened: Opened,
    listeners: Vec<Arc<dyn Listener>>,
) -> Result<(RunPlan, Vec<Diagnostic>), OpsError> {
    let Opened { plan, locks, notes } = opened;
    let run = make_run(session, plan, &[], listeners, ByWhom::Engine(Retrying::Here))?;
    serve::begin_for_engine(&run)?;
    drop(locks);
    Ok((run.plan, notes))
}

fn find_open(session: &Session, request: &RunRequest) -> Result<Option<RunPlan>, OpsError> {
    let state = session.state()?;
    if let Some(run) = request.engine.as_ref().and_then(|engine| engine.opened.as_ref())
        && let Some(row) = state.run(run)?.filter(|row| row.branch == session.key)
    {
        refuse_ended(session, &row.id)?;
        return Ok(Some(state.load_plan(run)?));
    }
    let Some(key) = request.engine.as_ref().and_then(|engine| engine.engine.key.as_ref()) else {
        return Ok(None);
    };
    match state.engine_run_on(&session.key, None)?.filter(|open| open.engine.key.as_ref() == Some(key)) {
        Some(open) => {
            state.hear_from(&open.run, now_ms())?;
            Ok(Some(state.load_plan(&open.run)?))
        }
        None => Ok(None),
    }
}

fn report(session: &Session, plan: &RunPlan, found: bool, notes: Vec<Diagnostic>) -> OpenReport {
    let tasks = plan.tasks.iter().filter_map(|name| plan.graph.tasks.get(name));
    OpenReport {
        run: plan.id.clone(),
        graph: plan.graph.name.clone(),
        branch: plan.branch.clone(),
        found,
        fresh: plan.fresh,
        force: plan.force,
        after_failure: plan.after_failure,
        concurrency: session.project.settings.concurrency.clone().into_iter().collect(),
        tasks: tasks.map(|task| open_task(plan, task)).collect(),
        notes,
    }
}

fn open_task(plan: &RunPlan, task: &Task) -> OpenTask {
    OpenTask {
        task: task.name.clone(),
        deps: task.deps.iter().filter(|dep| plan.tasks.contains(dep)).cloned().collect(),
        mapped: task.is_mapped(),
        cpu_units: task.compute.cpu_units,
        memory_mib: task.compute.memory_mib,
        tags: task.tags.clone(),
        retries: task.retries.0,
        timeout_ms: task.timeout_ms,
    }
}

/// What a process that runs a part of a run holds of it.
pub(super) struct Entered {
    /// The run's locks.
    pub locks: Vec<RunLock>,
    /// Whether an engine carries the run out.
    pub by_engine: bool,
}

/// Joins a run that is open: as one of its engine's processes, or with the locks that its opener handed on.
pub(super) fn enter(session: &Session, plan: &RunPlan, handed_on: Vec<RunLock>) -> Result<Entered, OpsError> {
    refuse_ended(session, &plan.id)?;
    let state = session.state()?;
    let Some(open) = state.engine_run(&plan.id)? else {
        return Ok(Entered { locks: handed_on, by_engine: false });
    };
    refuse_shared(&open)?;
    let key = BranchKey { project: plan.project.clone(), branch: plan.branch.clone() };
    let mut locks = handed_on;
    for on in [LockOn::Branch(&key), LockOn::Outputs(&plan.outputs_dir)] {
        loop {
            if let Some(lock) = RunLock::share(session.store_root(), on)? {
                locks.push(lock);
                break;
            }
            refuse_ended(session, &plan.id)?;
            std::thread::sleep(PAUSE);
        }
    }
    // Who held it for itself meanwhile may have ended the run.
    refuse_ended(session, &plan.id)?;
    state.hear_from(&plan.id, now_ms())?;
    Ok(Entered { locks, by_engine: true })
}

fn refuse_ended(session: &Session, run: &RunId) -> Result<(), OpsError> {
    let unknown = || OpsError::UnknownRun { run: run.to_string() };
    match session.state()?.run(run)?.ok_or_else(unknown)?.state {
        RunState::Open => Ok(()),
        RunState::Closed => Err(EngineError::Closed { run: run.clone() }.into()),
        RunState::Interrupted => Err(EngineError::GivenUp { run: run.clone() }.into()),
    }
}

/// Refuses a task before whose turn it is: its result would be stale at once.
pub(super) fn refuse_early(session: &Session, plan: &RunPlan, task: &TaskName) -> Result<(), OpsError> {
    let outcomes = session.state()?.outcomes(&plan.id)?;
    let deps = plan.graph.tasks.get(task).map(|task| task.deps.as_slice()).unwrap_or_default();
    for dep in deps.iter().filter(|dep| plan.tasks.contains(dep)) {
        let failed = match outcomes.get(dep) {
            Some(TaskOutcome::Ran | TaskOutcome::Spared | TaskOutcome::Reused) => continue,
            Some(TaskOutcome::Failed) => true,
            Some(TaskOutcome::Skipped) | None => false,
        };
        return Err(EngineError::TooEarly { task: task.clone(), dep: dep.clone(), failed }.into());
    }
    Ok(())
}

/// Writes down what a task came to. What was stopped has come to nothing.
pub(super) fn note(
    session: &Session,
    run: &RunId,
    task: &TaskName,
    outcome: TaskOutcome,
    extent: Extent,
) -> Result<(), OpsError> {
    let state = session.state()?;
    if outcome != TaskOutcome::Skipped {
        state.note_outcome(run, task, outcome, extent)?;
    }
    Ok(state.hear_from(run, now_ms())?)
}

/// Closes a run: folds what finished, and says how it ended.
pub fn close(
    session: &Session,
    run: &str,
    wait: Wait,
    command: &str,
    listeners: Vec<Arc<dyn Listener>>,
) -> Result<CloseReport, OpsError> {
    if let Some(open) = RunId::parse(run).and_then(|id| session.state().ok()?.engine_run(&id).ok()?) {
        refuse_shared(&open)?;
    }
    close_after(session, run, wait, command, listeners, &|_| Ok(BTreeSet::new()))
}

/// What other machines did of a run is nowhere here.
fn refuse_shared(open: &EngineRun) -> Result<(), EngineError> {
    match &open.engine.remote {
        Some(remote) => Err(EngineError::Shared { run: open.run.clone(), remote: remote.clone() }),
        None => Ok(()),
    }
}

/// The same, after `gather`: that is done where the run is open and nobody else runs on its branch, and then alone.
pub(super) fn close_after(
    session: &Session,
    run: &str,
    wait: Wait,
    command: &str,
    listeners: Vec<Arc<dyn Listener>>,
    gather: &dyn Fn(&Session) -> Result<BTreeSet<TaskName>, OpsError>,
) -> Result<CloseReport, OpsError> {
    let plan = load_plan(session, run)?;
    if let Some(closed) = closed_before(session, &plan.id)? {
        return Ok(closed);
    }
    let key = BranchKey { project: plan.project.clone(), branch: plan.branch.clone() };
    let locks = lock_both(session.store_root(), &key, &plan.outputs_dir, wait, command)?;
    // Another close may have been faster, or another run have come.
    if let Some(closed) = closed_before(session, &plan.id)? {
        return Ok(closed);
    }
    let state = session.state()?;
    state.take_in_dead(&key)?;
    let ended = gather(session)?;
    let outcomes = without_parts(session, &plan, state.outcomes(&plan.id)?, &ended)?;
    let began_ms = plan.id.made_ms();
    let run = make_run(session, plan, &[], listeners, ByWhom::Engine(Retrying::Here))?;
    let Served { exit, counts } = serve::close_for_engine(&run, outcomes, began_ms)?;
    drop(locks);
    let outputs = outputs_of(session, &key)?;
    Ok(CloseReport { run: run.plan.id.clone(), counts, outputs, exit, was_closed: false })
}

/// A mapped task of which bundles have run, and that nobody has recorded, was left undone; but for those of which is
/// known that they `ended`, and that have no record here because another run came first.
fn without_parts(
    session: &Session,
    plan: &RunPlan,
    mut outcomes: BTreeMap<TaskName, TaskOutcome>,
    ended: &BTreeSet<TaskName>,
) -> Result<BTreeMap<TaskName, TaskOutcome>, OpsError> {
    let is_part = |task: &TaskName| {
        let mapped = plan.graph.tasks.get(task).is_some_and(Task::is_mapped);
        mapped
            && !ended.contains(task)
            && outcomes.get(task) == Some(&TaskOutcome::Ran)
            && !plan.items.contains_key(task)
    };
    let asked: Vec<TaskName> = plan.tasks.iter().filter(|task| is_part(task)).cloned().collect();
    if asked.is_empty() {
        return Ok(outcomes);
    }
    let state = session.state()?;
    let key = BranchKey { project: plan.project.clone(), branch: plan.branch.clone() };
    let entries = state.entries(&state.point(&key)?.unwrap_or_default())?;
    for task in asked {
        let before = plan.base.get(&task).and_then(|base| base.record);
        let now = entries.get(&(plan.graph.namespace.clone(), task.clone())).map(|entry| entry.record);
        if now == before {
            outcomes.remove(&task);
        }
    }
    Ok(outcomes)
}

fn closed_before(session: &Session, run: &RunId) -> Result<Option<CloseReport>, OpsError> {
    match refuse_ended(session, run) {
        Err(OpsError::Engine(EngineError::Closed { run })) => {
            let Some(row) = session.state()?.run(&run)? else { return Ok(None) };
            let (counts, outputs) = (row.counts.unwrap_or_default(), outputs_of(session, &row.branch)?);
            let exit = serve::exit_code_of(&counts);
            Ok(Some(CloseReport { run, counts, outputs, exit, was_closed: true }))
        }
        other => other.map(|()| None),
    }
}

/// Returns one digest over what every task of a branch has as outputs.
pub(super) fn outputs_of(session: &Session, branch: &BranchKey) -> Result<Digest, OpsError> {
    let state = session.state()?;
    let entries = state.entries(&state.point(branch)?.unwrap_or_default())?;
    let table: Vec<_> = entries.values().map(|one| (&one.graph, &one.task, &one.outputs)).collect();
    Ok(Digest::of(&canonical_json(&table)))
}
