//! The items of a list that a run is about.

use std::collections::HashSet;

use globset::GlobBuilder;

use crate::model::{
    Bundle, Digest, ItemChoice, ItemIndex, ItemKey, ItemName, ItemNotFound, ItemSelector, Task,
};

/// Why a choice of items cannot be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ChoiceError {
    /// A name that is not one item's.
    #[error("`{task}` has no single item `{name}`{}", near(.why))]
    Name {
        /// The task.
        task: String,
        /// What was given.
        name: ItemName,
        /// Why.
        why: ItemNotFound,
    },
    /// A glob that matches no label.
    #[error("no item of `{task}` matches `{pattern}`")]
    NoMatch {
        /// The task.
        task: String,
        /// What was given.
        pattern: String,
    },
    /// A text that is no glob.
    #[error("`{pattern}` is no pattern: {problem}")]
    NoPattern {
        /// What was given.
        pattern: String,
        /// What is wrong with it.
        problem: String,
    },
    /// A bundle of a list that is not today's.
    #[error("the bundle `{bundle}` is not of the list that `{task}` runs over now")]
    OtherList {
        /// The task.
        task: String,
        /// The bundle.
        bundle: Bundle,
    },
    /// Items cannot run alone where they write together.
    #[error("the items of `{task}` cannot run alone: `{output}` belongs to all of them together")]
    SharedOutput {
        /// The task.
        task: String,
        /// The output that names no variable of the item.
        output: String,
    },
}

fn near(why: &ItemNotFound) -> String {
    match why {
        ItemNotFound::Unknown { near: Some(near) } => format!("; did you mean `{near}`?"),
        ItemNotFound::Unknown { near: None } => String::new(),
        ItemNotFound::Ambiguous { names } => {
            let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
            format!("; say which one is meant: {}", names.join(", "))
        }
    }
}

/// Returns the items that are meant; `list` is the result that they are the list of.
pub fn choose_items(
    task: &Task,
    choice: &ItemChoice,
    list: Option<Digest>,
    items: &ItemIndex<'_, '_>,
    failed: impl Fn() -> Vec<ItemKey>,
) -> Result<HashSet<ItemKey>, ChoiceError> {
    let name = || task.name.to_string();
    let mut chosen = HashSet::new();
    for selector in &choice.0 {
        match selector {
            ItemSelector::Named(text) => match items.find(text) {
                Ok((key, _)) => drop(chosen.insert(key)),
                Err(why) => return Err(ChoiceError::Name { task: name(), name: text.clone(), why }),
            },
            ItemSelector::Matching(pattern) => chosen.extend(matching(task, pattern, items)?),
            ItemSelector::Failed => chosen.extend(failed()),
            ItemSelector::Bundle(bundle) => {
                let keys = items.stretch(bundle.from, bundle.to).filter(|_| list == Some(bundle.list));
                let other = || ChoiceError::OtherList { task: name(), bundle: bundle.clone() };
                chosen.extend(keys.ok_or_else(other)?);
            }
        }
    }
    if chosen.len() < items.len() {
        refuse_shared_output(task)?;
    }
    Ok(chosen)
}

/// Fails where a task has an output that belongs to all its items together.
pub fn refuse_shared_output(task: &Task) -> Result<(), ChoiceError> {
    match task.outputs.iter().find(|output| !task.is_item_output(output)) {
        Some(output) => {
            Err(ChoiceError::SharedOutput { task: task.name.to_string(), output: output.to_string() })
        }
        None => Ok(()),
    }
}

fn matching(task: &Task, pattern: &str, items: &ItemIndex<'_, '_>) -> Result<Vec<ItemKey>, ChoiceError> {
    let glob = GlobBuilder::new(pattern).literal_separator(false).build();
    let glob = glob.map_err(|error| ChoiceError::NoPattern {
        pattern: pattern.to_owned(),
        problem: error.kind().to_string(),
    })?;
    let matcher = glob.compile_matcher();
    let found: Vec<_> =
        items.labels().filter(|(_, label)| matcher.is_match(label)).map(|(key, _)| key).collect();
    if found.is_empty() {
        return Err(ChoiceError::NoMatch { task: task.name.to_string(), pattern: pattern.to_owned() });
    }
    Ok(found)
}
