//! `check`: what can be known without running anything.

use super::probes::Probing;
use super::scope::{self, Words};
use super::survey::{Question, Survey};
use super::{OpsError, Session, memo};
use crate::fingerprint::check_task;
use crate::model::{Diagnostic, Force, Severity, Task, TaskName};

/// Returns every finding about the selected graphs, errors first; empty where all is well.
pub fn check(session: &Session, words: &Words) -> Result<Vec<Diagnostic>, OpsError> {
    let memo = memo::open(session)?;
    let mut found = session.notes.clone();
    for scope in scope::graphs(session, words)? {
        let question = Question { graph: scope.graph, probing: Probing::Believe, force: &|_| Force::No };
        let survey = Survey::of(session, &memo, &question)?;
        for task in scope.graph.tasks.values() {
            let of_task = findings(session, &survey, task);
            if of_task.iter().all(|finding| finding.severity != Severity::Error) {
                found.extend(never_fresh(session, &survey, task));
            }
            found.extend(of_task);
        }
    }
    memo::save(&memo);
    found.sort_by(|a, b| {
        (a.severity, &a.path, a.location, &a.message).cmp(&(b.severity, &b.path, b.location, &b.message))
    });
    found.dedup();
    Ok(found)
}

/// Fails where a selected task has an error that would only show after others have run.
pub fn refuse_broken(session: &Session, survey: &Survey<'_>, selected: &[TaskName]) -> Result<(), OpsError> {
    let tasks = selected.iter().filter_map(|name| survey.graph.tasks.get(name));
    let diagnostics: Vec<_> = tasks
        .flat_map(|task| findings(session, survey, task))
        .filter(|finding| finding.severity == Severity::Error)
        .collect();
    if diagnostics.is_empty() { Ok(()) } else { Err(OpsError::Broken { diagnostics }) }
}

/// What keeps a task from ever being fresh, but for probes: `check` asks none.
fn never_fresh(session: &Session, survey: &Survey<'_>, task: &Task) -> Vec<Diagnostic> {
    let reasons =
        survey.gathered.get(&task.name).map(|gathered| gathered.uncacheable.as_slice()).unwrap_or_default();
    let told = reasons.iter().filter(|reason| !reason.starts_with("probe "));
    told.map(|reason| {
        let message = format!("task `{}` will run every time: {reason}", task.name);
        let place = task.places.get("inputs[0]").or_else(|| task.places.get("file")).copied();
        Diagnostic::new(Severity::Warning, message).at(&session.project.config_path, place)
    })
    .collect()
}

fn findings(session: &Session, survey: &Survey<'_>, task: &Task) -> Vec<Diagnostic> {
    let Some(gathered) = survey.gathered.get(&task.name) else { return Vec::new() };
    let mut found = check_task(&session.project, survey.graph, task, gathered);
    found.extend(gathered.notes.iter().cloned());
    found
}
