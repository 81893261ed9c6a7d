//! Runs one task of a run: decide, prepare, execute, capture, record.
//!
//! ```text
//! decide     its dependencies have records: fresh, reusable, or to run
//! prepare    dependencies' files are here, its own old ones leave
//! execute    its code, again where that failed and `retries` allows
//! capture    what it declares and wrote goes into the store
//! record     flush, record, result row: then it is done, and may be told
//! ```
//!
//! A mapped task does the middle three for each stale item (`items.rs`). What
//! fails puts back what was there before, and is remembered as an attempt.

pub mod accept;
pub mod attached;
mod attempts;
mod decide;
mod error;
mod item;
mod items;
mod ledger;
mod missing;
mod prepare;
mod python_lanes;
mod r_lanes;
mod record;
mod reported;
mod reuse;
mod single;
mod steady;
mod subset;
mod table;
mod unseen;

use std::cell::Cell;
use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

pub use error::{TaskError, TaskFailure, in_one_line};

use serde_json::Value;

use super::Lanes;
use super::execute::{Failure, Workers};
use super::recorder::Recorder;
use super::work::{Shared, Threads};
use crate::model::{Attempt, Bundle, Event, OutputComparison, Reason, Task, TaskOutcome, Timing};
use crate::plan::{Action, Known, list_provider};
use crate::state::{LockError, TaskLock, Wait};
use decide::decide;

/// How often a task that another process runs is tried.
const AGAIN: Duration = Duration::from_millis(100);

/// What every task of a run is run with.
pub struct Bench<'s, 'e> {
    /// The run and its past.
    pub shared: &'e Shared<'e>,
    /// For what reads and writes files at length.
    pub threads: Threads<'s, 'e>,
    /// For what finished.
    pub recorder: Recorder<'s, 'e>,
    /// For what is to run.
    pub workers: Arc<Workers>,
    stopped: Cell<bool>,
}

impl<'s, 'e> Bench<'s, 'e> {
    /// Puts together what tasks are run with.
    pub fn new(shared: &'e Shared<'e>, threads: Threads<'s, 'e>, workers: Workers) -> Self {
        let workers = Arc::new(workers);
        let recorder = Recorder::new(shared, threads);
        Self { shared, threads, recorder, workers, stopped: Cell::new(false) }
    }

    /// Stops everything that runs, and lets nothing else start.
    pub fn stop(&self) {
        self.stopped.set(true);
        self.workers.stop();
    }
}

/// A task that did not fail.
struct Ended {
    outcome: TaskOutcome,
    timing: Option<Timing>,
    outputs: Option<OutputComparison>,
    log: Option<PathBuf>,
}

impl Ended {
    fn without_running(outcome: TaskOutcome, outputs: Option<OutputComparison>) -> Self {
        Self { outcome, timing: None, outputs, log: None }
    }
}

/// Runs a task if it is stale; tells how it ended, and returns it.
///
/// When this returns, what finished is durable. Running it twice is harmless:
/// the second time it is fresh.
pub async fn run_task(bench: &Bench<'_, '_>, task: &Task, lanes: &Lanes<'_>) -> TaskOutcome {
    let Some(task) = bench.shared.run.task(task.name.as_str()) else { return TaskOutcome::Skipped };
    match carry_out(bench, task, lanes).await {
        Ok(ended) => {
            bench.shared.run.tell(&Event::TaskFinished {
                task: task.name.clone(),
                outcome: ended.outcome,
                timing: ended.timing,
                outputs: ended.outputs,
                error: None,
                log_tail: Vec::new(),
                log: ended.log.map(|log| log.display().to_string()),
            });
            ended.outcome
        }
        Err(failure) => tell_failure(bench, task, failure),
    }
}

async fn carry_out<'e>(
    bench: &Bench<'_, 'e>,
    task: &'e Task,
    lanes: &Lanes<'_>,
) -> Result<Ended, TaskFailure> {
    let shared = bench.shared;
    let bundle = shared.run.plan.bundle_of(&task.name);
    let lock = hold(bench, task, bundle).await?;
    let ended = look_and_run(bench, task, lanes).await?;
    if bundle.is_none() {
        return Ok(ended);
    }
    drop(lock);
    // Of the bundles that run side by side, the last to end finds that all items are done.
    let _lock = hold(bench, task, None).await?;
    let decided = bench.threads.run(move || decide(shared, task)).await?;
    let plan = decided.decision.items.as_ref();
    if plan.is_some_and(|plan| plan.stale.is_empty() && plan.left.is_empty()) {
        let recorded = items::run(bench, task, decided, lanes).await?;
        return Ok(Ended { outputs: recorded.outputs, ..ended });
    }
    Ok(ended)
}

/// What is stale of a mapped task.
pub struct StaleElements {
    /// How many items the list has.
    pub total: u64,
    /// The elements of the list whose items have to run, in its order.
    pub elements: Vec<Value>,
}

