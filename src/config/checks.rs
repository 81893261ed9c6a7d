//! What can be known to be wrong from these files alone.
//!
//! `task` looks at one definition, `graph` at tasks together. Scripts,
//! functions and their parameters are not looked at here: `check` does that
//! with `fingerprint`.

use std::collections::BTreeMap;

use super::outputs;
use super::report::Report;
use super::tasks::is_python;
use super::values::is_identifier;
use crate::model::{Argument, Graph, Language, Location, Task, TaskName, Template, nearest_name};

/// Checks one task's definition. `mapped_only` are fields that need `map_over`, where they are given.
pub(super) fn task(task: &Task, mapped_only: &[(&str, Option<Location>)], report: &mut Report) {
    let place = |field: &str| task.places.get(field).copied();
    if task.script.language == Language::R && task.cache_result {
        report
            .error(
                place("cache_result"),
                "`cache_result` keeps a Python function's return value; an R task has none",
            )
            .hint = Some("let the script write a file and list it in `outputs`".into());
    } else if !task.iterable_item.is_empty() && !task.cache_result {
        report.error(place("iterable_item"), "`iterable_item` needs `cache_result: true`").hint =
            Some("add `cache_result: true`, so that the returned list is kept".into());
    }
    for (field, given) in [("prefix_args", task.prefix_args.is_some()), ("cli_args", task.cli_args.is_some())]
    {
        if given && is_python(task) {
            report
                .error(place(field), format!("`{field}` belongs to R tasks; a Python task is a function"))
                .hint = Some("use `args: {name: value}`".into());
        }
    }
    let words = [
        ("prefix_args", task.prefix_args.as_deref()),
        ("cli_args", task.cli_args.as_ref().map(Template::as_str)),
    ];
    for (field, text) in words {
        if text.is_some_and(|text| shlex::split(text).is_none()) {
            report.error(place(field), format!("`{field}` has a quote without its end"));
        }
    }
    item_names(task, report);
    if !task.is_mapped() {
        for (field, place) in mapped_only.iter().filter(|(_, place)| place.is_some()) {
            report.warning(*place, format!("`{field}` has no effect without `map_over`"));
        }
    }
    for name in task.secret_env.iter().filter(|name| task.env.contains_key(*name)) {
        report.error(place(&format!("env.{name}")), format!("`{name}` is in `env` and in `secret_env`"));
    }
    variables(task, report);
}

fn item_names(task: &Task, report: &mut Report) {
    for (field, names) in [("iterable_item", &task.iterable_item), ("map_over", &task.map_over)] {
        let place = task.places.get(field).copied();
        for (position, name) in names.iter().enumerate() {
            if !is_identifier(name) {
                report.error(place, format!("`{name}` cannot name an item")).hint = Some(
                    "an item's name becomes a parameter or an environment variable: letters, digits and `_`"
                        .into(),
                );
            } else if is_kept(name) {
                report.error(
                    place,
                    format!("an item called `{name}` would replace `{name}` of the environment"),
                );
            } else if names[..position].contains(name) {
                report.error(place, format!("`{name}` names two parts of an item"));
            }
        }
    }
}

/// Tells whether an environment variable is none that a project may set.
fn is_kept(name: &str) -> bool {
    matches!(name, "PATH" | "HOME") || name.starts_with("KPTN_")
}

/// Tells whether a task may set an environment variable of this name; else reports it.
pub(super) fn environment_name(name: &str, place: Option<Location>, report: &mut Report) -> bool {
    if name.is_empty() || name.contains(['=', '\0']) || name.trim() != name {
        report.error(place, format!("`{}` is no name of an environment variable", name.escape_debug()));
        return false;
    }
    if name.starts_with("KPTN_") {
        report.error(place, format!("`{name}`: names that begin with `KPTN_` are kptn's own"));
        return false;
    }
    true
}

/// Checks `${variables}`: an item has only its own.
fn variables(task: &Task, report: &mut Report) {
    let named = |field: String, template: &Template| {
        let place = task.places.get(&field).copied();
        let unknown = template.variables().filter(|name| !task.map_over.iter().any(|item| item == name));
        unknown.map(|name| (name.to_owned(), place)).collect::<Vec<_>>()
    };
    let near = |name: &str| nearest_name(name, task.map_over.iter().map(String::as_str)).map(str::to_owned);
    for (position, output) in task.outputs.iter().enumerate() {
        for (name, place) in named(format!("outputs[{position}]"), output) {
            if let Some(near) = near(&name) {
                let message = format!("the item of `{}` has no `{name}`", task.name);
                report.error(place, message).hint = Some(format!("did you mean `${{{near}}}`?"));
            } else if task.is_mapped() {
                let message =
                    format!("the item has no `{name}`, so `${{{name}}}` in `{output}` stands for anything");
                report.warning(place, message).hint =
                    Some(format!("write `*`, or one of {}", task.map_over.join(", ")));
            }
        }
    }
    // Elsewhere there is nothing that an unknown variable could stand for.
    for (field, template) in [("file", Some(&task.script.file)), ("cli_args", task.cli_args.as_ref())] {
        for (name, place) in template.map(|template| named(field.to_owned(), template)).unwrap_or_default() {
            let known = || format!("known here: {}", task.map_over.join(", "));
            let hint = match near(&name) {
                Some(near) => format!("did you mean `${{{near}}}`?"),
                None if task.is_mapped() => known(),
                None => "only a task with `map_over` has variables; write `$$` for a dollar sign".to_owned(),
            };
            report.error(place, format!("nothing supplies `${{{name}}}` in `{field}`")).hint = Some(hint);
        }
    }
}

