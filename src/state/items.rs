//! Items of a mapped task that has not finished as a whole: what finished, and what failed.
//!
//! They outlive a failure or a kill, so the next run does the missing ones
//! alone, and `retry` the failed ones. An item that finished has not failed any
//! more. Once the task has a record, its item table has them and all go.

use rusqlite::Transaction;

use super::row::{from_json, text, to_json};
use super::{BranchKey, State, StateError, branches};
use crate::model::{FailedItem, GraphName, ItemRecord, TaskName};

pub(super) const KEEP: &str = "
    INSERT OR REPLACE INTO item_results (branch, graph, task, key, item) VALUES (?1, ?2, ?3, ?4, ?5)";
pub(super) const FAIL: &str = "
    INSERT OR REPLACE INTO item_attempts (branch, graph, task, key, attempt) VALUES (?1, ?2, ?3, ?4, ?5)";
pub(super) const MENDED: &str = "
    DELETE FROM item_attempts WHERE branch = ?1 AND graph = ?2 AND task = ?3 AND key = ?4";

impl State {
    /// Keeps finished items, in one transaction: call it with many. Their objects must be on disk.
    pub fn keep_items(
        &self,
        branch: &BranchKey,
        graph: &GraphName,
        task: &TaskName,
        items: &[ItemRecord],
    ) -> Result<(), StateError> {
        if items.is_empty() {
            return Ok(());
        }
        self.write(|transaction| {
            let row = branches::find_or_make(transaction, branch)?;
            let mut statement = transaction.prepare_cached(KEEP)?;
            let mut mended = transaction.prepare_cached(MENDED)?;
            for item in items {
                let key = item.key.0;
                statement.execute((row.id, graph.as_str(), task.as_str(), key.as_bytes(), to_json(item)))?;
                mended.execute((row.id, graph.as_str(), task.as_str(), key.as_bytes()))?;
            }
            branches::touch(transaction, row.id)
        })
    }

    /// Remembers items that failed, in one transaction; what they left earlier stays.
    pub fn fail_items(
        &self,
        branch: &BranchKey,
        graph: &GraphName,
        task: &TaskName,
        failed: &[FailedItem],
    ) -> Result<(), StateError> {
        if failed.is_empty() {
            return Ok(());
        }
        self.write(|transaction| {
            let row = branches::find_or_make(transaction, branch)?;
            let mut statement = transaction.prepare_cached(FAIL)?;
            for item in failed {
                let key = item.key.0;
                statement.execute((row.id, graph.as_str(), task.as_str(), key.as_bytes(), to_json(item)))?;
            }
            branches::touch(transaction, row.id)
        })
    }

    /// Returns the items of a task whose latest attempt failed, sorted by key. One counts where its
    /// fingerprint is still today's.
    pub fn failed_items(
        &self,
        branch: &BranchKey,
        graph: &GraphName,
        task: &TaskName,
    ) -> Result<Vec<FailedItem>, StateError> {
        self.read(|connection| {
            let Some(row) = branches::find(connection, branch)? else { return Ok(Vec::new()) };
            let mut statement = connection.prepare_cached(
                "SELECT attempt FROM item_attempts WHERE branch = ?1 AND graph = ?2 AND task = ?3 ORDER BY key",
            )?;
            let mut rows = statement.query((row.id, graph.as_str(), task.as_str()))?;
            let mut items = Vec::new();
            while let Some(row) = rows.next()? {
                items.push(from_json("a failed item", text(row, 0)?)?);
            }
            Ok(items)
        })
    }

    /// Returns the items kept for a task, sorted by key.
    pub fn kept_items(
        &self,
        branch: &BranchKey,
        graph: &GraphName,
        task: &TaskName,
    ) -> Result<Vec<ItemRecord>, StateError> {
        self.read(|connection| {
            let Some(row) = branches::find(connection, branch)? else { return Ok(Vec::new()) };
            let mut statement = connection.prepare_cached(
                "SELECT item FROM item_results WHERE branch = ?1 AND graph = ?2 AND task = ?3 ORDER BY key",
            )?;
            let mut rows = statement.query((row.id, graph.as_str(), task.as_str()))?;
            let mut items = Vec::new();
            while let Some(row) = rows.next()? {
                items.push(from_json("an item", text(row, 0)?)?);
            }
            Ok(items)
        })
    }
}

pub(super) fn forget(
    transaction: &Transaction<'_>,
    branch: i64,
    graph: &GraphName,
    task: &TaskName,
) -> Result<(), StateError> {
    for table in ["item_results", "item_attempts"] {
        transaction
            .prepare_cached(&format!("DELETE FROM {table} WHERE branch = ?1 AND graph = ?2 AND task = ?3"))?
            .execute((branch, graph.as_str(), task.as_str()))?;
    }
    Ok(())
}
