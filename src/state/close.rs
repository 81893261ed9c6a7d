//! The close of a run: what finished is folded into the branch's next snapshot.
//!
//! ```text
//! read snapshot + results -> next snapshot into the store, flushed
//! -> one transaction: point the branch at it, remove the rows that it has, log, close the run
//! ```
//! The object goes first: a crash in between leaves an object that nothing
//! names. Where the branch moved meanwhile, all of it is done again from there.
//! The operation's before is where the last one left the branch, so all that
//! finished since belongs to it, also what a clone has shared meanwhile.

use rusqlite::{Connection, Transaction};

use super::branches::BranchRow;
use super::operations::Happened;
use super::points::{Point, Row};
use super::row::to_json;
use super::{BranchKey, LogEntry, RunState, State, StateError, branches, hit, operations, points};
use crate::model::{Digest, RunCounts, RunId, Snapshot};
use crate::store::Store;

/// What a close did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Closed {
    /// The snapshot that the branch has now; absent where nothing ever finished on it.
    pub snapshot: Option<Digest>,
    /// How many tasks' records are new in it.
    pub folded: u64,
}

/// A branch as it was read: its row, what is beneath its own layer, and what the layers hold, lowest first.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Unfolded {
    branch: BranchRow,
    beneath: Option<i64>,
    rows: Vec<Row>,
}

impl Unfolded {
    fn read(connection: &Connection, key: &BranchKey) -> Result<Option<Self>, StateError> {
        let Some(branch) = branches::find(connection, key)? else { return Ok(None) };
        let beneath = points::beneath(connection, branch.layer)?;
        let rows = points::rows_above(connection, Some(branch.layer))?;
        Ok(Some(Self { branch, beneath, rows }))
    }

    /// Tells whether the branch still stands where it stood, whatever its own layer got since.
    fn is_there(&self, connection: &Connection, key: &BranchKey) -> Result<bool, StateError> {
        let Some(now) = branches::find(connection, key)? else { return Ok(false) };
        let same = now.point == self.branch.point && now.layer == self.branch.layer;
        Ok(same && points::beneath(connection, now.layer)? == self.beneath)
    }
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
            let unfolded = self.read(|connection| Unfolded::read(connection, key))?;
            let Some(unfolded) = unfolded.filter(|unfolded| !unfolded.rows.is_empty()) else {
                self.write(also)?;
                let point = self.read(|connection| branches::find(connection, key))?;
                return Ok(Closed { snapshot: point.and_then(|row| row.point.snapshot), folded: 0 });
            };
            let folded = unfolded.rows.len() as u64;
            let parents = unfolded.branch.point.snapshot.into_iter().collect();
            let entries = self.overlaid(unfolded.branch.point.snapshot, unfolded.rows.clone())?;
            let entries = entries.into_values().collect();
            let to = store.put_json(&Snapshot::of(parents, entries))?;
            store.flush()?;
            hit("state.close.stored", &self.path)?;
            let moved = self.write(|transaction| {
                let there = unfolded.is_there(transaction, key)?;
                if there {
                    stand_on_snapshot(transaction, key, &unfolded, to, entry)?;
                    also(transaction)?;
                }
                Ok(there)
            })?;
            if moved {
                return Ok(Closed { snapshot: Some(to), folded });
            }
        }
    }

    /// Writes a state down as a snapshot, and moves nothing: for what is kept or sent away.
    pub fn snapshot_of(&self, store: &Store, point: &Point) -> Result<Option<Digest>, StateError> {
        if point.over.is_none() {
            return Ok(point.snapshot);
        }
        let parents = point.snapshot.into_iter().collect();
        let entries = self.entries(point)?.into_values().collect();
        let digest = store.put_json(&Snapshot::of(parents, entries))?;
        store.flush()?;
        Ok(Some(digest))
    }
}

/// The branch holds what it held, written as a snapshot; its own layer keeps what came since.
fn stand_on_snapshot(
    transaction: &Transaction<'_>,
    key: &BranchKey,
    unfolded: &Unfolded,
    to: Digest,
    entry: &LogEntry<'_>,
) -> Result<(), StateError> {
    let branch = &unfolded.branch;
    super::items::lift(transaction, branch.layer)?;
    transaction
        .prepare_cached("UPDATE branches SET snapshot = ?2, over = NULL WHERE id = ?1")?
        .execute((branch.id, to.as_bytes()))?;
    transaction.prepare_cached("UPDATE layers SET over = NULL WHERE id = ?1")?.execute([branch.layer])?;
    remove_folded(transaction, unfolded)?;
    branches::touch(transaction, branch.id)?;
    let (before, after) = (Some(branch.point), Some(Point::of(to)));
    operations::append(transaction, &Happened { key, before, after }, entry)?;
    points::sweep(transaction)
}

/// A row that was replaced since it was read stays, for the next fold.
fn remove_folded(transaction: &Transaction<'_>, unfolded: &Unfolded) -> Result<(), StateError> {
    let mut statement = transaction.prepare_cached(
        "DELETE FROM results WHERE layer = ?1 AND graph = ?2 AND task = ?3 AND record IS ?4",
    )?;
    for row in &unfolded.rows {
        let record = row.record.map(|(record, _)| *record.as_bytes());
        statement.execute((unfolded.branch.layer, row.graph.as_str(), row.task.as_str(), record))?;
    }
    Ok(())
}
