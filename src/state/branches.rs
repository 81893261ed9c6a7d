//! Branches, and the one function that moves them.
//!
//! A branch is made by the first thing written to it. Its generation grows in
//! the same transaction as whatever `status` could see.

use rusqlite::{Connection, OptionalExtension, Transaction};

use super::row::{digest_or_null, number};
use super::{BranchKey, StateError};
use crate::model::Digest;

/// A branch's row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct BranchRow {
    pub(super) id: i64,
    pub(super) snapshot: Option<Digest>,
    pub(super) generation: u64,
}

/// What the log will say of a move.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogEntry<'a> {
    /// The command: `run`, `undo`, `pull`.
    pub verb: &'a str,
    /// What for: a run's id, a remote's name.
    pub why: &'a str,
    /// Who asked.
    pub user: &'a str,
    /// When, in ms since the epoch.
    pub at_ms: u64,
}

/// Returns a branch; absent where nothing was ever written to it.
pub(super) fn find(connection: &Connection, key: &BranchKey) -> Result<Option<BranchRow>, StateError> {
    let row = connection
        .prepare_cached("SELECT id, snapshot, generation FROM branches WHERE project = ?1 AND branch = ?2")?
        .query_row((key.project.as_str(), key.branch.as_str()), |row| {
            Ok(BranchRow { id: row.get(0)?, snapshot: digest_or_null(row, 1)?, generation: number(row, 2)? })
        })
        .optional()?;
    Ok(row)
}

/// Returns a branch, and makes it where it is absent.
pub(super) fn find_or_make(transaction: &Transaction<'_>, key: &BranchKey) -> Result<BranchRow, StateError> {
    if let Some(row) = find(transaction, key)? {
        return Ok(row);
    }
    transaction
        .prepare_cached("INSERT INTO branches (project, branch) VALUES (?1, ?2)")?
        .execute((key.project.as_str(), key.branch.as_str()))?;
    Ok(BranchRow { id: transaction.last_insert_rowid(), snapshot: None, generation: 0 })
}

/// Says that something on the branch changed that `status` could see.
pub(super) fn touch(transaction: &Transaction<'_>, id: i64) -> Result<(), StateError> {
    transaction
        .prepare_cached("UPDATE branches SET generation = generation + 1 WHERE id = ?1")?
        .execute([id])?;
    Ok(())
}

/// Points a branch at another snapshot, and logs it: the only place that does.
///
/// Whoever moves a branch has read `from`; where the branch is no longer there,
/// nothing is done and `false` comes back.
pub(super) fn move_branch(
    transaction: &Transaction<'_>,
    key: &BranchKey,
    from: Option<Digest>,
    to: Digest,
    entry: &LogEntry<'_>,
) -> Result<bool, StateError> {
    let row = find_or_make(transaction, key)?;
    if row.snapshot != from {
        return Ok(false);
    }
    transaction
        .prepare_cached("UPDATE branches SET snapshot = ?2 WHERE id = ?1")?
        .execute((row.id, to.as_bytes()))?;
    touch(transaction, row.id)?;
    super::operations::append(transaction, key, from, to, entry)?;
    Ok(true)
}
