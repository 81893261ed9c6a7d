//! What can go wrong with the state.
//!
//! Most of it goes wrong in SQLite or in the store below; those errors carry
//! their paths and are passed on as they are.

use std::path::Path;

use super::item_table::ItemTableError;
use crate::model::{BranchName, RunId, TaskName};
use crate::store::StoreError;

/// Why the state did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// The store, or the database beside it, failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// SQLite failed, and nobody has said yet in which database.
    #[error("cannot use the state's database")]
    Database(#[from] rusqlite::Error),
    /// A row holds what this kptn cannot read.
    #[error("the state holds {what} that cannot be read: `{text}`")]
    Unreadable { what: &'static str, text: String },
    /// The items of a record cannot be read.
    #[error(transparent)]
    Items(#[from] ItemTableError),
    /// A protected branch would get what it must not have.
    #[error("`{branch}` is protected, and `{task}` was made on `{made_on}`, which is not")]
    Protected { branch: BranchName, task: TaskName, made_on: String },
    /// A protected branch would get what was made of a remote's results.
    #[error(
        "`{branch}` is protected, and `{task}` was made with `{dependency}` as `{remote}` had it (`--defer`)"
    )]
    Deferred { branch: BranchName, task: TaskName, dependency: TaskName, remote: String },
    /// No run has this id here.
    #[error("there is no run `{run}`")]
    UnknownRun { run: RunId },
}

impl StateError {
    /// Adds the database's path to SQLite's errors.
    pub(super) fn at(self, path: &Path) -> Self {
        match self {
            Self::Database(source) => StoreError::database(path, source).into(),
            other => other,
        }
    }
}
