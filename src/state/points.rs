//! Where a branch stands: a snapshot, and the layers of results above it.
//!
//! ```text
//! main ──> layer 9 (grows)            feature ──> layer 10 (grows)
//!             └──────> layer 7 (never changes) <──────┘
//!                          └──> snapshot
//! ```
//! What finishes goes into a branch's own layer, its top one. To remember a
//! state, the top layer stops growing and the branch gets a new one above it:
//! a row, however much the layer holds. So a clone, an operation's before and
//! after, and an undo never copy results. A fold turns snapshot and layers into
//! the next snapshot, and the branch stands on that alone.

use std::collections::BTreeMap;

use rusqlite::{Connection, OptionalExtension, Transaction};

use super::branches::{BranchRow, Change};
use super::row::{digest_or_null, parsed, text};
use super::{Reach, State, StateError, results, snapshots};
use crate::model::{Digest, GraphName, SnapshotEntry, TaskName};
use crate::store::StoreError;

/// A state of a branch that will not change; what an operation leads from and to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Point {
    /// Absent before the first fold.
    pub snapshot: Option<Digest>,
    /// The topmost layer that is not folded; absent where there is none.
    pub(super) over: Option<i64>,
}

impl Point {
    /// Returns the point that a snapshot is.
    pub fn of(snapshot: Digest) -> Self {
        Self { snapshot: Some(snapshot), over: None }
    }

    /// Tells whether nothing ever finished there.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// Everything that a state holds, by graph and task.
pub type Entries = BTreeMap<(GraphName, TaskName), SnapshotEntry>;

impl State {
    /// Returns which record each task has in a state.
    pub fn entries(&self, point: &Point) -> Result<Entries, StateError> {
        let above = self.read(|connection| rows_above(connection, point.over))?;
        self.overlaid(point.snapshot, above)
    }

    /// As [`State::entries`]; absent where the state's snapshot is not in the store any more.
    pub fn find_entries(&self, point: &Point) -> Result<Option<Entries>, StateError> {
        match self.entries(point) {
            Err(StateError::Store(StoreError::Absent { .. })) => Ok(None),
            entries => entries.map(Some),
        }
    }

    /// Returns how many records of a state are not in the store, and how many it has.
    ///
    /// Where its snapshot is gone, nobody knows: then one of none is.
    pub fn count_gone(&self, point: &Point) -> Result<(u64, u64), StateError> {
        if let Some(snapshot) = &point.snapshot
            && !self.store.has(snapshot)?
        {
            return Ok((1, 0));
        }
        let entries = self.entries(point)?;
        let mut gone = 0;
        for entry in entries.values() {
            gone += u64::from(!self.store.has(&entry.record)?);
        }
        Ok((gone, entries.len() as u64))
    }

    /// Returns how many of some records lack something that they need.
    ///
    /// What of it was put aside is back afterwards: whoever has a branch hold them may rely on all of it.
    pub fn count_lacking(&self, records: impl IntoIterator<Item = Digest>) -> Result<u64, StateError> {
        let elsewhere = self.elsewhere()?;
        let (mut reach, mut of_others) = (Reach::new(&self.store), Reach::new(&self.store));
        let mut lacking = 0;
        for record in records {
            let mut needed = Vec::new();
            // What a task made that is `local_only` elsewhere is not expected here.
            let hidden = match elsewhere.contains(&record) {
                false => reach.follow(&record, &mut |_, digest| needed.push(digest)),
                true => of_others.follow(&record, &mut |need, digest| {
                    if !need.is_made() {
                        needed.push(digest);
                    }
                }),
            };
            let mut whole = hidden.is_empty();
            for digest in needed {
                // What was damaged makes its task stale, wherever that record is.
                whole &= self.store.can_have(&digest)? || self.store.was_damaged(&digest);
            }
            lacking += u64::from(!whole);
        }
        Ok(lacking)
    }

    /// Returns the record of one task in a state, without building the whole of it.
    pub fn record_at(
        &self,
        point: &Point,
        graph: &GraphName,
        task: &TaskName,
    ) -> Result<Option<Digest>, StateError> {
        let since = match point.over {
            Some(top) => self.read(|connection| results::since(connection, top, graph, task))?,
            None => None,
        };
        match (since, point.snapshot) {
            (Some(since), _) => Ok(since.record),
            (None, Some(snapshot)) => Ok(snapshots::find_record(&self.store, &snapshot, graph, task)?),
            (None, None) => Ok(None),
        }
    }

    /// Puts the rows of layers, lowest first, over a snapshot.
    pub(super) fn overlaid(&self, snapshot: Option<Digest>, above: Vec<Row>) -> Result<Entries, StateError> {
        let snapshot = self.snapshots.load(&self.store, snapshot)?;
        let place = |entry: &SnapshotEntry| (entry.graph.clone(), entry.task.clone());
        let mut entries: Entries = snapshot.entries.iter().map(|one| (place(one), one.clone())).collect();
        for row in above {
            let place = (row.graph.clone(), row.task.clone());
            match row.record {
                Some((record, outputs)) => {
                    let entry = SnapshotEntry { graph: row.graph, task: row.task, record, outputs };
                    entries.insert(place, entry);
                }
                None => drop(entries.remove(&place)),
            }
        }
        Ok(entries)
    }
}

/// A row of a layer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Row {
    pub(super) graph: GraphName,
    pub(super) task: TaskName,
    /// The record and its outputs' digest; absent where the task has none any more.
    pub(super) record: Option<(Digest, Digest)>,
}

