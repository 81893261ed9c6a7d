//! One attempt in the terminal that counts: what it left is recorded as a run would have.
//!
//! ```text
//! decide    as before a run, and whatever is fresh: what the task or the item is made of today
//! prepare   its own old outputs leave
//! attempt   with the terminal; once, without a timeout
//! capture   where it succeeded: what it declares and wrote goes into the store
//! record    the task, or the item; a run of its own is opened for that and closed
//! ```
//! Where it fails nothing is recorded, not even that: the folder is as it was,
//! and what was written is kept aside.

use std::path::Path;

use super::attempts::Done;
use super::decide::{Decided, changed_since, decide_as};
use super::item::record_of;
use super::record::{self, Made, Recordable};
use super::table::{self, Finished};
use super::{TaskError, bad_items, in_one_line};
use crate::model::{Digest, Force, OutputFile, Task, outputs_digest};
use crate::process;
use crate::state::{self, RunCounts, TaskLock, Wait};
use crate::task::execute::{ExecuteError, Failure, Job, run_in_terminal};
use crate::task::now_ms;
use crate::task::outputs::{Declared, Folder, Kept, Update};
use crate::task::work::Shared;

/// How an attempt went that was to be recorded.
#[derive(Debug)]
pub struct Attached {
    /// Why it failed, in one line; absent where it did not.
    pub failure: Option<String>,
    /// Edits that were in the way and, where it failed, what it wrote: where that is now.
    pub aside: Vec<Kept>,
    /// What was recorded; absent where it failed.
    pub recorded: Option<Written>,
}

/// What was recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// The task's record; absent where an item was kept for the task's next run, which does the rest.
    pub record: Option<Digest>,
    /// Items that are still not fresh.
    pub left: u64,
    /// What was not any more as it was at the start: it is kept, and stays stale.
    pub changed: Vec<String>,
}

