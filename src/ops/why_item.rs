//! `why 'TASK[ITEM]'`: what one item's record has that today's item has not.
//!
//! An item's record has its fingerprint and no list of ingredients: fifty
//! thousand such lists would say the same. What it shares with the whole task is
//! compared with the task's record; what is its own is told by the fingerprint,
//! which is the recorded one as soon as all that changed is put back.

use std::collections::BTreeSet;

use super::items::FoundItem;
use super::survey::Survey;
use crate::fingerprint::{DependencyDigests, dependency_ingredients, fingerprint, item_ingredient};
use crate::model::{
    Change, Fingerprint, Ingredient, IngredientKind, ItemRecord, Reason, Record, Status, Task, TaskName,
    outputs_digest,
};
use crate::plan::{Action, Decision, Known, StaleItem, changes_between, list_provider, takes_item_alone};

/// What is thought of one item, and why.
pub struct ItemVerdict {
    /// Its status.
    pub status: Status,
    /// Why; empty where it is fresh.
    pub reasons: Vec<Reason>,
    /// Today's fingerprint; absent where nothing has to be known of it.
    pub fingerprint: Option<Fingerprint>,
}

/// Says why an item has its status.
pub fn judge(survey: &Survey<'_>, task: &Task, decision: &Decision, found: &FoundItem) -> ItemVerdict {
    let of_task =
        || ItemVerdict { status: decision.status, reasons: decision.reasons.clone(), fingerprint: None };
    if !found.listed {
        let maker = list_provider(survey.graph, task).map_or("", |provider| provider.name.as_str());
        let error = format!("it is no longer in the list that `{maker}` returned");
        return ItemVerdict { reasons: vec![Reason::BadItems { error }], ..of_task() };
    }
    let Some(plan) = &decision.items else { return of_task() };
    if matches!(decision.action, Action::Keep(_)) || plan.fresh.iter().any(|record| record.key == found.key) {
        return ItemVerdict { status: Status::Fresh, reasons: Vec::new(), fingerprint: None };
    }
    let Some(stale) = plan.stale.iter().chain(&plan.left).find(|stale| stale.key == found.key) else {
        return of_task();
    };
    let mut reasons: Vec<Reason> =
        decision.reasons.iter().filter_map(|one| of_item(one, stale, &found.label)).collect();
    let attempts = survey.known.failed_items(&task.name);
    let failed =
        attempts.into_iter().find(|one| one.key == found.key && one.fingerprint == stale.fingerprint);
    let status = if failed.is_some() { Status::Failed } else { Status::Stale };
    reasons.extend(failed.map(|one| Reason::Failed { error: one.error, log: None }));
    match (&stale.before, survey.known.current(&task.name)) {
        (None, _) => reasons.push(Reason::NeverRan),
        (Some(before), Some(record)) if before.fingerprint != stale.fingerprint => {
            reasons.extend(changes(survey, task, decision, (&record, before), stale).map(Reason::Changed));
        }
        _ => {}
    }
    if reasons.is_empty() {
        let shared = task.outputs.iter().find(|output| !task.is_item_output(output));
        let problem = match shared {
            Some(output) => format!("`{output}` belongs to all items, of which some are stale"),
            None => "what it was made of then is not on record".to_owned(),
        };
        reasons.push(Reason::Uncacheable { problems: vec![problem] });
    }
    ItemVerdict { status, reasons, fingerprint: Some(stale.fingerprint) }
}

/// Of the reasons of the whole task, those that are this item's too.
fn of_item(reason: &Reason, stale: &StaleItem, label: &str) -> Option<Reason> {
    let own = |paths: &[String]| -> Vec<String> {
        let files = stale.before.iter().flat_map(|record| &record.outputs);
        let files: BTreeSet<&str> = files.map(|file| file.path.as_str()).collect();
        paths.iter().filter(|path| files.contains(path.as_str())).cloned().collect()
    };
    match reason {
        Reason::Forced | Reason::Refresh { .. } | Reason::Uncacheable { .. } => Some(reason.clone()),
        Reason::Invalidated { items, user, why } => {
            let is_meant = items.is_empty() || items.iter().any(|item| item == label);
            let (items, user, why) = (Vec::new(), user.clone(), why.clone());
            is_meant.then_some(Reason::Invalidated { items, user, why })
        }
        Reason::Edited { paths } => {
            Some(own(paths)).filter(|paths| !paths.is_empty()).map(|paths| Reason::Edited { paths })
        }
        Reason::Elsewhere { paths } => {
            Some(own(paths)).filter(|paths| !paths.is_empty()).map(|paths| Reason::Elsewhere { paths })
        }
        Reason::Lost { paths } => {
            Some(own(paths)).filter(|paths| !paths.is_empty()).map(|paths| Reason::Lost { paths })
        }
        _ => None,
    }
}

/// Returns what changed since the item's record was made.
fn changes<'a>(
    survey: &'a Survey<'_>,
    task: &'a Task,
    decision: &Decision,
    (record, before): (&Record, &ItemRecord),
    stale: &'a StaleItem,
) -> impl Iterator<Item = Change> + use<'a> {
    let shared = |ingredients: &[Ingredient]| -> Vec<Ingredient> {
        ingredients.iter().filter(|one| is_shared(survey, task, one)).cloned().collect()
    };
    let then = shared(&record.ingredients);
    let common = changes_between(&then, &shared(&decision.ingredients));
    let label = stale.item.label(&task.map_over);
    // With everything shared as it was then, is the rest as it was?
    let mut all = then;
    all.extend(chained(survey, task).flat_map(|dep| {
        let Some(item) = survey.known.current(&dep.name).and_then(|record| {
            let table = survey.known.items(&record)?;
            table.find(&stale.key).cloned()
        }) else {
            return Vec::new();
        };
        let outputs = outputs_digest(&item.outputs);
        dependency_ingredients(dep, &DependencyDigests { outputs, result: item.result, run: None })
    }));
    all.push(item_ingredient(stale.key));
    let rest_is_same = fingerprint(&all) == before.fingerprint;
    let own_code = survey.gathered.get(&task.name).is_some_and(|gathered| gathered.item_code);
    let own = (!rest_is_same).then(|| {
        let code = own_code.then(|| changed(IngredientKind::Code, task.script.file.to_string()));
        let dependencies = chained(survey, task)
            .map(move |dep| changed(IngredientKind::DepOutputs, format!("{}[{label}]", dep.name)));
        code.into_iter().chain(dependencies)
    });
    common.into_iter().chain(own.into_iter().flatten())
}

/// Says that something changed whose earlier value nobody knows.
fn changed(kind: IngredientKind, name: String) -> Change {
    Change { kind, name, before: Some(String::new()), after: Some(String::new()) }
}

/// Tells whether an ingredient of the whole task is each item's too.
fn is_shared(survey: &Survey<'_>, task: &Task, ingredient: &Ingredient) -> bool {
    use IngredientKind as Kind;
    match ingredient.kind {
        Kind::Items => false,
        Kind::DepOutputs | Kind::DepResult | Kind::DepRun => {
            let is = |name: &TaskName| name.as_str() == ingredient.name;
            !chained(survey, task).any(|dep| is(&dep.name) || is(dep.counted_name()))
        }
        _ => true,
    }
}

/// Returns the dependencies of which an item takes its namesake alone.
fn chained<'a>(survey: &'a Survey<'_>, task: &'a Task) -> impl Iterator<Item = &'a Task> {
    let deps = task.deps.iter().filter_map(|dep| survey.graph.tasks.get(dep));
    deps.filter(|dep| takes_item_alone(task, dep))
}
