//! Tasks whose machine died without a report: who knows of it has them fail as a report would have.
//!
//! The engine knows that a container was killed, and the run does not. It is heard of in two ways: a state machine writes
//! it down at the remote, which whoever closes the run reads; and who follows the run asks AWS, which has what the
//! container printed as well. So the failure is written where every failed attempt is, of what the run was opened with:
//! `status`, `output`, `retry` and `state:failed` find it there.

use super::spare::decide;
use crate::aws::FailedJob;
use crate::fingerprint::{Gathered, Surroundings, fingerprint, gather};
use crate::model::{Attempt, CaughtError, Provenance, RunPlan, TaskName, TaskOutcome, UnfinishedTask};
use crate::ops::items::past_of;
use crate::ops::survey::environment;
use crate::ops::{OpsError, Session, memo, remotes};
use crate::remote::{Reports, SharedRun, block_on};
use crate::store::Store;

/// A task whose machine died.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LostTask {
    /// The task.
    pub task: TaskName,
    /// Why, in one line.
    pub error: String,
    /// What it printed, as far as it is known.
    pub log: Vec<String>,
}

/// Returns a task as lost by what is told of it here, or at the remote; absent where its reports say that it is done or
/// has failed, as who ended it knows better, or nobody says that it is lost. Reports of its bundles say neither.
pub(super) fn lost(task: &TaskName, reports: &Reports, told: &[LostTask]) -> Option<LostTask> {
    let has_failed = reports.failed.as_ref().is_some_and(|report| report.outcome == TaskOutcome::Failed);
    if reports.done.is_some() || has_failed {
        return None;
    }
    let told = told.iter().find(|one| one.task == *task).cloned();
    told.or_else(|| reports.lost.as_ref().map(|caught| as_caught(task, caught)))
}

/// Tells whether who closed the run without having heard more than its keys has counted a lost task as failed.
pub(super) fn was_counted(reports: &Reports) -> bool {
    reports.lost.is_some() || reports.bundles.iter().any(|report| report.outcome == TaskOutcome::Failed)
}

fn as_caught(task: &TaskName, caught: &CaughtError) -> LostTask {
    let CaughtError { error, cause } = caught;
    let job = FailedJob::of_cause(cause).unwrap_or_else(|| FailedJob::of_error(Some(error), Some(cause)));
    let log = job.log.as_ref().map(|stream| format!("[kptn: what it printed is in the log stream {stream}]"));
    LostTask { task: task.clone(), error: job.error(), log: log.into_iter().collect() }
}

/// Writes their failures into the branch, as of `at_ms`; what they depend on is there. A task that has finished since, by
/// whatever run, has not failed.
pub(super) fn record(
    session: &Session,
    store: &Store,
    shared: &SharedRun,
    plan: &RunPlan,
    lost: &[LostTask],
    at_ms: u64,
) -> Result<(), OpsError> {
    if lost.is_empty() {
        return Ok(());
    }
    let briefings = block_on(shared.briefings(&lost.iter().map(|one| one.task.clone()).collect()))?;
    let memo = memo::open(session)?;
    let known = past_of(session, &plan.graph, &memo)?;
    let (project, programs) = (&session.project, &plan.interpreters);
    let surroundings = Surroundings::new(project, &plan.graph, programs, &plan.probes, &environment, &memo);
    let state = session.state()?;
    for one in lost {
        let base = plan.base.get(&one.task).and_then(|base| base.record);
        if state.record_of(&session.key, &plan.graph.namespace, &one.task)? != base {
            continue;
        }
        let brief = briefings.iter().find_map(|briefing| briefing.tasks.get(&one.task));
        let Some((brief, task)) = brief.zip(plan.graph.tasks.get(&one.task)) else { continue };
        // What its machine was to run, whatever is here by now.
        let gathered = Gathered { ingredients: brief.made_of.clone(), ..gather(task, &surroundings) };
        let decision = decide(plan, task, &gathered, &known, &surroundings);
        let known_fingerprint = decision.and_then(|decision| decision.fingerprint);
        let mut printed = one.log.join("\n");
        printed.push_str(if printed.is_empty() { "" } else { "\n" });
        printed.push_str(&format!("[kptn: {}]\n", one.error));
        let attempt = Attempt {
            fingerprint: known_fingerprint.unwrap_or_else(|| fingerprint(&brief.made_of)),
            run: plan.id.clone(),
            ended_ms: at_ms,
            error: one.error.clone(),
            log: None,
            failed_items: 0,
        };
        let open = UnfinishedTask {
            graph: plan.graph.namespace.clone(),
            task: one.task.clone(),
            attempt: Some(attempt),
            provenance: Provenance::default(),
            log: Some(store.put_bytes(printed.as_bytes())?),
            failed: Vec::new(),
            item_logs: None,
            items: None,
        };
        remotes::take_failures(state, store, &session.key, &open)?;
    }
    Ok(())
}
