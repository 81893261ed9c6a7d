//! An item's R script in a fork of a warm R session, which has what scripts need loaded already.
//!
//! ```text
//! Rscript FIFO      one parent a slot: worker/warm.R loads, then waits     (parent.rs)
//!   └ fork          one an item; kptn's own child once its maker is gone
//!       └ R's own top level reads on from the FIFO: there kptn writes the script
//! ```
//! Wherever that may differ from `Rscript script`, the script runs as that, and
//! the reason is said once a task (`fit.rs`). A fork that dies by a signal, or
//! sleeps until its time is up, may be tried again alone: it is the caller who
//! makes the output folder clean for that. Linux only.

mod fit;
mod message;
mod parent;

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::time::Instant;

pub use fit::packages_to_load;

use super::watch::{Waited, wait_for};
use super::{Attempt, Attempted, Failure, Job, RScript, Warm, Workers, failure, r, r_error};
use crate::model::TaskName;
use crate::process::take_in_orphans;
use fit::Unfit;
use parent::{Fork, Parent, Wanted};

/// So many forks of a task may die before its items are no longer forked.
const MOST_DEATHS: u32 = 3;
/// A fork that used less than this part of its time slept; it may wait for what only its parent had.
const ASLEEP: u64 = 50;

/// The warm sessions of a run, by task.
#[derive(Default)]
pub(super) struct Parents {
    tasks: Mutex<BTreeMap<TaskName, Parented>>,
}

#[derive(Default)]
struct Parented {
    idle: Vec<Parent>,
    /// Its items run as plain `Rscript`.
    plain: bool,
    deaths: u32,
}

impl Parents {
    /// Ends the sessions of a task that has no further items. Nothing of the user's runs in them.
    pub async fn finish(&self, workers: &Workers, task: &TaskName) {
        let parented = self.tasks().remove(task).unwrap_or_default();
        for parent in parented.idle {
            parent.end(workers).await;
        }
    }

    fn tasks(&self) -> MutexGuard<'_, BTreeMap<TaskName, Parented>> {
        self.tasks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_plain(&self, task: &TaskName) -> bool {
        self.tasks().get(task).is_some_and(|parented| parented.plain)
    }

    /// Returns whether that is news.
    fn make_plain(&self, task: &TaskName) -> bool {
        let mut tasks = self.tasks();
        let parented = tasks.entry(task.clone()).or_default();
        parented.idle.clear();
        !std::mem::replace(&mut parented.plain, true)
    }

    fn take_idle(&self, task: &TaskName) -> Option<Parent> {
        self.tasks().get_mut(task)?.idle.pop()
    }

    fn put_idle(&self, task: &TaskName, parent: Parent) {
        let mut tasks = self.tasks();
        let parented = tasks.entry(task.clone()).or_default();
        if !parented.plain {
            parented.idle.push(parent);
        }
    }

    /// Counts a fork that died; tells whether that were too many.
    fn count_death(&self, task: &TaskName) -> bool {
        let mut tasks = self.tasks();
        let parented = tasks.entry(task.clone()).or_default();
        parented.deaths += 1;
        parented.deaths >= MOST_DEATHS
    }
}

/// Runs an item's script once, in a fork where that is the same as `Rscript`.
pub(super) async fn run(
    workers: &Workers,
    job: &Job,
    script: &RScript,
    warm: &Warm,
    mut attempt: Attempt,
) -> Attempted {
    let parents = &workers.warm_r;
    if parents.is_plain(&job.task) {
        return r::run(workers, job, script, attempt).await;
    }
    match fork(workers, job, script, warm, &mut attempt).await {
        Ok((parent, fork)) => see_through(workers, job, parent, fork, attempt).await,
        Err(Unfit::Stopped) => attempt.end(|_| Err(Failure::Stopped), crate::process::Usage::default()),
        // Its own error says it better.
        Err(Unfit::Unreadable) => r::run(workers, job, script, attempt).await,
        Err(unfit) => {
            if parents.make_plain(&job.task) {
                attempt.note(&format!("items run as plain Rscript: {unfit}"));
            }
            r::run(workers, job, script, attempt).await
        }
    }
}

/// Takes an idle session or starts one, and lets it fork. Nothing of the user's script has run after an error.
async fn fork(
    workers: &Workers,
    job: &Job,
    script: &RScript,
    warm: &Warm,
    attempt: &mut Attempt,
) -> Result<(Parent, Fork), Unfit> {
    let text = std::fs::read(&script.script).map_err(|_| Unfit::Unreadable)?;
    if !job.folder.is_dir() {
        return Err(Unfit::Unreadable);
    }
    fit::check(script, &text)?;
    let environment = r::environment(job, script, &workers.folder).map_err(|_| Unfit::Unreadable)?;
    let wanted = Wanted { job, script, warm, environment: &environment };
    let parents = &workers.warm_r;
    while let Some(mut parent) = parents.take_idle(&job.task) {
        match parent.fork(workers, &wanted, &text, attempt).await {
            // It may have been killed meanwhile, for want of memory.
            Err(Unfit::NotForked { .. }) => {}
            forked => return forked.map(|fork| (parent, fork)),
        }
    }
    if !take_in_orphans() {
        return Err(Unfit::System);
    }
    let mut parent = Parent::start(workers, &wanted, attempt).await?;
    let fork = parent.fork(workers, &wanted, &text, attempt).await?;
    Ok((parent, fork))
}

/// Waits for the end of a fork that begins to read its script now.
async fn see_through(
    workers: &Workers,
    job: &Job,
    parent: Parent,
    mut fork: Fork,
    mut attempt: Attempt,
) -> Attempted {
    let deadline = job.timeout.map(|timeout| Instant::now() + timeout);
    let mut stop = workers.stop.subscribe();
    let waited = wait_for(fork.read_and_end(), &mut attempt.log, deadline, &mut stop).await;
    let grace = workers.patience.grace;
    let (ended, stopped) = match waited {
        Waited::Happened(ended) => (ended, None),
        Waited::TimedOut => {
            let after = job.timeout.unwrap_or_default();
            (fork.child.stop(grace).await, Some(Failure::TimedOut { after }))
        }
        Waited::Stopped => (fork.child.stop(grace).await, Some(Failure::Stopped)),
    };
    attempt.sweep(&mut fork.child, workers.patience).await;
    if fork.clear_away(&ended) {
        workers.warm_r.put_idle(&job.task, parent);
    }

    let limit_ms = job.timeout.map_or(0, |timeout| timeout.as_millis() as u64);
    let doubt = match &stopped {
        None => ended.signal.map(|signal| Failure::Killed { signal }.to_string()),
        Some(Failure::TimedOut { .. }) if ended.usage.cpu_ms < limit_ms / ASLEEP => Some("asleep".to_owned()),
        Some(_) => None,
    };
    if let Some(how) = &doubt {
        attempt.note(&format!("{how} in a fork of a warm R; tried once as plain Rscript"));
        if workers.warm_r.count_death(&job.task) && workers.warm_r.make_plain(&job.task) {
            attempt.note(&format!("items run as plain Rscript: {}", Unfit::Deaths));
        }
    }
    let outcome = |lines: &[String]| match stopped {
        Some(failure) => Err(failure),
        None if ended.is_success() => Ok(()),
        None => Err(failure(&ended, r_error::find(lines))),
    };
    Attempted { try_alone: doubt.is_some(), ..attempt.end(outcome, ended.usage) }
}
