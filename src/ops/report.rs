//! What the verbs answer: plain data, without a word for people.
//!
//! `cli` makes tables, sentences and JSON of these; the web page will use the
//! same. Lists are in the order in which they should be shown.

mod moves;
mod promoting;
mod room;

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

pub use crate::state::RunCounts;
use crate::state::{EngineRun, Holder, Promotion};
pub use moves::*;
pub use promoting::*;
pub use room::*;

use crate::model::{Deferred, Diagnostic, GraphName, Reason, RunId, Status, TaskName};

/// Whose state is being talked about; the head of most reports.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// The project's identity.
    pub project: String,
    /// The git branch, or `main` without git.
    pub branch: String,
    /// The output folder, relative to the current folder where that is shorter.
    pub outputs_dir: PathBuf,
}

/// `kptn status`, `kptn plan`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatusReport {
    /// Whose state.
    pub place: Place,
    /// A row a task, graph by graph, dependencies first.
    pub rows: Vec<StatusRow>,
    /// Worth knowing: outputs that match nothing, a lock file that changed under `warn`.
    pub notes: Vec<Diagnostic>,
    /// A run that is going on now on this branch; absent where none is.
    pub running: Option<Running>,
}

/// One task in a status.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatusRow {
    /// The graph.
    pub graph: GraphName,
    /// The task.
    pub task: TaskName,
    /// Its status.
    pub status: Status,
    /// Why; empty for a fresh task.
    pub reasons: Vec<Reason>,
    /// Outputs that are not in the output folder, but can be put back.
    pub absent: u64,
    /// Items of a mapped task; absent for an unmapped one or where the list is not known yet.
    pub items: Option<ItemCounts>,
    /// Of a plan that is about some items: how many of them would run; absent where that is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chosen: Option<u64>,
    /// How long it took last, in ms; absent where it never finished.
    pub estimate_ms: Option<u64>,
    /// When its record was made, in ms since the epoch.
    pub made_ms: Option<u64>,
    /// When its probes gave the answers that are believed, in ms since the epoch; absent where they were asked
    /// for this, and for a task without probes.
    #[serde(default)]
    pub probed_ms: Option<u64>,
}

/// Items of a mapped task, by status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ItemCounts {
    /// All items.
    pub total: u64,
    /// Those that have to run.
    pub stale: u64,
    /// Those whose latest attempt failed; they are stale too.
    pub failed: u64,
}

/// A run that holds the branch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Running {
    /// Its process; of an engine's run the one that opened it.
    pub pid: u32,
    /// The machine it runs on.
    pub host: String,
    /// Since when, in ms since the epoch.
    pub since_ms: u64,
    /// What was typed.
    pub command: String,
    /// The engine that carries it out, whatever processes there are; absent where it is a process of this machine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub engine: Option<RunningEngine>,
}

/// An engine's run, which goes on between processes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunningEngine {
    /// What it is called, for people.
    pub name: String,
    /// The run.
    pub run: RunId,
}

impl From<Holder> for Running {
    fn from(holder: Holder) -> Self {
        let Holder { pid, host, since_ms, command, .. } = holder;
        Self { pid, host, since_ms, command, engine: None }
    }
}

impl From<EngineRun> for Running {
    fn from(open: EngineRun) -> Self {
        let engine = RunningEngine { name: open.engine.name, run: open.run };
        Self { engine: Some(engine), ..open.opened_by.into() }
    }
}

impl std::fmt::Display for Running {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { pid, host, command, engine, .. } = self;
        match engine {
            Some(RunningEngine { name, run }) => write!(f, "the run `{run}` of {name}"),
            None => write!(f, "`{command}` (process {pid} on {host})"),
        }
    }
}

/// `kptn why TASK`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct WhyReport {
    /// The item that it is about; absent for a whole task.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub item: Option<String>,
    /// Its row as in `status`.
    pub row: StatusRow,
    /// Today's fingerprint; absent while something before it is stale.
    pub fingerprint: Option<String>,
    /// The record it was compared with; absent where there is none.
    pub compared_with: Option<Compared>,
    /// What changed in the code.
    pub hunks: Vec<CodeHunk>,
    /// Every ingredient of today's fingerprint as `kind name`, with its value where that is short.
    pub ingredients: Vec<(String, Option<String>)>,
}

/// The earlier record that a report compares with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Compared {
    /// Its digest.
    pub record: String,
    /// The run it was made in.
    pub run: RunId,
    /// When, in ms since the epoch.
    pub made_ms: u64,
    /// The branch and commit it was made on.
    pub branch: String,
    /// Absent without git.
    pub commit: Option<String>,
    /// The latest commit that was found to have exactly what it ran; absent where none was.
    pub attested: Option<String>,
    /// Who accepted it.
    pub user: String,
    /// Why it was accepted; absent where it ran.
    pub accepted: Option<String>,
    /// The latest promotion of it that holds; absent where there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub promoted: Option<Promotion>,
    /// What it, or what it was made from, took from a remote's state.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub deferred: Vec<Deferred>,
}

