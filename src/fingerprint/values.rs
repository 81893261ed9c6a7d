//! What `kptn.yaml` says to a task, as ingredients: arguments, configuration, outputs, environment.
//!
//! Paths of this machine never count: the output folder, the project root and
//! `EXTERNAL_FILE_PATH` are handed to a task but are not ingredients.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::model::{
    Argument, Graph, Ingredient, IngredientKind, Item, Language, Task, Template, Variables, canonical_json,
};

use super::gather::Gathered;
use super::python::Signature;
use super::recipe::{ingredient, shorten};
use super::surroundings::Surroundings;

/// The names by which older projects give the year, in the order of their weight.
const YEAR_NAMES: [&str; 3] = ["DATA_YEAR", "data_year", "year"];

/// Parameters that hand a function the whole of `config`.
const WHOLE_CONFIG: [&str; 3] = ["pipeline_config", "runtime_config", "config"];

/// Returns what `${name}` stands for in a task's texts: its arguments, then the graph's `config`.
///
/// The variables of an item are not among them: see [`Item::variables`].
pub fn variables(task: &Task, graph: &Graph) -> Variables {
    let config = graph.config.iter().map(|(name, value)| (name.clone(), Item::text(value)));
    let mut variables: Variables = config.collect();
    for (name, argument) in &task.args {
        if let Argument::Value(value) = argument {
            variables.insert(name.clone(), Item::text(value));
        }
    }
    variables
}

/// Returns the value of `DATA_YEAR` that kptn sets for a task: from its arguments, the graph's
/// `config`, the environment, else `2022`.
pub fn data_year(task: &Task, graph: &Graph, env: &dyn Fn(&str) -> Option<String>) -> String {
    let argument = |name: &str| match task.args.get(name) {
        Some(Argument::Value(value)) => Some(Item::text(value)),
        _ => None,
    };
    let config = |name: &str| graph.config.get(name).map(Item::text);
    let declared = |name: &str| task.env.get(name).cloned();
    let find = |from: &dyn Fn(&str) -> Option<String>| YEAR_NAMES.iter().find_map(|name| from(name));
    find(&argument)
        .or_else(|| find(&config))
        .or_else(|| find(&declared))
        .or_else(|| find(&env))
        .unwrap_or_else(|| "2022".to_owned())
}

/// Adds everything that is a plain value; the signature of a Python function is known by then.
/// `more_config` names values that are taken besides.
pub(super) fn add(task: &Task, s: &Surroundings, more_config: &BTreeSet<String>, to: &mut Gathered) {
    use IngredientKind as Kind;
    let signature = to.signature.clone();
    let mut add = |kind, name: &str, value: &[u8], shown: Option<String>| {
        to.ingredients.push(ingredient(kind, name, value, shown));
    };
    add(Kind::Task, "", task.counted_name().as_str().as_bytes(), None);
    let language = match task.script.language {
        Language::Python => "python",
        Language::R => "r",
    };
    add(Kind::Language, "", language.as_bytes(), Some(language.to_owned()));
    if let Some(function) = &task.script.function {
        add(Kind::Function, "", function.as_bytes(), Some(shorten(function)));
    }

    let variables = variables(task, s.graph);
    for output in &task.outputs {
        add(Kind::Output, &expanded(output, &variables), b"", None);
    }
    let shape = serde_json::json!({"cache_result": task.cache_result, "iterable_item": task.iterable_item});
    add(Kind::ResultShape, "", &canonical_json(&shape), Some(shape_for_people(task)));
    if task.is_mapped() {
        let mapping = serde_json::json!({"map_over": task.map_over, "map_deps": task.map_deps});
        add(Kind::Mapping, "", &canonical_json(&mapping), Some(shorten(&task.map_over.join(","))));
    }
    if let Some(prefix) = &task.prefix_args {
        add(Kind::PrefixArgs, "", prefix.as_bytes(), Some(shorten(prefix)));
    }
    if let Some(arguments) = &task.cli_args {
        let text = expanded(arguments, &variables);
        add(Kind::CliArgs, "", text.as_bytes(), Some(shorten(&text)));
    }
    for (name, value) in &task.env {
        add(Kind::Env, name, value.as_bytes(), Some(shorten(value)));
    }
    let year = data_year(task, s.graph, &|name| (s.env)(name));
    add(Kind::Setting, "DATA_YEAR", year.as_bytes(), Some(shorten(&year)));
    let cwd = canonical_json(&task.cwd());
    add(Kind::Setting, "cwd", &cwd, serde_json::from_slice(&cwd).ok());

    to.ingredients.extend(task.args.iter().map(|(name, argument)| argument_ingredient(name, argument)));
    let takes = |name: &str| match task.script.language {
        Language::R => true,
        Language::Python => more_config.contains(name) || takes_config(signature.as_ref(), name),
    };
    let config = s.graph.config.iter().filter(|(name, _)| takes(name));
    to.ingredients.extend(config.map(|(name, value)| value_ingredient(Kind::Config, name, value)));
}

/// Returns a template with what is known filled in; a variable of an item stays as it is written.
pub(super) fn expanded(template: &Template, variables: &Variables) -> String {
    let kept = |name: &str| Ok::<_, std::convert::Infallible>(format!("${{{name}}}"));
    match template.expand(variables, kept) {
        Ok(text) => text,
        Err(never) => match never {},
    }
}

fn argument_ingredient(name: &str, argument: &Argument) -> Ingredient {
    match argument {
        Argument::Value(value) => value_ingredient(IngredientKind::Arg, name, value),
        // What the dependency returned is an ingredient of its own; here counts which one it is.
        Argument::Ref(task) => {
            // No JSON text begins like this, so no value is taken for a reference.
            let reference = format!("result of {task}");
            ingredient(IngredientKind::Arg, name, reference.as_bytes(), Some(shorten(&reference)))
        }
    }
}

fn value_ingredient(kind: IngredientKind, name: &str, value: &Value) -> Ingredient {
    ingredient(kind, name, &canonical_json(value), Some(shorten(&Item::text(value))))
}

/// Tells whether a function takes a value of `config`; any may be taken where its signature can't be told.
pub(super) fn takes_config(signature: Option<&Signature>, name: &str) -> bool {
    let Some(signature) = signature else { return true };
    signature.decorated
        || signature.takes(name)
        || WHOLE_CONFIG.iter().any(|whole| signature.parameter(whole).is_some())
}

fn shape_for_people(task: &Task) -> String {
    match (task.cache_result, task.iterable_item.as_slice()) {
        (false, _) => "no result".to_owned(),
        (true, []) => "a result".to_owned(),
        (true, items) => shorten(&format!("a list of {}", items.join(","))),
    }
}
