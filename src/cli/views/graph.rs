//! `kptn graph`: the drawing's colours, and the graph as data.

use serde::Serialize;

use crate::cli::paint::Tone;
use crate::graph::Dag;
use crate::model::{Graph, GraphName, Status, TaskName};

/// A graph as data.
#[derive(Debug, Serialize)]
pub struct Drawing<'a> {
    graph: &'a GraphName,
    tasks: Vec<Node<'a>>,
}

#[derive(Debug, Serialize)]
struct Node<'a> {
    task: &'a TaskName,
    dependencies: &'a [TaskName],
    status: Option<Status>,
}

/// Returns a graph as data, dependencies first.
pub fn drawing<'a>(
    graph: &'a Graph,
    dag: &'a Dag,
    status: &dyn Fn(&TaskName) -> Option<Status>,
) -> Drawing<'a> {
    let node = |task| Node { task, dependencies: dag.dependencies(task), status: status(task) };
    Drawing { graph: &graph.name, tasks: dag.order().iter().map(node).collect() }
}

/// Returns a drawing that shows how tasks stand, with the status at the end of each line in its colour.
pub fn painted(drawing: &str) -> String {
    let line = |line: &str| {
        let status = [Status::Fresh, Status::Stale, Status::Failed, Status::Maybe]
            .into_iter()
            .find_map(|status| Some((line.strip_suffix(status.word())?, status)))
            .filter(|(before, _)| before.ends_with("  "));
        match status {
            Some((before, status)) => format!("{before}{}\n", Tone::from(status).paint(status.word())),
            None => format!("{line}\n"),
        }
    };
    drawing.lines().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::width::strip;

    #[test]
    fn colours_change_no_word() {
        let drawing = "●  a  fresh\n│ ●  refresh\n●  b  stale\n";
        assert_eq!(strip(&painted(drawing)), drawing);
        assert!(painted(drawing).contains("\n│ ●  refresh\n"), "the end of a name is no status");
    }
}
