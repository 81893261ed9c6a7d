//! `run --runner`: an engine carries a run out, and it is watched as a run of this machine is.
//!
//! ```text
//! prepare   is the engine there? its file is written
//! open      as `run open` does; the engine's own `run open` finds this run by KPTN_RUN
//! start     the engine (execution.rs)
//! follow    the events that its tasks write (tail.rs), put together (merge.rs)
//! close     where the engine has not done it: it failed, was killed, or was stopped
//! ```
//! An engine that is no program of this machine: elsewhere/.
//!
//! Whatever happens, the run is closed in the end, so its branch is free. Where
//! this process is killed, the run is given up by the next: see `holding.rs`.

pub mod elsewhere;
mod execution;
mod merge;
mod prepare;
mod tail;

pub use execution::EngineEnd;
pub(super) use prepare::prefect_python;
pub use prepare::{Prepared, prepare};

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::engines;
use super::holding::{EngineOpening, TakeOver, holder};
use super::report::{RunCounts, RunReport};
use super::run::{self, Opening, RunRequest, UNCHECKED, WhenNothing};
use super::tasks::start_reaper;
use super::{OpsError, Session};
use crate::model::{AfterFailure, Progress, RunId, RunPlan};
use crate::process::{Interrupts, Pause};
use crate::state::{Engine, LockError, LockOn, RunLock, RunState, Wait};
use crate::store::Layout;
use crate::task::Listener;
use execution::Execution;
use tail::Tail;

/// How often is looked for news.
const EVERY: Duration = Duration::from_millis(100);
/// How long an engine that was asked to end may take before it is killed.
const GRACE: Duration = Duration::from_secs(30);
/// How long a run may be silent that ends with the process that follows it.
const LEASE_MS: u64 = 3_600_000;
/// The same where jobs wait in a queue.
const QUEUE_LEASE_MS: u64 = 7 * 24 * 3_600_000;

/// What became of a run that an engine carried out.
#[derive(Debug, Clone, PartialEq)]
pub struct Followed {
    /// The run.
    pub report: RunReport,
    /// How the engine ended; absent where there was nothing to do, or where it was stopped.
    pub end: Option<EngineEnd>,
    /// Whether tasks still run that could not be stopped: the run is open.
    pub left_open: bool,
}

/// Opens a run, has the engine carry it out, and tells `listeners` what happens.
pub fn run(
    session: &Session,
    request: &RunRequest,
    prepared: &Prepared,
    progress: &dyn Progress,
    listeners: impl FnOnce() -> Vec<Arc<dyn Listener>>,
) -> Result<Followed, OpsError> {
    let request = &for_engine(request, prepared);
    let opened = match run::open(session, request, WhenNothing::Skip, UNCHECKED, progress)? {
        Opening::Nothing { fresh, .. } => {
            let counts = RunCounts { fresh, ..RunCounts::default() };
            let report = RunReport { counts, ..RunReport::nothing(session.place()) };
            return Ok(Followed { report, end: None, left_open: false });
        }
        Opening::Opened(opened) => *opened,
    };
    let id = opened.plan.id.clone();
    let (plan, notes) =
        engines::begin(session, opened, Vec::new()).inspect_err(|_| give_back(session, &id, request))?;
    let followed = Following { session, request, plan: &plan }
        .to_the_end(prepared, listeners())
        .inspect_err(|_| give_back(session, &id, request))?;
    let report = run::report(session, &plan, notes, None)?;
    Ok(Followed { report, ..followed })
}

/// Returns the request as an engine's: it alone says how much runs at once.
fn for_engine(request: &RunRequest, prepared: &Prepared) -> RunRequest {
    let lease_ms = if prepared.ends_with_us { LEASE_MS } else { QUEUE_LEASE_MS };
    let engine = Engine { name: prepared.engine.clone(), key: None, lease_ms, remote: None };
    let after_failure = if prepared.can_stop { request.after_failure } else { AfterFailure::KeepGoing };
    RunRequest {
        engine: Some(EngineOpening { engine, take_over: TakeOver::Silent, opened: None }),
        jobs: Some(1),
        after_failure,
        ..request.clone()
    }
}

