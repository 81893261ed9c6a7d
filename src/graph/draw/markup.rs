//! A graph as Mermaid and as Graphviz (dot) text.

use std::collections::HashMap;
use std::fmt::Write as _;

use super::{StatusOf, colours, label};
use crate::graph::Dag;
use crate::model::{Graph, Status, TaskName};

/// Writes a Mermaid flow chart.
pub fn mermaid(graph: &Graph, dag: &Dag, status: StatusOf<'_>) -> String {
    let ids: HashMap<&TaskName, usize> =
        dag.order().iter().enumerate().map(|(at, name)| (name, at)).collect();
    let mut out = String::from("flowchart LR\n");
    for (name, at) in dag.order().iter().zip(0..) {
        let label = graph.tasks.get(name).map_or_else(|| name.to_string(), label);
        let _ = writeln!(out, "    t{at}[\"{}\"]", mermaid_text(&label));
    }
    for (name, at) in dag.order().iter().zip(0..) {
        for dep in dag.dependencies(name).iter().filter_map(|dep| ids.get(dep)) {
            let _ = writeln!(out, "    t{dep} --> t{at}");
        }
    }
    for kind in [Status::Fresh, Status::Stale, Status::Failed, Status::Maybe] {
        let of_kind = dag.order().iter().zip(0..).filter(|(name, _)| status(name) == Some(kind));
        let members: Vec<String> = of_kind.map(|(_, at)| format!("t{at}")).collect();
        if !members.is_empty() {
            let (fill, stroke) = colours(Some(kind));
            let word = kind.word();
            let _ = writeln!(out, "    classDef {word} fill:{fill},stroke:{stroke}");
            let _ = writeln!(out, "    class {} {word}", members.join(","));
        }
    }
    out
}

/// Escapes what Mermaid gives a meaning, by its own numeric entities.
fn mermaid_text(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_alphanumeric() || matches!(c, ' ' | '_' | '-' | '.' | '[' | ']' | ',') || !c.is_ascii() {
            out.push(c);
        } else {
            let _ = write!(out, "#{};", c as u32);
        }
    }
    out
}

/// Writes a Graphviz digraph.
pub fn dot(graph: &Graph, dag: &Dag, status: StatusOf<'_>) -> String {
    let mut out = format!("digraph \"{}\" {{\n", dot_text(graph.name.as_str()));
    out.push_str(
        "    rankdir=LR;\n    node [shape=box, style=\"rounded,filled\", fontname=\"sans-serif\"];\n",
    );
    for name in dag.order() {
        let label = graph.tasks.get(name).map_or_else(|| name.to_string(), label);
        let (fill, stroke) = colours(status(name));
        let (name, label) = (dot_text(name.as_str()), dot_text(&label));
        let _ =
            writeln!(out, "    \"{name}\" [label=\"{label}\", fillcolor=\"{fill}\", color=\"{stroke}\"];");
    }
    for name in dag.order() {
        for dep in dag.dependencies(name) {
            let _ = writeln!(out, "    \"{}\" -> \"{}\";", dot_text(dep.as_str()), dot_text(name.as_str()));
        }
    }
    out.push_str("}\n");
    out
}

fn dot_text(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"")
}
