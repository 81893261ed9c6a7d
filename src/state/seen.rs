//! What a remote's branches had when this machine last saw them.
//!
//! ```text
//! agreed on   both sides had it: a push or pull compares with it to know which side moved a task since
//! looked at   it came here, onto whatever branch or none: what a push with a lease may replace
//! ```
//! Both are known by the remote's address, not by the name that people give it. Where the pull that led to
//! an agreement is undone, the one before it holds again, in the same transaction; and back.

use rusqlite::{OptionalExtension, Row, Transaction};

use super::row::{digest, digest_or_null, number};
use super::{BranchKey, State, StateError, operations};
use crate::model::{Digest, ProjectId};

/// A remote's branch as it was last seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LastSeen {
    /// The snapshot that it pointed at.
    pub snapshot: Digest,
    /// How often it had been moved.
    pub generation: u64,
    /// When, in ms since the epoch.
    pub at_ms: u64,
}

impl State {
    /// Returns what both sides last agreed on; absent where they never did.
    pub fn seen(&self, url: &str, branch: &BranchKey) -> Result<Option<LastSeen>, StateError> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached(
                "SELECT snapshot, generation, at_ms, withdrawn, was, was_generation FROM seen
                 WHERE url = ?1 AND project = ?2 AND branch = ?3",
            )?;
            let read = |row: &Row<'_>| {
                let at_ms = number(row, 2)?;
                if !row.get::<_, bool>(3)? {
                    let (snapshot, generation) = (digest(row, 0)?, number(row, 1)?);
                    return Ok(Some(LastSeen { snapshot, generation, at_ms }));
                }
                let Some(snapshot) = digest_or_null(row, 4)? else { return Ok(None) };
                Ok(Some(LastSeen { snapshot, generation: number(row, 5)?, at_ms }))
            };
            let found = statement.query_row((url, branch.project.as_str(), branch.branch.as_str()), read);
            Ok(found.optional()?.flatten())
        })
    }

    /// Returns how each branch of a project was last seen at a remote.
    pub fn all_seen(&self, url: &str, project: &ProjectId) -> Result<Vec<LastSeen>, StateError> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached(
                "SELECT snapshot, generation, at_ms FROM seen WHERE url = ?1 AND project = ?2 ORDER BY branch",
            )?;
            let mut rows = statement.query((url, project.as_str()))?;
            let mut all = Vec::new();
            while let Some(row) = rows.next()? {
                let (snapshot, generation) = (digest(row, 0)?, number(row, 1)?);
                all.push(LastSeen { snapshot, generation, at_ms: number(row, 2)? });
            }
            Ok(all)
        })
    }

    /// Remembers what both sides agree on now; where an operation here led to it, that one's undo takes it back.
    pub fn see(
        &self,
        url: &str,
        branch: &BranchKey,
        seen: &LastSeen,
        operation: Option<u64>,
    ) -> Result<(), StateError> {
        let was = self.seen(url, branch)?;
        if operation.is_none()
            && was.is_some_and(|was| (was.snapshot, was.generation) == (seen.snapshot, seen.generation))
        {
            return Ok(());
        }
        self.write(|transaction| {
            transaction
                .prepare_cached(
                    "INSERT OR REPLACE INTO seen
                     (url, project, branch, snapshot, generation, at_ms, operation, was, was_generation)
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
                )?
                .execute((
                    url,
                    branch.project.as_str(),
                    branch.branch.as_str(),
                    seen.snapshot.as_bytes(),
                    seen.generation.cast_signed(),
                    seen.at_ms.cast_signed(),
                    operation.map(u64::cast_signed),
                    was.map(|was| *was.snapshot.as_bytes()),
                    was.map(|was| was.generation.cast_signed()),
                ))?;
            Ok(())
        })
    }

    /// Remembers what a remote's branch had when it was looked at.
    pub fn look_at(&self, url: &str, branch: &BranchKey, snapshot: &Digest) -> Result<(), StateError> {
        self.write(|transaction| {
            transaction
                .prepare_cached(
                    "INSERT OR REPLACE INTO looked_at (url, project, branch, snapshot) VALUES (?1, ?2, ?3, ?4)",
                )?
                .execute((url, branch.project.as_str(), branch.branch.as_str(), snapshot.as_bytes()))?;
            Ok(())
        })
    }

    /// Returns what a remote's branch had when it was last looked at.
    pub fn looked_at(&self, url: &str, branch: &BranchKey) -> Result<Option<Digest>, StateError> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached(
                "SELECT snapshot FROM looked_at WHERE url = ?1 AND project = ?2 AND branch = ?3",
            )?;
            let read = |row: &Row<'_>| digest(row, 0);
            Ok(statement
                .query_row((url, branch.project.as_str(), branch.branch.as_str()), read)
                .optional()?)
        })
    }
}

/// Takes back what was agreed on by an operation that is undone; where its undo is undone, it holds again.
pub(super) fn follow_undo(
    transaction: &Transaction<'_>,
    project: &ProjectId,
    undone: u64,
) -> Result<(), StateError> {
    let (operation, withdrawn) = operations::origin(transaction, project, undone)?;
    transaction
        .prepare_cached("UPDATE seen SET withdrawn = ?3 WHERE project = ?1 AND operation = ?2")?
        .execute((project.as_str(), operation.cast_signed(), withdrawn))?;
    Ok(())
}
