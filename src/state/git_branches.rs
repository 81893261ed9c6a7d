//! Which branches git was seen to have, and which of them it has no more.
//!
//! A state may belong to no branch of git: `--branch` names any. So only what
//! was once seen there can be missed there, and only by the same repository:
//! several may share a store. Noticing changes no state; a rename moves the name
//! alone.

use std::path::Path;

use super::row::{parsed, text};
use super::{BranchKey, State, StateError, branches};
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
}
