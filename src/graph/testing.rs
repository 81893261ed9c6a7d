//! Graphs for tests, made from names alone.

use std::collections::BTreeMap;

use crate::model::{Graph, GraphName, Language, Task, TaskName, testing};

/// Makes a graph of tasks and their dependencies, in this order.
pub(crate) fn graph(tasks: &[(&str, &[&str])]) -> Graph {
    let name = GraphName::parse("test").unwrap();
    let tasks = tasks.iter().map(|(name, deps)| {
        let task = task(name, deps);
        (task.name.clone(), task)
    });
    Graph { namespace: name.clone(), name, tasks: tasks.collect(), config: BTreeMap::new(), place: None }
}

fn task(name: &str, deps: &[&str]) -> Task {
    let deps = deps.iter().map(|dep| TaskName::parse(dep).unwrap()).collect();
    Task { deps, ..testing::task(name, testing::script(Language::R, "run.R")) }
}
