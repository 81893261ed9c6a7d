//! A run that is followed until its execution has ended, or a person leaves it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::begin::{Begun, Found};
use crate::aws::{AwsError, Execution, ExecutionState};
use crate::model::{Event, Task};
use crate::ops::follow::Followed;
use crate::ops::follow::merge::Merge;
use crate::ops::remotes::Peer;
use crate::ops::run::RunRequest;
use crate::ops::shared_run;
use crate::ops::{Deployed, OpsError, Session, Start};
use crate::process::{Interrupts, Pause};
use crate::remote::{Absent, RemoteError, Seen, SharedRun, block_on};
use crate::store::Store;
use crate::task::Listener;

/// How often is looked for news at most.
const EVERY: Duration = Duration::from_secs(2);
/// Looking takes at most this part of the time.
const SHARE: u32 = 5;
/// How long nothing need be heard before that is an error: a lid was closed, a network is gone for a while.
const PATIENCE: Duration = Duration::from_secs(15 * 60);
/// How long is waited after a stop for what items that had finished are told: as long as AWS lets a container end.
const GRACE: Duration = Duration::from_secs(40);

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
    /// It goes on there, as far as is known, and cannot be followed.
    OutOfSight(OpsError),
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
    let (merge, seen) = (Merge::new(&begun.plan), Seen::default());
    let command = &request.command;
    Following { start, deployed, begun, command, shared, listeners, merge, seen }.through(ask)
}

pub(super) struct Following<'a> {
    pub start: &'a Start,
    pub deployed: &'a Deployed,
    pub begun: &'a Begun,
    /// What was typed, for who meets a lock.
    pub command: &'a str,
    pub shared: SharedRun,
    pub listeners: &'a [Arc<dyn Listener>],
    pub merge: Merge,
    pub seen: Seen,
}

impl Following<'_> {
    fn through(mut self, ask: Ask<'_>) -> Result<Ended, OpsError> {
        if self.begun.found == Found::Over {
            self.hear()?;
            // What it says of jobs that died is wanted, and nothing else.
            let unknown = Execution { state: ExecutionState::Succeeded, why: String::new() };
            let closed = self.deployed.aws.execution(&self.begun.execution).unwrap_or(unknown);
            return Ok(Ended::Over(Box::new(self.over(&closed, false)?)));
        }
        let mut interrupts = Interrupts::listen()?;
        let (mut stopped, mut heard, mut troubled) = (false, Instant::now(), false);
        let execution = loop {
            let asked = Instant::now();
            match self.look() {
                Ok(found) if found.state != ExecutionState::Running => break found,
                Ok(_) => {
                    heard = Instant::now();
                    if std::mem::take(&mut troubled) {
                        self.note("AWS answers again".to_owned());
                    }
                }
                Err(error) if is_passing(&error) && heard.elapsed() < PATIENCE => {
                    if !std::mem::replace(&mut troubled, true) {
                        self.note(format!("{}; it is tried again", with_causes(&error)));
                    }
                }
                Err(error) => return Ok(Ended::OutOfSight(error)),
            }
            let pause = if troubled { EVERY } else { EVERY.max(asked.elapsed() * SHARE) };
            if interrupts.pause(pause)? == Pause::Over {
                continue;
            }
            let mut again = || matches!(interrupts.pause(Duration::from_millis(100)), Ok(Pause::Interrupted));
            match ask(&mut again) {
                OnInterrupt::Follow => {}
                OnInterrupt::Leave => return Ok(Ended::GoesOn),
                OnInterrupt::Stop => {
                    match self.deployed.aws.stop_execution(&self.begun.execution, "stopped by a person") {
                        Ok(()) => stopped = true,
                        Err(error) => self.note(format!("{error}; it goes on")),
                    }
                }
            }
        };
        if stopped {
            self.merge.interrupt();
            self.wait_for_items(&mut interrupts)?;
        }
        drop(interrupts);
        Ok(Ended::Over(Box::new(self.over(&execution, stopped)?)))
    }

    /// Tells what is new, and returns how far the execution was before that.
    fn look(&mut self) -> Result<Execution, OpsError> {
        let execution = self.deployed.aws.execution(&self.begun.execution)?;
        self.hear()?;
        Ok(execution)
    }

    fn hear(&mut self) -> Result<(), OpsError> {
        let told = block_on(self.shared.told(&mut self.seen))?;
        let events: Vec<Event> = told.into_iter().flat_map(|logged| self.merge.hear(logged)).collect();
        events.iter().for_each(|event| self.tell(event));
        Ok(())
    }

    /// A job that is stopped says which of its items had finished; another Ctrl-C does not wait for that.
    fn wait_for_items(&mut self, interrupts: &mut Interrupts) -> Result<(), OpsError> {
        let began = Instant::now();
        let tasks = &self.begun.plan.graph.tasks;
        let mapped = |merge: &Merge| merge.running().any(|task| tasks.get(task).is_some_and(Task::is_mapped));
        while mapped(&self.merge) && began.elapsed() < GRACE {
            if interrupts.pause(EVERY)? == Pause::Interrupted {
                break;
            }
            self.hear()?;
        }
        Ok(())
    }

    pub(super) fn tell(&self, event: &Event) {
        self.listeners.iter().for_each(|listener| listener.hear(event));
    }

    fn note(&self, message: String) {
        self.tell(&Event::Note { task: None, message });
    }
}

/// Tells whether an error may be gone when it is tried again.
fn is_passing(error: &OpsError) -> bool {
    match error {
        OpsError::Aws(AwsError::Unasked { .. } | AwsError::NoCredentials { .. }) => true,
        OpsError::Aws(error) => {
            let code = error.code();
            let busy =
                ["Throttl", "TooManyRequests", "ServiceUnavailable", "InternalFailure", "InternalServer"];
            busy.iter().any(|word| code.contains(word))
        }
        OpsError::Remote(error) => matches!(error, RemoteError::Request { .. }),
        _ => false,
    }
}

fn with_causes(error: &OpsError) -> String {
    let mut text = error.to_string();
    let mut next = std::error::Error::source(error);
    while let Some(cause) = next {
        text = format!("{text}: {cause}");
        next = cause.source();
    }
    text
}
