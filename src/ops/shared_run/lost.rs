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

/// A program that was killed leaves with no exit code, or one of at least this.
const KILLED: i32 = 128;

/// Returns a task as lost by what is told of it here, or was caught by its engine; absent where its reports say that it
/// is done or has failed, as who ended it knows better. Reports of its bundles say neither.
pub(super) fn lost(task: &TaskName, reports: &Reports, told: &[LostTask]) -> Option<LostTask> {
    if reports.done.is_some() {
        return None;
    }
    let caught = reports.caught.as_ref().map(|caught| (job_of(&caught.error), caught.is_latest));
    // A later try was stopped, or goes on.
    if caught.as_ref().is_some_and(|(_, is_latest)| !is_latest) {
        return None;
    }
    let was_killed = caught.as_ref().is_some_and(|(job, _)| job.code.is_none_or(|code| code >= KILLED));
    let has_failed = reports.failed.as_ref().is_some_and(|report| report.outcome == TaskOutcome::Failed);
    // What an earlier try reported is not how one ended that was killed after it.
    if has_failed && !was_killed {
        return None;
    }
    let told = told.iter().find(|one| one.task == *task).cloned();
    told.or_else(|| caught.map(|(job, _)| as_caught(task, &job)))
}

fn job_of(CaughtError { error, cause }: &CaughtError) -> FailedJob {
    let job = cause.as_deref().and_then(FailedJob::of_cause);
    job.unwrap_or_else(|| FailedJob::of_error(error.as_deref(), cause.as_deref()))
}

fn as_caught(task: &TaskName, job: &FailedJob) -> LostTask {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Digest, SHARED_RUN_FORMAT, WorkerReport};
    use crate::remote::Caught;

    fn report(outcome: TaskOutcome) -> WorkerReport {
        WorkerReport {
            format: SHARED_RUN_FORMAT,
            id: "one".into(),
            outcome,
            entry: None,
            reusable: true,
            unfinished: None,
            unchanged: false,
            objects: Digest::of(b""),
            host: "h".into(),
            ended_ms: 1,
            told: Vec::new(),
        }
    }

    #[test]
    fn how_a_task_ended_is_told_by_the_last_who_knows() {
        let task = TaskName::parse("fit").unwrap();
        let told = [LostTask { task: task.clone(), error: "told".into(), log: Vec::new() }];
        let job = |code: i32| {
            let cause =
                format!(r#"{{"JobName": "j", "StatusReason": "job", "Container": {{"ExitCode": {code}}}}}"#);
            CaughtError { error: None, cause: Some(cause) }
        };
        let caught = |code, is_latest| Some(Caught { error: job(code), is_latest });
        let (stopped, failed) = (Some(report(TaskOutcome::Skipped)), Some(report(TaskOutcome::Failed)));
        let done = Some(report(TaskOutcome::Ran));
        let none = Reports::default();
        // What is reported and caught, whether somebody is told of it as well, and why it is lost.
        let table = [
            (none.clone(), false, None),
            (none.clone(), true, Some("told")),
            (
                Reports { caught: caught(137, true), ..none.clone() },
                false,
                Some("its job failed: job; exit code 137"),
            ),
            (Reports { caught: caught(137, true), ..none.clone() }, true, Some("told")),
            // It was killed while it was stopped; then another try was stopped.
            (
                Reports { failed: stopped.clone(), caught: caught(143, true), ..none.clone() },
                false,
                Some("its job failed: job; exit code 143"),
            ),
            (Reports { failed: stopped, caught: caught(137, false), ..none.clone() }, true, None),
            // It said itself why it failed; then another try was killed.
            (Reports { failed: failed.clone(), caught: caught(1, true), ..none.clone() }, true, None),
            (
                Reports { failed: failed.clone(), caught: caught(137, true), ..none.clone() },
                false,
                Some("its job failed: job; exit code 137"),
            ),
            (Reports { failed: failed.clone(), caught: caught(137, false), ..none.clone() }, false, None),
            (Reports { failed, ..none.clone() }, true, None),
            // Another one has done it.
            (Reports { done, caught: caught(137, true), ..none.clone() }, true, None),
        ];
        for (reports, is_told, why) in table {
            let told = if is_told { &told[..] } else { &[] };
            let lost = lost(&task, &reports, told);
            assert_eq!(lost.as_ref().map(|lost| lost.error.as_str()), why, "{reports:?}");
        }
    }
}
