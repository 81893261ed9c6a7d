//! One run: its id, what was asked of it, and the plan it was opened with.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::{
    BranchName, Bundle, Deferred, Digest, Graph, ItemChoice, ItemSelector, Language, ProjectId, TaskName,
};

/// The version of the messages between a runner and `kptn task serve`.
pub const RUNNER_PROTOCOL: u32 = 1;

/// The version of the contract between an engine and kptn, `docs/reference/runners.md`.
pub const ENGINE_CONTRACT: u32 = 1;

/// The id of a run: sortable by time, unique.
///
/// One that comes from elsewhere names a folder here, so nothing else is ever read as one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RunId(String);

impl TryFrom<String> for RunId {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        Self::parse(&text).ok_or_else(|| format!("`{}` is no run", text.escape_debug()))
    }
}

impl From<RunId> for String {
    fn from(id: RunId) -> Self {
        id.0
    }
}

impl RunId {
    /// Makes an id from the time in ms since the epoch and some random bits.
    pub fn new(now_ms: u64, random: u32) -> Self {
        Self(format!("{now_ms:012x}-{random:08x}"))
    }

    /// Returns a text as an id; absent where it has not the form of one.
    pub fn parse(text: &str) -> Option<Self> {
        let (time, random) = text.split_once('-')?;
        let hex = |part: &str, length| {
            part.len() == length && part.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
        };
        (hex(time, 12) && hex(random, 8)).then(|| Self(text.to_owned()))
    }

    /// Returns when it was made, in ms since the epoch.
    pub fn made_ms(&self) -> u64 {
        self.0.split('-').next().and_then(|time| u64::from_str_radix(time, 16).ok()).unwrap_or(0)
    }

    /// Returns the id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// Whether fresh tasks run all the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Force {
    /// Only what is stale runs.
    #[default]
    No,
    /// Every selected task runs, and no record is reused.
    Yes,
}

/// Whether a run takes records that were made elsewhere, and offers its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CacheUse {
    /// Both (the default).
    #[default]
    Both,
    /// It takes them and offers none.
    Read,
    /// It offers its own and takes none.
    Write,
    /// Neither.
    None,
}

impl CacheUse {
    /// Tells whether records made elsewhere are taken.
    pub fn reads(self) -> bool {
        matches!(self, Self::Both | Self::Read)
    }

    /// Tells whether records are offered to other branches.
    pub fn writes(self) -> bool {
        matches!(self, Self::Both | Self::Write)
    }
}

/// What happens to the rest after a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AfterFailure {
    /// No further task starts; what runs may finish (the default).
    #[default]
    Stop,
    /// Everything that does not depend on the failed task goes on.
    KeepGoing,
}

/// Whether tasks' own lines are passed on as they come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Stream {
    /// They go to the log alone (the default).
    #[default]
    No,
    /// They are shown as well, each with its task's name.
    Yes,
}

/// An interpreter as it was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Interpreter {
    /// The program, absolute.
    pub path: PathBuf,
    /// Its full version, for example `3.11.7`.
    pub version: String,
}

impl Interpreter {
    /// Returns `major.minor`: what counts as an ingredient.
    pub fn major_minor(&self) -> String {
        self.version.split('.').take(2).collect::<Vec<_>>().join(".")
    }

    /// Returns its path and full version: what a record keeps.
    pub fn shown(&self) -> String {
        format!("{} {}", self.path.display(), self.version)
    }
}

/// The interpreters of this project on this machine; absent where none was found or needed.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Interpreters {
    /// For tasks and for the runner.
    pub python: Option<Interpreter>,
    /// `Rscript`.
    pub r: Option<Interpreter>,
}

impl Interpreters {
    /// Returns the one of a language.
    pub fn of(&self, language: Language) -> Option<&Interpreter> {
        match language {
            Language::Python => self.python.as_ref(),
            Language::R => self.r.as_ref(),
        }
    }
}

