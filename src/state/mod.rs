//! What is remembered between runs.
//!
//! [`State`] is `state.db`: which record each task has on each branch, what
//! failed last, which records a fingerprint has, which runs there were and who
//! moved which branch. It is the truth. A finished task is written at once, in
//! one transaction; the close of a run folds what is new into the branch's next
//! snapshot, an object in the store. One function moves a branch, whoever asks.
//!
//! Beside it stand what makes looking fast and may be thrown away: [`LocalMemo`]
//! knows files' digests by their stats, [`StatusIndex`] a whole answer of
//! `status`. [`RunLock`] and [`TaskLock`] keep two runs off one branch.

mod attempts;
mod attestations;
mod bearings;
mod branches;
mod candidates;
mod clock;
mod close;
mod elsewhere;
mod engine_runs;
mod error;
mod flat;
mod git_branches;
mod index;
mod invalid;
mod item_table;
mod items;
mod journal;
mod lock;
mod memo;
mod on_remotes;
mod operations;
mod points;
mod promotions;
mod protection;
mod reach;
mod replay;
mod results;
mod roots;
mod row;
mod runs;
mod schema;
mod seen;
mod snapshots;
mod tags;

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use rusqlite::{Connection, Transaction};

use crate::model::{BranchName, ProjectId};
use crate::store::{Layout, Store, StoreError, database};
use snapshots::SnapshotCache;

pub use crate::model::RunCounts;
pub use attestations::Attestation;
pub use bearings::{Bearing, Bearings};
pub use branches::{Branch, Change, LogEntry, Move, Moved, Target};
pub use candidates::Candidate;
pub use close::Closed;
pub use engine_runs::{Engine, EngineRun, Extent};
pub use error::StateError;
pub use git_branches::Seen;
pub use index::{Basis, Difference, Now, StatusIndex, Verdict};
pub use item_table::{
    ItemTableError, Shards, load_item_table, load_readable_items, load_shard_list, put_item_table,
};
pub use journal::{Journal, JournalScope, Segment};
pub use lock::{Holder, LockError, LockOn, RunLock, TaskLock, Wait, find_holder, was_let_go};
pub use memo::LocalMemo;
pub use operations::Operation;
pub use points::{Entries, Point};
pub use promotions::{Promotes, Promotion};
pub use protection::Protection;
pub use reach::{Hidden, Need, Reach};
pub use results::{Finished, Indexing, Recorded};
pub use roots::{Held, Roots};
pub use runs::{RunRow, RunState};
pub use seen::LastSeen;
pub use tags::Tag;

/// What a state belongs to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BranchKey {
    /// The project in its repository.
    pub project: ProjectId,
    /// The git branch.
    pub branch: BranchName,
}

/// The state under one store root.
pub struct State {
    path: PathBuf,
    connection: Mutex<Connection>,
    /// Snapshots are objects, and so is what items of a dead run left in its journals.
    store: Store,
    snapshots: SnapshotCache,
}

impl State {
    /// Opens the state under a store root, and makes it where there is none.
    pub fn open(store_root: &Path) -> Result<Self, StateError> {
        let store = Store::open(store_root)?;
        let path = store.layout().state();
        let connection = Mutex::new(database::open(&path, &schema::SCHEMA)?);
        Ok(Self { path, connection, store, snapshots: SnapshotCache::default() })
    }

    /// Opens a state of its own at `path`, over the objects under a store root; makes it where there is none.
    pub fn open_apart(store_root: &Path, path: &Path) -> Result<Self, StateError> {
        let store = Store::open(store_root)?;
        let folder = path.parent().unwrap_or(store_root);
        std::fs::create_dir_all(folder).map_err(|error| StoreError::writing("make", folder, error))?;
        let connection = Mutex::new(database::open(path, &schema::SCHEMA)?);
        Ok(Self { path: path.to_owned(), connection, store, snapshots: SnapshotCache::default() })
    }

    /// Returns a number that grows with everything on this branch that `status` could see.
    pub fn generation(&self, branch: &BranchKey) -> Result<u64, StateError> {
        self.read(|connection| branches::find(connection, branch))
            .map(|row| row.map_or(0, |row| row.generation))
    }

    /// Returns a number that is another one whenever a status of this branch could be: something on it
    /// changed, or a record was made anywhere, which it may take.
    pub fn status_generation(&self, branch: &BranchKey) -> Result<u64, StateError> {
        let own = self.generation(branch)?;
        self.read(|connection| {
            let mut statement = connection.prepare_cached("SELECT tick FROM ticks WHERE what = 1")?;
            let made = statement.query_row([], |row| Ok(row::number(row, 0)))??;
            Ok(own.max(made))
        })
    }

    /// Opens the state under a store root where there is one that can be read; makes nothing.
    pub fn open_existing(store_root: &Path) -> Option<Self> {
        let there = Layout::new(store_root).state().exists();
        there.then(|| Self::open(store_root).ok()).flatten()
    }

    fn layout(&self) -> &Layout {
        self.store.layout()
    }

    fn read<T>(&self, ask: impl FnOnce(&Connection) -> Result<T, StateError>) -> Result<T, StateError> {
        let connection = self.connection.lock().unwrap_or_else(PoisonError::into_inner);
        ask(&connection).map_err(|error| error.at(&self.path))
    }

    /// Runs one transaction that writes; an error takes all of it back.
    fn write<T>(&self, act: impl FnOnce(&Transaction<'_>) -> Result<T, StateError>) -> Result<T, StateError> {
        let mut connection = self.connection.lock().unwrap_or_else(PoisonError::into_inner);
        let run = || {
            let transaction = database::begin(&mut connection)?;
            let done = act(&transaction)?;
            transaction.commit()?;
            Ok(done)
        };
        run().map_err(|error: StateError| error.at(&self.path))
    }
}

/// Fails here where a test asked for it.
fn hit(name: &'static str, path: &Path) -> Result<(), StateError> {
    crate::failpoint::hit(name).map_err(|error| StoreError::writing("write", path, error).into())
}

#[cfg(test)]
mod branch_tests;
#[cfg(test)]
#[cfg(feature = "failpoints")]
mod fault_tests;
#[cfg(test)]
mod journal_tests;
#[cfg(test)]
mod tests;
