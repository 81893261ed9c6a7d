//! `plan`: what a run would do, and what would make it do less.

use super::choice::{self, WhichItems};
use super::probes::Probing;
use super::report::{StatusReport, StatusRow};
use super::scope::{self, Words};
use super::survey::Survey;
use super::{OpsError, Session, memo, remotes, status};
use crate::model::{
    Diagnostic, Force, IngredientKind, MapDeps, Progress, Reason, Severity, Status, Task, TaskName,
};
use crate::plan::could_take_item_alone;

/// Returns the status of what would run; of the items that `which` names, how many.
pub fn plan(
    session: &Session,
    words: &Words,
    which: &WhichItems,
    force: Force,
    defer: Option<(&str, &dyn Progress)>,
) -> Result<StatusReport, OpsError> {
    if *which != WhichItems::All {
        scope::one_graph(session, words)?;
    }
    let memo = memo::open(session)?;
    let (mut report, surveys) = status::look(session, words, Probing::Ask, &memo)?;
    memo::save(&memo);
    if force == Force::Yes {
        for row in report.rows.iter_mut().filter(|row| row.status == Status::Fresh) {
            row.status = Status::Stale;
            row.reasons = vec![Reason::Forced];
        }
    }
    if let Some((remote, progress)) = defer {
        for survey in &surveys {
            let of_graph = report.rows.iter().filter(|row| row.graph == survey.graph.name);
            let selected: Vec<TaskName> = of_graph.map(|row| row.task.clone()).collect();
            for one in remotes::defer(session, survey, remote, &selected, progress)?.into_values() {
                let message =
                    format!("`{}` would be read as {} ({}) has it", one.task, one.remote, one.branch);
                report.notes.push(Diagnostic::new(Severity::Note, message));
            }
        }
    }
    for survey in &surveys {
        count_chosen(session, survey, which, force, &mut report.rows)?;
        let rows = report.rows.iter().filter(|row| row.graph == survey.graph.name);
        report.notes.extend(rows.filter_map(|row| advice(session, survey, row)));
    }
    Ok(report)
}

fn count_chosen(
    session: &Session,
    survey: &Survey<'_>,
    which: &WhichItems,
    force: Force,
    rows: &mut [StatusRow],
) -> Result<(), OpsError> {
    let selected: Vec<TaskName> = rows.iter().map(|row| row.task.clone()).collect();
    for (name, choice) in choice::of_request(session, survey, which, &selected)? {
        let Some(task) = survey.graph.tasks.get(&name) else { continue };
        let Some(keys) = choice::keys(survey, task, &choice, &selected)? else { continue };
        let items = survey.decisions.get(&name).and_then(|decision| decision.items.as_ref());
        let stale = items.map_or(0, |plan| plan.stale.iter().filter(|one| keys.contains(&one.key)).count());
        let would = if force == Force::Yes { keys.len() } else { stale };
        for row in rows.iter_mut().filter(|row| row.task == name) {
            row.chosen = Some(would as u64);
        }
    }
    Ok(())
}

/// Proposes `map_deps: item` where it would have spared items.
fn advice(session: &Session, survey: &Survey<'_>, row: &StatusRow) -> Option<Diagnostic> {
    let task = survey.graph.tasks.get(&row.task)?;
    if row.status == Status::Fresh || task.map_deps == MapDeps::Item {
        return None;
    }
    let deps = task.deps.iter().filter_map(|dep| survey.graph.tasks.get(dep));
    let dep = deps.filter(|dep| could_take_item_alone(task, dep)).find(|dep| only_for(&row.reasons, dep))?;
    let (own, other) = (&task.name, &dep.name);
    let message = format!(
        "`{own}` takes the whole of `{other}`: one item of `{other}` that changes makes all of `{own}` stale"
    );
    let hint =
        format!("where an item of `{own}` reads its namesake of `{other}` alone, say `map_deps: item`");
    let place = task.places.get("map_over").copied();
    Some(Diagnostic::new(Severity::Note, message).at(&session.project.config_path, place).hint(hint))
}

/// Tells whether a task is not fresh for what is before it alone, `dep` among it.
fn only_for(reasons: &[Reason], dep: &Task) -> bool {
    use IngredientKind as Kind;
    let by_dep = |reason: &Reason| match reason {
        Reason::Upstream { tasks } => tasks.contains(&dep.name),
        Reason::Changed(change) => {
            matches!(change.kind, Kind::DepOutputs | Kind::DepResult) && change.name == dep.name.as_str()
        }
        _ => false,
    };
    let from_before = |reason: &Reason| match reason {
        Reason::Upstream { .. } | Reason::Items { .. } | Reason::Promotable { .. } => true,
        Reason::Changed(change) => change.kind.comes_from_dependencies(),
        _ => false,
    };
    reasons.iter().any(by_dep) && reasons.iter().all(from_before)
}
