//! What the verbs that move branches, or compare them, answer.

use std::path::PathBuf;

use serde::Serialize;

use super::{RestoreReport, RunCounts};
use crate::model::{BranchName, Change, Digest, GraphName, RunId, TaskName};
use crate::state::{Operation, Promotion};

/// `kptn branch clone`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CloneReport {
    /// The branch that has the state now.
    pub branch: BranchName,
    /// The branch that it came from.
    pub source: BranchName,
    /// What was asked for of its past; absent for its state now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at: Option<String>,
    /// What was last done to that one by then; absent where nothing was logged yet, and for a tag.
    pub as_of: Option<AsOf>,
    /// The operation; absent where the branch held just that already.
    pub operation: Option<u64>,
    /// Tasks with results that no branch or tag has any more.
    pub given_up: Vec<TaskName>,
    /// What became of its files; absent where they were not asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub files: Option<Brought>,
}

/// What became of the files of a branch that was moved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "put")]
pub enum Brought {
    /// They are in its output folder.
    Here {
        /// The folder.
        outputs_dir: PathBuf,
        /// What was done.
        report: RestoreReport,
    },
    /// It has no output folder here, or shares that of the current branch.
    NoFolder,
}

/// `kptn accept`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AcceptReport {
    /// The branch that has the records now.
    pub branch: BranchName,
    /// The operation; absent where everything was fresh as it is.
    pub operation: Option<u64>,
    /// The reason.
    pub why: String,
    /// What was named, dependencies first.
    pub tasks: Vec<AcceptedTask>,
}

/// What became of one task that was named.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AcceptedTask {
    /// The task.
    pub task: TaskName,
    /// Its new record; absent where it is fresh as it is.
    pub record: Option<Digest>,
    /// How many files that has, all items' together.
    pub files: u64,
    /// How many items were accepted; absent for an unmapped task.
    pub items: Option<u64>,
    /// How many items are stale all the same.
    pub left: u64,
    /// Whether its result is that of the record before.
    pub result: bool,
}

/// One line of `kptn branch list`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct BranchRow {
    /// The branch.
    pub branch: BranchName,
    /// Whether it is the one that is stood on.
    pub current: bool,
    /// Tasks that have a record.
    pub tasks: u64,
    /// Tasks that were fresh when its status was last looked at; absent where it never was.
    pub fresh: Option<u64>,
    /// Those that were not.
    pub stale: Option<u64>,
    /// The branch whose state it began with; absent where it began with nothing.
    pub cloned_from: Option<BranchName>,
    /// The last run, on whatever machine; absent where none is known.
    pub last_run: Option<LastRun>,
    /// The last operation; absent where there was none.
    pub last: Option<AsOf>,
    /// Bytes of outputs that other branches have too.
    pub shared_bytes: u64,
    /// Bytes of outputs that only this branch has.
    pub own_bytes: u64,
}

/// The last run of a branch, in short.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LastRun {
    /// The operation; absent where it moved nothing here, or not yet, or another machine carried it out.
    pub operation: Option<u64>,
    /// Who.
    pub user: String,
    /// When, in ms since the epoch.
    pub at_ms: u64,
}

/// An operation, in short.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AsOf {
    /// Its number.
    pub operation: u64,
    /// `run`, `undo`, `clone`…
    pub verb: String,
    /// Who.
    pub user: String,
    /// When, in ms since the epoch.
    pub at_ms: u64,
}

impl AsOf {
    /// Returns an operation in short.
    pub fn of(operation: &Operation) -> Self {
        Self {
            operation: operation.id,
            verb: operation.verb.clone(),
            user: operation.user.clone(),
            at_ms: operation.at_ms,
        }
    }
}

/// `kptn branch rename`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RenameReport {
    /// As it was called.
    pub from: BranchName,
    /// As it is called.
    pub to: BranchName,
    /// The operation.
    pub operation: u64,
}

/// `kptn branch delete`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DeleteReport {
    /// The branch that has no state any more.
    pub branch: BranchName,
    /// The operation.
    pub operation: u64,
    /// Tasks with results that no branch or tag has any more.
    pub given_up: Vec<TaskName>,
}

/// `kptn undo`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct UndoReport {
    /// The branch that moved.
    pub branch: BranchName,
    /// What was undone.
    pub undone: AsOf,
    /// The operation that undid it.
    pub operation: u64,
    /// Tasks that have other records now, or none.
    pub tasks: Vec<TaskName>,
    /// Objects that came back out of the trash: of a `gc` alone.
    pub objects: u64,
}

