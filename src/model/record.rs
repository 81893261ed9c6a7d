//! What one finished task left. Immutable; an object in the store.

use serde::{Deserialize, Serialize};

use super::{
    BranchName, CodePart, Digest, Fingerprint, GraphName, Ingredient, Item, ItemKey, OutputFile, RunId,
    TaskName,
};

/// The version of the record's format that this kptn reads and writes; before 2, an item table was one object.
pub const RECORD_FORMAT: u32 = 2;

/// Whether what went into a task held still while it ran.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Settled {
    /// It did: the outputs belong to the fingerprint.
    Yes,
    /// These changed meanwhile: outputs are kept, the task is stale.
    No(Vec<String>),
}

/// When and how expensive. Times are milliseconds since the Unix epoch or of duration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Timing {
    /// Start, in ms since the epoch.
    pub started_ms: u64,
    /// From start to end, in ms.
    pub wall_ms: u64,
    /// User and system time of all its processes, in ms.
    pub cpu_ms: u64,
    /// The largest resident memory of one of its processes, in KiB; 0 where unknown.
    pub peak_kib: u64,
}

/// Who made it, where, from what.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Provenance {
    /// The user's name; in a run of several machines that of who opened it.
    pub user: String,
    /// The machine's name.
    pub host: String,
    /// The git branch whose state it was made for.
    pub branch: String,
    /// The commit that was checked out; absent without git.
    pub commit: Option<String>,
    /// Whether files that the task read differed from that commit.
    pub dirty: bool,
    /// The version of kptn.
    pub kptn: String,
    /// The interpreter's path and full version.
    pub interpreter: Option<String>,
}

/// What one finished task left.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// [`RECORD_FORMAT`] of the writer.
    pub format: u32,
    /// The graph's namespace.
    pub graph: GraphName,
    /// The task.
    pub task: TaskName,
    /// Of all ingredients.
    pub fingerprint: Fingerprint,
    /// Whether the ingredients held still.
    pub settled: Settled,
    /// All ingredients, sorted.
    pub ingredients: Vec<Ingredient>,
    /// The parts of the code, for `why --diff`.
    pub code: Vec<CodePart>,
    /// The files it left, sorted by path. Of a mapped task: those that belong to no item.
    pub outputs: Vec<OutputFile>,
    /// One digest over all files, the items' too.
    pub outputs_digest: Digest,
    /// The object that holds the result as canonical JSON; absent without `cache_result`.
    pub result: Option<Digest>,
    /// The object that lists the shards of the item table; absent for an unmapped task.
    pub items: Option<Digest>,
    /// The run in which it was made.
    pub run: RunId,
    /// When and how expensive.
    pub timing: Timing,
    /// Who made it, where, from what.
    pub provenance: Provenance,
    /// The object that holds its log; absent where nothing was printed.
    pub log: Option<Digest>,
    /// Why a person said that what lay there counts; absent where all of it was made by running.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accepted: Option<String>,
    /// Whether what it made and printed was to stay on the machine that made it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub local_only: bool,
    /// What it, or what it was made from, took from a remote's state; then no protected branch takes it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub deferred: Vec<Deferred>,
}

/// A dependency that was read from a remote's state, as the branch here had none that was fresh (`run --defer`).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Deferred {
    /// The dependency.
    pub task: TaskName,
    /// The remote, by the name that people said.
    pub remote: String,
    /// Its branch.
    pub branch: BranchName,
    /// The record that the dependency has there.
    pub record: Digest,
}

/// One finished item of a mapped task.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ItemRecord {
    /// What it is known by.
    pub key: ItemKey,
    /// Its values.
    pub item: Item,
    /// Of its ingredients.
    pub fingerprint: Fingerprint,
    /// Its files, sorted by path.
    pub outputs: Vec<OutputFile>,
    /// The object that holds its result; absent without `cache_result`.
    pub result: Option<Digest>,
    /// When and how expensive.
    pub timing: Timing,
    /// Where its lines are; absent where nothing was printed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log: Option<ItemLog>,
    /// Why a person said that what lay there counts; absent where it ran.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accepted: Option<String>,
}

/// Where the lines of one item are: a part of a log file, which may be gone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ItemLog {
    /// The run that it ran in.
    pub run: RunId,
    /// The folder that `file` is in.
    pub folder: LogFolder,
    /// The file, with `/`, relative to that folder.
    pub file: String,
    /// The first byte.
    pub offset: u64,
    /// How many bytes.
    pub length: u64,
}

/// Where a log file is looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFolder {
    /// Among the run's own logs: a file that the items of one lane share.
    Run,
    /// In the output folder: `logs` names a file for each item.
    Outputs,
}

/// A latest attempt that failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    /// The fingerprint it was for.
    pub fingerprint: Fingerprint,
    /// The run it was in.
    pub run: RunId,
    /// In ms since the epoch.
    pub ended_ms: u64,
    /// What went wrong, in one line.
    pub error: String,
    /// The log file, absolute; it may be gone.
    pub log: Option<String>,
    /// Of a mapped task: how many items failed.
    pub failed_items: u64,
}

/// The latest attempt of an item, where it failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailedItem {
    /// What it is known by.
    pub key: ItemKey,
    /// How people name it.
    pub label: String,
    /// The fingerprint it was for.
    pub fingerprint: Fingerprint,
    /// The run it was in.
    pub run: RunId,
    /// In ms since the epoch.
    pub ended_ms: u64,
    /// What went wrong, in one line.
    pub error: String,
    /// Where its lines are; absent where nothing was printed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log: Option<ItemLog>,
    /// Whether a bundle tried it, which has said so: who runs the rest of the task in the same run does not try it again.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub in_bundle: bool,
}
