//! What the verbs answer that look at the store's room, or make some.

use std::path::PathBuf;

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
    /// Folders of runs that are put aside, and their bytes.
    pub runs: Amount,
    /// Damaged objects that `fsck --repair` had set aside, and that are deleted for good.
    pub damaged: Amount,
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

/// `kptn du`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DuReport {
    /// Where the store is.
    pub store: PathBuf,
    /// The branch whose tasks are listed.
    pub branch: BranchName,
    /// A row a branch, the one with the most of its own first.
    pub branches: Vec<RoomRow>,
    /// A row a task of that branch, the largest first.
    pub tasks: Vec<RoomRow>,
    /// What branches have, each object once.
    pub on_branches: Amount,
    /// What tags, runs and operations of late need beside that.
    pub kept: Amount,
    /// What `kptn gc` could put aside.
    pub unneeded: Amount,
    /// What is in the trash.
    pub trash: Amount,
    /// Logs, plans and events of runs: files beside the objects.
    pub runs: Amount,
}

/// What one branch or task has in the store.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct RoomRow {
    /// The branch or the task.
    pub name: String,
    /// Whether it is the branch that is stood on.
    pub current: bool,
    /// Objects.
    pub objects: u64,
    /// Bytes that nobody else has.
    pub own_bytes: u64,
    /// Bytes that others have too.
    pub shared_bytes: u64,
}

/// `kptn clean`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CleanReport {
    /// The branch.
    pub branch: BranchName,
    /// Its output folder.
    pub folder: PathBuf,
    /// Whether it only says what would be done.
    pub dry_run: bool,
    /// Files that were removed, by path.
    pub removed: Vec<String>,
    /// How many bytes those had.
    pub bytes: u64,
    /// Files that differ from what is on record: they stay.
    pub edited: Vec<String>,
    /// Files that no record lists: they stay.
    pub unknown: Vec<String>,
}