/// Returns a layer and all beneath it, the lowest first.
pub(super) fn chain(connection: &Connection, top: Option<i64>) -> Result<Vec<i64>, StateError> {
    let mut chain = Vec::new();
    let mut next = top;
    while let Some(layer) = next {
        chain.push(layer);
        next = beneath(connection, layer)?;
    }
    chain.reverse();
    Ok(chain)
}

/// Returns the layer beneath another one; absent where only the snapshot is.
pub(super) fn beneath(connection: &Connection, layer: i64) -> Result<Option<i64>, StateError> {
    let mut statement = connection.prepare_cached("SELECT over FROM layers WHERE id = ?1")?;
    Ok(statement.query_row([layer], |row| row.get(0)).optional()?.flatten())
}

/// Returns the rows of a layer and of all beneath it, the lowest first.
pub(super) fn rows_above(connection: &Connection, top: Option<i64>) -> Result<Vec<Row>, StateError> {
    let mut found = Vec::new();
    for layer in chain(connection, top)? {
        let mut statement =
            connection.prepare_cached("SELECT graph, task, record, outputs FROM results WHERE layer = ?1")?;
        let mut rows = statement.query([layer])?;
        while let Some(row) = rows.next()? {
            found.push(Row {
                graph: parsed("a graph name", text(row, 0)?, GraphName::parse)?,
                task: parsed("a task name", text(row, 1)?, TaskName::parse)?,
                record: digest_or_null(row, 2)?.zip(digest_or_null(row, 3)?),
            });
        }
    }
    Ok(found)
}

/// Makes an empty layer.
pub(super) fn new_layer(
    transaction: &Transaction<'_>,
    over: Option<i64>,
    origin: &str,
) -> Result<i64, StateError> {
    transaction
        .prepare_cached("INSERT INTO layers (over, origin) VALUES (?1, ?2)")?
        .execute((over, origin))?;
    Ok(transaction.last_insert_rowid())
}

/// Writes changes into a layer that will not grow.
pub(super) fn layer_of(
    transaction: &Transaction<'_>,
    over: Option<i64>,
    changes: &[Change],
) -> Result<i64, StateError> {
    // Nothing is known of where these were made.
    let layer = new_layer(transaction, over, "")?;
    let mut statement = transaction.prepare_cached(
        "INSERT OR REPLACE INTO results (layer, graph, task, record, outputs, run) VALUES (?1, ?2, ?3, ?4, ?5, '')",
    )?;
    for change in changes {
        let record = change.record.map(|(record, _)| *record.as_bytes());
        let outputs = change.record.map(|(_, outputs)| *outputs.as_bytes());
        statement.execute((layer, change.graph.as_str(), change.task.as_str(), record, outputs))?;
    }
    Ok(layer)
}

/// Returns what a branch holds now; where its own layer is in use, that is the topmost and may still grow.
pub(super) fn now(connection: &Connection, row: &BranchRow) -> Result<Point, StateError> {
    let is_used: bool = connection
        .prepare_cached(
            "SELECT EXISTS (SELECT 1 FROM results WHERE layer = ?1)
                 OR EXISTS (SELECT 1 FROM item_results WHERE layer = ?1)",
        )?
        .query_row([row.layer], |row| row.get(0))?;
    let over = if is_used { Some(row.layer) } else { beneath(connection, row.layer)? };
    Ok(Point { snapshot: row.point.snapshot, over })
}

/// Makes what a branch holds now a point: from here on it grows in a layer above.
pub(super) fn settle(
    transaction: &Transaction<'_>,
    row: &mut BranchRow,
    origin: &str,
) -> Result<Point, StateError> {
    let point = now(transaction, row)?;
    if point.over == Some(row.layer) {
        row.layer = new_layer(transaction, point.over, origin)?;
        transaction
            .prepare_cached("UPDATE branches SET layer = ?2 WHERE id = ?1")?
            .execute((row.id, row.layer))?;
    }
    Ok(point)
}

/// Removes layers that nothing stands on or came by any more.
pub(super) fn sweep(transaction: &Transaction<'_>) -> Result<(), StateError> {
    loop {
        let removed = transaction
            .prepare_cached(
                "DELETE FROM layers WHERE id NOT IN (
                    SELECT layer FROM branches WHERE layer IS NOT NULL
                    UNION SELECT over FROM branches WHERE over IS NOT NULL
                    UNION SELECT over FROM layers WHERE over IS NOT NULL
                    UNION SELECT before_over FROM operations WHERE before_over IS NOT NULL
                    UNION SELECT after_over FROM operations WHERE after_over IS NOT NULL)",
            )?
            .execute([])?;
        if removed == 0 {
            return Ok(());
        }
    }
}
