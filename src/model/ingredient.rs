//! The named things that go into a fingerprint.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::Digest;

/// What kind of thing an ingredient is; the order is the order in a fingerprint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IngredientKind {
    /// The task's name.
    Task,
    /// `python` or `r`.
    Language,
    /// One part of the code: the script, a function, a sourced file.
    Code,
    /// The name of the Python function that is called.
    Function,
    /// A declared output.
    Output,
    /// The shape of the result: `cache_result`, `iterable_item`.
    ResultShape,
    /// `map_over` and `map_deps`.
    Mapping,
    /// A value in `args`.
    Arg,
    /// `prefix_args`.
    PrefixArgs,
    /// `cli_args`.
    CliArgs,
    /// A value of `config` that the task takes.
    Config,
    /// A value that kptn itself sets (`DATA_YEAR`).
    Setting,
    /// A declared `env` value.
    Env,
    /// A declared input file.
    Input,
    /// The answer of a probe.
    Probe,
    /// The major.minor version of R or Python.
    Interpreter,
    /// A lock file, or the part of it that the code reaches.
    Lockfile,
    /// The same under `lockfiles: warn`: compared and said, never part of a fingerprint.
    WatchedLockfile,
    /// The outputs of a dependency.
    DepOutputs,
    /// The result of a dependency.
    DepResult,
    /// The run in which a dependency that leaves nothing last really ran.
    DepRun,
    /// The item.
    Item,
    /// The list of items, for the whole of a mapped task.
    Items,
}

/// One named thing that can change what a task makes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Ingredient {
    /// What kind of thing it is.
    pub kind: IngredientKind,
    /// Which one of that kind; empty where there is only one.
    pub name: String,
    /// Of its value.
    pub digest: Digest,
    /// A short form of its value for people, never counted; absent for what is long or says nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shown: Option<String>,
}

/// One part of a task's code: a script, a function, a class, a module's top level.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CodePart {
    /// Which part, the same wherever the project lies: `script`, `helpers.clean`, `lib/x.R`.
    pub name: String,
    /// The file it stands in, relative to the project root where it is inside.
    pub file: String,
    /// The line it begins at, from 1.
    pub line: u32,
    /// Of what counts: no comments, blank lines or formatting.
    pub digest: Digest,
    /// Its text as written, for showing what changed; kept in the store by its own digest.
    #[serde(skip)]
    pub text: Arc<str>,
    /// Of `text`; where the store has it.
    pub source: Digest,
}

/// One digest over every ingredient that can change what a task makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Fingerprint(pub Digest);

impl IngredientKind {
    /// Tells whether it is only known once the task's dependencies are done.
    pub const fn comes_from_dependencies(self) -> bool {
        matches!(self, Self::DepOutputs | Self::DepResult | Self::DepRun | Self::Items)
    }

    /// Tells whether it is part of the fingerprint; what does not count is only watched.
    pub const fn counts(self) -> bool {
        !matches!(self, Self::WatchedLockfile)
    }
}
