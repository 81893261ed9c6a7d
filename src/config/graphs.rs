//! Graphs: what each inherits, and its tasks with dependencies and arguments.

use std::collections::HashMap;
use std::rc::Rc;

use indexmap::IndexMap;
use serde_json::{Map, Value};

use super::checks;
use super::extends::{Own, Parent, Plan, Plans, Resolver};
use super::given::{Entries, Given, OneOrMany};
use super::report::Report;
use super::settings::Resolved;
use super::shapes::{Entry, Extends, Text};
use super::tasks::parse_arguments;
use super::values::merge;
use super::words::GraphWords;
use crate::model::{Graph, GraphName, Location, Task, TaskName};

/// Tasks by name; absent where a definition is so wrong that it has no meaning.
pub(super) type Definitions = IndexMap<TaskName, Option<Task>>;

/// Makes every graph; what cannot be resolved is reported and left out.
pub(super) fn make(
    words: Entries<GraphWords>,
    mut definitions: Definitions,
    config: &Map<String, Value>,
    graph_configs: &HashMap<String, Map<String, Value>>,
    resolved: &Resolved,
    report: &mut Report,
) -> IndexMap<GraphName, Graph> {
    let mut own = IndexMap::new();
    for (key, given) in words.0 {
        let Some(name) = report.accept(Some(key.place), GraphName::parse(&key.text)) else { continue };
        own.insert(key.text, (name, parse(key.place, given.value.unwrap_or_default(), &definitions, report)));
    }
    let mut resolver = Resolver::new(&own);
    let all: Vec<Plans> = own.keys().map(|name| resolver.plans(name, report)).collect();
    drop(resolver);
    let mut uses: HashMap<TaskName, usize> = HashMap::new();
    for task in all.iter().flat_map(|plans| plans.keys()) {
        *uses.entry(task.clone()).or_default() += 1;
    }
    let mut graphs = IndexMap::new();
    for ((written, (name, parsed)), plans) in own.iter().zip(all) {
        if parsed.empty {
            report.error(Some(parsed.place), format!("graph `{name}` has no tasks")).hint =
                Some("list them under `tasks:`, or take over a graph with `extends:`".into());
        }
        check_dependencies(parsed, &plans, report);
        let tasks = plans.iter().filter_map(|(task, plan)| {
            let definition = definitions.get_mut(task)?;
            let left = uses.get_mut(task)?;
            *left -= 1;
            // Most tasks belong to one graph: the last one takes the definition itself.
            let definition = if *left == 0 { definition.take() } else { definition.clone() };
            Some((task.clone(), instance(definition?, plan)))
        });
        let own_config = graph_configs.get(written).cloned().unwrap_or_default();
        let mut graph = Graph {
            namespace: resolved.settings.cache_namespace.clone().unwrap_or_else(|| name.clone()),
            tasks: tasks.collect(),
            config: merge(config.clone(), own_config).into_iter().collect(),
            place: Some(parsed.place),
            name: name.clone(),
        };
        checks::graph(&graph, report);
        align(&mut graph);
        graphs.insert(name.clone(), graph);
    }
    graphs
}

/// Parses a task's name; a text that is none is reported.
pub(super) fn parse_name(text: &str, place: Location, report: &mut Report) -> Option<TaskName> {
    report.accept(Some(place), TaskName::parse(text))
}

fn parse(place: Location, words: GraphWords, definitions: &Definitions, report: &mut Report) -> Own {
    let mut plans = IndexMap::new();
    let entries = words.tasks.value.unwrap_or_default().0;
    let parents = words.extends.value.unwrap_or_default().0;
    let said = |given: Option<Location>| !report.has_nothing_at(given);
    let empty =
        entries.is_empty() && parents.is_empty() && !said(words.tasks.place) && !said(words.extends.place);
    for (key, given) in entries {
        let Some(task) = parse_name(&key.text, key.place, report) else { continue };
        if !definitions.contains_key(&task) {
            let guess = report.guess(task.as_str(), definitions.keys().map(TaskName::as_str));
            report.error(Some(key.place), format!("task `{task}` is not defined")).hint =
                Some(guess.unwrap_or_else(|| format!("add `{task}:` with a `file:` under `tasks:`")));
        }
        let value_place = given.place.unwrap_or(key.place);
        let plan = parse_entry(given.value.unwrap_or_default(), key.place, value_place, report);
        plans.insert(task, Rc::new(plan));
    }
    let extends = parents.into_iter().filter_map(|given| parse_parent(given, report)).collect();
    Own { place, empty, plans, extends }
}

