//! The log of operations: every move of every branch, in order.
//!
//! Entries name the branch by its text, so they outlive it; nothing ever changes
//! or removes one.

use rusqlite::Transaction;

use super::row::{digest_or_null, number};
use super::{BranchKey, LogEntry, State, StateError};
use crate::model::Digest;

/// One entry of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Operation {
    /// Its number; later ones are larger.
    pub id: u64,
    /// The command: `run`, `undo`, `pull`.
    pub verb: String,
    /// What for: a run's id, a remote's name.
    pub why: String,
    /// Who asked.
    pub user: String,
    /// When, in ms since the epoch.
    pub at_ms: u64,
    /// The snapshot before; absent for a branch's first.
    pub before: Option<Digest>,
    /// The snapshot after; absent where the branch went.
    pub after: Option<Digest>,
}

impl State {
    /// Returns the latest operations on a branch, newest first.
    pub fn operations(&self, branch: &BranchKey, limit: u32) -> Result<Vec<Operation>, StateError> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached(
                "SELECT id, verb, why, user, at_ms, before, after FROM operations
                 WHERE project = ?1 AND branch = ?2 ORDER BY id DESC LIMIT ?3",
            )?;
            let rows =
                statement.query_map((branch.project.as_str(), branch.branch.as_str(), limit), |row| {
                    Ok(Operation {
                        id: number(row, 0)?,
                        verb: row.get(1)?,
                        why: row.get(2)?,
                        user: row.get(3)?,
                        at_ms: number(row, 4)?,
                        before: digest_or_null(row, 5)?,
                        after: digest_or_null(row, 6)?,
                    })
                })?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }
}

pub(super) fn append(
    transaction: &Transaction<'_>,
    branch: &BranchKey,
    before: Option<Digest>,
    after: Digest,
    entry: &LogEntry<'_>,
) -> Result<(), StateError> {
    let before = before.map(|digest| *digest.as_bytes());
    transaction
        .prepare_cached(
            "INSERT INTO operations (project, branch, verb, why, user, at_ms, before, after)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        )?
        .execute((
            branch.project.as_str(),
            branch.branch.as_str(),
            entry.verb,
            entry.why,
            entry.user,
            entry.at_ms.cast_signed(),
            before,
            after.as_bytes(),
        ))?;
    Ok(())
}
