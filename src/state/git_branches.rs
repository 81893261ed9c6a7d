//! Which branches git was seen to have, and which of them it has no more.
//!
//! A state may belong to no branch of git: `--branch` names any. So only what
//! was once seen there can be missed there, and only by the same repository:
//! several may share a store. Noticing changes no state; a rename moves the name
//! alone.

use std::path::Path;

use rusqlite::OptionalExtension;

use super::row::{parsed, text};
use super::{BranchKey, LogEntry, State, StateError, branches, operations};
use crate::model::{BranchName, ProjectId};

/// A branch with a state, as git was last seen to have it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// The branch.
    pub branch: BranchName,
    /// Since when git is known to have it no more, in ms since the epoch; absent while it has it.
    pub gone_ms: Option<u64>,
}

impl State {
    /// Returns the branches of a project that have a state, by name.
    pub fn branch_names(&self, project: &ProjectId) -> Result<Vec<BranchName>, StateError> {
        self.read(|connection| {
            let mut statement = connection
                .prepare_cached("SELECT branch FROM branches WHERE project = ?1 ORDER BY branch")?;
            let mut rows = statement.query([project.as_str()])?;
            let mut names = Vec::new();
            while let Some(row) = rows.next()? {
                names.push(parsed("a branch", text(row, 0)?, BranchName::parse)?);
            }
            Ok(names)
        })
    }

    /// Returns the branches of a project that a repository was seen to have.
    pub fn seen_branches(&self, project: &ProjectId, repository: &Path) -> Result<Vec<Seen>, StateError> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached(
                "SELECT branches.branch, gone_ms FROM git_branches JOIN branches ON id = git_branches.branch
                 WHERE project = ?1 AND repository = ?2 ORDER BY branches.branch",
            )?;
            let mut rows = statement.query((project.as_str(), repository.to_string_lossy()))?;
            let mut seen = Vec::new();
            while let Some(row) = rows.next()? {
                seen.push(Seen {
                    branch: parsed("a branch", text(row, 0)?, BranchName::parse)?,
                    gone_ms: row.get::<_, Option<i64>>(1)?.map(i64::unsigned_abs),
                });
            }
            Ok(seen)
        })
    }

    /// Notes that a repository has a branch now, or has it no more since `gone_ms`.
    pub fn note_branch(
        &self,
        key: &BranchKey,
        repository: &Path,
        gone_ms: Option<u64>,
    ) -> Result<(), StateError> {
        self.write(|transaction| {
            let Some(row) = branches::find(transaction, key)? else { return Ok(()) };
            transaction.execute(
                "INSERT OR REPLACE INTO git_branches (branch, repository, gone_ms) VALUES (?1, ?2, ?3)",
                (row.id, repository.to_string_lossy(), gone_ms.map(u64::cast_signed)),
            )?;
            Ok(())
        })
    }

    /// Gives a branch's state another name; `false` where that name has a state already.
    pub fn rename_state(
        &self,
        from: &BranchKey,
        to: &BranchName,
        entry: &LogEntry<'_>,
    ) -> Result<bool, StateError> {
        self.write(|transaction| {
            let project = from.project.as_str();
            let taken: Option<i64> = transaction
                .prepare_cached("SELECT id FROM branches WHERE project = ?1 AND branch = ?2")?
                .query_row((project, to.as_str()), |row| row.get(0))
                .optional()?;
            let Some(row) = branches::find(transaction, from)? else { return Ok(false) };
            if taken.is_some() {
                return Ok(false);
            }
            let names = (project, from.branch.as_str(), to.as_str());
            for table in ["branches", "runs"] {
                transaction.execute(
                    &format!("UPDATE {table} SET branch = ?3 WHERE project = ?1 AND branch = ?2"),
                    names,
                )?;
            }
            branches::touch(transaction, row.id)?;
            if let Some(snapshot) = row.snapshot {
                let key = BranchKey { project: from.project.clone(), branch: to.clone() };
                operations::append(transaction, &key, Some(snapshot), snapshot, entry)?;
            }
            Ok(true)
        })
    }

    /// Gives a branch without a state that of another one; `false` where it has one, or the other has none.
    pub fn clone_state(
        &self,
        from: &BranchKey,
        to: &BranchName,
        entry: &LogEntry<'_>,
    ) -> Result<bool, StateError> {
        self.write(|transaction| {
            let key = BranchKey { project: from.project.clone(), branch: to.clone() };
            let Some(source) = branches::find(transaction, from)? else { return Ok(false) };
            if branches::find(transaction, &key)?.is_some() {
                return Ok(false);
            }
            let made = branches::find_or_make(transaction, &key)?;
            transaction.execute(
                "UPDATE branches SET snapshot = (SELECT snapshot FROM branches WHERE id = ?2), cloned_from = ?3
                 WHERE id = ?1",
                (made.id, source.id, from.branch.as_str()),
            )?;
            for (table, columns) in
                [("results", "graph, task, record, outputs, run"), ("item_results", "graph, task, key, item")]
            {
                let copy = format!(
                    "INSERT INTO {table} (branch, {columns}) SELECT ?1, {columns} FROM {table} WHERE branch = ?2"
                );
                transaction.execute(&copy, (made.id, source.id))?;
            }
            branches::touch(transaction, made.id)?;
            if let Some(snapshot) = source.snapshot {
                operations::append(transaction, &key, None, snapshot, entry)?;
            }
            Ok(true)
        })
    }
}
