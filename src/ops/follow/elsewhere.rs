//! `run --runner stepfunctions`: an execution on AWS carries a run out, and is followed from here.
//!
//! ```text
//! prepare   the graph as it is deployed; with `--follow` the run of this branch that goes on there
//! begin     this machine and the remote agree, a run is opened, an execution is started that bears its name
//! follow    what its workers tell at the remote, put together (merge.rs)
//! over      the execution's last job has closed the run; where it could not, this machine does
//! ```
//! Nothing of it ends with this process, so it may be left and found again.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::json;

use super::lost::{LostJob, lost_jobs};
use super::merge::Merge;
use super::{EngineEnd, Followed};
use crate::aws::{AwsError, Execution, ExecutionState};
use crate::model::{AfterFailure, Diagnostic, Event, RunCounts, RunPlan, TaskName, TaskOutcome};
use crate::ops::engines::OpenedRun;
use crate::ops::holding::{EngineOpening, TakeOver};
use crate::ops::remotes::Peer;
use crate::ops::report::RunReport;
use crate::ops::run::{self, RunRequest, WhenNothing};
use crate::ops::scope::{self, Words};
use crate::ops::shared_run;
use crate::ops::{Deployed, OpsError, Session, Start};
use crate::process::{Interrupts, Pause};
use crate::remote::{Absent, RemoteError, Seen, SharedRun, block_on};
use crate::state::{Engine, Wait};
use crate::store::Store;
use crate::task::Listener;
use crate::task::serve;

/// What the machines' jobs open their runs as.
pub const ENGINE: &str = shared_run::LOOKS_FOR_MARKS;
/// How often is looked for news at most.
const EVERY: Duration = Duration::from_secs(2);
/// Looking takes at most this part of the time.
const SHARE: u32 = 5;
/// How long nothing need be heard before that is an error: a lid was closed, a network is gone for a while.
const PATIENCE: Duration = Duration::from_secs(15 * 60);
/// How long a run may be silent there: as long as a wait of its machine.
const LEASE_MS: u64 = 14 * 24 * 3_600_000;

/// A graph that can be run on AWS.
pub struct Prepared {
    /// Where it is deployed.
    pub deployed: Deployed,
    /// The run that goes on there already.
    pub going_on: Option<RunPlan>,
}

/// A run that an execution carries out.
pub struct Begun {
    /// What it is to do.
    pub plan: RunPlan,
    /// The execution's ARN.
    pub execution: String,
    /// Whether it was found, and not begun here.
    pub found: bool,
    /// What was in the way.
    pub notes: Vec<Diagnostic>,
}

/// What beginning came to.
pub enum Beginning {
    /// Everything selected is fresh.
    Nothing(RunReport),
    /// There is something to do.
    Begun(Box<Begun>),
}

/// What to do about Ctrl-C.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnInterrupt {
    /// The execution is stopped.
    Stop,
    /// It goes on without being followed.
    Leave,
    /// It is followed further.
    Follow,
}

/// Asks a person; the function that it is given tells whether Ctrl-C came again.
pub type Ask<'a> = &'a dyn Fn(&mut dyn FnMut() -> bool) -> OnInterrupt;

/// How following ended.
pub enum Ended {
    /// The run is over.
    Over(Box<Followed>),
    /// It goes on there.
    GoesOn,
}

/// Finds where the graph is deployed that the words name; with `follow` that of the run that goes on, where one does.
pub fn prepare(session: &Session, words: &Words, follow: bool) -> Result<Prepared, OpsError> {
    let state = session.state()?;
    let open = if follow { state.engine_run_on(&session.key, None)? } else { None };
    let open = open.filter(|open| open.engine.name == ENGINE && open.engine.remote.is_some());
    if let Some(open) = open {
        let plan = state.load_plan(&open.run)?;
        let deployed = Deployed::find(session, &plan.graph)?;
        return Ok(Prepared { deployed, going_on: Some(plan) });
    }
    let graph = scope::one_graph(session, words)?.graph;
    let deployed = Deployed::find(session, graph)?;
    deployed.refuse_outdated(session, graph)?;
    Ok(Prepared { deployed, going_on: None })
}

