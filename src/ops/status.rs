//! `status` and `plan`: what is fresh, what is not, and why.

use std::collections::BTreeSet;

use super::probes::Probing;
use super::report::{ItemCounts, StatusReport, StatusRow};
use super::scope::{self, Words};
use super::survey::{Question, Survey};
use super::{OpsError, Session, memo, quick};
use crate::graph::{self, Dag};
use crate::model::{Force, Reason, Severity, Status, TaskName};
use crate::plan::{Action, Decision, Known};
use crate::state::LocalMemo;

/// Returns the status of the tasks that the words select.
pub fn status(session: &Session, words: &Words, probing: Probing) -> Result<StatusReport, OpsError> {
    let memo = memo::open(session)?;
    let generation = session.state()?.status_generation(&session.key)?;
    let (report, surveys) = look(session, words, probing, &memo)?;
    memo::save(&memo);
    if *words == Words::default() && probing == Probing::Believe {
        quick::remember(session, &memo, generation, &surveys, &report);
    }
    Ok(report)
}

/// Looks at every graph that the words are about; returns the rows, and all that they rest on.
pub(super) fn look<'a>(
    session: &'a Session,
    words: &Words,
    probing: Probing,
    memo: &'a LocalMemo,
) -> Result<(StatusReport, Vec<Survey<'a>>), OpsError> {
    let mut report = StatusReport {
        place: session.place(),
        rows: Vec::new(),
        notes: session.notes.iter().filter(|note| note.severity < Severity::Note).cloned().collect(),
        running: session.running(),
    };
    let mut surveys = Vec::new();
    for scope in scope::graphs(session, words)? {
        let question = Question { graph: scope.graph, probing, force: &|_| Force::No };
        let mut survey = Survey::of(session, memo, &question)?;
        survey.look_for_promotable(session, memo)?;
        let selected = select(session, &survey, &scope.selectors, &scope.exclude)?;
        report.rows.extend(selected.iter().filter_map(|task| row(&survey, task)));
        let notes = survey.gathered.values().flat_map(|gathered| gathered.notes.iter().cloned());
        report.notes.extend(notes);
        surveys.push(survey);
    }
    Ok((report, surveys))
}

/// Returns the tasks that selectors name, dependencies first.
pub fn select(
    session: &Session,
    survey: &Survey<'_>,
    selectors: &[String],
    exclude: &[String],
) -> Result<Vec<TaskName>, OpsError> {
    let status =
        |task: &TaskName| survey.decisions.get(task).map_or(Status::Stale, |decision| decision.status);
    let chosen = graph::select(session.dag(survey.graph), survey.graph, selectors, exclude, &status)?;
    Ok(chosen)
}

/// Returns the row of one task.
pub fn row(survey: &Survey<'_>, task: &TaskName) -> Option<StatusRow> {
    let decision = survey.decisions.get(task)?;
    let record = decision.record().cloned().or_else(|| survey.known.current(task));
    let absent = match (&decision.status, &record) {
        (Status::Fresh, Some(record)) => match decision.action {
            Action::Keep(_) => decision.outputs.absent.len() as u64,
            _ => survey.known.outputs(record).absent.len() as u64,
        },
        _ => 0,
    };
    let promotable =
        survey.promotable.get(task).map(|branch| Reason::Promotable { branch: branch.to_string() });
    Some(StatusRow {
        graph: survey.graph.name.clone(),
        task: task.clone(),
        status: decision.status,
        reasons: promotable.into_iter().chain(decision.reasons.iter().cloned()).collect(),
        absent,
        chosen: None,
        items: item_counts(survey, decision, record.as_deref()),
        estimate_ms: record.as_ref().map(|record| record.timing.wall_ms),
        made_ms: record.as_ref().map(|record| record.timing.started_ms + record.timing.wall_ms),
        probed_ms: survey.believed(task, record.as_deref()),
    })
}

fn item_counts(
    survey: &Survey<'_>,
    decision: &Decision,
    record: Option<&crate::model::Record>,
) -> Option<ItemCounts> {
    let from_reasons = decision.reasons.iter().find_map(|reason| match reason {
        Reason::Items { stale, total, failed } => {
            Some(ItemCounts { total: *total, stale: *stale, failed: *failed })
        }
        _ => None,
    });
    from_reasons
        .or_else(|| Some(ItemCounts { total: survey.known.item_count(record?)?, stale: 0, failed: 0 }))
}

/// Returns the tasks before `selected` that are not fresh and not selected themselves.
pub fn stale_before(session: &Session, survey: &Survey<'_>, selected: &[TaskName]) -> Vec<TaskName> {
    let dag = session.dag(survey.graph);
    let before = all_before(dag, selected);
    let chosen: BTreeSet<&TaskName> = selected.iter().collect();
    let not_fresh = |task: &&TaskName| {
        before.contains(*task)
            && !chosen.contains(*task)
            && survey.decisions.get(*task).is_some_and(|decision| decision.status != Status::Fresh)
    };
    dag.order().iter().filter(not_fresh).cloned().collect()
}

/// Returns everything before some tasks, each looked at once.
pub fn all_before(dag: &Dag, tasks: &[TaskName]) -> BTreeSet<TaskName> {
    let mut found = BTreeSet::new();
    let mut left: Vec<&TaskName> = tasks.iter().collect();
    while let Some(task) = left.pop() {
        left.extend(dag.dependencies(task).iter().filter(|dep| found.insert((*dep).clone())));
    }
    found
}
