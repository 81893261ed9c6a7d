//! Names of this project, for whoever types them: empty where they cannot be told.

use std::collections::BTreeSet;

use super::Start;
use super::reading;
use super::session::Session;
use crate::git::Repository;

/// Returns the tasks of all graphs or of the one that is named, each once, in the order written.
pub fn tasks(start: &Start, graph: Option<&str>) -> Vec<String> {
    if let Some(known) = reading::known_tasks(start, graph) {
        return once(known);
    }
    let Ok(session) = Session::open(start) else { return Vec::new() };
    let graphs = session.project.graphs.values();
    let meant = graphs.filter(|one| graph.is_none_or(|graph| graph == one.name.as_str()));
    once(meant.flat_map(|graph| graph.tasks.keys()).map(ToString::to_string).collect())
}

/// Returns the graphs, in the order written.
pub fn graphs(start: &Start) -> Vec<String> {
    if let Some(known) = reading::known_graphs(start) {
        return known;
    }
    let Ok(session) = Session::open(start) else { return Vec::new() };
    session.project.graphs.keys().map(ToString::to_string).collect()
}

/// Returns git's branches.
pub fn branches(start: &Start) -> Vec<String> {
    let root = reading::located(start).map(|located| located.root);
    let root = root.unwrap_or_else(|_| start.folder.clone());
    let repository = Repository::discover(&root).ok().flatten();
    let found = repository.and_then(|repository| repository.branches().ok()).unwrap_or_default();
    found.into_keys().map(|branch| branch.to_string()).collect()
}

fn once(names: Vec<String>) -> Vec<String> {
    let mut seen = BTreeSet::new();
    names.into_iter().filter(|name| seen.insert(name.clone())).collect()
}