/// Opens a run, and starts the execution that carries it out; one that goes on already is found.
pub fn begin(
    start: &Start,
    request: &RunRequest,
    prepared: &Prepared,
    listeners: Vec<Arc<dyn Listener>>,
) -> Result<Beginning, OpsError> {
    let Prepared { deployed, going_on } = prepared;
    let (plan, notes) = match going_on {
        Some(plan) => (plan.clone(), Vec::new()),
        None => match open(start, request, deployed, listeners)? {
            OpenedRun::Nothing { fresh } => {
                let counts = RunCounts { fresh, ..RunCounts::default() };
                let place = Session::open(start)?.place();
                return Ok(Beginning::Nothing(RunReport { counts, ..RunReport::nothing(place) }));
            }
            OpenedRun::Open(report) => {
                let session = Session::open(start)?;
                Store::open(session.store_root())?.hit("run.execution.opened")?;
                (session.state()?.load_plan(&report.run)?, report.notes)
            }
        },
    };
    let execution = deployed.execution(plan.id.as_str());
    // One that was found may have been killed before it had started anything.
    let is_there = match going_on.as_ref().map(|_| deployed.aws.execution(&execution)) {
        None => false,
        Some(Ok(_)) => true,
        Some(Err(error)) if error.code() == "ExecutionDoesNotExist" => false,
        Some(Err(error)) => return Err(error.into()),
    };
    if !is_there {
        let input = input(deployed, &plan);
        if let Err(error) = deployed.aws.start_execution(&deployed.machine, plan.id.as_str(), &input) {
            // Nobody else has heard of it; what came first is what is told.
            if matches!(error, AwsError::Refused { .. }) {
                drop(shared_run::abandon(start, &plan.id, &deployed.remote));
            }
            return Err(error.into());
        }
    }
    Ok(Beginning::Begun(Box::new(Begun { plan, execution, found: going_on.is_some(), notes })))
}

fn open(
    start: &Start,
    request: &RunRequest,
    deployed: &Deployed,
    listeners: Vec<Arc<dyn Listener>>,
) -> Result<OpenedRun, OpsError> {
    let remote = Some(deployed.remote.clone());
    let engine = Engine { name: ENGINE.to_owned(), key: None, lease_ms: LEASE_MS, remote };
    let request = RunRequest {
        engine: Some(EngineOpening { engine, take_over: TakeOver::Silent, opened: None }),
        // As its machine does: a failure stops what depends on it.
        after_failure: AfterFailure::KeepGoing,
        ..request.clone()
    };
    shared_run::open_when(start, &request, &deployed.remote, WhenNothing::Skip, listeners)
}

/// What the machine is given; docs/reference/stepfunctions.md lists it.
fn input(deployed: &Deployed, plan: &RunPlan) -> String {
    let place = deployed.remote.strip_prefix("s3://").unwrap_or(&deployed.remote);
    let (bucket, prefix) = place.split_once('/').unwrap_or((place, ""));
    let input = json!({
        "run": plan.id.as_str(), "remote": deployed.remote, "branch": plan.branch.as_str(),
        "bucket": bucket, "prefix": prefix,
    });
    input.to_string()
}

/// Follows a run to its end, or until a person leaves it.
pub fn follow(
    start: &Start,
    deployed: &Deployed,
    begun: &Begun,
    request: &RunRequest,
    ask: Ask<'_>,
    listeners: &[Arc<dyn Listener>],
) -> Result<Ended, OpsError> {
    let session = Session::open(start)?;
    let store = Store::open(session.store_root())?;
    let peer = Peer::find(&session.project, store.layout(), Some(&deployed.remote), Absent::Fail)?;
    let shared = shared_run::there(&peer, &store, &begun.plan.id);
    drop(session);
    let merge = Merge::new(&begun.plan);
    let following =
        Following { start, deployed, begun, request, shared, listeners, merge, seen: Seen::default() };
    following.through(ask)
}

struct Following<'a> {
    start: &'a Start,
    deployed: &'a Deployed,
    begun: &'a Begun,
    request: &'a RunRequest,
    shared: SharedRun,
    listeners: &'a [Arc<dyn Listener>],
    merge: Merge,
    seen: Seen,
}

