//! Branches, and the one function that moves them.
//!
//! A branch is made by the first thing written to it. Its generation grows in
//! the same transaction as whatever `status` could see. Whoever wants a branch
//! to hold another state (clone, undo, pull, rename, promote) comes by
//! [`move_branch`], which asks [`Protection`] and writes the operation down.

use rusqlite::{Connection, OptionalExtension, Row, Transaction};

use super::operations::{self, Happened};
use super::points::{self, Point};
use super::promotions::{self, Promotes};
use super::protection::Protection;
use super::row::{digest_or_null, number, parsed, text};
use super::seen;
use super::{BranchKey, State, StateError, hit};
use crate::model::{BranchName, Digest, GraphName, ProjectId, TaskName};

/// A branch's row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct BranchRow {
    pub(super) id: i64,
    /// Where the last operation left it.
    pub(super) point: Point,
    /// Its own layer, which grows.
    pub(super) layer: i64,
    pub(super) generation: u64,
}

/// A branch, as a list of them shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Branch {
    /// Which.
    pub key: BranchKey,
    /// The branch whose state it began with; absent where it began with nothing.
    pub cloned_from: Option<BranchName>,
    /// Grows with everything that `status` could see.
    pub generation: u64,
}

/// What the log will say of an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LogEntry<'a> {
    /// The command: `run`, `undo`, `pull`.
    pub verb: &'a str,
    /// What for: a run's id, the branch or remote that it came from.
    pub why: &'a str,
    /// Who asked.
    pub user: &'a str,
    /// When, in ms since the epoch.
    pub at_ms: u64,
    /// The commit that was checked out; absent without git.
    pub commit: Option<&'a str>,
    /// The branch that was stood on, where that is another one; else empty.
    pub here: &'a str,
    /// What was typed.
    pub command: &'a str,
    /// The operation that this one undoes.
    pub undoes: Option<u64>,
}

/// A move that is wanted.
#[derive(Debug, Clone, Copy)]
pub struct Move<'a> {
    /// The branch that moves.
    pub key: &'a BranchKey,
    /// The state that whoever wants it has seen there; absent where the branch had none.
    pub from: Option<Point>,
    /// Where to.
    pub to: Target<'a>,
    /// The branch that the state comes from, where that is to be remembered.
    pub cloned_from: Option<&'a BranchName>,
    /// Records that were made elsewhere, and that the branch may have from now on.
    pub promotes: Option<Promotes<'a>>,
}

/// Where a branch is to move.
#[derive(Debug, Clone, Copy)]
pub enum Target<'a> {
    /// To a state.
    Point(Point),
    /// To what another branch holds now, also while a run goes on there.
    WhatIsOn(&'a BranchKey),
    /// To what it holds, but for these tasks.
    With(&'a [Change]),
    /// Away.
    Gone,
}

/// What a task is to have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The graph's namespace.
    pub graph: GraphName,
    /// The task.
    pub task: TaskName,
    /// The record and its outputs digest; absent where it is to have none.
    pub record: Option<(Digest, Digest)>,
}

/// What a move did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moved {
    /// The operation's number.
    pub operation: u64,
    /// Absent where the branch had no state.
    pub before: Option<Point>,
    /// Absent where it went.
    pub after: Option<Point>,
}

impl State {
    /// Has a branch hold another state, as one operation; absent where it is not where `from` says.
    pub fn move_branch(
        &self,
        wanted: &Move<'_>,
        protection: &Protection,
        entry: &LogEntry<'_>,
    ) -> Result<Option<Moved>, StateError> {
        hit("state.move.begun", &self.path)?;
        let moved = self.write(|transaction| {
            let moved = move_branch(self, transaction, wanted, protection, entry)?;
            hit("state.move.written", &self.path)?;
            Ok(moved)
        })?;
        hit("state.move.committed", &self.path)?;
        Ok(moved)
    }