/// One part of the code, before and now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CodeHunk {
    /// Which part: `script`, `helpers.clean`.
    pub part: String,
    /// The file it stands in, relative to the project root.
    pub file: String,
    /// The line it begins at, from 1.
    pub line: u32,
    /// Its text before; absent where it is new or no longer kept.
    pub before: Option<String>,
    /// Its text now; absent where it is gone.
    pub after: Option<String>,
}

/// How a run ended, for the exit code and `--json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RunReport {
    /// The run; absent where nothing had to run.
    pub run: Option<RunId>,
    /// Whose state.
    pub place: Place,
    /// Counts of tasks.
    pub counts: RunCounts,
    /// Tasks that failed, each with its error in one line.
    pub failures: Vec<(TaskName, String)>,
    /// Worth a line: a runner that a person edited.
    pub notes: Vec<Diagnostic>,
    /// The runner's own exit code, where it ended in a way of its own (killed, Ctrl-C, edited).
    pub runner_exit: Option<i32>,
}

impl RunReport {
    /// Returns the report of a run that did nothing.
    pub fn nothing(place: Place) -> Self {
        let (counts, failures, notes) = (RunCounts::default(), Vec::new(), Vec::new());
        Self { run: None, place, counts, failures, notes, runner_exit: None }
    }
}

/// One rendered file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RenderedFile {
    /// The graph; absent for a file that the project has once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub graph: Option<GraphName>,
    /// The file.
    pub path: PathBuf,
    /// What was found or done.
    pub state: RenderedState,
    /// Where what runs it does not do what `kptn.yaml` says.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

/// What `render` found or did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "state")]
pub enum RenderedState {
    /// Already as it should be.
    Current,
    /// Written.
    Written,
    /// Edited by a person: left as it is.
    Edited,
    /// `--check`: not as it should be.
    Outdated,
    /// Edited by a person, or an older kptn's: moved aside, and written anew.
    Replaced { aside: PathBuf },
}

/// `kptn restore`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct RestoreReport {
    /// Whether it is only told what would be done.
    pub dry_run: bool,
    /// Files put back, relative to the output folder.
    pub restored: Vec<String>,
    /// Files that were there already.
    pub present: u64,
    /// What was in a file's place and is in no store: moved aside.
    pub kept: Vec<KeptFile>,
    /// Other branches' files, which left a shared output folder.
    pub removed: Vec<String>,
    /// Files that git tracks, with other bytes: left alone.
    pub tracked: Vec<String>,
    /// Files whose bytes exist nowhere any more.
    pub lost: Vec<String>,
    /// Files that cannot come: a folder is in their place, or a file or a link where a folder above them has to be.
    pub in_the_way: Vec<String>,
}

impl RestoreReport {
    /// Tells whether every file is there now that should be, but for those that git tracks.
    pub fn is_whole(&self) -> bool {
        self.lost.is_empty() && self.in_the_way.is_empty()
    }
}

/// Bytes that were moved aside.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct KeptFile {
    /// Where they were, relative to the output folder.
    pub path: String,
    /// Where they are now, relative to the output folder.
    pub aside: String,
}

/// `kptn output TASK`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TaskLog {
    /// The task.
    pub task: TaskName,
    /// The file to read (and to follow); absent where the log is only in the store.
    pub path: Option<PathBuf>,
    /// Its bytes where there is no file.
    #[serde(skip)]
    pub bytes: Option<Vec<u8>>,
    /// What is read then: the lines of items that failed in the latest attempt of a mapped task, and are not in the file.
    pub failed: Vec<ItemLines>,
    /// Whether the task is running now.
    pub running: bool,
}

/// Where the lines of an item are that failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ItemLines {
    /// How people name it.
    pub item: String,
    /// What went wrong, in one line.
    pub error: String,
    /// The file, where they begin in it, and how many bytes they are; absent where it printed nothing.
    pub part: Option<(PathBuf, u64, u64)>,
}

/// One line of `kptn doctor`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What was looked at: `python`, `store`.
    pub what: String,
    /// What was found.
    pub found: String,
    /// Whether it is as it should be.
    pub health: Health,
    /// What to do about it.
    pub hint: Option<String>,
}

/// How a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Health {
    /// As it should be.
    Good,
    /// Works, but worth a look.
    Warning,
    /// Something will fail.
    Bad,
}

/// `kptn fsck`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct FsckReport {
    /// Objects read.
    pub objects: u64,
    /// Records read.
    pub records: u64,
    /// Objects of those records that are not here, and a remote has promised.
    pub promised: u64,
    /// What is wrong, one line each; empty where all is well.
    pub problems: Vec<String>,
    /// What was wrong and is not any more, one line each; empty without `--repair`.
    pub repaired: Vec<String>,
}
