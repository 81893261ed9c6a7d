//! The index: which records a fingerprint has, and where each was made.
//!
//! A fingerprint may have many records, from many branches. Which of them a task
//! may take is decided above, where reuse and protection are known.

use rusqlite::Transaction;

use super::row::{digest, number, parsed, text};
use super::{Finished, State, StateError};
use crate::model::{BranchName, Digest, Fingerprint, ProjectId};

/// A record that has the fingerprint that was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// The record.
    pub record: Digest,
    /// The project it was made in.
    pub project: ProjectId,
    /// The branch it was made on.
    pub branch: BranchName,
    /// When, in ms since the epoch.
    pub made_ms: u64,
}

impl State {
    /// Returns all records of a fingerprint, the latest first. Their bytes may be gone.
    pub fn candidates(&self, fingerprint: &Fingerprint) -> Result<Vec<Candidate>, StateError> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached(
                "SELECT record, project, branch, made_ms FROM made
                 WHERE fingerprint = ?1 ORDER BY made_ms DESC, record",
            )?;
            let mut rows = statement.query([fingerprint.0.as_bytes()])?;
            let mut candidates = Vec::new();
            while let Some(row) = rows.next()? {
                candidates.push(Candidate {
                    record: digest(row, 0)?,
                    project: parsed("a project", text(row, 1)?, ProjectId::parse)?,
                    branch: parsed("a branch", text(row, 2)?, BranchName::parse)?,
                    made_ms: number(row, 3)?,
                });
            }
            Ok(candidates)
        })
    }
}

pub(super) fn add(transaction: &Transaction<'_>, finished: &Finished<'_>) -> Result<(), StateError> {
    transaction
        .prepare_cached(
            "INSERT OR REPLACE INTO made (fingerprint, record, project, branch, made_ms)
             VALUES (?1, ?2, ?3, ?4, ?5)",
        )?
        .execute((
            finished.fingerprint.0.as_bytes(),
            finished.record.as_bytes(),
            finished.branch.project.as_str(),
            finished.branch.branch.as_str(),
            finished.now_ms.cast_signed(),
        ))?;
    noticed(transaction)
}

/// Says that the index changed: what any branch may take did.
pub(super) fn noticed(transaction: &Transaction<'_>) -> Result<(), StateError> {
    transaction.prepare_cached("UPDATE ticks SET tick = tick + 1 WHERE what = 0")?.execute([])?;
    transaction
        .prepare_cached("UPDATE ticks SET tick = (SELECT tick FROM ticks WHERE what = 0) WHERE what = 1")?
        .execute([])?;
    Ok(())
}
