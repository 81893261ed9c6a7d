//! The words of `kptn.yaml`, as serde structs.
//!
//! This is the one list of fields: it is read by `reader`, and the JSON Schema that editors use is derived from it, so
//! each doc comment here is what an editor shows. Nothing is resolved yet: `project` turns these into the model.

mod engines;

pub(super) use engines::{AwsWords, PrefectWords};

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::given::{Entries, Given, OneOrMany};
use super::shapes::{
    Argument, Duration, Entry, Extends, File, FreeForm, Input, NameList, Quantity, RefreshAge, Text,
};

/// A kptn project: graphs of tasks, the tasks, values that they take, and settings.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename = "kptn.yaml", expecting = "`graphs:` and `tasks:`")]
#[schemars(rename = "Project")]
pub(super) struct ProjectWords {
    /// The graphs (pipelines) by name: which tasks they run, and what each depends on.
    pub graphs: Given<Entries<GraphWords>>,
    /// The tasks by name: their scripts and what they write.
    pub tasks: Given<Entries<Box<TaskWords>>>,
    /// Values that tasks take by name: Python functions as parameters, R scripts as environment variables.
    /// `include: file.yaml` (or a list) brings values from JSON and YAML files; `package.module:function`
    /// (also `{function: …, alias: …}`) calls a function of the project for each task.
    pub config: Given<FreeForm>,
    /// Where things are, and how they run. The same names may stand in `[tool.kptn]` of `pyproject.toml`.
    pub settings: Given<SettingsWords>,
    /// Places by name that state is pushed to and pulled from: `prod: {url: s3://bucket/prefix}`.
    pub remotes: Given<Entries<RemoteWords>>,
}

/// A graph: its tasks and what they depend on.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename = "a graph", expecting = "a mapping with `tasks:`")]
#[schemars(rename = "Graph")]
pub(super) struct GraphWords {
    /// Each task of the graph with what it depends on: nothing, one task, a list, or
    /// `{deps: […], args: {…}}`.
    pub tasks: Given<Entries<Entry>>,
    /// Graphs whose tasks are taken over: a name, a list, or `{graph: NAME, args: {TASK: {…}}}`.
    /// An entry of this graph's own wins.
    pub extends: Given<OneOrMany<Given<Extends>>>,
    /// Values for this graph alone; they win over the project's `config`.
    pub config: Given<FreeForm>,
}

