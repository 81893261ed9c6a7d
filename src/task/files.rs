//! The files of one record, those of its items too, without a copy of any.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::model::{ItemKey, ItemTable, OutputFile, Record};

/// The files that a record lists: its own, then its items' in the order of their keys.
#[derive(Debug, Clone, Default)]
pub struct Files {
    record: Option<Arc<Record>>,
    items: Option<Arc<ItemTable>>,
}

impl Files {
    /// Puts the files of a record and of its items together.
    pub fn new(record: Arc<Record>, items: Option<Arc<ItemTable>>) -> Self {
        Self { record: Some(record), items }
    }

    /// Returns them one by one.
    pub fn iter(&self) -> impl Iterator<Item = &OutputFile> {
        let own = self.record.iter().flat_map(|record| &record.outputs);
        own.chain(self.items.iter().flat_map(|table| table.files()))
    }

    /// Returns the record's own, and of its items those that are named: all where no list says which, and where it has
    /// not all of those, as an item without a namesake takes all.
    pub fn read_by(&self, items: Option<&BTreeSet<ItemKey>>) -> impl Iterator<Item = &OutputFile> {
        let has = |key: &ItemKey| self.items.as_ref().is_some_and(|table| table.find(key).is_some());
        self.of_items(items.filter(|items| items.iter().all(has)))
    }

    /// Returns the record's own, and of its items those that are named; all where no list says which.
    pub fn of_items(&self, items: Option<&BTreeSet<ItemKey>>) -> impl Iterator<Item = &OutputFile> {
        let own = self.record.iter().flat_map(|record| &record.outputs);
        let of_items = self.items.iter().flat_map(|table| table.items());
        let named = of_items.filter(move |item| items.is_none_or(|items| items.contains(&item.key)));
        own.chain(named.flat_map(|item| &item.outputs))
    }

    /// Tells whether there is none.
    pub fn is_empty(&self) -> bool {
        self.iter().next().is_none()
    }

    /// Returns how many there are.
    pub fn len(&self) -> usize {
        self.iter().count()
    }

    /// Returns a copy of each.
    pub fn to_vec(&self) -> Vec<OutputFile> {
        self.iter().cloned().collect()
    }
}
