//! What a remote's branches had when this machine last saw them.
//!
//! It is what both sides then agreed on: a push or pull compares with it to
//! know which side moved a task since. Known by the remote's address, not by
//! the name that people give it.

use rusqlite::OptionalExtension;

use super::row::{digest, number};
use super::{BranchKey, State, StateError};
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
    /// Returns how a remote's branch was last seen; absent where it never was.
    pub fn seen(&self, url: &str, branch: &BranchKey) -> Result<Option<LastSeen>, StateError> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached(
                "SELECT snapshot, generation, at_ms FROM seen WHERE url = ?1 AND project = ?2 AND branch = ?3",
            )?;
            let found = statement.query_row((url, branch.project.as_str(), branch.branch.as_str()), |row| {
                Ok(LastSeen { snapshot: digest(row, 0)?, generation: number(row, 1)?, at_ms: number(row, 2)? })
            });
            Ok(found.optional()?)
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

    /// Remembers how a remote's branch was seen just now.
    pub fn see(&self, url: &str, branch: &BranchKey, seen: &LastSeen) -> Result<(), StateError> {
        self.write(|transaction| {
            transaction
                .prepare_cached(
                    "INSERT OR REPLACE INTO seen (url, project, branch, snapshot, generation, at_ms)
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
                )?
                .execute((
                    url,
                    branch.project.as_str(),
                    branch.branch.as_str(),
                    seen.snapshot.as_bytes(),
                    seen.generation.cast_signed(),
                    seen.at_ms.cast_signed(),
                ))?;
            Ok(())
        })
    }
}
