//! The close of a run: what finished is folded into the branch's next snapshot.
//!
//! ```text
//! read snapshot + results -> next snapshot into the store, flushed
//! -> one transaction: point the branch at it, remove the rows that it has, log, close the run
//! ```
//! The object goes first: a crash in between leaves an object that nothing
//! names. Where the branch moved meanwhile, all of it is done again from there.

use std::collections::BTreeMap;

use rusqlite::{Connection, Transaction};
use serde::{Deserialize, Serialize};

use super::row::{digest, parsed, text, to_json};
use super::{BranchKey, LogEntry, RunState, State, StateError, branches, hit};
use crate::model::{Digest, GraphName, RunId, Snapshot, SnapshotEntry, TaskName};
use crate::store::Store;

/// How the tasks of a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct RunCounts {
    /// Ran, and have a record.
    pub ran: u64,
    /// Were fresh and not looked at.
    pub fresh: u64,
    /// Turned out fresh.
    pub spared: u64,
    /// Took a record that was made elsewhere.
    pub reused: u64,
    /// Failed.
    pub failed: u64,
    /// Were not started.
    pub skipped: u64,
}

/// What a close did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Closed {
    /// The snapshot that the branch has now; absent where nothing ever finished on it.
    pub snapshot: Option<Digest>,
    /// How many tasks' records are new in it.
    pub folded: u64,
}

/// A branch's snapshot and what is new since.
struct Unfolded {
    from: Option<Digest>,
    branch: Option<i64>,
    results: Vec<SnapshotEntry>,
}

impl State {
    /// Closes a run: folds what finished into the branch's next snapshot. Closing twice is harmless.
    pub fn close_run(
        &self,
        store: &Store,
        run: &RunId,
        counts: &RunCounts,
        entry: &LogEntry<'_>,
    ) -> Result<Closed, StateError> {
        hit("state.close.begun", &self.path)?;
        let Some(row) = self.run(run)? else { return Err(StateError::UnknownRun { run: run.clone() }) };
        let end = |transaction: &Transaction<'_>| {
            if row.state == RunState::Closed {
                return Ok(());
            }
            transaction.execute(
                "UPDATE runs SET state = 'closed', ended_ms = ?2, counts = ?3 WHERE id = ?1",
                (run.as_str(), entry.at_ms.cast_signed(), to_json(counts)),
            )?;
            Ok(())
        };
        let closed = self.fold(store, &row.branch, entry, &end)?;
        hit("state.close.committed", &self.path)?;
        Ok(closed)
    }

    /// Folds what finished since the branch's snapshot into the next one; `also` joins the transaction.
    fn fold(
        &self,
        store: &Store,
        key: &BranchKey,
        entry: &LogEntry<'_>,
        also: &dyn Fn(&Transaction<'_>) -> Result<(), StateError>,
    ) -> Result<Closed, StateError> {
        loop {
            let unfolded = self.read(|connection| unfolded(connection, key))?;
            if unfolded.results.is_empty() {
                self.write(also)?;
                return Ok(Closed { snapshot: unfolded.from, folded: 0 });
            }
            let next = self.next_snapshot(&unfolded)?;
            let to = store.put_json(&next)?;
            store.flush()?;
            hit("state.close.stored", &self.path)?;
            let moved = self.write(|transaction| {
                let moved = branches::move_branch(transaction, key, unfolded.from, to, entry)?;
                if moved {
                    remove_folded(transaction, &unfolded)?;
                    also(transaction)?;
                }
                Ok(moved)
            })?;
            if moved {
                return Ok(Closed { snapshot: Some(to), folded: unfolded.results.len() as u64 });
            }
        }
    }

    fn next_snapshot(&self, unfolded: &Unfolded) -> Result<Snapshot, StateError> {
        let last = self.snapshots.load(&self.store, unfolded.from)?;
        let place = |entry: &SnapshotEntry| (entry.graph.clone(), entry.task.clone());
        let all = last.entries.iter().chain(&unfolded.results);
        let entries: BTreeMap<_, _> = all.map(|entry| (place(entry), entry)).collect();
        Ok(Snapshot {
            format: 1,
            parents: unfolded.from.into_iter().collect(),
            entries: entries.into_values().cloned().collect(),
        })
    }
}

fn unfolded(connection: &Connection, key: &BranchKey) -> Result<Unfolded, StateError> {
    let Some(row) = branches::find(connection, key)? else {
        return Ok(Unfolded { from: None, branch: None, results: Vec::new() });
    };
    let mut statement = connection.prepare_cached(
        "SELECT graph, task, record, outputs FROM results WHERE branch = ?1 ORDER BY graph, task",
    )?;
    let mut rows = statement.query([row.id])?;
    let mut results = Vec::new();
    while let Some(row) = rows.next()? {
        results.push(SnapshotEntry {
            graph: parsed("a graph name", text(row, 0)?, GraphName::parse)?,
            task: parsed("a task name", text(row, 1)?, TaskName::parse)?,
            record: digest(row, 2)?,
            outputs: digest(row, 3)?,
        });
    }
    Ok(Unfolded { from: row.snapshot, branch: Some(row.id), results })
}

/// A row that was replaced since it was read stays, for the next fold.
fn remove_folded(transaction: &Transaction<'_>, unfolded: &Unfolded) -> Result<(), StateError> {
    let mut statement = transaction.prepare_cached(
        "DELETE FROM results WHERE branch = ?1 AND graph = ?2 AND task = ?3 AND record = ?4",
    )?;
    for entry in &unfolded.results {
        let place = (entry.graph.as_str(), entry.task.as_str());
        statement.execute((unfolded.branch, place.0, place.1, entry.record.as_bytes()))?;
    }
    Ok(())
}
