//! The latest attempt of each task, where it failed.
//!
//! It stands beside the task's record and never replaces it: outputs of the last
//! success stay what they are. A later success removes it.

use std::collections::BTreeMap;

use rusqlite::{OptionalExtension, Transaction};

use super::row::{from_json, parsed, text, to_json};
use super::{BranchKey, State, StateError, Target, branches};
use crate::model::{Attempt, GraphName, TaskName};

impl State {
    /// Writes down that the latest attempt of a task failed; its record, if any, stays.
    pub fn fail_task(
        &self,
        branch: &BranchKey,
        graph: &GraphName,
        task: &TaskName,
        attempt: &Attempt,
    ) -> Result<(), StateError> {
        self.write(|transaction| {
            let row = branches::find_or_make(transaction, branch)?;
            transaction
                .prepare_cached(
                    "INSERT OR REPLACE INTO attempts (branch, graph, task, attempt) VALUES (?1, ?2, ?3, ?4)",
                )?
                .execute((row.id, graph.as_str(), task.as_str(), to_json(attempt)))?;
            branches::touch(transaction, row.id)
        })
    }

    /// Returns the latest attempt of a task; absent where it succeeded or there was none.
    pub fn failed_attempt(
        &self,
        branch: &BranchKey,
        graph: &GraphName,
        task: &TaskName,
    ) -> Result<Option<Attempt>, StateError> {
        self.read(|connection| {
            let Some(row) = branches::find(connection, branch)? else { return Ok(None) };
            let text: Option<String> = connection
                .prepare_cached(
                    "SELECT attempt FROM attempts WHERE branch = ?1 AND graph = ?2 AND task = ?3",
                )?
                .query_row((row.id, graph.as_str(), task.as_str()), |row| row.get(0))
                .optional()?;
            text.map(|text| from_json("an attempt", &text)).transpose()
        })
    }

    /// Returns all latest attempts of a graph's tasks that failed.
    pub fn failed_attempts(
        &self,
        branch: &BranchKey,
        graph: &GraphName,
    ) -> Result<BTreeMap<TaskName, Attempt>, StateError> {
        self.read(|connection| {
            let Some(row) = branches::find(connection, branch)? else { return Ok(BTreeMap::new()) };
            let mut statement = connection
                .prepare_cached("SELECT task, attempt FROM attempts WHERE branch = ?1 AND graph = ?2")?;
            let mut rows = statement.query((row.id, graph.as_str()))?;
            let mut attempts = BTreeMap::new();
            while let Some(row) = rows.next()? {
                let task = parsed("a task name", text(row, 0)?, TaskName::parse)?;
                attempts.insert(task, from_json("an attempt", text(row, 1)?)?);
            }
            Ok(attempts)
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
        .prepare_cached("DELETE FROM attempts WHERE branch = ?1 AND graph = ?2 AND task = ?3")?
        .execute((branch, graph.as_str(), task.as_str()))?;
    Ok(())
}

/// Forgets what was tried on a branch that holds another state now, items' attempts too.
pub(super) fn forget_moved(
    transaction: &Transaction<'_>,
    branch: i64,
    moved: Target<'_>,
) -> Result<(), StateError> {
    for table in ["attempts", "item_attempts"] {
        let all = format!("DELETE FROM {table} WHERE branch = ?1");
        let Target::With(changes) = moved else {
            transaction.prepare_cached(&all)?.execute([branch])?;
            continue;
        };
        // Of the other tasks nothing changed.
        let mut statement = transaction.prepare_cached(&format!("{all} AND graph = ?2 AND task = ?3"))?;
        for change in changes {
            statement.execute((branch, change.graph.as_str(), change.task.as_str()))?;
        }
    }
    Ok(())
}
