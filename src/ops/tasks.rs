//! `task serve` and `task run`: the side of a run that runners and engines start.
//!
//! The descriptors that `kptn run` hands on through the runner (`KPTN_PASS_FDS`)
//! are taken over first, before anything else is started that would inherit
//! them: the run's locks, and a pipe that tells `kptn run` when we are gone.

use std::fs::File;
use std::io::{BufRead, Write};
use std::os::fd::AsRawFd;
use std::sync::{Arc, Mutex};

use super::engines::{self, Entered};
use super::run::{Opened, Opening, RunRequest, UNCHECKED, WhenNothing, open};
use super::{OpsError, Session, memo};
use crate::git::Repository;
use crate::model::{
    Bundle, Diagnostic, ItemChoice, ItemSelector, Retries, RunId, RunPlan, Silent, Stream, TaskName,
    TaskOutcome, Teller,
};
use crate::process::{self, Reaper, Starter};
use crate::state::{Extent, RunCounts, RunLock};
use crate::task::serve::{self, Served, TaskLines};
use crate::task::{Config, Listener, Run};

/// Which run to join.
#[derive(Debug, Clone)]
pub enum Joining {
    /// One that `kptn run` opened.
    Opened {
        /// Its id.
        run: String,
    },
    /// A new one: the runner was started by hand.
    ByHand(Box<RunRequest>),
}

/// What `kptn run` handed on to this process.
#[derive(Default)]
pub struct HandedOn {
    /// The run's locks, and the pipe that tells when we are gone; held until the end.
    pub held: Vec<RunLock>,
    /// Where events go as JSON lines; absent where nobody asked for them.
    pub events: Option<File>,
}

/// Takes over what was handed on. Must be called once, before anything is started.
pub fn adopt_handed_on() -> HandedOn {
    let number = |name| std::env::var(name).ok().and_then(|text: String| text.parse::<i32>().ok());
    let events = number("KPTN_EVENTS_FD");
    let all = std::env::var("KPTN_PASS_FDS").unwrap_or_default();
    let held = all
        .split(',')
        .filter_map(|text| text.parse().ok())
        // Standard streams are never handed on.
        .filter(|number: &i32| *number > 2 && Some(*number) != events)
        .filter_map(|number| RunLock::adopt(number).ok());
    HandedOn { held: held.collect(), events: events.and_then(process::adopt).map(File::from) }
}

/// Serves a runner until it is done or gone; returns the exit code and the counts.
pub fn serve(
    session: &Session,
    joining: &Joining,
    handed_on: Vec<RunLock>,
    listeners: Vec<Arc<dyn Listener>>,
    input: impl BufRead + Send + 'static,
    output: impl Write + Send + 'static,
) -> Result<Served, OpsError> {
    let joined = join(session, joining, handed_on)?;
    let run = make_run(session, joined.plan, &joined.locks, listeners, ByWhom::Here)?;
    joined.notes.into_iter().for_each(|note| run.note(None, note.message));
    Ok(serve::serve(&run, input, output)?)
}

/// Which part of a task to run, and how.
#[derive(Debug, Clone, Copy)]
pub struct Part<'a> {
    /// The task.
    pub task: &'a str,
    /// The bundle; absent for the whole task.
    pub bundle: Option<&'a Bundle>,
    /// Who tries again what failed.
    pub retrying: Retrying,
}

/// Who tries again what failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retrying {
    /// We do, as `retries` says.
    Here,
    /// Whoever started us.
    Elsewhere,
}

/// Runs one task, or one bundle of it, in a run that is open or in one of its own.
///
/// A task that the run was not opened for is left alone.
pub fn run_one(
    session: &Session,
    joining: &Joining,
    part: &Part<'_>,
    handed_on: Vec<RunLock>,
    listeners: Vec<Arc<dyn Listener>>,
) -> Result<TaskOutcome, OpsError> {
    let name = TaskName::parse(part.task).map_err(|error| OpsError::Name { error })?;
    let Joined { mut plan, locks, notes, by_engine } = join(session, joining, handed_on)?;
    if by_engine && plan.graph.tasks.contains_key(&name) {
        if !plan.tasks.contains(&name) {
            return Ok(TaskOutcome::Spared);
        }
        engines::refuse_early(session, &plan, &name)?;
    }
    if let Some(bundle) = part.bundle {
        let choice = ItemChoice(vec![ItemSelector::Bundle(bundle.clone())]);
        plan.items.insert(name.clone(), choice);
    }
    if let (Retrying::Elsewhere, Some(task)) = (part.retrying, plan.graph.tasks.get_mut(&name)) {
        task.retries = Retries(0);
    }
    let by = if by_engine { ByWhom::Engine(part.retrying) } else { ByWhom::Here };
    let run = make_run(session, plan, &locks, listeners, by)?;
    notes.into_iter().for_each(|note| run.note(None, note.message));
    let outcome = serve::run_one(&run, &name)?;
    if by_engine {
        let extent = if part.bundle.is_some() { Extent::Bundle } else { Extent::Whole };
        engines::note(session, &run.plan.id, &name, outcome, extent)?;
    }
    if let Joining::ByHand(_) = joining {
        close(&run, outcome)?;
    }
    Ok(outcome)
}