impl Following<'_> {
    fn through(mut self, ask: Ask<'_>) -> Result<Ended, OpsError> {
        if self.begun.found {
            self.tell(&self.begun_event());
        }
        let mut interrupts = Interrupts::listen()?;
        let mut stopped = false;
        let mut heard = Instant::now();
        let execution = loop {
            let asked = Instant::now();
            match self.look() {
                Ok(found) if found.state != ExecutionState::Running => break found,
                Ok(_) => heard = Instant::now(),
                Err(error) if is_passing(&error) && heard.elapsed() < PATIENCE => {}
                Err(error) => return Err(error),
            }
            let pause = EVERY.max(asked.elapsed() * SHARE);
            if interrupts.pause(pause)? == Pause::Over {
                continue;
            }
            let mut again = || matches!(interrupts.pause(Duration::from_millis(100)), Ok(Pause::Interrupted));
            match ask(&mut again) {
                OnInterrupt::Follow => {}
                OnInterrupt::Leave => return Ok(Ended::GoesOn),
                OnInterrupt::Stop => {
                    self.merge.interrupt();
                    self.deployed.aws.stop_execution(&self.begun.execution, "stopped by a person")?;
                    stopped = true;
                }
            }
        };
        drop(interrupts);
        self.over(&execution, stopped).map(|followed| Ended::Over(Box::new(followed)))
    }

    /// Tells what is new, and returns how far the execution was before that.
    fn look(&mut self) -> Result<Execution, OpsError> {
        let execution = self.deployed.aws.execution(&self.begun.execution)?;
        let told = block_on(self.shared.told(&mut self.seen))?;
        let events: Vec<Event> = told.into_iter().flat_map(|logged| self.merge.hear(logged)).collect();
        events.iter().for_each(|event| self.tell(event));
        Ok(execution)
    }

    /// What was told when it was opened, in another process.
    fn begun_event(&self) -> Event {
        let plan = &self.begun.plan;
        Event::RunStarted {
            run: plan.id.clone(),
            graph: plan.graph.name.to_string(),
            branch: plan.branch.to_string(),
            tasks: plan.tasks.len() as u64,
            fresh: plan.fresh,
            outputs: plan.outputs_dir.display().to_string(),
            estimate_ms: None,
        }
    }

    fn tell(&self, event: &Event) {
        self.listeners.iter().for_each(|listener| listener.hear(event));
    }

    /// The execution has ended: sees that the run is closed, and says how.
    fn over(&mut self, execution: &Execution, stopped: bool) -> Result<Followed, OpsError> {
        let plan = &self.begun.plan;
        let lost = match execution.state {
            ExecutionState::Succeeded => Vec::new(),
            // That it failed is known; what it said of it may be missing.
            _ => lost_jobs(self.deployed, &self.begun.execution, plan, &self.merge).unwrap_or_default(),
        };
        let telling = lost.iter().filter_map(LostJob::event).collect::<Vec<_>>();
        telling.iter().for_each(|event| self.tell(event));
        let failed: BTreeSet<&TaskName> = lost.iter().filter_map(|job| job.task.as_ref()).collect();
        let closed = shared_run::close(
            self.start,
            plan.id.as_str(),
            &self.deployed.remote,
            Wait::No,
            &self.request.command,
            if self.is_closed_there()? { Vec::new() } else { self.listeners.to_vec() },
        )?;
        let session = Session::open(self.start)?;
        let notes = self.begun.notes.clone();
        let mut report = match closed.was_closed {
            false => run::report(&session, plan, notes, None)?,
            true => RunReport {
                run: Some(plan.id.clone()),
                counts: closed.counts,
                notes,
                ..RunReport::nothing(session.place())
            },
        };
        // A job that died without a word was not started, as far as its run knows.
        let died = (failed.len() as u64).min(report.counts.skipped);
        report.counts.skipped -= died;
        report.counts.failed += died;
        if closed.was_closed {
            self.tell_the_end(&report.counts, &failed);
        }
        let end = (!stopped).then(|| EngineEnd { code: None, said: said(execution, &lost), log: None });
        let end = end.filter(|_| execution.state != ExecutionState::Succeeded);
        Ok(Followed { report, end, left_open: false })
    }

    fn is_closed_there(&self) -> Result<bool, OpsError> {
        Ok(block_on(self.shared.end())?.is_some())
    }

    /// Who closed the run has told that to nobody here.
    fn tell_the_end(&mut self, counts: &RunCounts, failed: &BTreeSet<&TaskName>) {
        let plan = &self.begun.plan;
        let mut outcomes = self.merge.outcomes();
        outcomes.extend(failed.iter().map(|task| ((*task).clone(), TaskOutcome::Failed)));
        let skipped = match counts.skipped {
            0 => Vec::new(),
            _ => serve::skipped(plan, &serve::Ending { outcomes, stop: None }),
        };
        let finished = Event::RunFinished {
            run: plan.id.clone(),
            ran: counts.ran,
            fresh: counts.fresh,
            spared: counts.spared,
            reused: counts.reused,
            failed: counts.failed,
            skipped: counts.skipped,
            wall_ms: crate::task::now_ms().saturating_sub(plan.id.made_ms()),
        };
        for event in skipped.into_iter().chain([finished]) {
            let logged = crate::model::Logged { event, teller: Default::default() };
            for event in self.merge.hear(logged) {
                self.tell(&event);
            }
        }
    }
}

/// Tells whether an error may be gone when it is tried again.
fn is_passing(error: &OpsError) -> bool {
    match error {
        OpsError::Aws(AwsError::Unasked { .. }) => true,
        OpsError::Aws(error) => error.code().contains("Throttling"),
        OpsError::Remote(error) => matches!(error, RemoteError::Request { .. }),
        _ => false,
    }
}

/// What an execution that failed says of itself.
fn said(execution: &Execution, lost: &[LostJob]) -> Vec<String> {
    let jobs = lost.iter().filter(|job| job.task.is_none()).flat_map(LostJob::lines);
    jobs.chain(Some(execution.why.clone()).filter(|why| !why.is_empty())).collect()
}
