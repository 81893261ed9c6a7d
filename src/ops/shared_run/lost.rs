//! Tasks whose machine died without a report: who knows of it has them fail as a report would have.
//!
//! The engine knows that a container was killed, and the run does not. So the failure is written where every failed
//! attempt is, of what the run was opened with: `status`, `output`, `retry` and `state:failed` find it there.

use super::spare::decide;
use crate::fingerprint::{Gathered, Surroundings, fingerprint, gather};
use crate::model::{Attempt, Provenance, RunPlan, TaskName, TaskOutcome, UnfinishedTask, WorkerReport};
use crate::ops::items::past_of;
use crate::ops::survey::environment;
use crate::ops::{OpsError, Session, memo, remotes};
use crate::remote::{RemoteError, SharedRun, block_on};
use crate::store::Store;

/// A task whose machine died.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LostTask {
    /// The task.
    pub task: TaskName,
    /// Why, in one line.
    pub error: String,
    /// What it printed, as far as the engine knows.
    pub log: Vec<String>,
    /// Whether items of it failed in bundles, which the run knows.
    pub in_bundles: bool,
}

/// Returns those of which nothing was reported but by bundles: that one is done, or has failed, is known better by who
/// ended it.
pub(super) fn unreported(shared: &SharedRun, lost: &[LostTask]) -> Result<Vec<LostTask>, RemoteError> {
    let has_failed = |report: &WorkerReport| report.outcome == TaskOutcome::Failed;
    block_on(async {
        let mut all = Vec::new();
        for one in lost {
            let reports = shared.reports(&one.task).await?;
            if reports.done.is_none() && !reports.failed.as_ref().is_some_and(has_failed) {
                let in_bundles = reports.bundles.iter().any(has_failed);
                all.push(LostTask { in_bundles, ..one.clone() });
            }
        }
        Ok(all)
    })
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
