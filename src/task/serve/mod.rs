//! `kptn task serve`: does what a runner asks for, and closes the run.
//!
//! The runner decides the order; everything else is here: whether a task is
//! fresh, running it, keeping what it made, telling those who watch. One run to
//! a process. Ctrl-C, SIGTERM and the end of the runner stop what runs; what
//! had finished by then is kept.
//!
//! ```text
//! protocol   the messages            floor    tasks that run now
//! machine    cores and memory        ending   what was not started, exit codes
//! event_log  events in the run's folder
//! ```

mod ending;
mod event_log;
mod floor;
mod machine;
mod protocol;
mod signals;
mod tidy;

pub use ending::{Ending, NOT_STARTED, Stop, skipped};
pub use event_log::{EventLog, TaskLines};
pub use machine::Machine;
pub use protocol::{Hello, Said, Voice, hello_line};

use std::collections::BTreeMap;
use std::io::{BufRead, Write};

use super::execute::{ExecuteError, Patience, Workers};
use super::lanes::Lanes;
use super::run_task::{Bench, StaleElements, TaskError, look_at_items, run_task};
use super::work::{Shared, Threads};
use super::{Run, now_ms};
use crate::model::{BranchName, Event, RUNNER_PROTOCOL, TaskName, TaskOutcome};
use crate::state::{RunCounts, StateError};
use ending::{counts, exit_code};
use floor::Floor;
use signals::Signals;