/// What a probe's command said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProbeAnswer {
    /// The digest of its standard output, and the output's first 60 characters.
    Said { digest: Digest, shown: String },
    /// It failed, which makes its tasks stale; the message says how.
    Failed { message: String },
}

/// Everything a run was opened with; written once, read by `serve` and `task run`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunPlan {
    /// The format's version: 1.
    pub format: u32,
    /// The run.
    pub id: RunId,
    /// Whose state.
    pub project: ProjectId,
    /// The project root, absolute.
    pub root: PathBuf,
    /// The `kptn.yaml`, absolute.
    pub config_path: PathBuf,
    /// The branch it is pinned to.
    pub branch: BranchName,
    /// What git had checked out at open, where that goes by another name.
    #[serde(default)]
    pub head: Option<BranchName>,
    /// The commit that was checked out at open; absent without git.
    pub commit: Option<String>,
    /// The output folder, absolute.
    pub outputs_dir: PathBuf,
    /// The graph with all its tasks.
    pub graph: Graph,
    /// Tasks to look at, in an order in which dependencies come first.
    pub tasks: Vec<TaskName>,
    /// How many tasks of the selection are fresh and are not looked at again.
    pub fresh: u64,
    /// Per task that is looked at: the record it had at open, and its time as an estimate in ms.
    pub base: BTreeMap<TaskName, BaseRecord>,
    /// Of these mapped tasks, the run is about some items alone.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub items: BTreeMap<TaskName, ItemChoice>,
    /// Dependencies that are taken as a remote has them, not as they are here.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub deferred: BTreeMap<TaskName, Deferred>,
    /// Whether fresh tasks run all the same.
    pub force: Force,
    /// Whether records made elsewhere are taken, and its own are offered.
    #[serde(default)]
    pub cache: CacheUse,
    /// What happens to the rest after a failure.
    pub after_failure: AfterFailure,
    /// Whether stale dependencies that are not selected are taken as they are (`--no-deps`).
    pub ignore_stale_deps: bool,
    /// The most tasks (or items) at once; absent means one a core.
    pub jobs: Option<u32>,
    /// Whether tasks' lines are passed on.
    pub stream: Stream,
    /// The interpreters.
    pub interpreters: Interpreters,
    /// What each probe said, by its command.
    pub probes: BTreeMap<String, ProbeAnswer>,
    /// What was typed.
    #[serde(default)]
    pub command: String,
    /// Who typed it; empty where an earlier kptn opened the run.
    #[serde(default)]
    pub user: String,
}

impl RunPlan {
    /// Returns what tells the bundle of a task that this process runs from others of the same run.
    pub fn bundle_of(&self, task: &TaskName) -> Option<&Bundle> {
        match self.items.get(task)?.0.as_slice() {
            [ItemSelector::Bundle(bundle)] => Some(bundle),
            _ => None,
        }
    }

    /// Returns the bundle that this process runs, of whatever task.
    pub fn bundle(&self) -> Option<&Bundle> {
        self.items.keys().find_map(|task| self.bundle_of(task))
    }
}

/// What a task had when the run was opened.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct BaseRecord {
    /// Its record's digest; absent where it never finished.
    pub record: Option<Digest>,
    /// How long it took last, in ms.
    pub estimate_ms: Option<u64>,
}

/// How the tasks of a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct RunCounts {
    /// Ran, and have a record.
    pub ran: u64,
    /// Were fresh and not looked at.
    pub fresh: u64,
    /// Turned out fresh.
    pub spared: u64,
    /// Took a record that was made elsewhere.
    pub reused: u64,
    /// Failed.
    pub failed: u64,
    /// Were not started.
    pub skipped: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_but_an_id_is_read_as_a_run() {
        let read = |text: &str| serde_json::from_str::<RunId>(&format!("\"{text}\""));
        let id = RunId::new(1, 2);
        assert_eq!(read(id.as_str()).ok(), Some(id));
        for bad in ["../../etc", "/etc", "", "run", "01a219446e71-85a0a449/x"] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }
}
