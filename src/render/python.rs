//! The plain Python runner, `flows_dir/<graph>.py`.
//!
//! Everything of the model that the runner needs is written into it as Python
//! literals: names are JSON strings, which Python reads alike. How it looks for
//! `kptn.yaml` is relative, so the text is the same wherever the project lies.

use std::path::{Component, Path, PathBuf};

use minijinja::value::Serde;
use minijinja::{AutoEscape, Environment, context};
use serde::Serialize;
use serde_json::Value;

use super::{RenderError, Rendered, header};
use crate::model::{Digest, Graph, Project, RUNNER_PROTOCOL, Task};

const TEMPLATE: &str = include_str!("runner.py.jinja");

/// One line of the runner's table.
#[derive(Debug, Serialize)]
struct Row<'a> {
    name: &'a str,
    deps: Vec<&'a str>,
    cpu_units: u32,
    memory_mib: u64,
    tags: &'a [String],
}

impl<'a> From<&'a Task> for Row<'a> {
    fn from(task: &'a Task) -> Self {
        Self {
            name: task.name.as_str(),
            deps: task.deps.iter().map(|name| name.as_str()).collect(),
            cpu_units: task.compute.cpu_units,
            memory_mib: task.compute.memory_mib.unwrap_or(0),
            tags: &task.tags,
        }
    }
}

/// Renders the runner of one graph of `project`.
pub fn python(project: &Project, graph: &Graph) -> Result<Rendered, RenderError> {
    let error = |source| RenderError { runner: "Python", source };
    let flows = &project.settings.flows_dir;
    let path = flows.join(file_name(project, graph));
    let command = slashed(path.strip_prefix(&project.root).unwrap_or(&path));
    let mut environment = Environment::new();
    environment.set_auto_escape_callback(|_| AutoEscape::None);
    environment.add_filter("python", |value: Serde<Value>| literal(&value.0));
    environment.add_filter("docstring", |text: String| text.replace('\\', "\\\\").replace('"', "\\\""));
    let body = environment
        .render_str(
            TEMPLATE,
            context! {
                graph => graph.name.as_str(),
                config => slashed(&relative(flows, &project.config_path)),
                command => shlex::try_quote(&command).unwrap_or_default(),
                protocol => RUNNER_PROTOCOL,
                tasks => Serde(graph.tasks.values().map(Row::from).collect::<Vec<_>>()),
            },
        )
        .map_err(error)?;
    Ok(Rendered { path, text: header::with_header("python3", &(body + "\n")) })
}

/// Returns a value as a Python literal: texts and lists of texts, which JSON spells as Python does.
fn literal(value: &Value) -> String {
    match value {
        Value::Array(list) => {
            format!("[{}]", list.iter().map(Value::to_string).collect::<Vec<_>>().join(", "))
        }
        other => other.to_string(),
    }
}

/// Returns the file name of a graph's runner: its name, which already is fit for file systems,
/// unless Windows reserves it or another graph of the project has it in other letters' case.
fn file_name(project: &Project, graph: &Graph) -> String {
    let name = graph.name.as_str();
    let folded = name.to_lowercase();
    let shared =
        project.graphs.keys().any(|other| *other != graph.name && other.as_str().to_lowercase() == folded);
    let stem = folded.split('.').next().unwrap_or_default().trim_end_matches(|c: char| c.is_ascii_digit());
    if shared || ["con", "prn", "aux", "nul", "com", "lpt"].contains(&stem) {
        let digest = Digest::of(name.as_bytes()).to_string();
        return format!("{name}~{}.py", &digest[..6]);
    }
    format!("{name}.py")
}

/// Returns how to get from the folder `from` to `to`; `to` itself where they share no root.
fn relative(from: &Path, to: &Path) -> PathBuf {
    let (from, to): (Vec<_>, Vec<_>) = (from.components().collect(), to.components().collect());
    let shared = from.iter().zip(&to).take_while(|(one, other)| one == other).count();
    let climb =
        from[shared..].iter().filter(|part| **part != Component::CurDir).map(|_| Component::ParentDir);
    if shared == 0 { to.iter().collect() } else { climb.chain(to[shared..].iter().copied()).collect() }
}

fn slashed(path: &Path) -> String {
    path.to_string_lossy().replace(std::path::MAIN_SEPARATOR, "/")
}

#[cfg(unix)]
#[cfg(test)]
#[path = "python_tests.rs"]
mod tests;
