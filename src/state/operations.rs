//! The log of operations: every move of every branch, in order.
//!
//! Entries name the branch by its text, so they outlive it; nothing ever changes
//! or removes one. Each knows the states that it led from and to, so `undo` and
//! `clone --at` need nothing else. What moves no branch (`gc`, `push`) is noted
//! by [`State::note`], for the log to be whole.

use rusqlite::{Connection, OptionalExtension, Row, Transaction};

use super::points::Point;
use super::row::{digest_or_null, number, parsed, text};
use super::{BranchKey, LogEntry, State, StateError};
use crate::model::{BranchName, Digest, ProjectId};

/// One entry of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Operation {
    /// Its number; later ones are larger.
    pub id: u64,
    /// The branch that it moved.
    pub branch: BranchName,
    /// The command: `run`, `undo`, `pull`.
    pub verb: String,
    /// What for: a run's id, the branch or remote that it came from.
    pub why: String,
    /// Who asked.
    pub user: String,
    /// When, in ms since the epoch.
    pub at_ms: u64,
    /// The commit that was checked out; absent without git.
    pub commit: Option<String>,
    /// The branch that was stood on, where that is another one; else empty.
    pub here: String,
    /// What was typed.
    pub command: String,
    /// The operation that it undid.
    pub undoes: Option<u64>,
    /// The state before.
    pub before: Point,
    /// The state after.
    pub after: Point,
}

/// A move, for the log.
pub(super) struct Happened<'a> {
    pub(super) key: &'a BranchKey,
    pub(super) before: Option<Point>,
    pub(super) after: Option<Point>,
}

const COLUMNS: &str = "id, branch, verb, why, user, at_ms, commit_id, here, command, undoes,
    before, before_over, after, after_over";

impl State {
    /// Returns the latest operations on a branch, or done from it, newest first.
    pub fn operations(&self, branch: &BranchKey, limit: u32) -> Result<Vec<Operation>, StateError> {
        self.read(|connection| {
            let query = format!(
                "SELECT {COLUMNS} FROM operations
                 WHERE project = ?1 AND (branch = ?2 OR here = ?2) ORDER BY id DESC LIMIT ?3"
            );
            let mut statement = connection.prepare_cached(&query)?;
            read_all(statement.query((branch.project.as_str(), branch.branch.as_str(), limit))?)
        })
    }

    /// Returns the latest operations on all branches of a project, newest first.
    pub fn all_operations(&self, project: &ProjectId, limit: u32) -> Result<Vec<Operation>, StateError> {
        self.read(|connection| {
            let query =
                format!("SELECT {COLUMNS} FROM operations WHERE project = ?1 ORDER BY id DESC LIMIT ?2");
            let mut statement = connection.prepare_cached(&query)?;
            read_all(statement.query((project.as_str(), limit))?)
        })
    }

    /// Returns one operation; absent where the project has none of that number.
    pub fn operation(&self, project: &ProjectId, id: u64) -> Result<Option<Operation>, StateError> {
        self.read(|connection| {
            let query = format!("SELECT {COLUMNS} FROM operations WHERE project = ?1 AND id = ?2");
            let mut statement = connection.prepare_cached(&query)?;
            Ok(read_all(statement.query((project.as_str(), id.cast_signed()))?)?.pop())
        })
    }

    /// Writes down what moved no branch: `gc`, `push`. Returns its number.
    pub fn note(&self, here: &BranchKey, entry: &LogEntry<'_>) -> Result<u64, StateError> {
        self.write(|transaction| append_note(transaction, here, None, entry))
    }
}

fn read_all(mut rows: rusqlite::Rows<'_>) -> Result<Vec<Operation>, StateError> {
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(read_one(row)?);
    }
    Ok(found)
}

fn read_one(row: &Row<'_>) -> Result<Operation, StateError> {
    Ok(Operation {
        id: number(row, 0)?,
        branch: parsed("a branch", text(row, 1)?, BranchName::parse)?,
        verb: row.get(2)?,
        why: row.get(3)?,
        user: row.get(4)?,
        at_ms: number(row, 5)?,
        commit: row.get(6)?,
        here: row.get(7)?,
        command: row.get(8)?,
        undoes: row.get::<_, Option<i64>>(9)?.map(i64::unsigned_abs),
        before: Point { snapshot: digest_or_null(row, 10)?, over: row.get(11)? },
        after: Point { snapshot: digest_or_null(row, 12)?, over: row.get(13)? },
    })
}

/// Returns the operation that another one undid; absent where it is no undo.
pub(super) fn undone_by(
    connection: &rusqlite::Connection,
    project: &ProjectId,
    id: u64,
) -> Result<Option<u64>, StateError> {
    let found: Option<Option<i64>> = connection
        .prepare_cached("SELECT undoes FROM operations WHERE project = ?1 AND id = ?2")?
        .query_row((project.as_str(), id.cast_signed()), |row| row.get(0))
        .optional()?;
    Ok(found.flatten().map(i64::unsigned_abs))
}

/// Adds an entry; returns its number.
pub(super) fn append(
    transaction: &Transaction<'_>,
    happened: &Happened<'_>,
    entry: &LogEntry<'_>,
) -> Result<u64, StateError> {
    let bytes = |point: &Option<Point>| {
        let snapshot = point.as_ref().and_then(|point| point.snapshot);
        snapshot.map(|digest| *digest.as_bytes())
    };
    let over = |point: &Option<Point>| point.as_ref().and_then(|point| point.over);
    let Happened { key, before, after } = happened;
    transaction
        .prepare_cached(
            "INSERT INTO operations (project, branch, verb, why, user, at_ms, commit_id, here, command, undoes,
                                     before, before_over, after, after_over)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)",
        )?
        .execute(rusqlite::params![
            key.project.as_str(),
            key.branch.as_str(),
            entry.verb,
            entry.why,
            entry.user,
            entry.at_ms.cast_signed(),
            entry.commit,
            entry.here,
            entry.command,
            entry.undoes.map(u64::cast_signed),
            bytes(before),
            over(before),
            bytes(after),
            over(after),
        ])?;
    Ok(transaction.last_insert_rowid().unsigned_abs())
}

/// Adds an entry for what moves no branch, about a snapshot.
pub(super) fn append_note(
    transaction: &Transaction<'_>,
    key: &BranchKey,
    about: Option<Digest>,
    entry: &LogEntry<'_>,
) -> Result<u64, StateError> {
    let about = about.map(Point::of);
    append(transaction, &Happened { key, before: about, after: about }, entry)
}

/// Returns the operation that a row of undos goes back to, and whether it is taken back once `undone` is undone.
pub(super) fn origin(
    connection: &Connection,
    project: &ProjectId,
    mut undone: u64,
) -> Result<(u64, bool), StateError> {
    let mut withdrawn = true;
    while let Some(before) = undone_by(connection, project, undone)? {
        (undone, withdrawn) = (before, !withdrawn);
    }
    Ok((undone, withdrawn))
}
