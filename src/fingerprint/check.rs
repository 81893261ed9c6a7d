//! What is wrong with a task's code, told without running it.
//!
//! A script that is missing, a function that is not in it, a parameter that
//! nothing supplies, an argument that the function does not take. What cannot be told (a decorated function, a name that is
//! made at run time) is no finding.

use std::collections::BTreeSet;
use std::path::Path;

use super::gather::{Called, Gathered};
use super::python::{Parameter, ParameterKind, Signature};
use crate::model::{Argument, Diagnostic, Graph, Location, Project, Severity, Task, nearest_name};

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
pub fn check_task(project: &Project, graph: &Graph, task: &Task, gathered: &Gathered) -> Vec<Diagnostic> {
    if task.script.path.is_none() {
        let of_item = task.script.file.variables().next().is_some() && gathered.item_code;
        return if of_item { Vec::new() } else { vec![missing_script(project, task)] };
    }
    if let Called::Missing { instead } = &gathered.called {
        return vec![missing_function(project, task, instead)];
    }
    match &gathered.signature {
        Some(signature) if !signature.decorated => {
            let missing = signature.parameters.iter().filter(|one| !is_supplied(graph, task, one));
            let missing = missing.map(|parameter| unsupplied(project, graph, task, parameter));
            let unknown = task.args.keys().filter(|name| !signature.takes(name));
            missing.chain(unknown.map(|name| not_taken(project, task, name, signature))).collect()
        }
        _ => Vec::new(),
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

fn missing_function(project: &Project, task: &Task, instead: &[String]) -> Diagnostic {
    let function = function_of(task);
    let file = &task.script.file;
    let message = format!("`{file}` has no function `{function}`, which task `{}` calls", task.name);
    let hint = match nearest_name(function, instead.iter().map(String::as_str)) {
        Some(near) => format!("did you mean `{near}`? Say `file: {file}:{near}`"),
        None => format!("define it, or name another: `file: {file}:FUNCTION`"),
    };
    error(project, task, "file", message).hint(hint)
}

fn function_of(task: &Task) -> &str {
    task.script.function.as_deref().unwrap_or(task.name.as_str())
}

fn not_taken(project: &Project, task: &Task, name: &str, signature: &Signature) -> Diagnostic {
    let message = format!(
        "`{}`, which task `{}` calls, does not take `{name}`, which `args` names",
        function_of(task),
        task.name
    );
    let hint = match nearest_name(name, signature.parameters.iter().map(|one| one.name.as_str())) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("give the function a parameter `{name}`, or put the value into `config`"),
    };
    error(project, task, &format!("args.{name}"), message).hint(hint)
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
    let function = function_of(task);
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
