//! The files of one record, those of its items too, without a copy of any.

use std::sync::Arc;

use crate::model::{ItemTable, OutputFile, Record};

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
