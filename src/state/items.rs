//! Finished items of a mapped task that has not finished as a whole.
//!
//! They outlive a failure or a kill, so the next run does the missing ones
//! alone. Once the task has a record, its item table has them and they go.

use rusqlite::Transaction;

use super::row::{from_json, text, to_json};
use super::{BranchKey, State, StateError, branches};
use crate::model::{GraphName, ItemRecord, TaskName};

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
            let mut statement = transaction.prepare_cached(
                "INSERT OR REPLACE INTO item_results (branch, graph, task, key, item)
                 VALUES (?1, ?2, ?3, ?4, ?5)",
            )?;
            for item in items {
                let key = item.key.0;
                statement.execute((row.id, graph.as_str(), task.as_str(), key.as_bytes(), to_json(item)))?;
            }
            branches::touch(transaction, row.id)
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
    transaction
        .prepare_cached("DELETE FROM item_results WHERE branch = ?1 AND graph = ?2 AND task = ?3")?
        .execute((branch, graph.as_str(), task.as_str()))?;
    Ok(())
}
