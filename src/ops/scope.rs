//! What the words after a verb mean: a graph, and tasks of it.
//!
//! `run [GRAPH] [TASK…]`: the first word is a graph if one has that name. With
//! no graph named, tasks decide: all must be in one graph, and in one alone.

use super::{OpsError, Session};
use crate::model::{Graph, GraphName};

/// What was typed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Words {
    /// `-g GRAPH`.
    pub graph: Option<String>,
    /// Everything that is no flag.
    pub words: Vec<String>,
    /// `--exclude`.
    pub exclude: Vec<String>,
}

/// A graph and the selectors that are left.
#[derive(Debug, Clone, PartialEq)]
pub struct Scope<'a> {
    /// The graph.
    pub graph: &'a Graph,
    /// Selectors of its tasks; empty means all.
    pub selectors: Vec<String>,
    /// Selectors of tasks that are left out.
    pub exclude: Vec<String>,
}

/// Returns the one graph that the words are about, for verbs that act.
pub fn one_graph<'a>(session: &'a Session, words: &Words) -> Result<Scope<'a>, OpsError> {
    let mut scopes = graphs(session, words)?;
    if scopes.len() > 1 {
        let graphs = scopes.iter().map(|scope| scope.graph.name.to_string()).collect();
        return Err(match words.words.first() {
            Some(task) => OpsError::TaskInSeveralGraphs { task: task.clone(), graphs },
            None => OpsError::WhichGraph { graphs },
        });
    }
    scopes.pop().ok_or_else(|| OpsError::NoGraph { path: session.project.config_path.clone() })
}

/// Returns every graph that the words are about, for verbs that only look.
pub fn graphs<'a>(session: &'a Session, words: &Words) -> Result<Vec<Scope<'a>>, OpsError> {
    let graphs = &session.project.graphs;
    let scope = |graph: &'a Graph, selectors: &[String]| Scope {
        graph,
        selectors: selectors.to_vec(),
        exclude: words.exclude.clone(),
    };
    if let Some(name) = &words.graph {
        return Ok(vec![scope(session.graph(name)?, &words.words)]);
    }
    if let Some(graph) = words.words.first().and_then(|word| graphs.get(word.as_str())) {
        return Ok(vec![scope(graph, &words.words[1..])]);
    }
    if words.words.is_empty() {
        return Ok(graphs.values().map(|graph| scope(graph, &[])).collect());
    }
    let names: Vec<&str> = words.words.iter().filter_map(|word| task_of(word)).collect();
    let having: Vec<_> =
        graphs.values().filter(|graph| names.iter().all(|name| graph.tasks.contains_key(*name))).collect();
    if having.is_empty() {
        return Err(unknown(session, &names));
    }
    Ok(having.into_iter().map(|graph| scope(graph, &words.words)).collect())
}

/// Returns the task that a selector names; absent where it is a pattern, a tag or a status.
fn task_of(selector: &str) -> Option<&str> {
    let name = selector.trim_start_matches(|c: char| c.is_ascii_digit() && selector.contains('+'));
    let name = name.trim_start_matches('+');
    let name = name.split_once('+').map_or(name, |(name, _)| name);
    let name = name.split_once('[').map_or(name, |(name, _)| name);
    (!name.is_empty() && !name.contains(['*', '?', ':'])).then_some(name)
}

fn unknown(session: &Session, names: &[&str]) -> OpsError {
    let all = || session.project.graphs.values().flat_map(|graph| graph.tasks.keys());
    let missing = names.iter().find(|name| !all().any(|task| task.as_str() == **name));
    match missing {
        Some(name) => OpsError::UnknownTask {
            name: (*name).to_owned(),
            near: super::near(
                name,
                all().map(|task| task.as_str()).chain(session.project.graphs.keys().map(GraphName::as_str)),
            ),
        },
        None => OpsError::NoCommonGraph { tasks: names.iter().map(|name| (*name).to_owned()).collect() },
    }
}