/// One line of `kptn tag`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TagRow {
    /// Its name.
    pub tag: BranchName,
    /// The branch that was in that state.
    pub branch: BranchName,
    /// The snapshot that it keeps.
    pub snapshot: Digest,
    /// The commit that was checked out; absent without git.
    pub commit: Option<String>,
    /// Who made it.
    pub user: String,
    /// When, in ms since the epoch.
    pub at_ms: u64,
}

/// `kptn diff`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DiffReport {
    /// The one state.
    pub from: String,
    /// The other.
    pub to: String,
    /// Tasks whose records differ, by graph and name.
    pub tasks: Vec<TaskDiff>,
}

/// A task whose records differ.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TaskDiff {
    /// The graph's namespace.
    pub graph: GraphName,
    /// The task.
    pub task: TaskName,
    /// How they differ.
    pub kind: TaskDiffKind,
    /// Files that are new, gone or have other bytes, items' files too.
    pub files: Vec<FileDiff>,
    /// Whether the result is another one.
    pub result_changed: bool,
    /// What went in and is not the same; empty where one side has no record.
    pub ingredients: Vec<Change>,
    /// How long it took, in ms; absent where that side has no record.
    pub before_ms: Option<u64>,
    /// The same on the other side.
    pub after_ms: Option<u64>,
}

/// How a task's records differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum TaskDiffKind {
    /// Only the other state has one.
    Added,
    /// Only the one state has one.
    Removed,
    /// Outputs or result differ.
    Changed,
    /// Other ingredients, the same bytes.
    SameOutputs,
}

/// A file that differs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FileDiff {
    /// Relative to the output folder.
    pub path: String,
    /// In bytes; absent where it is new.
    pub before: Option<u64>,
    /// In bytes; absent where it is gone.
    pub after: Option<u64>,
}

/// One line of `kptn log`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LogEntry {
    /// The operation's number; absent for a run that moved nothing, or not yet.
    pub operation: Option<u64>,
    /// When, in ms since the epoch.
    pub at_ms: u64,
    /// Who.
    pub user: String,
    /// `run`, `undo`, `clone`…
    pub verb: String,
    /// On which branch.
    pub branch: String,
    /// What for: a run's id, the branch or remote that it came from, the operation that it undid.
    pub why: String,
    /// The run; absent for other verbs.
    pub run: Option<RunId>,
    /// The graph of a run.
    pub graph: Option<String>,
    /// The counts of a run; absent while it is going on.
    pub counts: Option<RunCounts>,
    /// How many tasks have another record since; absent for a run, which has counts, and where `gc` has deleted
    /// one of the two states.
    pub tasks: Option<u64>,
    /// The commit that was checked out.
    pub commit: Option<String>,
    /// What was typed.
    pub command: String,
    /// The operation that it undid.
    pub undoes: Option<u64>,
    /// Whether it was undone.
    pub undone: bool,
}

/// `kptn log TASK`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TaskHistory {
    /// The task.
    pub task: TaskName,
    /// Its records, the latest first.
    pub records: Vec<TaskRecord>,
}

/// One record of a task.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TaskRecord {
    /// Its digest.
    pub record: Digest,
    /// When it was finished, in ms since the epoch.
    pub made_ms: u64,
    /// The branch that it was made on.
    pub made_on: String,
    /// Who made it.
    pub user: String,
    /// The commit that was checked out; absent without git.
    pub commit: Option<String>,
    /// Whether files that the task read differed from that commit.
    pub dirty: bool,
    /// The run that made it; of an accepted one: that made the same bytes before, if one did.
    pub run: RunId,
    /// Why it was accepted; absent where it ran.
    pub accepted: Option<String>,
    /// How long it took, in ms; of an accepted one: how long the one before did.
    pub wall_ms: u64,
    /// How many files it left, items' files not counted.
    pub files: u64,
    /// One digest over all files: the same where the same bytes were made.
    pub outputs: Digest,
    /// Whether this branch has it now.
    pub current: bool,
    /// The branches that have it now.
    pub on: Vec<BranchName>,
    /// The protected branches that it was promoted to, the latest last.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub promoted: Vec<Promotion>,
}
