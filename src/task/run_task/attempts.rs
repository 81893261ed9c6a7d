//! Executes a job until it did what it should, as often as `retries` allows.
//!
//! Each attempt finds the folder as the first one did. Where the last one
//! failed too, or the run was stopped, the folder is as it was before all.

use std::sync::Arc;

use super::{Bench, TaskError, TaskFailure, in_one_line};
use crate::failpoint;
use crate::model::Task;
use crate::store::StoreError;
use crate::task::execute::{Attempted, Failure, Job};
use crate::task::outputs::{Captured, Declared, OutputsError, Prepared};
use crate::task::work::Shared;

/// What an attempt is to leave, and what was there before.
pub struct Goal<'e> {
    /// The task.
    pub task: &'e Task,
    /// How people name the item; absent for an unmapped task.
    pub item: Option<String>,
    /// What it declares.
    pub declared: Declared,
    /// What was made room for.
    pub prepared: Prepared,
}

/// An attempt that did what it should.
pub struct Done {
    /// How it went.
    pub attempted: Attempted,
    /// What it left, in the store after the next flush.
    pub captured: Captured,
}

/// Executes and takes in; where that fails for good, the folder is as it was before.
pub async fn attempt<'e>(
    bench: &Bench<'_, 'e>,
    goal: &Arc<Goal<'e>>,
    job: &Job,
) -> Result<Done, TaskFailure> {
    let run = bench.shared.run;
    let most = goal.task.retries.0.saturating_add(1);
    let mut number = 1;
    loop {
        let failure = match attempt_once(bench, goal, job).await {
            Ok(done) => return Ok(done),
            Err(failure) => failure,
        };
        if number == most || !may_be_tried_again(&failure.error) {
            on_thread(bench, goal, roll_back).await;
            return Err(failure);
        }
        let message = format!("attempt {number} of {most} failed: {}; trying again", failure.in_one_line());
        run.note(Some(goal.task), of_item(goal, message));
        on_thread(bench, goal, clear).await;
        number += 1;
    }
}

async fn attempt_once<'e>(
    bench: &Bench<'_, 'e>,
    goal: &Arc<Goal<'e>>,
    job: &Job,
) -> Result<Done, TaskFailure> {
    let mut attempted = run(bench, goal, job).await;
    if attempted.try_alone {
        on_thread(bench, goal, clear).await;
        attempted = run(bench, goal, &job.alone()).await;
    }
    let failed = |error: TaskError, attempted: &Attempted| TaskFailure {
        log_tail: attempted.log_tail.clone(),
        log: Some(job.log.clone()),
        log_range: attempted.log_range,
        ..TaskFailure::from(error)
    };
    if let Err(failure) = &attempted.outcome {
        return Err(failed(failure.clone().into(), &attempted));
    }
    match on_thread(bench, goal, capture).await {
        Ok(captured) => {
            for note in &captured.notes {
                bench.shared.run.note(Some(goal.task), of_item(goal, note.message()));
            }
            Ok(Done { attempted, captured })
        }
        Err(error) => Err(failed(error, &attempted)),
    }
}

async fn run(bench: &Bench<'_, '_>, goal: &Goal<'_>, job: &Job) -> Attempted {
    let attempted = bench.workers.run(job).await;
    for note in &attempted.notes {
        bench.shared.run.note(Some(goal.task), of_item(goal, note.clone()));
    }
    attempted
}

async fn on_thread<'e, T: Send + 'e>(
    bench: &Bench<'_, 'e>,
    goal: &Arc<Goal<'e>>,
    act: fn(&Shared<'_>, &Goal<'_>) -> T,
) -> T {
    let (shared, goal) = (bench.shared, Arc::clone(goal));
    bench.threads.run(move || act(shared, &goal)).await
}

/// Takes in what was declared and written.
pub fn capture(shared: &Shared<'_>, goal: &Goal<'_>) -> Result<Captured, TaskError> {
    let captured = shared
        .with_outputs(goal.task, &goal.declared, |outputs| outputs.capture(&goal.declared, &goal.prepared))?;
    failpoint::hit("task.captured")
        .map_err(|error| StoreError::writing("write", shared.run.store.layout().root(), error))?;
    Ok(captured)
}

/// Makes room for another attempt: what the last one wrote leaves.
pub fn clear(shared: &Shared<'_>, goal: &Goal<'_>) {
    let cleared = shared
        .with_outputs(goal.task, &goal.declared, |outputs| outputs.clear(&goal.declared, &goal.prepared));
    if let Err(error) = cleared {
        let message = format!("what it left could not be removed: {}", in_one_line(&error));
        shared.run.note(Some(goal.task), message);
    }
}

/// Makes the folder as it was before: what was written leaves, what was removed is back.
///
/// Where that cannot be done, it is said: the store has everything that was removed.
pub fn roll_back(shared: &Shared<'_>, goal: &Goal<'_>) {
    clear(shared, goal);
    let back = shared.with_outputs(goal.task, &goal.declared, |outputs| outputs.put_back(&goal.prepared));
    if let Err(error) = back {
        let error = in_one_line(&error);
        let message = format!("its earlier outputs could not be put back: {error}; `kptn restore` does that");
        shared.run.note(Some(goal.task), message);
    }
}

/// Only what the code did can turn out otherwise.
pub fn may_be_tried_again(error: &TaskError) -> bool {
    match error {
        TaskError::Code(failure) => !matches!(failure, Failure::Stopped | Failure::NotStarted { .. }),
        TaskError::Outputs(error) => matches!(error, OutputsError::NotWritten { .. }),
        _ => false,
    }
}

/// Says which item a message is about.
pub fn of_item(goal: &Goal<'_>, message: String) -> String {
    match &goal.item {
        Some(item) => format!("[{item}] {message}"),
        None => message,
    }
}
