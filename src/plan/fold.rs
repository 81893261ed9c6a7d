//! The step folded over a graph: what would happen if everything ran now.

use std::collections::BTreeMap;

use super::{Decision, Dependency, DependencyState, Known, Situation, list_provider, step};
use crate::fingerprint::Gathered;
use crate::model::{Force, Graph, Item, Task, TaskName};

/// Supplies what was gathered about tasks.
pub trait Gatherer {
    /// Returns a task's ingredients without dependencies and item.
    fn gathered(&self, task: &Task) -> std::sync::Arc<Gathered>;

    /// Returns an item's own code, where `file` depends on the item.
    fn item_code(&self, task: &Task, item: &Item) -> Gathered;
}

/// Decides about every task of a graph; `order` has dependencies first.
///
/// A dependency that is kept or reused hands on its record; any other leaves
/// what depends on it uncertain.
pub fn fold(
    graph: &Graph,
    order: &[TaskName],
    gatherer: &dyn Gatherer,
    known: &dyn Known,
    force: &dyn Fn(&TaskName) -> Force,
) -> BTreeMap<TaskName, Decision> {
    let mut decisions: BTreeMap<TaskName, Decision> = BTreeMap::new();
    for name in order {
        let Some(task) = graph.tasks.get(name) else { continue };
        let dependencies: Vec<_> = task
            .deps
            .iter()
            .filter_map(|dep| graph.tasks.get(dep))
            .map(|dep| {
                let record = decisions.get(&dep.name).and_then(Decision::record).cloned();
                let state = record.map_or(DependencyState::Uncertain, DependencyState::Known);
                Dependency { task: dep, state }
            })
            .collect();
        let gathered = gatherer.gathered(task);
        let situation = Situation {
            task,
            gathered: &gathered,
            dependencies: &dependencies,
            provider: if task.is_mapped() { list_provider(graph, task).ok() } else { None },
            item_code: &|item| gatherer.item_code(task, item),
            force: force(name),
            run: None,
            choice: None,
        };
        decisions.insert(name.clone(), step(&situation, known));
    }
    decisions
}
