//! A task as one graph sees it: everything `kptn.yaml` says, resolved.
//!
//! The same task in two graphs is two of these: its dependencies and some of
//! its arguments differ. What depends on the machine (where the script was
//! found) is beside the words of the user, so that nothing needs the YAML again.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Compute, Location, TaskName, Template};

/// The language a task is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Language {
    /// A Python function.
    Python,
    /// An R script.
    R,
}

/// The code of a task.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Script {
    /// By the file's ending: `.py` or `.R`.
    pub language: Language,
    /// The path as written, without the function; may hold `${var}`.
    pub file: Template,
    /// The script that was found, absolute; absent where it is missing or `file` has variables of an item.
    pub path: Option<PathBuf>,
    /// The Python function; absent for R.
    pub function: Option<String>,
    /// Every place looked at, in order: for the error, and for telling that a new file shadows the found one.
    pub tried: Vec<PathBuf>,
}

/// The value of an argument.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Argument {
    /// Given in `kptn.yaml`.
    Value(Value),
    /// `{ref: dep}`: the result of that dependency.
    Ref(TaskName),
}

/// Something a task reads that no task makes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Input {
    /// A file or a glob, relative to the project root unless absolute.
    Files(Template),
    /// A command whose standard output is the ingredient; run once a run.
    Probe(String),
}

/// When a task is stale for its age alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Refresh {
    /// Never (the default): only what changed makes it stale.
    #[default]
    Never,
    /// On every run.
    Always,
    /// When its record is older than so many milliseconds.
    After(u64),
}

/// Where records of the same fingerprint may come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Reuse {
    /// This branch and those it was cloned from.
    Branch,
    /// Any local branch.
    Any,
    /// Nowhere but the branch's own record.
    Never,
}

/// How a mapped task takes its mapped dependencies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MapDeps {
    /// The whole of each (the default).
    #[default]
    All,
    /// Item by item: `C[NC]` takes `B[NC]` alone.
    Item,
}

/// The folder a task's process starts in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Cwd {
    /// The script's own (R's default).
    Script,
    /// The project root (Python's default).
    Project,
    /// The output folder.
    Outputs,
}

/// Whether items share processes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Workers {
    /// Many items to a process (the default).
    #[default]
    Warm,
    /// A process each.
    Fresh,
}

/// How often a failed attempt is tried again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Retries(pub u32);

/// One task of one graph.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Task {
    /// Its name.
    pub name: TaskName,
    /// What it was called before, the oldest name first: those records are its own.
    #[serde(default)]
    pub renamed_from: Vec<TaskName>,
    /// Its code.
    pub script: Script,
    /// What it depends on, in the order written, each once.
    pub deps: Vec<TaskName>,
    /// Files, folders (`x/`) and globs that it writes, relative to the output folder.
    pub outputs: Vec<Template>,
    /// What it reads that no task makes.
    pub inputs: Vec<Input>,
    /// When its age makes it stale.
    pub refresh: Refresh,
    /// Arguments by name: the task's own, then the graph entry's over them.
    pub args: BTreeMap<String, Argument>,
    /// Put before `Rscript`, split as a shell would.
    pub prefix_args: Option<String>,
    /// Put after the script, split as a shell would.
    pub cli_args: Option<Template>,
    /// Whether the function's return value is kept.
    pub cache_result: bool,
    /// The names of one element of the result, split at commas; empty where it is no list.
    pub iterable_item: Vec<String>,
    /// The `iterable_item` of a dependency that this task runs over; empty for an unmapped task.
    pub map_over: Vec<String>,
    /// How it takes its mapped dependencies.
    pub map_deps: MapDeps,
    /// Items sent to a worker at a time; at least 1.
    pub bundle_size: u32,
    /// Items in flight at most; absent means no limit.
    pub group_size: Option<u32>,
    /// Cores and memory; of one item for a mapped task.
    pub compute: Compute,
    /// Words to select by and to limit by (`settings.concurrency`).
    pub tags: Vec<String>,
    /// Where an item's log goes below `<outputs>/log/<task>/`.
    pub logs: Option<Template>,
    /// Further attempts after a failure.
    pub retries: Retries,
    /// Milliseconds after which an attempt is stopped; absent means never.
    pub timeout_ms: Option<u64>,
    /// Environment values, counted as ingredients.
    pub env: BTreeMap<String, String>,
    /// Names of environment variables that are passed on, never counted, never stored.
    pub secret_env: Vec<String>,
    /// Where its process starts; absent means the language's default.
    pub cwd: Option<Cwd>,
    /// `false`: its records are neither looked up nor offered for reuse.
    pub cache: bool,
    /// Where a record may come from; absent means `any` with outputs or a result, else `branch`.
    pub reuse: Option<Reuse>,
    /// `true`: updates its outputs in place, so they are not removed before it runs.
    pub keep: bool,
    /// `true`: what it makes and prints never leaves this machine; that it was made does.
    #[serde(default)]
    pub local_only: bool,
    /// Whether items share processes.
    pub workers: Workers,
    /// Places in `kptn.yaml` by field (`task`, `file`, `outputs[0]`, `deps.A`), for errors.
    #[serde(skip)]
    pub places: BTreeMap<String, Location>,
}

impl Task {
    /// Returns the name by which it counts in fingerprints: the oldest, so that a new one changes nothing.
    pub fn counted_name(&self) -> &TaskName {
        self.renamed_from.first().unwrap_or(&self.name)
    }

    /// Tells whether it has a name, or had it before.
    pub fn is_or_was(&self, name: &TaskName) -> bool {
        self.name == *name || self.renamed_from.contains(name)
    }

    /// Tells whether it runs once an item.
    pub fn is_mapped(&self) -> bool {
        !self.map_over.is_empty()
    }

    /// Tells whether it leaves nothing that could be compared: no output, no result.
    pub fn leaves_nothing(&self) -> bool {
        self.outputs.is_empty() && !self.cache_result
    }

    /// Returns where a record of the same fingerprint may come from.
    pub fn reuse(&self) -> Reuse {
        match self.reuse {
            _ if !self.cache => Reuse::Never,
            Some(reuse) => reuse,
            None if self.leaves_nothing() => Reuse::Branch,
            None => Reuse::Any,
        }
    }

    /// Returns the folder kind its process starts in.
    pub fn cwd(&self) -> Cwd {
        self.cwd.unwrap_or(match self.script.language {
            Language::R => Cwd::Script,
            Language::Python => Cwd::Project,
        })
    }

    /// Tells whether an output belongs to the item (it names one of the item's variables).
    pub fn is_item_output(&self, output: &Template) -> bool {
        output.variables().any(|name| self.map_over.iter().any(|item| item == name))
    }
}
