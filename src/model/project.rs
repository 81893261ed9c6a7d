//! A project: its places, its settings, its graphs.

use std::collections::BTreeMap;
use std::path::PathBuf;

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{GraphName, Location, RemoteSettings, Task, TaskName};

/// Where a pull brings more bytes than this, a person is asked first.
pub const ASK_ABOVE: u64 = 5_000_000_000;

/// A `kptn.yaml` (with its `pyproject.toml`) as understood.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Project {
    /// The project root, absolute.
    pub root: PathBuf,
    /// The `kptn.yaml`, absolute.
    pub config_path: PathBuf,
    /// What `settings` and `[tool.kptn]` say together.
    pub settings: Settings,
    /// The graphs, in the order written.
    pub graphs: IndexMap<GraphName, Graph>,
    /// Tasks that no graph names, in the order written; they are checked, never run.
    pub unused_tasks: Vec<TaskName>,
    /// The remotes by name, in the order written.
    pub remotes: IndexMap<String, RemoteSettings>,
}

/// One graph, with everything it inherits.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Graph {
    /// Its name.
    pub name: GraphName,
    /// What stands for it in the state's key: `cache_namespace`, else its name.
    pub namespace: GraphName,
    /// Its tasks, in the order written; that order breaks ties.
    pub tasks: IndexMap<TaskName, Task>,
    /// Values that tasks take by name: the project's, then the graph's over them.
    pub config: BTreeMap<String, Value>,
    /// Where `kptn.yaml` names it.
    #[serde(skip)]
    pub place: Option<Location>,
}

/// Which runner `render` writes beside the Python one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FlowType {
    /// Plain Python (the default; `vanilla` in older projects).
    #[default]
    Python,
    /// Prefect with Dask.
    Prefect,
    /// Slurm.
    Slurm,
    /// AWS Step Functions.
    StepFunctions,
}

/// Where Prefect runs tasks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PrefectRunner {
    /// In threads of the flow's own process (the default).
    #[default]
    Threads,
    /// On a Dask cluster.
    Dask,
    /// On a Ray cluster.
    Ray,
}

/// How the Prefect flow runs.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct PrefectSettings {
    /// Where tasks run.
    pub task_runner: PrefectRunner,
    /// The address of the cluster; absent means that the flow starts one on its machine.
    pub address: Option<String>,
    /// The work pool that it is deployed to.
    pub work_pool: Option<String>,
    /// When it is to run, as cron says it; absent where somebody starts it.
    pub schedule: Option<String>,
}

/// Where the project is on AWS.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct AwsSettings {
    /// The stack of CloudFormation.
    pub stack: Option<String>,
    /// The region; absent: the environment's or the profile's.
    pub region: Option<String>,
    /// The profile of AWS's own files; absent: what the environment says.
    pub profile: Option<String>,
}

/// What a changed lock file does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LockfilePolicy {
    /// Makes the tasks of that language stale (the default).
    #[default]
    Stale,
    /// Is said, and changes nothing.
    Warn,
    /// Is not looked at.
    Ignore,
}

/// How outputs leave the store for the output folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LinkMode {
    /// Copy-on-write where the file system can, else a copy (the default).
    #[default]
    Copy,
    /// Read-only hard links: no room taken, and a task that writes in place fails.
    Hard,
}

/// Whether the git hook gives a new branch its parent's state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AutoClone {
    /// It does (the default).
    #[default]
    Yes,
    /// Only `kptn branch clone` does.
    No,
}

/// What a checkout does about files in the output folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CheckoutFiles {
    /// Where branches share the folder, the git hook offers `kptn restore` (the default).
    #[default]
    Offered,
    /// The git hook puts the branch's files there.
    Restored,
}

/// What a push of stale tasks does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PrePush {
    /// Is said (the default).
    #[default]
    Warn,
    /// Is refused.
    Block,
    /// Is not looked at.
    Off,
}

/// What `settings` and `[tool.kptn]` say, with defaults filled in and paths made absolute.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Settings {
    /// The project's identity; absent means the root's path in its repository.
    pub project: Option<String>,
    /// Where runners are written; `flows` beside `kptn.yaml` where nothing is said.
    pub flows_dir: PathBuf,
    /// Where Python tasks are looked for.
    pub py_tasks_dirs: Vec<PathBuf>,
    /// Where R tasks are looked for.
    pub r_tasks_dirs: Vec<PathBuf>,
    /// The output folder as written, relative to the project root, `<branch>` and `${branch}` allowed; absent means the default.
    pub outputs_dir: Option<String>,
    /// Which runner `render` writes.
    pub flow_type: FlowType,
    /// The folder of the user's templates for runners; absent where there is none.
    pub templates: Option<PathBuf>,
    /// How the Prefect flow runs.
    pub prefect: PrefectSettings,
    /// Where it is on AWS.
    #[serde(default)]
    pub aws: AwsSettings,
    /// Stands for the graph's name in the state's key.
    pub cache_namespace: Option<GraphName>,
    /// The image that engines run tasks in.
    pub docker_image: Option<String>,
    /// The Python to use: a path or a name on PATH.
    pub python: Option<String>,
    /// The Rscript to use: a path or a name on PATH.
    pub rscript: Option<String>,
    /// The R packages that a warm session loads before it forks; absent: those that scripts name and that
    /// are safe to fork.
    pub r_preload: Option<Vec<String>>,
    /// Branches that only take records made on protected branches; globs.
    pub protected: Vec<String>,
    /// Branches whose work this one takes where it is protected, as its own commit says; none means all protected ones.
    pub trusted: Vec<String>,
    /// What a changed lock file does.
    pub lockfiles: LockfilePolicy,
    /// Where the store is, instead of git's common folder.
    pub store: Option<PathBuf>,
    /// How outputs leave the store.
    pub link: LinkMode,
    /// Whether the git hook gives a new branch its parent's state.
    pub auto_clone: AutoClone,
    /// What a checkout does about files in the output folder.
    pub checkout_files: CheckoutFiles,
    /// What a push of stale tasks does.
    pub pre_push: PrePush,
    /// Where a pull brings more bytes than this, a person is asked first; absent means [`ASK_ABOVE`].
    pub ask_above: Option<u64>,
    /// The most tasks at once, by tag.
    pub concurrency: BTreeMap<String, u32>,
}