/// Why a run could not be served to its end.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The state.
    #[error(transparent)]
    State(#[from] StateError),
    /// The run's folder.
    #[error(transparent)]
    Execute(#[from] ExecuteError),
    /// The system refused what every process gets.
    #[error("cannot begin to serve a run")]
    System { source: std::io::Error },
    /// Another branch was checked out since the run was opened.
    #[error("the run is for the branch `{from}`, and `{to}` is checked out")]
    HeadMoved { from: BranchName, to: BranchName },
    /// A task that could not be looked at.
    #[error("cannot look at `{task}`")]
    Look {
        /// The task.
        task: TaskName,
        /// Why.
        source: TaskError,
    },
    /// A task that is not in the run.
    #[error("task `{task}` is not in this run")]
    NotInRun { task: TaskName },
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Served {
    /// The exit code: what the runner leaves with.
    pub exit: i32,
    /// Tasks by outcome.
    pub counts: RunCounts,
}

/// Serves the runner at the other end of `input` and `output` until it is done or gone.
pub fn serve(
    run: &Run,
    input: impl BufRead + Send + 'static,
    output: impl Write + Send + 'static,
) -> Result<Served, ServeError> {
    let began_ms = now_ms();
    let voice = Voice::new(output);
    let served = with_bench(run, async |bench| {
        let signals = Signals::new()?;
        let machine = Machine::here();
        let hello = hello(run, &machine);
        run.tell(&ending::run_started(run, &hello));
        tidy::leave_removed_tasks(bench.shared);
        voice.say(&Said::Hello(hello));
        Ok(Floor::new(bench, &voice, machine).work(protocol::listen(input, &run.starter), signals).await)
    });
    let closed = served.and_then(|ending| close(run, &ending, began_ms));
    // Nothing is lost with it but time.
    drop(run.memo.save());
    voice.say(&Said::Bye { bye: closed.as_ref().map_or(ending::ENVIRONMENT, |served| served.exit) });
    closed
}

/// Runs one task of a run, for an engine; the run stays open.
pub fn run_one(run: &Run, task: &TaskName) -> Result<TaskOutcome, ServeError> {
    let Some(task) = run.task(task.as_str()) else { return Err(ServeError::NotInRun { task: task.clone() }) };
    if let Some(head) = run.moved_to() {
        return Err(ServeError::HeadMoved { from: run.plan.branch.clone(), to: head.branch });
    }
    with_bench(run, async |bench| {
        let mut signals = Signals::new()?;
        let (gone, mut starter_is_gone) = tokio::sync::mpsc::unbounded_channel();
        run.starter.watch(move || gone.send(()).unwrap_or_default());
        let lanes = Lanes::own(run.plan.jobs.unwrap_or(Machine::here().cores));
        let mut running = std::pin::pin!(run_task(bench, task, &lanes));
        let mut recording = std::pin::pin!(bench.recorder.drive());
        loop {
            tokio::select! {
                outcome = &mut running => return Ok(outcome),
                () = &mut recording => {}
                _ = signals.next() => bench.stop(),
                Some(()) = starter_is_gone.recv() => bench.stop(),
            }
        }
    })
}

/// Puts the files of a task's last record where it looks for them: for one that updates them in place (`keep: true`).
pub fn put_own_files(run: &Run, task: &TaskName) -> Result<(), ServeError> {
    let key = run.key();
    let shared = Shared::load(run, &key)?;
    let files = shared.known.current_files(task);
    let restored = shared.with_all_outputs(task, |outputs| outputs.restore(files.iter()));
    let look = |source| ServeError::Look { task: task.clone(), source };
    restored.map(drop).map_err(|error| look(error.into()))
}

/// Looks at a mapped task as [`run_one`] does, and runs nothing.
pub fn stale_elements(run: &Run, task: &TaskName) -> Result<StaleElements, ServeError> {
    let Some(task) = run.task(task.as_str()) else { return Err(ServeError::NotInRun { task: task.clone() }) };
    let key = run.key();
    let shared = Shared::load(run, &key)?;
    look_at_items(&shared, task).map_err(|source| ServeError::Look { task: task.name.clone(), source })
}

/// Begins a run that an engine carries out.
pub fn begin_for_engine(run: &Run) -> Result<(), ServeError> {
    run.tell(&ending::run_started(run, &hello(run, &Machine::here())));
    tidy::leave_removed_tasks(&Shared::load(run, &run.key())?);
    Ok(())
}

/// Closes such a run, whose tasks came to `outcomes`.
pub fn close_for_engine(
    run: &Run,
    outcomes: BTreeMap<TaskName, TaskOutcome>,
    began_ms: u64,
) -> Result<Served, ServeError> {
    let served = close(run, &Ending { outcomes, stop: None }, began_ms)?;
    Ok(Served { exit: exit_code_of(&served.counts), ..served })
}

/// Returns the exit code of a run that nobody stopped: what was not started was left undone.
pub fn exit_code_of(counts: &RunCounts) -> i32 {
    if counts.failed + counts.skipped > 0 { ending::FAILED } else { 0 }
}

/// Sets up what tasks are run with, and works with it on this thread.
fn with_bench<T>(
    run: &Run,
    work: impl AsyncFnOnce(&Bench<'_, '_>) -> Result<T, ServeError>,
) -> Result<T, ServeError> {
    let system = |source| ServeError::System { source };
    let key = run.key();
    let shared = Shared::load(run, &key)?;
    let mut folder = run.store.layout().run(&run.plan.id);
    if let Some(bundle) = run.plan.bundle() {
        // Other processes run other bundles of the run at the same time.
        folder = folder.join(bundle.file_name());
    }
    let workers = Workers::new(&folder, run.reaper.clone(), Patience::default())?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(system)?;
    std::thread::scope(|scope| {
        let bench = Bench::new(&shared, Threads(scope), workers);
        runtime.block_on(work(&bench))
    })
}

fn hello(run: &Run, machine: &Machine) -> Hello {
    let slots = run.plan.jobs.unwrap_or(machine.cores).max(1);
    Hello {
        hello: RUNNER_PROTOCOL,
        run: run.plan.id.clone(),
        tasks: run.plan.tasks.clone(),
        // More jobs than cores is what the user wants.
        cpu_units: u64::from(machine.cores.max(slots)) * 1024,
        memory_mib: machine.memory_mib,
        slots,
        concurrency: run.project.settings.concurrency.clone(),
        after_failure: run.plan.after_failure,
    }
}

fn close(run: &Run, ending: &Ending, began_ms: u64) -> Result<Served, ServeError> {
    for event in skipped(&run.plan, ending) {
        run.tell(&event);
    }
    let counts = counts(run, ending);
    run.state.close_run(&run.store, &run.plan.id, &counts, &run.log_entry())?;
    let wall_ms = now_ms().saturating_sub(began_ms);
    run.tell(&Event::run_finished(run.plan.id.clone(), &counts, wall_ms));
    Ok(Served { exit: exit_code(ending, &counts), counts })
}

#[cfg(test)]
pub(super) fn said_in_tests() -> protocol::tests::Shared {
    protocol::tests::Shared::default()
}

#[cfg(unix)]
#[cfg(test)]
mod tests;
