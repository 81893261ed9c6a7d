//! Graphs for tests, made from names alone.

use std::collections::BTreeMap;

use crate::model::{
    Compute, Graph, GraphName, Language, MapDeps, Refresh, Retries, Script, Task, TaskName, Template, Workers,
};

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
    let script = Script {
        language: Language::R,
        file: Template::parse("run.R").unwrap(),
        path: None,
        function: None,
        tried: Vec::new(),
    };
    Task {
        name: TaskName::parse(name).unwrap(),
        script,
        deps: deps.iter().map(|dep| TaskName::parse(dep).unwrap()).collect(),
        outputs: Vec::new(),
        inputs: Vec::new(),
        refresh: Refresh::Never,
        args: BTreeMap::new(),
        prefix_args: None,
        cli_args: None,
        cache_result: false,
        iterable_item: Vec::new(),
        map_over: Vec::new(),
        map_deps: MapDeps::All,
        bundle_size: 1,
        group_size: None,
        compute: Compute::default(),
        tags: Vec::new(),
        logs: None,
        retries: Retries(0),
        timeout_ms: None,
        env: BTreeMap::new(),
        secret_env: Vec::new(),
        cwd: None,
        cache: true,
        reuse: None,
        keep: false,
        local_only: false,
        workers: Workers::Warm,
        renamed_from: Vec::new(),
        places: BTreeMap::new(),
    }
}
