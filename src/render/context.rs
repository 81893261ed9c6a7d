//! What a template is given: version 1, documented in `docs/guides/your-own-engine.md` and printed by
//! `kptn render --context`.
//!
//! A field is never taken away or given another meaning under the same version;
//! new ones may come. Paths are relative to the folder of the file that is
//! written, so the text is the same wherever the project lies.

use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};

use serde::Serialize;

use super::file_stem;
use crate::graph::Dag;
use crate::model::{
    ENGINE_CONTRACT, Graph, Language, PrefectSettings, Project, RUNNER_PROTOCOL, Task, TaskName,
};

/// The version of the context.
pub const CONTEXT_VERSION: u32 = 1;

/// One graph, as templates see it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Context<'a> {
    /// 1.
    pub version: u32,
    /// The graph's name.
    pub graph: &'a str,
    /// The same as an identifier.
    pub id: String,
    /// The same as a file name.
    pub file: String,
    /// From the written file's folder to the project's root.
    pub root: String,
    /// From there to `kptn.yaml`.
    pub config: String,
    /// From the project's root to the written file, quoted for a shell.
    pub command: String,
    /// The version of the contract of `docs/reference/runners.md`.
    pub contract: u32,
    /// The version of the Python runner's messages.
    pub protocol: u32,
    /// The image that engines run tasks in; absent where none is named.
    pub docker_image: Option<&'a str>,
    /// How many tasks with a tag may run at once.
    pub concurrency: &'a BTreeMap<String, u32>,
    /// Where Prefect runs tasks.
    pub prefect: &'a PrefectSettings,
    /// The words after `kptn` that open and close a run.
    pub commands: Commands<'a>,
    /// The tasks, dependencies first.
    pub tasks: Vec<TaskContext<'a>>,
}

/// The words after `kptn` that open and close a run.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Commands<'a> {
    /// Prints the run's id.
    pub open: Vec<&'a str>,
    /// Is followed by `--run ID`.
    pub close: Vec<&'a str>,
}

/// One task.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TaskContext<'a> {
    /// Its place in `kptn.yaml`, from 0.
    pub place: usize,
    /// Its name.
    pub name: &'a str,
    /// The same as an identifier, another one for each task.
    pub id: String,
    /// What it depends on.
    pub deps: Vec<&'a str>,
    /// The same as identifiers.
    pub dep_ids: Vec<String>,
    /// `python` or `r`.
    pub language: &'static str,
    /// Whether it is run in bundles of items.
    pub mapped: bool,
    /// Stale items in a bundle.
    pub bundle_size: u32,
    /// Items in flight at most; absent means no limit.
    pub group_size: Option<u32>,
    /// In 1/1024 of a core.
    pub cpu_units: u32,
    /// Whole cores, at least one.
    pub cores: u32,
    /// In MiB; absent where it claims none.
    pub memory_mib: Option<u64>,
    /// Its tags.
    pub tags: &'a [String],
    /// How often it is tried again.
    pub retries: u32,
    /// How long one attempt, or one item, may take, in ms; absent means no limit.
    pub timeout_ms: Option<u64>,
    /// The words after `kptn` that run it and name its bundles; both are followed by `--run ID`.
    pub commands: TaskCommands<'a>,
}

/// The words after `kptn` for one task.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TaskCommands<'a> {
    /// Runs it, or with `--bundle B` one bundle.
    pub run: Vec<&'a str>,
    /// Names its bundles; absent where it is not mapped.
    pub bundles: Option<Vec<&'a str>>,
}

