//! Items of a mapped task that has not finished as a whole: what finished, and what failed.
//!
//! They outlive a failure or a kill, so the next run does the missing ones
//! alone, and `retry` the failed ones. An item that finished has not failed any
//! more. Once the task has a record, its item table has them and all go.

use std::collections::BTreeMap;

use rusqlite::{Connection, Transaction};

use super::branches::BranchRow;
use super::row::{from_json, text, to_json};
use super::{BranchKey, State, StateError, branches, points};
use crate::model::{FailedItem, GraphName, ItemRecord, TaskName};

pub(super) const KEEP: &str = "
    INSERT OR REPLACE INTO item_results (layer, graph, task, key, item) VALUES (?1, ?2, ?3, ?4, ?5)";
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
                statement.execute((
                    row.layer,
                    graph.as_str(),
                    task.as_str(),
                    key.as_bytes(),
                    to_json(item),
                ))?;
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

    /// Returns the items kept for a task since its latest result, sorted by key.
    pub fn kept_items(
        &self,
        branch: &BranchKey,
        graph: &GraphName,
        task: &TaskName,
    ) -> Result<Vec<ItemRecord>, StateError> {
        self.read(|connection| {
            let Some(row) = branches::find(connection, branch)? else { return Ok(Vec::new()) };
            let mut items = BTreeMap::new();
            for layer in points::chain(connection, Some(row.layer))? {
                // A result has the items of its time; those of its own layer came after it.
                if has_result(connection, layer, graph, task)? {
                    items.clear();
                }
                let mut statement = connection.prepare_cached(
                    "SELECT item FROM item_results WHERE layer = ?1 AND graph = ?2 AND task = ?3",
                )?;
                let mut rows = statement.query((layer, graph.as_str(), task.as_str()))?;
                while let Some(row) = rows.next()? {
                    let item: ItemRecord = from_json("an item", text(row, 0)?)?;
                    items.insert(item.key, item);
                }
            }
            Ok(items.into_values().collect())
        })
    }
}

fn has_result(
    connection: &Connection,
    layer: i64,
    graph: &GraphName,
    task: &TaskName,
) -> Result<bool, StateError> {
    let mut statement = connection.prepare_cached(
        "SELECT EXISTS (SELECT 1 FROM results WHERE layer = ?1 AND graph = ?2 AND task = ?3)",
    )?;
    Ok(statement.query_row((layer, graph.as_str(), task.as_str()), |row| row.get(0))?)
}

/// Forgets the items of a task that has finished.
///
/// Those in layers that others share stay there, out of use: the task has a record now, which has them.
pub(super) fn forget(
    transaction: &Transaction<'_>,
    branch: &BranchRow,
    graph: &GraphName,
    task: &TaskName,
) -> Result<(), StateError> {
    transaction
        .prepare_cached("DELETE FROM item_results WHERE layer = ?1 AND graph = ?2 AND task = ?3")?
        .execute((branch.layer, graph.as_str(), task.as_str()))?;
    transaction
        .prepare_cached("DELETE FROM item_attempts WHERE branch = ?1 AND graph = ?2 AND task = ?3")?
        .execute((branch.id, graph.as_str(), task.as_str()))?;
    Ok(())
}

/// Takes along the items that a branch has in layers beneath its own, from which it is about to part.
///
/// A task that has a result in one of them needs its items no more. Of two of one key the upper one counts.
pub(super) fn lift(transaction: &Transaction<'_>, own: i64) -> Result<(), StateError> {
    transaction
        .prepare_cached(
            "WITH RECURSIVE chain (id) AS (
                SELECT ?1 UNION ALL
                SELECT over FROM layers JOIN chain ON layers.id = chain.id WHERE over IS NOT NULL)
             INSERT OR IGNORE INTO item_results (layer, graph, task, key, item)
             SELECT ?1, graph, task, key, item FROM item_results AS one
             WHERE layer IN (SELECT id FROM chain) AND layer <> ?1 AND NOT EXISTS (
                SELECT 1 FROM results
                WHERE layer IN (SELECT id FROM chain) AND graph = one.graph AND task = one.task)
             ORDER BY layer DESC",
        )?
        .execute([own])?;
    Ok(())
}
