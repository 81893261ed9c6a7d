//! Tags: states that are kept for ever, by name.
//!
//! A tag names a snapshot, so it needs nothing of any branch. Making and
//! removing one is written to the log, so that `undo` knows of it.

use rusqlite::{OptionalExtension, Row};

use super::row::{digest, number, parsed, text};
use super::{BranchKey, LogEntry, State, StateError, operations};
use crate::model::{BranchName, Digest, ProjectId};

/// A state that is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tag {
    /// Its name.
    pub name: BranchName,
    /// The state.
    pub snapshot: Digest,
    /// The branch that was in it.
    pub branch: BranchName,
    /// The commit that was checked out; absent without git.
    pub commit: Option<String>,
    /// Who made it.
    pub user: String,
    /// When, in ms since the epoch.
    pub at_ms: u64,
}

impl State {
    /// Returns all tags of a project, by name.
    pub fn tags(&self, project: &ProjectId) -> Result<Vec<Tag>, StateError> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached(
                "SELECT tag, snapshot, branch, commit_id, user, at_ms FROM tags WHERE project = ?1 ORDER BY tag",
            )?;
            let mut rows = statement.query([project.as_str()])?;
            let mut tags = Vec::new();
            while let Some(row) = rows.next()? {
                tags.push(read(row)?);
            }
            Ok(tags)
        })
    }

    /// Makes a tag, as one operation on the branch that it is of; `false` where its name is taken.
    pub fn add_tag(&self, of: &BranchKey, tag: &Tag, entry: &LogEntry<'_>) -> Result<bool, StateError> {
        self.write(|transaction| {
            let added = transaction.execute(
                "INSERT OR IGNORE INTO tags (project, tag, snapshot, branch, commit_id, user, at_ms)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
                rusqlite::params![
                    of.project.as_str(),
                    tag.name.as_str(),
                    tag.snapshot.as_bytes(),
                    tag.branch.as_str(),
                    tag.commit,
                    tag.user,
                    tag.at_ms.cast_signed()
                ],
            )?;
            if added == 1 {
                operations::append_note(transaction, of, Some(tag.snapshot), entry)?;
            }
            Ok(added == 1)
        })
    }

    /// Removes a tag, as one operation; absent where there is none of that name.
    pub fn remove_tag(
        &self,
        here: &BranchKey,
        name: &BranchName,
        entry: &LogEntry<'_>,
    ) -> Result<Option<Tag>, StateError> {
        self.write(|transaction| {
            let mut statement = transaction.prepare_cached(
                "DELETE FROM tags WHERE project = ?1 AND tag = ?2
                 RETURNING tag, snapshot, branch, commit_id, user, at_ms",
            )?;
            let removed = statement
                .query_row((here.project.as_str(), name.as_str()), |row| Ok(read(row)))
                .optional()?
                .transpose()?;
            if let Some(tag) = &removed {
                operations::append_note(transaction, here, Some(tag.snapshot), entry)?;
            }
            Ok(removed)
        })
    }
}

fn read(row: &Row<'_>) -> Result<Tag, StateError> {
    let name = |what, at| parsed(what, text(row, at)?, BranchName::parse);
    Ok(Tag {
        name: name("a tag", 0)?,
        snapshot: digest(row, 1)?,
        branch: name("a branch", 2)?,
        commit: row.get(3)?,
        user: row.get(4)?,
        at_ms: number(row, 5)?,
    })
}