/// A task: a script, what it writes, and how it runs.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename = "a task", expecting = "a mapping with `file:`")]
#[schemars(rename = "Task")]
pub(super) struct TaskWords {
    /// The script: `clean/run.R`, `clean.py`, or `tasks.py:function`; `true` is `<task>.py` in a
    /// `py_tasks_dir`. The function is named like the task unless given.
    pub file: Given<File>,
    /// What the task was called before (of several names, the oldest first): it takes over the records made under
    /// that name, and stays fresh. Taking the line away again makes it stale.
    pub renamed_from: Given<OneOrMany<Given<Text>>>,
    /// What it writes, relative to the output folder: files, folders (`plots/`) and globs (`*.csv`).
    /// `${US_STATE}` stands for a value of the item; any other `${name}` for anything.
    pub outputs: Given<OneOrMany<Given<Text>>>,
    /// What it reads that no task makes: files or globs, relative to the project, or
    /// `{probe: command}`, whose output counts.
    pub inputs: Given<OneOrMany<Given<Input>>>,
    /// When its age alone makes it stale: `never` (the default), `always`, or an age such as `24h`.
    pub refresh: Given<RefreshAge>,
    /// Arguments by name. `{ref: TASK}` stands for the result of a dependency.
    pub args: Given<Entries<Argument>>,
    /// R only: words before `Rscript`, such as `nice -n 10` or `OMP_NUM_THREADS=1`.
    pub prefix_args: Given<Text>,
    /// R only: words after the script, which `commandArgs(TRUE)` returns.
    pub cli_args: Given<Text>,
    /// Python only: whether the function's return value is kept as JSON and handed to what depends on it.
    pub cache_result: Given<bool>,
    /// What one element of the returned list is called, so that other tasks can `map_over` it:
    /// `US_STATE`, or `US_STATE,ZIP_CODE` for combinations. Needs `cache_result: true`.
    pub iterable_item: Given<NameList>,
    /// Runs the task once for each item of a dependency's list, which is named by its `iterable_item`.
    pub map_over: Given<NameList>,
    /// How a mapped task takes a mapped dependency: `all` of it (the default), or `item` by item.
    pub map_deps: Given<MapDepsWord>,
    /// How many items are sent to a worker at a time; 1 where nothing is said.
    pub bundle_size: Given<std::num::NonZeroU32>,
    /// How many items may be in flight at most; no limit where nothing is said.
    pub group_size: Given<std::num::NonZeroU32>,
    /// The cores and memory that it claims (of one item, for a mapped task).
    pub compute: Given<ComputeWords>,
    /// Words to select by (`tag:x`) and to limit by (`settings.concurrency`).
    pub tags: Given<OneOrMany<Given<Text>>>,
    /// Where each item's log goes, below `<outputs>/log/<task>/`: `${US_STATE}.log`.
    pub logs: Given<Text>,
    /// How often a failed attempt is tried again; 0 where nothing is said.
    pub retries: Given<u32>,
    /// After how long an attempt is stopped: `90s`, `30m`, `2h`; never where nothing is said.
    pub timeout: Given<Duration>,
    /// Environment variables; a changed value makes the task stale.
    pub env: Given<Entries<Text>>,
    /// Names of environment variables that are passed on, never counted and never stored.
    pub secret_env: Given<OneOrMany<Given<Text>>>,
    /// Where its process starts: in the script's folder (R's default), the project's root (Python's), or
    /// the output folder.
    pub cwd: Given<CwdWord>,
    /// `false`: it is never taken from, nor offered to, another branch or an earlier state.
    pub cache: Given<bool>,
    /// Where a finished record of the same fingerprint may come from: `branch`, `any` or `never`.
    pub reuse: Given<ReuseWord>,
    /// `true`: it updates its outputs in place, so they are not removed before it runs.
    pub keep: Given<bool>,
    /// `true`: its files, results and logs are never sent to a remote; that it finished is.
    pub local_only: Given<bool>,
    /// Whether items share a process (`warm`, the default) or have one each (`fresh`).
    pub workers: Given<WorkersWord>,
}

/// Cores and memory, as AWS Fargate takes them.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename = "compute", expecting = "a mapping with `cpu:` and `memory:`")]
#[schemars(rename = "Compute")]
pub(super) struct ComputeWords {
    /// In 1/1024 of a core (`256`) or in cores (`.25 vCPU`); one core where nothing is said.
    pub cpu: Given<Quantity>,
    /// In MiB (`512`) or with a unit (`1 GB`); no claim where nothing is said.
    pub memory: Given<Quantity>,
}