/// Returns what a template is given that writes the file `path`.
pub fn context<'a>(project: &'a Project, graph: &'a Graph, path: &Path) -> Context<'a> {
    let folder = path.parent().unwrap_or(Path::new("/"));
    let name = graph.name.as_str();
    let command = slashed(path.strip_prefix(&project.root).unwrap_or(path));
    let dag = Dag::new(graph).ok();
    let order: Vec<&TaskName> = match &dag {
        Some(dag) => dag.order().iter().collect(),
        // Whoever opened the project has refused this.
        None => graph.tasks.keys().collect(),
    };
    let tasks = order.into_iter().filter_map(|name| graph.tasks.get(name));
    let ids = identifiers(graph.tasks.keys().map(|task| task.as_str()));
    Context {
        version: CONTEXT_VERSION,
        graph: name,
        id: identifier(name),
        file: file_stem(project, graph),
        root: dot_where_empty(slashed(&relative(folder, &project.root))),
        config: slashed(&relative(folder, &project.config_path)),
        command: shlex::try_quote(&command).map(|quoted| quoted.into_owned()).unwrap_or_default(),
        contract: ENGINE_CONTRACT,
        protocol: RUNNER_PROTOCOL,
        docker_image: project.settings.docker_image.as_deref(),
        concurrency: &project.settings.concurrency,
        prefect: &project.settings.prefect,
        commands: Commands { open: vec!["run", "open", "--graph", name], close: vec!["run", "close"] },
        tasks: tasks.map(|task| of_task(graph, task, &ids)).collect(),
    }
}

fn of_task<'a>(graph: &'a Graph, task: &'a Task, ids: &BTreeMap<&str, String>) -> TaskContext<'a> {
    let (name, in_graph) = (task.name.as_str(), graph.name.as_str());
    let id = |name: &str| ids.get(name).cloned().unwrap_or_default();
    TaskContext {
        place: graph.tasks.get_index_of(&task.name).unwrap_or_default(),
        name,
        id: id(name),
        deps: task.deps.iter().map(|dep| dep.as_str()).collect(),
        dep_ids: task.deps.iter().map(|dep| id(dep.as_str())).collect(),
        language: match task.script.language {
            Language::Python => "python",
            Language::R => "r",
        },
        mapped: task.is_mapped(),
        bundle_size: task.bundle_size.max(1),
        group_size: task.group_size,
        cpu_units: task.compute.cpu_units,
        cores: task.compute.cpu_units.div_ceil(1024).max(1),
        memory_mib: task.compute.memory_mib,
        tags: &task.tags,
        retries: task.retries.0,
        timeout_ms: task.timeout_ms,
        commands: TaskCommands {
            run: vec!["task", "run", "--graph", in_graph, name],
            bundles: task.is_mapped().then(|| vec!["task", "bundles", "--graph", in_graph, name]),
        },
    }
}

/// Returns an identifier for each name, no two alike, whatever their letters' case.
fn identifiers<'n>(names: impl Iterator<Item = &'n str>) -> BTreeMap<&'n str, String> {
    let mut taken = std::collections::BTreeSet::new();
    let mut ids = BTreeMap::new();
    for name in names {
        let plain = identifier(name);
        let numbered = (2..).map(|n: u32| format!("{plain}_{n}"));
        let free = std::iter::once(plain.clone()).chain(numbered).find(|id| taken.insert(id.to_lowercase()));
        ids.insert(name, free.unwrap_or(plain));
    }
    ids
}

/// Returns a name as a word that every language takes for one: ASCII letters, digits and `_`, a letter first.
pub(super) fn identifier(name: &str) -> String {
    let safe: String = name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
    if safe.starts_with(|c: char| c.is_ascii_alphabetic()) { safe } else { format!("t{safe}") }
}

/// Returns how to get from the folder `from` to `to`; `to` itself where they share no root.
fn relative(from: &Path, to: &Path) -> PathBuf {
    let (from, to): (Vec<_>, Vec<_>) = (from.components().collect(), to.components().collect());
    let shared = from.iter().zip(&to).take_while(|(one, other)| one == other).count();
    let climb =
        from[shared..].iter().filter(|part| **part != Component::CurDir).map(|_| Component::ParentDir);
    if shared == 0 { to.iter().collect() } else { climb.chain(to[shared..].iter().copied()).collect() }
}

fn dot_where_empty(path: String) -> String {
    if path.is_empty() { ".".to_owned() } else { path }
}

pub(super) fn slashed(path: &Path) -> String {
    path.to_string_lossy().replace(std::path::MAIN_SEPARATOR, "/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_are_words_and_tell_tasks_apart() {
        let names = ["fit", "a b", "a-b", "A_B", "1st", "été"];
        let ids = identifiers(names.into_iter());
        assert_eq!(names.map(|name| ids[name].as_str()), ["fit", "a_b", "a_b_2", "A_B_3", "t1st", "t_t_"]);
    }
}