/// Closes a run that could not go on; what it met first is what is told.
fn give_back(session: &Session, run: &RunId, request: &RunRequest) {
    drop(engines::close(session, run.as_str(), Wait::No, &request.command, Vec::new()));
}

/// A run that is followed.
struct Following<'a> {
    session: &'a Session,
    request: &'a RunRequest,
    plan: &'a RunPlan,
}

impl Following<'_> {
    fn to_the_end(
        &self,
        prepared: &Prepared,
        listeners: Vec<Arc<dyn Listener>>,
    ) -> Result<Followed, OpsError> {
        let Self { session, plan, request } = self;
        let state = session.state()?;
        let mut interrupts = Interrupts::listen()?;
        let _lock = prepared.ends_with_us.then(|| self.lock()).transpose()?;
        let layout = Layout::new(session.store_root());
        let mut tail = Tail::new(layout.run_events(&plan.id), plan);
        let tell = |tail: &mut Tail| {
            for event in tail.news() {
                listeners.iter().for_each(|listener| listener.hear(&event));
            }
        };
        let log = layout.run_engine_log(&plan.id);
        let reaper = start_reaper(&[]);
        let mut execution =
            prepared.start.clone().start(plan.id.as_str(), self.variables()?, &log, reaper)?;
        let mut stopping = Stopping::No;
        let end = loop {
            tell(&mut tail);
            if let Some(end) = execution.ended() {
                break end;
            }
            let interrupted = interrupts.pause(EVERY)? == Pause::Interrupted;
            if interrupted {
                tail.merge.interrupt();
            }
            stopping = stopping.next(interrupted, &mut *execution);
        };
        let mut left_open = false;
        while state.run(&plan.id)?.is_some_and(|row| row.state == RunState::Open) {
            tell(&mut tail);
            match engines::close(session, plan.id.as_str(), Wait::No, &request.command, Vec::new()) {
                // A task of it still runs: elsewhere, or because it does not want to end.
                Err(OpsError::Lock(LockError::Held { .. })) => {
                    if interrupts.pause(EVERY)? == Pause::Interrupted {
                        left_open = true;
                        break;
                    }
                }
                closed => drop(closed?),
            }
        }
        tell(&mut tail);
        let end = (stopping == Stopping::No).then_some(end);
        Ok(Followed { report: RunReport::nothing(session.place()), end, left_open })
    }

    /// Says to whoever comes next that the run is over when we are.
    fn lock(&self) -> Result<RunLock, OpsError> {
        let by = holder(&self.request.command);
        Ok(RunLock::acquire(self.session.store_root(), LockOn::Followed(&self.plan.id), Wait::No, &by)?)
    }

    /// What the engine and the programs that it starts need to know.
    fn variables(&self) -> Result<Vec<(&'static str, std::ffi::OsString)>, OpsError> {
        let program = std::env::current_exe()
            .map_err(|source| OpsError::io("find", std::path::Path::new("kptn"), source))?;
        Ok(vec![
            ("KPTN_RUN", self.plan.id.as_str().into()),
            ("KPTN_BIN", program.into()),
            ("KPTN_STORE", self.session.store_root().into()),
            ("KPTN_BRANCH", self.session.key.branch.as_str().into()),
        ])
    }
}

/// Whether the engine was asked to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stopping {
    No,
    Asked(Instant),
    Killed,
}

impl Stopping {
    /// Asks at the first Ctrl-C; kills at the second, or where asking was in vain.
    fn next(self, interrupted: bool, execution: &mut dyn Execution) -> Self {
        match self {
            Self::No if interrupted => {
                execution.stop();
                Self::Asked(Instant::now())
            }
            Self::Asked(since) if interrupted || since.elapsed() > GRACE => {
                execution.kill();
                Self::Killed
            }
            other => other,
        }
    }
}