/// Where things are, and how they run.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename = "settings", expecting = "a mapping of settings")]
#[schemars(rename = "Settings")]
pub(super) struct SettingsWords {
    /// What the project is called in a store that several share; its folder in the repository where
    /// nothing is said.
    pub project: Given<Text>,
    /// The folder that runners are written to; `flows` where nothing is said.
    pub flows_dir: Given<Text>,
    /// A folder, or several, in which Python tasks are looked for.
    pub py_tasks_dir: Given<OneOrMany<Given<Text>>>,
    /// A folder, or several, in which R tasks are looked for.
    pub r_tasks_dir: Given<OneOrMany<Given<Text>>>,
    /// The folder that tasks write to, relative to the project's root; `scratch/<branch>` where nothing is said.
    pub outputs_dir: Given<Text>,
    /// The runner that `kptn render` writes besides the Python one.
    pub flow_type: Given<FlowTypeWord>,
    /// A folder of templates: `kptn render --runner NAME` renders `NAME.jinja` of it.
    pub templates: Given<Text>,
    /// How the Prefect flow runs.
    pub prefect: Given<PrefectWords>,
    /// Where the project is on AWS.
    pub aws: Given<AwsWords>,
    /// Stands for the graph's name in the state, so that graphs with the same one share their tasks' state.
    pub cache_namespace: Given<Text>,
    /// The image that engines run tasks in.
    pub docker_image: Given<Text>,
    /// The Python to use: a path, or a name on PATH.
    pub python: Given<Text>,
    /// The Rscript to use: a path, or a name on PATH.
    pub rscript: Given<Text>,
    /// The R packages that a warm session loads before it forks for items, instead of those that the scripts
    /// name and that are safe to fork; `false` for none.
    pub r_preload: Given<OneOrMany<Given<Text>>>,
    /// Branches (or globs of branches) that take only what was made on, or promoted to, protected branches.
    pub protected: Given<OneOrMany<Given<Text>>>,
    /// What a changed lock file does: makes tasks of its language `stale` (the default), `warn`s, or is `ignore`d.
    pub lockfiles: Given<LockfilesWord>,
    /// Where the store is, instead of git's own folder.
    pub store: Given<Text>,
    /// How files leave the store: by `copy` (the default), or as read-only `hard` links.
    pub link: Given<LinkWord>,
    /// Whether the git hook gives a new branch its parent's state; `true` where nothing is said.
    pub auto_clone: Given<bool>,
    /// Whether the git hook puts a branch's files into the output folder when it is checked out; `false`
    /// where nothing is said.
    pub restore_on_checkout: Given<bool>,
    /// What git hooks do.
    pub hooks: Given<HooksWords>,
    /// What `kptn pull` does.
    pub pull: Given<PullWords>,
    /// The most tasks that run at once, by tag.
    pub concurrency: Given<Entries<std::num::NonZeroU32>>,
    /// Whether items share processes, for tasks that say nothing themselves.
    pub workers: Given<WorkersWord>,
    /// In `pyproject.toml` only: where `kptn.yaml` is.
    #[schemars(skip)]
    pub tasks_conf_path: Given<Text>,
}

/// What `kptn pull` does.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename = "pull", expecting = "a mapping with `ask_above:`")]
#[schemars(rename = "Pull")]
pub(super) struct PullWords {
    /// Where more than this comes, a person is asked first: `10GB`; 5 GB where nothing is said.
    pub ask_above: Given<Quantity>,
}

/// What git hooks do.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename = "hooks", expecting = "a mapping with `pre_push:`")]
#[schemars(rename = "Hooks")]
pub(super) struct HooksWords {
    /// Where what is pushed has stale tasks: `warn`s (the default), `block`s the push, or says nothing (`off`).
    pub pre_push: Given<PrePushWord>,
}

