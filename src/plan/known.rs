//! What a decision may ask about the past and the disk.

use std::sync::Arc;

use serde_json::Value;

use crate::model::{Attempt, Digest, FailedItem, Fingerprint, ItemRecord, ItemTable, Mark, Record, TaskName};

/// Where the files of a record are.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct OutputsState {
    /// Files that are not in the output folder, but whose bytes the store has.
    pub absent: Vec<String>,
    /// Files in the output folder with bytes that the store does not know.
    pub edited: Vec<String>,
    /// Files that are not here and whose bytes exist nowhere.
    pub lost: Vec<String>,
    /// Files that are not here and whose bytes stay on the machine that made them.
    pub elsewhere: Vec<String>,
}

/// Answers about the past; read only. `task` implements it over state and store.
///
/// All answers are about one branch and one graph's namespace. What cannot be
/// read is answered as absent, which makes a task stale: it fails closed.
pub trait Known {
    /// Returns the branch's record of a task; absent where it never finished.
    fn current(&self, task: &TaskName) -> Option<Arc<Record>>;

    /// Returns the latest attempt of a task if it failed after its current record was made.
    fn failed_attempt(&self, task: &TaskName) -> Option<Attempt>;

    /// Returns a record of this fingerprint that may be taken instead of running, all of whose
    /// bytes can be had: the task's `reuse` rule and protection are already applied.
    fn reusable(&self, task: &TaskName, fingerprint: Fingerprint) -> Option<Arc<Record>>;

    /// Tells whether an object is here, or a remote has promised it.
    fn can_have(&self, _object: &Digest) -> bool {
        true
    }

    /// Looks where a record's files (items' files too) and result are.
    fn outputs(&self, record: &Record) -> OutputsState;

    /// Returns the result of a record as JSON; absent where it has none.
    fn result(&self, record: &Record) -> Option<Arc<Value>>;

    /// Returns the item table of a record; absent for an unmapped task, and where it is not whole.
    fn items(&self, record: &Record) -> Option<Arc<ItemTable>>;

    /// Returns the items of a record that can be read, also where its table is not whole.
    fn readable_items(&self, record: &Record) -> Arc<ItemTable> {
        self.items(record).unwrap_or_default()
    }

    /// Returns items that finished in runs that did not finish the whole task, latest last.
    fn finished_items(&self, task: &TaskName) -> Vec<Arc<ItemRecord>>;

    /// Returns the items of a task whose latest attempt failed, of whatever fingerprint.
    fn failed_items(&self, task: &TaskName) -> Vec<FailedItem>;

    /// Returns the marks that say that the branch's record of a task, or items of it, are bad.
    fn invalidated(&self, task: &TaskName) -> Vec<Mark>;

    /// Tells whether an item that finished is marked as bad.
    fn is_bad(&self, item: &ItemRecord) -> bool;

    /// Returns the time, in ms since the epoch.
    fn now_ms(&self) -> u64;
}
