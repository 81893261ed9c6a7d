//! Early cut-off where a container costs a minute: who ends a task marks what has nothing to do after it.
//!
//! ```text
//! open      a task that holds as it is, were all before it as they are now: those before it are told
//! a worker  its task left what it had left before: of those that it was told of, whose others have too?
//!           -> a report that it was spared, a mark for the engine, and what depends on that one next
//! ```
//! The report comes first, so whoever sees the mark finds the task done. Of two
//! tasks that end at once each reports before it looks at the other, so one of
//! them sees both. A mark that was not made costs a container, which leaves with
//! 0. Nothing is read of tasks that run in any case.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::{StreamExt, TryStreamExt};

use super::enter::Entered;
use crate::fingerprint::{Gathered, Surroundings, gather_item_code};
use crate::model::{
    Brief, Briefing, Event, Logged, Record, Refresh, RunPlan, SHARED_RUN_FORMAT, SnapshotEntry, Task,
    TaskName, TaskOutcome, Teller, WorkerReport,
};
use crate::ops::items::past_of;
use crate::ops::{OpsError, Session};
use crate::plan::{Action, Decision, Dependency, DependencyState, Known, Situation, list_provider, step};
use crate::remote::{RemoteError, Report, SharedRun, block_on, new_id};
use crate::state::LocalMemo;
use crate::task::now_ms;

/// How many tasks are said to be spared at once.
const AT_ONCE: usize = 32;

/// Returns, for tasks of a run, what depends on them and holds where nothing before it comes to be another.
pub(super) fn may_spare(
    session: &Session,
    plan: &RunPlan,
    memo: &LocalMemo,
    surroundings: &Surroundings<'_>,
    tasks: &[&Task],
    gathered: &[Gathered],
) -> Result<BTreeMap<TaskName, Vec<TaskName>>, OpsError> {
    let known = past_of(session, &plan.graph, memo)?;
    let in_run: BTreeSet<&TaskName> = plan.tasks.iter().collect();
    let mut found: BTreeMap<TaskName, Vec<TaskName>> = BTreeMap::new();
    for (task, gathered) in tasks.iter().zip(gathered) {
        let before: Vec<_> = task.deps.iter().filter(|dep| in_run.contains(dep)).collect();
        // What is old enough one day is not told before that day.
        if before.is_empty()
            || task.refresh != Refresh::Never
            || !holds(plan, task, gathered, &known, surroundings)
        {
            continue;
        }
        for dep in before {
            found.entry(dep.clone()).or_default().push(task.name.clone());
        }
    }
    Ok(found)
}

/// Tells whether a task holds where all that it depends on stays as it is.
fn holds(
    plan: &RunPlan,
    task: &Task,
    gathered: &Gathered,
    known: &dyn Known,
    surroundings: &Surroundings<'_>,
) -> bool {
    let decision = decide(plan, task, gathered, known, surroundings);
    decision.is_some_and(|decision| matches!(decision.action, Action::Keep(_)))
}

/// Decides about a task of a run with the records that its dependencies have now; absent where one has none.
pub(super) fn decide(
    plan: &RunPlan,
    task: &Task,
    gathered: &Gathered,
    known: &dyn Known,
    surroundings: &Surroundings<'_>,
) -> Option<Decision> {
    let dependency = |dep: &TaskName| {
        let state = DependencyState::Known(known.current(dep)?);
        Some(Dependency { task: plan.graph.tasks.get(dep)?, state })
    };
    let dependencies = task.deps.iter().map(dependency).collect::<Option<Vec<_>>>()?;
    let situation = Situation {
        task,
        gathered,
        dependencies: &dependencies,
        provider: if task.is_mapped() { list_provider(&plan.graph, task).ok() } else { None },
        item_code: &|item| gather_item_code(task, item, surroundings),
        force: plan.force,
        run: None,
        choice: plan.items.get(&task.name),
    };
    Some(step(&situation, known))
}