/// Checks that no two tasks can take over the same records.
pub(super) fn renames<'a>(
    tasks: impl Iterator<Item = (&'a TaskName, Option<&'a Task>)>,
    report: &mut Report,
) {
    let tasks: BTreeMap<_, _> = tasks.collect();
    let mut taken: BTreeMap<&TaskName, &TaskName> = BTreeMap::new();
    for task in tasks.values().copied().flatten() {
        let place = task.places.get("renamed_from").copied();
        for old in &task.renamed_from {
            if tasks.contains_key(old) {
                let message = format!("`{}` is renamed from `{old}`, which is still a task", task.name);
                report.error(place, message).hint =
                    Some(format!("take `{old}` out of `tasks`, or this line away"));
            } else if let Some(other) = taken.insert(old, &task.name) {
                let message = format!("both `{other}` and `{}` are renamed from `{old}`", task.name);
                report.error(place, message).hint = Some("its records can belong to one of them".into());
            }
        }
    }
}

/// Checks the tasks of one graph together.
pub(super) fn graph(graph: &Graph, report: &mut Report) {
    for task in graph.tasks.values() {
        mapping(graph, task, report);
        references(graph, task, report);
    }
    outputs::owners(graph, report);
}

/// Checks that exactly one direct dependency provides what a task maps over.
fn mapping(graph: &Graph, task: &Task, report: &mut Report) {
    if !task.is_mapped() {
        return;
    }
    let sorted = |names: &[String]| {
        let mut names = names.to_vec();
        names.sort();
        names
    };
    let wanted = sorted(&task.map_over);
    let lists = || {
        task.deps.iter().filter_map(|dep| graph.tasks.get(dep)).filter(|dep| !dep.iterable_item.is_empty())
    };
    let providers: Vec<&TaskName> =
        lists().filter(|dep| sorted(&dep.iterable_item) == wanted).map(|dep| &dep.name).collect();
    let place = task.places.get("map_over").copied();
    let over = task.map_over.join(",");
    match providers.as_slice() {
        [_] => {}
        [] => {
            let offered: Vec<String> =
                lists().map(|dep| format!("`{}` (of `{}`)", dep.iterable_item.join(","), dep.name)).collect();
            let elsewhere = graph.tasks.values().find(|other| sorted(&other.iterable_item) == wanted);
            let hint = match (offered.as_slice(), elsewhere) {
                (_, Some(other)) => {
                    format!("`{}` provides it; add it to the deps of `{}`", other.name, task.name)
                }
                ([], None) => format!("give a dependency `cache_result: true` and `iterable_item: {over}`"),
                (offered, None) => format!("its dependencies provide {}", offered.join(", ")),
            };
            report.error(place, format!("no dependency of `{}` provides `{over}`", task.name)).hint =
                Some(hint);
        }
        [first, second, ..] => {
            let message = format!("both `{first}` and `{second}` provide `{over}` to `{}`", task.name);
            report.error(place, message).hint = Some("give one of them another `iterable_item`".into());
        }
    }
}

/// Checks that `{ref: dep}` names a dependency with a result.
fn references(graph: &Graph, task: &Task, report: &mut Report) {
    for (name, argument) in &task.args {
        let Argument::Ref(dep) = argument else { continue };
        let place = task.places.get(&format!("args.{name}")).copied();
        if !task.deps.contains(dep) {
            let guess = report.guess(dep.as_str(), task.deps.iter().map(TaskName::as_str));
            let message = format!("`{}` takes the result of `{dep}`, which it does not depend on", task.name);
            report.error(place, message).hint =
                Some(guess.unwrap_or_else(|| format!("add `{dep}` to its deps")));
        } else if graph.tasks.get(dep).is_some_and(|dep| !dep.cache_result) {
            let message = format!("`{}` takes the result of `{dep}`, which keeps none", task.name);
            report.error(place, message).hint = Some(format!("add `cache_result: true` to `{dep}`"));
        }
    }
}
