//! Promotions: records that a protected branch takes though they were made on one that is not.
//!
//! Each is part of the operation that gave the branch the record. Where that is
//! undone it is withdrawn, in the same transaction: the record comes in by itself
//! no more, by no run and no move. Where the undo is undone it holds again. A
//! state that a protected branch has been in may be gone back to all the same:
//! whoever names one names what is in it.

use rusqlite::{Connection, Transaction};
use serde::Serialize;

use super::operations;
use super::row::{number, parsed, text};
use super::{BranchKey, LogEntry, State, StateError, candidates};
use crate::model::{BranchName, Digest, ProjectId};

/// That a branch takes a record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Promotion {
    /// The branch.
    pub branch: BranchName,
    /// The branch that it came from.
    pub source: BranchName,
    /// Who did it.
    pub user: String,
    /// When, in ms since the epoch.
    pub at_ms: u64,
    /// Why; empty where nothing was said.
    pub why: String,
    /// The operation.
    pub operation: u64,
}

/// Promotions that are wanted, for the branch that is moved.
#[derive(Debug, Clone, Copy)]
pub struct Promotes<'a> {
    /// The branch that they come from.
    pub source: &'a BranchName,
    /// Why; empty where nothing was said.
    pub why: &'a str,
    /// The records.
    pub records: &'a [Digest],
}

impl State {
    /// Returns the promotions of a record that hold, the latest last.
    pub fn promotions(&self, project: &ProjectId, record: &Digest) -> Result<Vec<Promotion>, StateError> {
        self.read(|connection| find(connection, project, record))
    }
}

pub(super) fn find(
    connection: &Connection,
    project: &ProjectId,
    record: &Digest,
) -> Result<Vec<Promotion>, StateError> {
    let mut statement = connection.prepare_cached(
        "SELECT branch, source, user, at_ms, why, operation FROM promotions
         WHERE project = ?1 AND record = ?2 AND NOT withdrawn ORDER BY operation",
    )?;
    let mut rows = statement.query((project.as_str(), record.as_bytes()))?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(Promotion {
            branch: parsed("a branch", text(row, 0)?, BranchName::parse)?,
            source: parsed("a branch", text(row, 1)?, BranchName::parse)?,
            user: row.get(2)?,
            at_ms: number(row, 3)?,
            why: row.get(4)?,
            operation: number(row, 5)?,
        });
    }
    Ok(found)
}

/// Writes promotions down as part of an operation.
pub(super) fn add(
    transaction: &Transaction<'_>,
    key: &BranchKey,
    promotes: &Promotes<'_>,
    entry: &LogEntry<'_>,
    operation: u64,
) -> Result<(), StateError> {
    let mut statement = transaction.prepare_cached(
        "INSERT INTO promotions (project, branch, record, operation, source, user, at_ms, why)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
    )?;
    for record in promotes.records {
        statement.execute((
            key.project.as_str(),
            key.branch.as_str(),
            record.as_bytes(),
            operation.cast_signed(),
            promotes.source.as_str(),
            entry.user,
            entry.at_ms.cast_signed(),
            promotes.why,
        ))?;
    }
    candidates::noticed(transaction)
}

/// Withdraws the promotions of an operation that is undone; those of one whose undo is undone hold again.
pub(super) fn follow_undo(
    transaction: &Transaction<'_>,
    project: &ProjectId,
    undone: u64,
) -> Result<(), StateError> {
    let (undone, withdrawn) = operations::origin(transaction, project, undone)?;
    let changed = transaction
        .prepare_cached("UPDATE promotions SET withdrawn = ?3 WHERE project = ?1 AND operation = ?2")?
        .execute((project.as_str(), undone.cast_signed(), withdrawn))?;
    if changed > 0 { candidates::noticed(transaction) } else { Ok(()) }
}
