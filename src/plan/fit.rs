//! Items that a task cannot be handed, found before any of them runs.

use crate::model::{Item, LONGEST_VARIABLE, Language, Task};

/// An item that cannot be handed to its task.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the item `{item}` cannot be handed to an R task: `{name}` {problem}")]
pub struct Unfit {
    /// What people call the item, shortened.
    pub item: String,
    /// The part of it.
    pub name: String,
    /// Why not.
    pub problem: String,
}

/// Fails at the first item that cannot be an R task's environment.
pub(super) fn refuse_unfit<'a>(task: &Task, items: impl IntoIterator<Item = &'a Item>) -> Result<(), Unfit> {
    if task.script.language != Language::R {
        return Ok(());
    }
    for item in items {
        for (name, text) in item.variables() {
            let bytes = name.len() + 1 + text.len();
            let problem = if text.contains('\0') {
                "holds a NUL, which no environment variable can".to_owned()
            } else if bytes > LONGEST_VARIABLE {
                format!("has {bytes} bytes as an environment variable; the system allows {LONGEST_VARIABLE}")
            } else {
                continue;
            };
            return Err(Unfit { item: item.short_label(&task.map_over), name, problem });
        }
    }
    Ok(())
}