fn parse_entry(entry: Entry, place: Location, value_place: Location, report: &mut Report) -> Plan {
    let mut plan = Plan::default();
    plan.places.insert("entry".to_owned(), place);
    let OneOrMany(deps) = entry.0.deps.value.unwrap_or_default();
    for Given { value, place: dep_place } in deps {
        let dep_place = dep_place.or(entry.0.deps.place).unwrap_or(value_place);
        let Some(Text(text)) = value else { continue };
        let Some(dep) = parse_name(text.trim(), dep_place, report) else { continue };
        if plan.deps.iter().any(|(known, _)| *known == dep) {
            report.warning(Some(dep_place), format!("`{dep}` is listed twice"));
            continue;
        }
        plan.places.insert(format!("deps.{dep}"), dep_place);
        plan.deps.push((dep, Some(dep_place)));
    }
    let places = &mut plan.places;
    let keep = |field, place: Option<Location>| {
        places.extend(place.map(|place| (field, place)));
    };
    plan.args = parse_arguments(entry.0.args.value.unwrap_or_default(), keep, report);
    plan
}

fn parse_parent(given: Given<Extends>, report: &mut Report) -> Option<Parent> {
    let words = given.value?.0;
    let Some(Text(graph)) = words.graph.value else {
        if words.graph.place.is_none() {
            report.error(given.place, "`extends` without a `graph`").hint =
                Some("write `extends: NAME` or `extends: {graph: NAME, args: {TASK: {…}}}`".into());
        }
        return None;
    };
    let mut args = Vec::new();
    for (key, given) in words.args.value.unwrap_or_default().0 {
        let Some(task) = parse_name(&key.text, key.place, report) else { continue };
        let mut plan = Plan::default();
        plan.places.insert("entry".to_owned(), key.place);
        let places = &mut plan.places;
        let keep = |field, place: Option<Location>| {
            places.extend(place.map(|place| (field, place)));
        };
        plan.args = parse_arguments(given.value.unwrap_or_default(), keep, report);
        args.push((task, plan));
    }
    Some(Parent { graph: graph.trim().to_owned(), place: words.graph.place.or(given.place), args })
}

/// Reports dependencies that the graph does not have. Inherited entries were checked where they stand.
fn check_dependencies(own: &Own, plans: &Plans, report: &mut Report) {
    for (task, plan) in &own.plans {
        for (dep, place) in plan.deps.iter().filter(|(dep, _)| !plans.contains_key(dep)) {
            let guess = report.guess(dep.as_str(), plans.keys().map(TaskName::as_str));
            report.error(*place, format!("`{task}` depends on `{dep}`, which is not in this graph")).hint =
                Some(guess.unwrap_or_else(|| format!("add `{dep}:` to the graph's tasks")));
        }
    }
}

/// Gives `map_over` the order of the list's own `iterable_item`, in which its elements come.
fn align(graph: &mut Graph) {
    let same = |one: &[String], other: &[String]| {
        one.len() == other.len() && one.iter().all(|name| other.contains(name))
    };
    let provided = |task: &Task| {
        let mut lists = task.deps.iter().filter_map(|dep| graph.tasks.get(dep)).map(|dep| &dep.iterable_item);
        lists.find(|list| same(list, &task.map_over)).cloned()
    };
    let mapped = graph.tasks.values().filter(|task| task.map_over.len() > 1);
    let aligned: Vec<_> = mapped.filter_map(|task| Some((task.name.clone(), provided(task)?))).collect();
    for (task, names) in aligned {
        if let Some(task) = graph.tasks.get_mut(&task) {
            task.map_over = names;
        }
    }
}

/// Makes the task that a graph sees.
fn instance(mut task: Task, plan: &Plan) -> Task {
    task.deps = plan.deps.iter().map(|(dep, _)| dep.clone()).collect();
    task.args.extend(plan.args.iter().map(|(name, value)| (name.clone(), value.clone())));
    task.places.extend(plan.places.iter().map(|(field, place)| (field.clone(), *place)));
    task
}