    /// Gives a branch's state another name, as one operation on the new one; absent where that has a state.
    /// A name under which a run was only opened has none.
    ///
    /// Its runs go along; what the log says of the old name stays as it was said.
    pub fn rename_branch(
        &self,
        from: &BranchKey,
        to: &BranchKey,
        protection: &Protection,
        entry: &LogEntry<'_>,
    ) -> Result<Option<u64>, StateError> {
        self.write(|transaction| {
            let there = find(transaction, to)?;
            let Some(mut row) = find(transaction, from)? else { return Ok(None) };
            if let Some(there) = &there
                && !(there.id != row.id && is_bare(transaction, there)?)
            {
                return Ok(None);
            }
            let point = points::settle(transaction, &mut row, from.branch.as_str())?;
            protection.admits(self, transaction, to, (&Point::default(), &point), &[])?;
            remove(transaction, to)?;
            for table in ["branches", "runs"] {
                transaction.execute(
                    &format!("UPDATE {table} SET branch = ?3 WHERE project = ?1 AND branch = ?2"),
                    (from.project.as_str(), from.branch.as_str(), to.branch.as_str()),
                )?;
            }
            touch(transaction, row.id)?;
            let happened = Happened { key: to, before: Some(point), after: Some(point) };
            operations::append(transaction, &happened, entry).map(Some)
        })
    }

    /// Returns the state that a branch is in now, what is not folded included; absent where it has none.
    pub fn point(&self, branch: &BranchKey) -> Result<Option<Point>, StateError> {
        self.read(|connection| {
            let Some(row) = find(connection, branch)? else { return Ok(None) };
            points::now(connection, &row).map(Some)
        })
    }

    /// Returns all branches of a project that have a state, by name.
    pub fn branches(&self, project: &ProjectId) -> Result<Vec<Branch>, StateError> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached(
                "SELECT branch, cloned_from, generation FROM branches WHERE project = ?1 ORDER BY branch",
            )?;
            let mut rows = statement.query([project.as_str()])?;
            let mut found = Vec::new();
            while let Some(row) = rows.next()? {
                found.push(read_branch(project, row)?);
            }
            Ok(found)
        })
    }
}

fn read_branch(project: &ProjectId, row: &Row<'_>) -> Result<Branch, StateError> {
    let name = |text: &str| parsed("a branch", text, BranchName::parse);
    let cloned_from: Option<String> = row.get(1)?;
    Ok(Branch {
        key: BranchKey { project: project.clone(), branch: name(text(row, 0)?)? },
        cloned_from: cloned_from.as_deref().map(name).transpose()?,
        generation: number(row, 2)?,
    })
}

/// Returns a branch; absent where nothing was ever written to it.
pub(super) fn find(connection: &Connection, key: &BranchKey) -> Result<Option<BranchRow>, StateError> {
    let row = connection
        .prepare_cached(
            "SELECT id, snapshot, over, layer, generation FROM branches WHERE project = ?1 AND branch = ?2",
        )?
        .query_row((key.project.as_str(), key.branch.as_str()), |row| {
            Ok(BranchRow {
                id: row.get(0)?,
                point: Point { snapshot: digest_or_null(row, 1)?, over: row.get(2)? },
                layer: row.get(3)?,
                generation: number(row, 4)?,
            })
        })
        .optional()?;
    Ok(row)
}

/// Returns a branch, and makes it where it is absent.
pub(super) fn find_or_make(transaction: &Transaction<'_>, key: &BranchKey) -> Result<BranchRow, StateError> {
    if let Some(row) = find(transaction, key)? {
        return Ok(row);
    }
    let layer = points::new_layer(transaction, None, key.branch.as_str())?;
    transaction
        .prepare_cached("INSERT INTO branches (project, branch, layer) VALUES (?1, ?2, ?3)")?
        .execute((key.project.as_str(), key.branch.as_str(), layer))?;
    Ok(BranchRow { id: transaction.last_insert_rowid(), point: Point::default(), layer, generation: 0 })
}

/// Says that something on the branch changed that `status` could see.
pub(super) fn touch(transaction: &Transaction<'_>, id: i64) -> Result<(), StateError> {
    transaction.prepare_cached("UPDATE ticks SET tick = tick + 1 WHERE what = 0")?.execute([])?;
    transaction
        .prepare_cached(
            "UPDATE branches SET generation = (SELECT tick FROM ticks WHERE what = 0) WHERE id = ?1",
        )?
        .execute([id])?;
    Ok(())
}

