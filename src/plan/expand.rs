//! A list that a dependency returned becomes the items of a mapped task.

use std::collections::HashMap;

use serde_json::Value;

use crate::model::{Graph, Item, ItemKey, Task};

/// Why a result is no list of items.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ItemError {
    /// No direct dependency names these items.
    #[error("no dependency of `{task}` has `iterable_item: {map_over}`")]
    NoProvider {
        /// The mapped task.
        task: String,
        /// What it maps over.
        map_over: String,
    },
    /// The result is something else than a list.
    #[error("`{provider}` returned {found}, but `iterable_item: {names}` needs a list")]
    NoList {
        /// The task that returned it.
        provider: String,
        /// Its `iterable_item`.
        names: String,
        /// What it returned, in words.
        found: &'static str,
    },
    /// An element has not one value for each name.
    #[error("`{provider}` returned {found} at [{index}], which does not fit `iterable_item: {names}`")]
    DoesNotFit {
        /// The task that returned it.
        provider: String,
        /// Its `iterable_item`.
        names: String,
        /// The element's place, from 0.
        index: usize,
        /// The element, shortened.
        found: String,
    },
    /// Two elements are equal.
    #[error("`{provider}` returned {item} twice, at [{first}] and at [{second}]")]
    Repeated {
        /// The task that returned it.
        provider: String,
        /// The element, shortened.
        item: String,
        /// The first place, from 0.
        first: usize,
        /// The second place, from 0.
        second: usize,
    },
}

/// Returns the direct dependency that supplies the list a mapped task runs over.
pub fn list_provider<'a>(graph: &'a Graph, task: &Task) -> Result<&'a Task, ItemError> {
    let provides = |dep: &&Task| task.map_over.iter().all(|name| dep.iterable_item.contains(name));
    task.deps.iter().filter_map(|dep| graph.tasks.get(dep)).find(provides).ok_or_else(|| {
        ItemError::NoProvider { task: task.name.to_string(), map_over: task.map_over.join(",") }
    })
}

/// Returns the items of a list, in the list's order.
pub fn expand_items(provider: &Task, result: &Value) -> Result<Vec<Item>, ItemError> {
    Ok(expand_keyed_items(provider, result)?.into_iter().map(|(_, item)| item).collect())
}

/// Returns the items of a list with what they are known by, in the list's order.
pub fn expand_keyed_items(provider: &Task, result: &Value) -> Result<Vec<(ItemKey, Item)>, ItemError> {
    let names = &provider.iterable_item;
    let Value::Array(elements) = result else {
        return Err(ItemError::NoList {
            provider: provider.name.to_string(),
            names: names.join(","),
            found: kind_of(result),
        });
    };
    let mut items = Vec::with_capacity(elements.len());
    let mut places = HashMap::with_capacity(elements.len());
    for (index, element) in elements.iter().enumerate() {
        let item = Item::of_element(names, element).ok_or_else(|| ItemError::DoesNotFit {
            provider: provider.name.to_string(),
            names: names.join(","),
            index,
            found: shortened(element),
        })?;
        let key = item.key();
        if let Some(first) = places.insert(key, index) {
            return Err(ItemError::Repeated {
                provider: provider.name.to_string(),
                item: shortened(element),
                first,
                second: index,
            });
        }
        items.push((key, item));
    }
    Ok(items)
}

fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "nothing",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

fn shortened(value: &Value) -> String {
    let text = value.to_string();
    if text.chars().count() <= 60 { text } else { text.chars().take(59).chain(['…']).collect() }
}