macro_rules! choice {
    ($(#[$doc:meta])* $name:ident -> $target:ty { $($(#[$variant_doc:meta])* $variant:ident $(= $other:literal)? => $value:expr),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
        #[serde(rename_all = "lowercase")]
        #[schemars(inline)]
        pub(super) enum $name {
            $($(#[$variant_doc])* $(#[serde(rename = $other)])? $variant),+
        }

        impl From<$name> for $target {
            fn from(word: $name) -> Self {
                match word {
                    $($name::$variant => $value),+
                }
            }
        }
    };
}

use crate::model::{
    Cwd, FlowType, LinkMode, LockfilePolicy, MapDeps, PrePush, PrefectRunner, Reuse, Workers,
};

choice!(
    /// How a mapped task takes a mapped dependency.
    MapDepsWord -> MapDeps {
        /// The whole of it.
        All => MapDeps::All,
        /// Item by item.
        Item => MapDeps::Item,
    }
);
choice!(
    /// Where a task's process starts.
    CwdWord -> Cwd {
        /// In the script's folder.
        Script => Cwd::Script,
        /// In the project's root.
        Project => Cwd::Project,
        /// In the output folder.
        Outputs => Cwd::Outputs,
    }
);
choice!(
    /// Where Prefect runs tasks.
    PrefectRunnerWord -> PrefectRunner {
        /// In threads.
        Threads => PrefectRunner::Threads,
        /// On Dask.
        Dask => PrefectRunner::Dask,
        /// On Ray.
        Ray => PrefectRunner::Ray,
    }
);
choice!(
    /// Where a finished record of the same fingerprint may come from.
    ReuseWord -> Reuse {
        /// This branch and those it was cloned from.
        Branch => Reuse::Branch,
        /// Any local branch.
        Any => Reuse::Any,
        /// Nowhere.
        Never => Reuse::Never,
    }
);
choice!(
    /// Whether items share processes.
    WorkersWord -> Workers {
        /// Many items to a process.
        Warm => Workers::Warm,
        /// A process each.
        Fresh => Workers::Fresh,
    }
);
choice!(
    /// The runner that is rendered besides the Python one.
    FlowTypeWord -> FlowType {
        /// Python alone.
        Python => FlowType::Python,
        /// The same as `python`, as older projects call it.
        Vanilla => FlowType::Python,
        /// Prefect.
        Prefect => FlowType::Prefect,
        /// Slurm.
        Slurm => FlowType::Slurm,
        /// AWS Step Functions.
        StepFunctions => FlowType::StepFunctions,
    }
);
choice!(
    /// What a changed lock file does.
    LockfilesWord -> LockfilePolicy {
        /// Makes the tasks of its language stale.
        Stale => LockfilePolicy::Stale,
        /// Is said, and changes nothing.
        Warn => LockfilePolicy::Warn,
        /// Is not looked at.
        Ignore => LockfilePolicy::Ignore,
    }
);
choice!(
    /// What a push of stale tasks does.
    PrePushWord -> PrePush {
        /// Is said.
        Warn => PrePush::Warn,
        /// Is refused.
        Block => PrePush::Block,
        /// Is not looked at.
        Off => PrePush::Off,
    }
);
choice!(
    /// How files leave the store.
    LinkWord -> LinkMode {
        /// As copies, sharing blocks where the file system can.
        Copy => LinkMode::Copy,
        /// As read-only hard links.
        Hard => LinkMode::Hard,
    }
);

/// One entry of `tasks:` in a graph, written out.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename = "a graph's entry", expecting = "`{deps: […], args: {…}}`")]
#[schemars(rename = "Entry")]
pub(super) struct EntryWords {
    /// What it depends on: one task or a list.
    pub deps: Given<OneOrMany<Given<Text>>>,
    /// Arguments in this graph; they win over the task's own.
    pub args: Given<Entries<Argument>>,
}

/// A graph that is taken over, with other arguments.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename = "extends", expecting = "`{graph: NAME, args: {…}}`")]
#[schemars(rename = "Extends")]
pub(super) struct ExtendsWords {
    /// Its name.
    pub graph: Given<Text>,
    /// Arguments by task; they win over those that the graph gives.
    pub args: Given<Entries<Entries<Argument>>>,
}

/// A place that state is pushed to and pulled from.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename = "a remote", expecting = "`{url: s3://bucket/prefix}`")]
#[schemars(rename = "Remote")]
pub(super) struct RemoteWords {
    /// Where it is: `s3://bucket/prefix`, or `file:///folder`.
    pub url: Given<Text>,
    /// The branch that is meant where none is named; the current one where nothing is said.
    pub branch: Given<Text>,
    /// `false`: nothing is ever pushed to it.
    pub writable: Given<bool>,
    /// The address of a server that speaks S3; AWS where nothing is said.
    pub endpoint: Given<Text>,
    /// The AWS region; the environment's where nothing is said.
    pub region: Given<Text>,
    /// Whether the bucket stands in the path of requests, as many servers that speak S3 want it.
    pub path_style: Given<bool>,
    /// The AWS profile whose credentials are used; the environment's where nothing is said.
    pub profile: Given<Text>,
    /// Where branches and runs are: `dynamodb://table`; in the bucket where nothing is said. Needs the cargo feature `aws`.
    pub refs: Given<Text>,
}

/// A command whose output is an ingredient.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename = "an input", expecting = "`{probe: command}`")]
#[schemars(rename = "Probe")]
pub(super) struct ProbeWords {
    /// Run once a run; what it prints counts.
    pub probe: Given<Text>,
}

/// A reference to a dependency's result.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename = "a reference", expecting = "`{ref: TASK}`")]
#[schemars(rename = "Reference")]
pub(super) struct RefWords {
    /// The dependency.
    pub r#ref: Given<Text>,
}

pub(super) type Json = Value;
