//! Looks at a task now that its dependencies are done, and decides; looks again when it ran.
//!
//! The decision itself is `plan::step`, as in `status`; here its ingredients
//! are gathered from the disk as it is at this moment.

use std::cell::RefCell;
use std::sync::Arc;

use super::TaskError;
use super::steady::Steady;
use crate::fingerprint::{Gathered, fingerprint, gather, gather_item_code};
use crate::model::{Change, Fingerprint, Force, Record, Task};
use crate::plan::{
    Decision, Dependency, DependencyState, Known, Situation, changes_between, list_provider, step,
};
use crate::task::work::Shared;

/// What was found and decided.
pub struct Decided<'e> {
    /// What the task is made of now.
    pub gathered: Gathered,
    /// Its direct dependencies and their records, in the order written.
    pub dependencies: Vec<(&'e Task, Arc<Record>)>,
    /// What to do.
    pub decision: Decision,
    /// How the files were that count, items' own too.
    pub steady: Steady,
}

impl Decided<'_> {
    /// Returns the fingerprint of all that is known of the task.
    pub fn fingerprint(&self) -> Fingerprint {
        self.decision.fingerprint.unwrap_or_else(|| fingerprint(&self.decision.ingredients))
    }
}

/// Looks and decides; reads files, so it is for a helper thread.
///
/// Who calls it holds the task's lock. Where another process has just run the task, its record is
/// found: nothing runs twice.
pub fn decide<'e>(shared: &'e Shared<'e>, task: &'e Task) -> Result<Decided<'e>, TaskError> {
    decide_as(shared, task, shared.run.plan.force)
}

/// Decides as [`decide`] does, whatever the run says of `force`.
pub fn decide_as<'e>(shared: &'e Shared<'e>, task: &'e Task, force: Force) -> Result<Decided<'e>, TaskError> {
    let plan = &shared.run.plan;
    shared.known.refresh(&task.name)?;
    let dependencies = dependencies(shared, task)?;
    let surroundings = shared.run.look();
    let gathered = gather(task, &surroundings);
    let files = RefCell::new(gathered.files.clone());
    let known: Vec<_> = dependencies
        .iter()
        .map(|(task, record)| Dependency { task, state: DependencyState::Known(Arc::clone(record)) })
        .collect();
    let situation = Situation {
        task,
        gathered: &gathered,
        dependencies: &known,
        provider: if task.is_mapped() { list_provider(&plan.graph, task).ok() } else { None },
        item_code: &|item| {
            let of_item = gather_item_code(task, item, &surroundings);
            files.borrow_mut().extend(of_item.files.iter().cloned());
            of_item
        },
        force,
        run: Some(&plan.id),
        choice: plan.items.get(&task.name),
    };
    let decision = step(&situation, &shared.known);
    let files = files.into_inner();
    if decision.record().is_none() {
        shared.tell_changed(&files);
    }
    let steady = Steady::now(&files, &shared.run.project.root);
    Ok(Decided { gathered, dependencies, decision, steady })
}

fn dependencies<'e>(shared: &'e Shared<'e>, task: &Task) -> Result<Vec<(&'e Task, Arc<Record>)>, TaskError> {
    let record = |name: &crate::model::TaskName| {
        let record = match shared.run.plan.deferred.get(name) {
            Some(there) => shared.known.record(there.record),
            None => shared.known.current(name),
        };
        let found = shared.run.plan.graph.tasks.get(name).zip(record);
        found.ok_or_else(|| TaskError::NoRecord { dependency: name.clone() })
    };
    task.deps.iter().map(record).collect()
}

/// Looks again after a task ran; returns what is not as it was when it was decided, by name.
pub fn changed_since(shared: &Shared<'_>, task: &Task, decided: &Decided<'_>) -> Vec<String> {
    let before = &decided.gathered;
    let after = gather(task, &shared.run.look());
    let changes = changes_between(&before.ingredients, &after.ingredients);
    let mut changed = decided.steady.changed();
    changed.extend(changes.into_iter().map(Change::label));
    changed.extend(after.uncacheable.into_iter().filter(|problem| !before.uncacheable.contains(problem)));
    if shared.run.moved_to().is_some() {
        changed.push("HEAD".to_owned());
    }
    changed.sort();
    changed.dedup();
    changed
}