/// Looks at a mapped task as [`run_task`] does, and runs nothing.
pub fn look_at_items(shared: &Shared<'_>, task: &Task) -> Result<StaleElements, TaskError> {
    let decided = decide(shared, task)?;
    if let Some(error) = bad_items(&decided.decision.reasons) {
        return Err(TaskError::BadItems { error });
    }
    let provider = list_provider(&shared.run.plan.graph, task).ok().map(|provider| &provider.name);
    let record = decided.dependencies.iter().find(|(dep, _)| Some(&dep.name) == provider);
    let list = record.and_then(|(_, record)| shared.known.result(record));
    let all = list.as_ref().and_then(|list| list.as_array()).map_or(&[] as &[Value], Vec::as_slice);
    let plan = decided.decision.items.unwrap_or_default();
    let stale: HashSet<_> = plan.stale.iter().map(|item| item.key).collect();
    let elements = plan.order.iter().zip(all).filter(|(key, _)| stale.contains(key));
    Ok(StaleElements {
        total: all.len() as u64,
        elements: elements.map(|(_, element)| element.clone()).collect(),
    })
}

/// Decides about a task, or about the items of it that are meant, and carries that out.
async fn look_and_run<'e>(
    bench: &Bench<'_, 'e>,
    task: &'e Task,
    lanes: &Lanes<'_>,
) -> Result<Ended, TaskFailure> {
    let shared = bench.shared;
    let decided = bench.threads.run(move || decide(shared, task)).await?;
    let fingerprint = decided.fingerprint();
    let ended = match &decided.decision.action {
        Action::Keep(_) => Ok(Ended::without_running(TaskOutcome::Spared, None)),
        Action::Reuse(record) => reuse::take(bench, task, record).await,
        Action::Run | Action::Wait => match bad_items(&decided.decision.reasons) {
            Some(error) => Err(TaskError::BadItems { error }.into()),
            None if task.is_mapped() => items::run(bench, task, decided, lanes).await,
            None => single::run(bench, task, decided).await,
        },
    };
    ended.map_err(|failure| TaskFailure { fingerprint: Some(fingerprint), ..failure })
}

/// Takes the right to run a task, or one bundle of it; waits where another process runs it now.
async fn hold(bench: &Bench<'_, '_>, task: &Task, bundle: Option<&Bundle>) -> Result<TaskLock, TaskError> {
    let part = bundle.map(Bundle::key);
    let Shared { run, key, .. } = bench.shared;
    let (root, namespace) = (run.store.layout().root(), &run.plan.graph.namespace);
    let mut told = false;
    loop {
        match TaskLock::acquire(root, key, namespace, &task.name, part.as_ref(), Wait::No) {
            Err(LockError::Held { .. }) if bench.stopped.get() => return Err(TaskError::Stopped),
            Err(LockError::Held { .. }) if told => tokio::time::sleep(AGAIN).await,
            Err(LockError::Held { .. }) => {
                run.note(Some(task), "waits for another process that runs it now");
                told = true;
            }
            taken => return Ok(taken?),
        }
    }
}

fn bad_items(reasons: &[Reason]) -> Option<String> {
    reasons.iter().find_map(|reason| match reason {
        Reason::BadItems { error } => Some(error.clone()),
        _ => None,
    })
}

/// Remembers a failed attempt and tells of it. What was stopped has not failed.
fn tell_failure(bench: &Bench<'_, '_>, task: &Task, failure: TaskFailure) -> TaskOutcome {
    let run = bench.shared.run;
    let stopped = matches!(*failure.error, TaskError::Stopped | TaskError::Code(Failure::Stopped));
    let outcome = if stopped { TaskOutcome::Skipped } else { TaskOutcome::Failed };
    let error = failure.in_one_line();
    if let Some(hint) = missing::hint(bench.shared, task, &failure.log_tail) {
        run.note(Some(task), hint);
    }
    let log = failure.log.map(|log| log.display().to_string());
    if let (Some(fingerprint), false) = (failure.fingerprint, stopped) {
        let attempt = Attempt {
            fingerprint,
            run: run.plan.id.clone(),
            ended_ms: super::now_ms(),
            error: error.clone(),
            log: log.clone(),
            failed_items: if let TaskError::Items { failed, .. } = *failure.error { failed } else { 0 },
        };
        let kept = run.state.fail_task(&run.key(), &run.plan.graph.namespace, &task.name, &attempt);
        if let Err(error) = kept {
            run.note(Some(task), format!("its failure could not be remembered: {}", in_one_line(&error)));
        }
    }
    run.tell(&Event::TaskFinished {
        task: task.name.clone(),
        outcome,
        timing: None,
        outputs: None,
        error: Some(error),
        log_tail: if stopped { Vec::new() } else { failure.log_tail },
        log,
    });
    outcome
}