/// A run that this process works for.
struct Joined {
    plan: RunPlan,
    locks: Vec<RunLock>,
    notes: Vec<Diagnostic>,
    by_engine: bool,
}

fn join(session: &Session, joining: &Joining, handed_on: Vec<RunLock>) -> Result<Joined, OpsError> {
    match joining {
        Joining::Opened { run } => {
            let plan = load_plan(session, run)?;
            let Entered { locks, by_engine } = engines::enter(session, &plan, handed_on)?;
            Ok(Joined { plan, locks, notes: Vec::new(), by_engine })
        }
        Joining::ByHand(request) => match open(session, request, WhenNothing::Open, UNCHECKED, &Silent)? {
            Opening::Opened(opened) => {
                let Opened { plan, locks, notes } = *opened;
                Ok(Joined { plan, locks, notes, by_engine: false })
            }
            Opening::Nothing { .. } => Err(OpsError::UnknownRun { run: String::new() }),
        },
    }
}

/// Reads what a run was opened with.
pub fn load_plan(session: &Session, run: &str) -> Result<RunPlan, OpsError> {
    let id = RunId::parse(run).ok_or_else(|| OpsError::UnknownRun { run: run.to_owned() })?;
    Ok(session.state()?.load_plan(&id)?)
}

/// Who carries a run out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ByWhom {
    /// This process: whoever watches the run hears it.
    Here,
    /// An engine, in processes of which each does a part.
    Engine(Retrying),
}

/// Puts together what a run is carried out with.
pub(super) fn make_run(
    session: &Session,
    plan: RunPlan,
    locks: &[RunLock],
    listeners: Vec<Arc<dyn Listener>>,
    by: ByWhom,
) -> Result<Run, OpsError> {
    let store = crate::store::Store::open(session.store_root())?;
    let repository = Repository::discover(&session.project.root)?;
    let events = store.layout().run_events(&plan.id);
    let events = serve::EventLog::open(&events, teller(&plan, by), lines(&plan, by));
    let mut all = listeners;
    all.push(Arc::new(events));
    Ok(Run {
        project: session.project.clone(),
        state: crate::state::State::open(session.store_root())?,
        memo: Arc::new(memo::open(session)?.without_index()),
        config: Config::of(&session.config_files, repository.as_ref()),
        repository: repository.map(Mutex::new),
        origin: None,
        reaper: start_reaper(locks),
        starter: Starter::holding(locks),
        listeners: all,
        user: process::user_name(),
        host: process::host_name(),
        store,
        plan,
    })
}

/// Who a process of an engine is, for whoever follows the run.
fn teller(plan: &RunPlan, by: ByWhom) -> Teller {
    Teller {
        bundle: plan.bundle().map(ToString::to_string),
        tried_again: by == ByWhom::Engine(Retrying::Elsewhere),
    }
}

/// Whoever follows a run of an engine sees tasks' lines by the run's events alone.
fn lines(plan: &RunPlan, by: ByWhom) -> TaskLines {
    match (plan.stream, by) {
        (Stream::Yes, ByWhom::Engine(_)) => TaskLines::Kept,
        _ => TaskLines::Dropped,
    }
}

/// Starts what ends the tasks if we are killed. It holds the run's locks, so that no other run
/// begins before it is done.
pub(super) fn start_reaper(locks: &[RunLock]) -> Option<Reaper> {
    let program = std::env::current_exe().ok()?;
    let descriptors: Vec<_> = locks.iter().map(AsRawFd::as_raw_fd).collect();
    Reaper::start(&program, &descriptors).ok()
}

/// Closes a run of one task.
fn close(run: &Run, outcome: TaskOutcome) -> Result<(), OpsError> {
    let mut counts = RunCounts { fresh: run.plan.fresh, ..RunCounts::default() };
    match outcome {
        TaskOutcome::Ran => counts.ran = 1,
        TaskOutcome::Spared => counts.spared = 1,
        TaskOutcome::Reused => counts.reused = 1,
        TaskOutcome::Failed => counts.failed = 1,
        TaskOutcome::Skipped => counts.skipped = 1,
    }
    run.state.close_run(&run.store, &run.plan.id, &counts, &run.log_entry())?;
    Ok(())
}
