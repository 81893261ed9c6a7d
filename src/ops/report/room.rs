//! What the verbs answer that look at the store's room, or make some.

use serde::Serialize;

use crate::model::BranchName;
use crate::store::Amount;

/// `kptn gc`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct GcReport {
    /// Whether it only says what would be done.
    pub dry_run: bool,
    /// The operation; absent where nothing was to be done.
    pub operation: Option<u64>,
    /// Operations of so many ms keep what `undo` would need.
    pub keep_ms: u64,
    /// So many ms lie between putting aside and deleting.
    pub grace_ms: u64,
    /// The whole store before, without its trash.
    pub total: Amount,
    /// What branches, tags, runs and operations of late need of it.
    pub needed: Amount,
    /// What is put aside.
    pub aside: Amount,
    /// How many records of tasks are among it.
    pub records: u64,
    /// What came back out of the trash, as something needs it.
    pub returned: Amount,
    /// What is deleted for good.
    pub deleted: Amount,
    /// What stays in the trash, the oldest first.
    pub trash: Vec<TrashRow>,
    /// Whether something old stays there because a process that runs may need it.
    pub held_back: bool,
    /// By how many bytes what is needed is more than was allowed; absent where no size was given.
    pub over_bytes: Option<u64>,
    /// Branches that git has no more; their state is needed until it is deleted.
    pub gone: Vec<GoneBranch>,
}

/// What one collection has put aside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct TrashRow {
    /// Its number.
    pub batch: u64,
    /// What is in it.
    pub amount: Amount,
    /// From when on it may be deleted, in ms since the epoch.
    pub until_ms: u64,
}

/// A branch that git has no more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct GoneBranch {
    /// The branch.
    pub branch: BranchName,
    /// Since when, in ms since the epoch.
    pub gone_ms: u64,
}