/// Has a branch hold another state, and logs it: the only function that does, whichever verb asks.
///
/// Whoever moves a branch has read `from`; where the branch is no longer there,
/// nothing is done. What it held and was not folded stays in the operation's
/// point, so that an undo brings it back. (A fold writes the same state down in
/// another way; see `close.rs`.)
fn move_branch(
    state: &State,
    transaction: &Transaction<'_>,
    wanted: &Move<'_>,
    protection: &Protection,
    entry: &LogEntry<'_>,
) -> Result<Option<Moved>, StateError> {
    let key = wanted.key;
    let before = settled(transaction, key)?;
    if before != wanted.from {
        return Ok(None);
    }
    let after = match wanted.to {
        Target::Gone => None,
        Target::Point(point) => Some(point),
        Target::WhatIsOn(other) => Some(settled(transaction, other)?.unwrap_or_default()),
        Target::With(changes) => {
            let over = points::layer_of(transaction, before.unwrap_or_default().over, changes)?;
            Some(Point { over: Some(over), ..before.unwrap_or_default() })
        }
    };
    if let Some(undone) = entry.undoes {
        promotions::follow_undo(transaction, &key.project, undone)?;
        seen::follow_undo(transaction, &key.project, undone)?;
    }
    let let_in = wanted.promotes.map_or(&[][..], |promotes| promotes.records);
    match &after {
        Some(to) => {
            protection.admits(state, transaction, key, (&before.unwrap_or_default(), to), let_in)?;
            stand_on(transaction, key, to, wanted)?;
        }
        None => remove(transaction, key)?,
    }
    let operation = operations::append(transaction, &Happened { key, before, after }, entry)?;
    if let Some(promotes) = &wanted.promotes {
        promotions::add(transaction, key, promotes, entry, operation)?;
    }
    Ok(Some(Moved { operation, before, after }))
}

/// Makes what a branch holds now a point; absent where it has no state.
fn settled(transaction: &Transaction<'_>, key: &BranchKey) -> Result<Option<Point>, StateError> {
    let Some(mut row) = find(transaction, key)? else { return Ok(None) };
    points::settle(transaction, &mut row, key.branch.as_str()).map(Some)
}

/// Points a branch at a state, with an empty layer of its own above it.
fn stand_on(
    transaction: &Transaction<'_>,
    key: &BranchKey,
    to: &Point,
    wanted: &Move<'_>,
) -> Result<(), StateError> {
    let row = find_or_make(transaction, key)?;
    let layer = points::new_layer(transaction, to.over, key.branch.as_str())?;
    let snapshot = to.snapshot.map(|digest| *digest.as_bytes());
    transaction
        .prepare_cached(
            "UPDATE branches SET snapshot = ?2, over = ?3, layer = ?4, cloned_from = coalesce(?5, cloned_from)
             WHERE id = ?1",
        )?
        .execute((row.id, snapshot, to.over, layer, wanted.cloned_from.map(BranchName::as_str)))?;
    // Attempts are of what was tried here, with what was here before.
    super::attempts::forget_moved(transaction, row.id, wanted.to)?;
    touch(transaction, row.id)
}

/// Tells whether nothing ever finished or failed on a branch.
fn is_bare(connection: &Connection, row: &BranchRow) -> Result<bool, StateError> {
    let attempted: bool = connection
        .prepare_cached(
            "SELECT EXISTS (SELECT 1 FROM attempts WHERE branch = ?1)
                 OR EXISTS (SELECT 1 FROM item_attempts WHERE branch = ?1)
                 OR EXISTS (SELECT 1 FROM item_results WHERE layer = ?2)",
        )?
        .query_row((row.id, row.layer), |row| row.get(0))?;
    Ok(!attempted && points::now(connection, row)? == Point::default())
}

fn remove(transaction: &Transaction<'_>, key: &BranchKey) -> Result<(), StateError> {
    if let Some(row) = find(transaction, key)? {
        touch(transaction, row.id)?;
        transaction.prepare_cached("DELETE FROM branches WHERE id = ?1")?.execute([row.id])?;
    }
    Ok(())
}