/// Why an attempt could not be made, or not be recorded.
#[derive(Debug, thiserror::Error)]
pub enum AttachedError {
    /// The task.
    #[error(transparent)]
    Task(#[from] TaskError),
    /// Its program.
    #[error(transparent)]
    Execute(#[from] ExecuteError),
}

/// What is to be attempted.
pub struct Attempt<'a> {
    /// What its process is started with.
    pub job: &'a Job,
    /// What it declares.
    pub declared: &'a Declared,
    /// What it left last.
    pub previous: &'a [OutputFile],
    /// For files that its process needs meanwhile.
    pub folder: &'a Path,
}

/// Makes an attempt at the only task of a run that nobody has opened, and records what came of it.
///
/// Of a mapped task the plan chooses one item. Who calls holds the locks of a run.
pub fn attempt(shared: &Shared<'_>, task: &Task, wanted: &Attempt<'_>) -> Result<Attached, AttachedError> {
    let Attempt { job, declared, previous, folder } = *wanted;
    let run = shared.run;
    let (root, namespace) = (run.store.layout().root(), &run.plan.graph.namespace);
    let lock = TaskLock::acquire(root, shared.key, namespace, &task.name, None, Wait::No);
    let _lock = lock.map_err(TaskError::from)?;
    let decided = decide_as(shared, task, Force::Yes)?;
    if let Some(error) = bad_items(&decided.decision.reasons) {
        return Err(TaskError::BadItems { error }.into());
    }
    Folder::make(shared.folder.root()).map_err(TaskError::from)?;
    let update = if task.keep { Update::InPlace } else { Update::Anew };
    let prepared = shared.with_outputs(task, declared, |outputs| outputs.prepare(declared, previous, update));
    let prepared = prepared.map_err(TaskError::from)?;
    let mut aside = prepared.kept.clone();
    let recorded = run_in_terminal(job, folder).map_err(AttachedError::from).and_then(|attempted| {
        if let Err(failure) = &attempted.outcome {
            return Err(TaskError::from(failure.clone()).into());
        }
        if task.cache_result && attempted.result.is_none() {
            let error = "it left before it returned a result".to_owned();
            return Err(TaskError::from(Failure::Said { error }).into());
        }
        let captured = shared.with_outputs(task, declared, |outputs| outputs.capture(declared, &prepared));
        let done = Done { attempted, captured: captured.map_err(TaskError::from)? };
        Ok(written(shared, task, decided, done)?)
    });
    let error = match recorded {
        Ok(recorded) => return Ok(Attached { failure: None, aside, recorded: Some(recorded) }),
        Err(error) => error,
    };
    let undone = shared.with_outputs(task, declared, |outputs| outputs.undo(declared, &prepared, previous));
    aside.extend(undone.map_err(TaskError::from)?);
    match error {
        AttachedError::Task(error @ (TaskError::Code(_) | TaskError::Outputs(_))) => {
            Ok(Attached { failure: Some(in_one_line(&error)), aside, recorded: None })
        }
        error => Err(error),
    }
}

/// Records what a good attempt left.
fn written(
    shared: &Shared<'_>,
    task: &Task,
    mut decided: Decided<'_>,
    done: Done,
) -> Result<Written, TaskError> {
    let Some(plan) = decided.decision.items.take() else {
        let files = done.captured.files;
        let result = done.attempted.result.as_deref().filter(|_| task.cache_result);
        let made = Made {
            outputs_digest: outputs_digest(&files),
            outputs: files,
            items: None,
            result: result.map(|bytes| shared.run.store.put_bytes(bytes)).transpose()?,
            timing: done.attempted.timing,
            logs: Vec::new(),
            changed: changed_since(shared, task, &decided),
            accepted: None,
        };
        return keep_task(shared, task, &decided, made, 0);
    };
    let [stale] = plan.stale.as_slice() else {
        let error = "an output that belongs to all its items cannot be made by one alone".to_owned();
        return Err(TaskError::BadItems { error });
    };
    let mut record = record_of(shared, stale, done, Path::new(""))?;
    let left = plan.left.len() as u64;
    let changed = changed_since(shared, task, &decided);
    if !changed.is_empty() {
        record.fingerprint = table::unsettled(record.fingerprint);
    }
    if left == 0 {
        let finished = Finished {
            whole: Vec::new(),
            order: plan.order,
            fresh: plan.fresh,
            done: vec![record],
            removed: plan.removed,
            changed,
        };
        table::leave_removed(shared, task, &finished)?;
        let made = table::made(shared, task, &decided, finished)?;
        return keep_task(shared, task, &decided, made, left);
    }
    // As of a run of some items: kept beside the last record.
    let run = shared.run;
    run.store.flush()?;
    open(shared)?;
    if changed.is_empty() {
        run.state.keep_items(shared.key, &run.plan.graph.namespace, &task.name, &[record])?;
    }
    close(shared)?;
    Ok(Written { record: None, left, changed })
}

fn keep_task(
    shared: &Shared<'_>,
    task: &Task,
    decided: &Decided<'_>,
    made: Made,
    left: u64,
) -> Result<Written, TaskError> {
    let run = shared.run;
    let changed = made.changed.clone();
    let Recordable { finished, .. } = record::put(shared, task, decided, made)?;
    run.store.flush()?;
    open(shared)?;
    run.state.finish_task(&state::Finished {
        branch: shared.key,
        graph: &run.plan.graph.namespace,
        task: &finished.task,
        record: finished.record,
        fingerprint: finished.fingerprint,
        outputs: finished.outputs,
        base: finished.base,
        run: &run.plan.id,
        indexing: finished.indexing,
        now_ms: now_ms(),
    })?;
    close(shared)?;
    Ok(Written { record: Some(finished.record), left, changed })
}

/// The run is opened once there is something to record: an attempt that fails leaves no run.
fn open(shared: &Shared<'_>) -> Result<(), TaskError> {
    let run = shared.run;
    Ok(run.state.open_run(&run.plan, &process::host_name(), run.plan.id.made_ms())?)
}

fn close(shared: &Shared<'_>) -> Result<(), TaskError> {
    let (run, counts) = (shared.run, RunCounts { ran: 1, ..RunCounts::default() });
    run.state.close_run(&run.store, &run.plan.id, &counts, &run.log_entry())?;
    Ok(())
}