/// Tells whether what depends on the task that a worker has run finds the same as when the run was opened.
pub(super) fn is_unchanged(entered: &Entered, made: Option<&SnapshotEntry>) -> Result<bool, OpsError> {
    let Entered { run, task, brief, .. } = entered;
    let Some((before, now)) = before(brief, task).zip(made).filter(|_| !brief.may_spare.is_empty()) else {
        return Ok(false);
    };
    if before.record == now.record {
        return Ok(true);
    }
    let (before, now) = (run.store.load_json::<Record>(&before.record)?, run.store.load_json(&now.record)?);
    let seen = |record: &Record| Dependency { task, state: DependencyState::Uncertain }.digests(record);
    Ok(seen(&before) == seen(&now))
}

/// Returns the record that a task had when the run was opened.
fn before<'b>(brief: &'b Brief, task: &Task) -> Option<&'b SnapshotEntry> {
    brief.entries.iter().find(|entry| entry.task == task.name)
}

/// Marks what has nothing to do after a task of which `report` counts, and the task itself: an execution that is
/// started again passes over it.
pub(super) fn mark(entered: &Entered, report: &WorkerReport) -> Result<(), RemoteError> {
    let Entered { shared, task, brief, run, .. } = entered;
    let (own, host) = (std::slice::from_ref(&task.name), run.host.as_str());
    block_on(async {
        shared.write_marks(None, own).await?;
        match report.unchanged {
            true => follow(shared, host, task.name.clone(), brief.may_spare.clone()).await,
            false => Ok(()),
        }
    })
}

/// Goes from a task that left what it had left before along what that spares.
async fn follow(
    shared: &SharedRun,
    host: &str,
    task: TaskName,
    next: Vec<TaskName>,
) -> Result<(), RemoteError> {
    let (mut unchanged, mut next) = (BTreeSet::from([task]), BTreeSet::from_iter(next));
    while !next.is_empty() {
        let briefings = shared.briefings(&next).await?;
        let all = briefings.iter().flat_map(|briefing| briefing.tasks.iter().map(move |one| (briefing, one)));
        let meant: Vec<_> = all.filter(|(_, one)| next.contains(one.0)).collect();
        let before: BTreeSet<_> = meant.iter().flat_map(|(_, (_, brief))| &brief.in_run).cloned().collect();
        let before: Vec<_> = before.difference(&unchanged).cloned().collect();
        let reports = shared.done(&before).await?;
        let same = before.into_iter().zip(reports);
        let same = same.filter(|(_, report)| report.as_ref().is_some_and(|report| report.unchanged));
        unchanged.extend(same.map(|(dep, _)| dep));
        let holds = |brief: &Brief| brief.in_run.iter().all(|dep| unchanged.contains(dep));
        let spared = meant.into_iter().filter(|(_, (_, brief))| holds(brief));
        let saying = spared.map(async |(briefing, (task, brief))| {
            let said = spare(shared, host, briefing, task, brief).await?;
            Ok::<_, RemoteError>(said.then_some((task, brief)))
        });
        let said = futures_util::stream::iter(saying).buffer_unordered(AT_ONCE);
        let said: Vec<_> = said.try_filter_map(async |one| Ok(one)).try_collect().await?;
        next = said.iter().flat_map(|(_, brief)| &brief.may_spare).cloned().collect();
        unchanged.extend(said.into_iter().map(|(task, _)| task.clone()));
    }
    Ok(())
}

/// Says that a task is spared; returns whether nothing else was said of it before.
async fn spare(
    shared: &SharedRun,
    host: &str,
    briefing: &Briefing,
    task: &TaskName,
    brief: &Brief,
) -> Result<bool, RemoteError> {
    let Some(entry) = brief.entries.iter().find(|entry| entry.task == *task) else { return Ok(false) };
    let report = WorkerReport {
        format: SHARED_RUN_FORMAT,
        id: new_id(),
        outcome: TaskOutcome::Spared,
        entry: Some(entry.clone()),
        reusable: false,
        unfinished: None,
        unchanged: true,
        objects: briefing.objects,
        host: host.to_owned(),
        ended_ms: now_ms(),
        told: vec![Logged { event: spared(task), teller: Teller::default() }],
    };
    let first = shared.write_report(Report::Done, task, None, report).await?;
    shared.write_marks(None, std::slice::from_ref(task)).await?;
    Ok(first.unchanged)
}

fn spared(task: &TaskName) -> Event {
    Event::TaskFinished {
        task: task.clone(),
        outcome: TaskOutcome::Spared,
        timing: None,
        outputs: None,
        error: None,
        log_tail: Vec::new(),
        log: None,
    }
}
