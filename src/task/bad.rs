//! What is marked as bad, as the plan asks about it.
//!
//! Marks are few, items many: an item is looked at closely only where its key is that of a mark.

use std::collections::HashMap;

use crate::model::{Digest, ItemRecord, ItemTable, Mark, ProjectId, TaskName};
use crate::state::{State, StateError};

/// The marks of a project that hold.
#[derive(Debug, Default)]
pub struct Bad(HashMap<Digest, Mark>);

impl Bad {
    /// Reads them.
    pub fn load(state: &State, project: &ProjectId) -> Result<Self, StateError> {
        let holding = state.marks(project)?.into_iter().filter(|mark| mark.holds);
        Ok(Self(holding.map(|mark| (mark.bad, mark)).collect()))
    }

    /// Returns the marks of a record: its own, and those of items that it has.
    pub fn of(
        &self,
        task: &TaskName,
        record: Digest,
        items: impl FnOnce() -> Option<std::sync::Arc<ItemTable>>,
    ) -> Vec<Mark> {
        let mut found: Vec<Mark> = self.0.get(&record).cloned().into_iter().collect();
        let mut of_items: Vec<&Mark> =
            self.0.values().filter(|mark| mark.task == *task && mark.item.is_some()).collect();
        if of_items.is_empty() {
            return found;
        }
        let Some(table) = items() else { return found };
        of_items.sort_by_key(|mark| mark.bad);
        found.extend(of_items.into_iter().filter(|mark| is_in(&table, mark)).cloned());
        found
    }

    /// Tells whether an item is bad.
    pub fn has_item(&self, item: &ItemRecord) -> bool {
        let is_meant = |mark: &Mark| mark.item.as_ref().is_some_and(|marked| marked.key == item.key);
        self.0.values().any(is_meant) && self.0.contains_key(&item.identity())
    }
}

fn is_in(table: &ItemTable, mark: &Mark) -> bool {
    let found = mark.item.as_ref().and_then(|marked| table.find(&marked.key));
    found.is_some_and(|item| item.identity() == mark.bad)
}
