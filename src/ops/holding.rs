//! Who may run on a branch and in an output folder: one at a time.
//!
//! ```text
//! a run of this machine   OS locks on both, as long as one of its processes lives
//! a run of an engine      a row (`state/engine_runs.rs`), and shared OS locks while one of its tasks runs
//! ```
//! So whoever has the OS locks for itself looks for such a row next. A run that
//! has been silent for longer than it may is given up, and that is said, as is
//! one of `kptn run --runner` that was killed; any other stands in the way.

use std::path::Path;
use std::time::Duration;

use super::engine_error::EngineError;
use super::report::Running;
use super::run::RunRequest;
use super::{OpsError, Session};
use crate::model::{Diagnostic, RunId, Severity};
use crate::process;
use crate::state::{
    BranchKey, Engine, EngineRun, Holder, LockOn, RunLock, State, Wait, find_holder, was_let_go,
};
use crate::task::now_ms;

/// How often is looked whether an engine's run is over.
const PAUSE: Duration = Duration::from_millis(200);

/// A run that an engine is to carry out.
#[derive(Debug, Clone)]
pub struct EngineOpening {
    /// The engine.
    pub engine: Engine,
    /// Which runs of engines are given up for it.
    pub take_over: TakeOver,
    /// The run that was opened for it already, by `kptn run --runner`; absent where none was.
    pub opened: Option<RunId>,
}

/// Which open runs of engines are given up for a new one, where no process of theirs lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TakeOver {
    /// Those that have been silent for longer than they may.
    Silent,
    /// Any: who asks knows that they are over.
    Any,
}

/// The right to run, and what was in the way.
pub(super) struct Taken {
    /// Held until the run is over.
    pub locks: Vec<RunLock>,
    /// A note for each run that was given up.
    pub notes: Vec<Diagnostic>,
}

/// Takes a branch and its output folder for a run.
pub(super) fn take(session: &Session, request: &RunRequest) -> Result<Taken, OpsError> {
    let mut notes = Vec::new();
    loop {
        let locks = lock_both(
            session.store_root(),
            &session.key,
            &session.outputs_dir,
            request.wait,
            &request.command,
        )?;
        let state = session.state()?;
        state.take_in_dead(&session.key)?;
        let Some(open) = state.engine_run_on(&session.key, Some(&session.outputs_dir))? else {
            return Ok(Taken { locks, notes });
        };
        let any = request.engine.as_ref().is_some_and(|engine| engine.take_over == TakeOver::Any);
        let followed = LockOn::Followed(&open.run);
        let deserted = was_let_go(session.store_root(), followed);
        if any || deserted || open.is_silent(now_ms()) {
            state.take_in_dead(&open.branch)?;
            state.give_up_run(&open.run)?;
            notes.push(given_up(&open));
        } else if request.wait == Wait::No {
            return Err(in_the_way(&open).into());
        } else {
            drop(locks);
            std::thread::sleep(PAUSE);
        }
    }
}

/// Locks a branch and an output folder, for nobody else.
pub(super) fn lock_both(
    root: &Path,
    key: &BranchKey,
    outputs: &Path,
    wait: Wait,
    command: &str,
) -> Result<Vec<RunLock>, OpsError> {
    let by = holder(command);
    let on = [LockOn::Branch(key), LockOn::Outputs(outputs)];
    let locks = on.map(|on| RunLock::acquire(root, on, wait, &by));
    Ok(locks.into_iter().collect::<Result<_, _>>()?)
}

/// Refuses what runs a task in the middle of an engine's run.
pub(super) fn refuse_engine(session: &Session) -> Result<(), OpsError> {
    match session.state()?.engine_run_on(&session.key, Some(&session.outputs_dir))? {
        Some(open) if !open.is_silent(now_ms()) => Err(in_the_way(&open).into()),
        _ => Ok(()),
    }
}

/// Returns the run that has a branch now; absent where none does. A state that cannot be read says nothing.
pub(super) fn running(store_root: &Path, state: Option<&State>, key: &BranchKey) -> Option<Running> {
    let by_process = find_holder(store_root, LockOn::Branch(key)).map(Running::from);
    by_process.or_else(|| of_engine(state?, key))
}

/// Returns the run of an engine that has a branch now.
pub(super) fn of_engine(state: &State, key: &BranchKey) -> Option<Running> {
    let open = state.engine_run_on(key, None).ok().flatten()?;
    (!open.is_silent(now_ms())).then(|| open.into())
}

/// Returns who we are, for whoever meets our lock.
pub fn holder(command: &str) -> Holder {
    Holder {
        pid: std::process::id(),
        host: process::host_name(),
        user: process::user_name(),
        since_ms: now_ms(),
        command: command.to_owned(),
    }
}

/// Says that a run has the place.
pub(super) fn in_the_way(open: &EngineRun) -> EngineError {
    EngineError::Open {
        run: open.run.clone(),
        engine: open.engine.name.clone(),
        branch: open.branch.branch.clone(),
        silent_ms: now_ms().saturating_sub(open.heard_ms),
        lease_ms: open.engine.lease_ms,
        remote: open.engine.remote.clone(),
    }
}

fn given_up(open: &EngineRun) -> Diagnostic {
    let message = format!(
        "the run `{}` of {} was never closed: it is given up, and what it finished is kept",
        open.run, open.engine.name
    );
    Diagnostic::new(Severity::Note, message)
}
