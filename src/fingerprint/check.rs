//! What is wrong with a task's code, told without running it.
//!
//! A script that is missing, a function that is not in it, a parameter that
//! nothing supplies. What cannot be told (a decorated function, a name that is
//! made at run time) is no finding.

use std::collections::BTreeSet;
use std::path::Path;

use super::gather::Gathered;
use super::memo::Memo;
use super::python::{Facts, Parameter, ParameterKind, facts_of};
use crate::model::{Argument, Diagnostic, Graph, Language, Location, Project, Severity, Task, nearest_name};

/// Names that kptn supplies to every Python function that asks for them; the capitals are kptn 0.1's.
const ALWAYS: [&str; 18] = [
    "pipeline_config",
    "runtime_config",
    "scratch_dir",
    "output_dir",
    "externals_dir",
    "idx",
    "DATA_YEAR",
    "IMAGE",
    "BRANCH",
    "STORAGE_KEY",
    "SUBSET_MODE",
    "OUTPUT_STORETYPE",
    "OUTPUT_FILETYPE",
    "PIPELINE_NAME",
    "PY_MODULE_PATH",
    "TASKS_CONFIG_PATH",
    "PY_TASKS_DIRS",
    "R_TASKS_DIRS",
];

/// Returns the errors in a task's code, with their places in `kptn.yaml`.
pub fn check_task(
    project: &Project,
    graph: &Graph,
    task: &Task,
    gathered: &Gathered,
    memo: &dyn Memo,
) -> Vec<Diagnostic> {
    let script = match &task.script.path {
        Some(script) => script,
        None if gathered.item_code => return Vec::new(),
        None => return vec![missing_script(project, task)],
    };
    if task.script.language == Language::R {
        return Vec::new();
    }
    match &gathered.signature {
        Some(signature) if !signature.decorated => {
            let missing = signature.parameters.iter().filter(|one| !is_supplied(graph, task, one));
            missing.map(|parameter| unsupplied(project, graph, task, parameter)).collect()
        }
        Some(_) => Vec::new(),
        None => missing_function(project, task, script, memo).into_iter().collect(),
    }
}

fn error(project: &Project, task: &Task, field: &str, message: String) -> Diagnostic {
    let place: Option<Location> = task.places.get(field).or_else(|| task.places.get("task")).copied();
    Diagnostic::new(Severity::Error, message).at(&project.config_path, place)
}

fn missing_script(project: &Project, task: &Task) -> Diagnostic {
    let shown = |path: &Path| path.strip_prefix(&project.root).unwrap_or(path).display().to_string();
    let tried: Vec<_> = task.script.tried.iter().map(|path| format!("`{}`", shown(path))).collect();
    let message = format!("the script `{}` of task `{}` was not found", task.script.file, task.name);
    error(project, task, "file", message).hint(format!("looked for {}", tried.join(", ")))
}

/// Only said where the whole of the file was understood.
fn missing_function(project: &Project, task: &Task, script: &Path, memo: &dyn Memo) -> Option<Diagnostic> {
    let function = task.script.function.as_deref().unwrap_or(task.name.as_str());
    let facts = facts_of(&memo.read(script).ok()?);
    let names = top_level_names(&facts)?;
    if function.contains('.') || names.contains(function) {
        return None;
    }
    let message =
        format!("`{}` has no function `{function}`, which task `{}` calls", task.script.file, task.name);
    let near = nearest_name(function, names.iter().copied());
    let hint = match near {
        Some(near) => format!("did you mean `{near}`? Say `file: {}:{near}`", task.script.file),
        None => format!("define it, or name another: `file: {}:FUNCTION`", task.script.file),
    };
    Some(error(project, task, "file", message).hint(hint))
}

/// Absent where names may come from elsewhere (`import *`, code that makes names).
fn top_level_names(facts: &Facts) -> Option<BTreeSet<&str>> {
    let open = |statement: &super::python::Statement| {
        statement.wide || statement.binds.iter().any(|name| &**name == "*")
    };
    if facts.statements.iter().any(open) {
        return None;
    }
    Some(facts.statements.iter().flat_map(|statement| statement.binds.iter().map(|name| &**name)).collect())
}

fn is_supplied(graph: &Graph, task: &Task, parameter: &Parameter) -> bool {
    let many = matches!(parameter.kind, ParameterKind::Positions | ParameterKind::Names);
    many || parameter.has_default || supplied(graph, task).contains(parameter.name.as_str())
}

/// Everything that a task can be handed by name.
fn supplied<'a>(graph: &'a Graph, task: &'a Task) -> BTreeSet<&'a str> {
    let mut names: BTreeSet<&str> = ALWAYS.into();
    names.extend(task.args.keys().map(String::as_str));
    names.extend(graph.config.keys().map(String::as_str));
    for dep in task.deps.iter().filter_map(|dep| graph.tasks.get(dep)).filter(|dep| dep.cache_result) {
        let renamed =
            task.args.values().any(|argument| matches!(argument, Argument::Ref(name) if *name == dep.name));
        let supplies_list =
            task.is_mapped() && task.map_over.iter().all(|name| dep.iterable_item.contains(name));
        if supplies_list {
            names.extend(dep.iterable_item.iter().map(String::as_str));
        } else if !renamed {
            names.insert(dep.name.as_str());
        }
    }
    names
}

fn unsupplied(project: &Project, graph: &Graph, task: &Task, parameter: &Parameter) -> Diagnostic {
    let name = &parameter.name;
    let function = task.script.function.as_deref().unwrap_or(task.name.as_str());
    let message =
        format!("nothing supplies the parameter `{name}` of `{function}`, which task `{}` calls", task.name);
    let hint = match nearest_name(name, supplied(graph, task)) {
        Some(near) => {
            format!("did you mean `{near}`? Else give it a default, or a value in the task's `args`")
        }
        None => format!("give it a value (`args: {{{name}: …}}` on the task, or in `config`), or a default"),
    };
    error(project, task, "file", message).hint(hint)
}
