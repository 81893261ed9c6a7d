//! Runs an unmapped task.
//!
//! What can fail without touching the output folder comes first; from then on
//! a failure rolls the folder back.

use std::path::PathBuf;
use std::sync::Arc;

use super::attempts::{Done, attempt, roll_back};
use super::decide::{Decided, changed_since};
use super::prepare::{log_file, prepare_dependencies, prepare_outputs, results_of};
use super::record::{self, Made};
use super::unseen;
use super::{Bench, Ended, TaskError, TaskFailure};
use crate::fingerprint::variables;
use crate::model::{Event, OutputComparison, Task, TaskOutcome, outputs_digest};
use crate::task::environment;
use crate::task::outputs::Declared;

/// Runs it, and records what it left.
pub async fn run<'e>(
    bench: &Bench<'_, 'e>,
    task: &'e Task,
    decided: Decided<'e>,
) -> Result<Ended, TaskFailure> {
    let shared = bench.shared;
    let decided = Arc::new(decided);
    let results = results_of(shared, &decided.dependencies)?;
    let circumstances = shared.circumstances(&results);
    let log = log_file(shared, task, None, 0, circumstances)?;
    let job = environment::prepare(task, circumstances)?.job(None, &log, shared.run.line_sink(task, None))?;
    let goal = {
        let decided = Arc::clone(&decided);
        let prepare = move || -> Result<_, TaskError> {
            prepare_dependencies(shared, task, &decided.dependencies, None, &decided.steady)?;
            let declared = Declared::expand(&task.outputs, &variables(task, &shared.run.plan.graph))?;
            prepare_outputs(shared, task, None, declared, &shared.known.current_files(&task.name).to_vec())
        };
        Arc::new(bench.threads.run(prepare).await?)
    };
    shared.run.tell(&Event::TaskStarted {
        task: task.name.clone(),
        items: None,
        estimate_ms: shared.run.plan.base.get(&task.name).and_then(|base| base.estimate_ms),
    });
    let done = attempt(bench, &goal, &job).await?;
    unseen::tell(shared, task, &decided.gathered, &done.attempted.imported);
    let timing = done.attempted.timing;
    match record(bench, task, decided, done, log.clone()).await {
        Ok(outputs) => {
            let (timing, outputs) = (Some(timing), Some(outputs));
            Ok(Ended { outcome: TaskOutcome::Ran, timing, outputs, log: Some(log) })
        }
        Err(error) => {
            bench.threads.run(move || roll_back(shared, &goal)).await;
            Err(TaskFailure { log: Some(log), ..error.into() })
        }
    }
}

/// Writes down what it left; returns how that compares with before.
async fn record<'e>(
    bench: &Bench<'_, 'e>,
    task: &'e Task,
    decided: Arc<Decided<'e>>,
    done: Done,
    log: PathBuf,
) -> Result<OutputComparison, TaskError> {
    let shared = bench.shared;
    let put = move || -> Result<_, TaskError> {
        let files = done.captured.files;
        let result = done.attempted.result.as_deref();
        let made = Made {
            outputs_digest: outputs_digest(&files),
            outputs: files,
            items: None,
            result: result.map(|bytes| shared.run.store.put_bytes(bytes)).transpose()?,
            timing: done.attempted.timing,
            logs: vec![log],
            changed: changed_since(shared, task, &decided),
            accepted: None,
        };
        record::put(shared, task, &decided, made)
    };
    let recordable = bench.threads.run(put).await?;
    record::finish(bench, task, recordable.finished).await?;
    Ok(recordable.comparison)
}
