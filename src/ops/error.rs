//! Why a verb could not do its work: facts, without words for people.

use std::path::{Path, PathBuf};

use super::deploy::aws::DeployError;
use super::deployed::DeployedError;
use super::engine_error::EngineError;
use super::moving_error::MovingError;
use super::remotes::PeerError;
use super::shared_run::SharedRunError;
use crate::aws::AwsError;
use crate::config::ConfigError;
use crate::git::GitError;
use crate::graph::{CycleError, SelectError};
use crate::model::{
    AddressError, BranchName, Diagnostic, Graph, GraphName, ItemName, ItemNotFound, Location, NameError,
    Project, TaskName,
};
use crate::plan::ChoiceError;
use crate::process::ProcessError;
use crate::remote::RemoteError;
use crate::render::RenderError;
use crate::state::LockError;
use crate::state::StateError;
use crate::store::StoreError;
use crate::task::outputs::OutputsError;
use crate::task::serve::ServeError;

/// Why a verb could not do its work.
#[derive(Debug, thiserror::Error)]
pub enum OpsError {
    /// A service of AWS besides the bucket.
    #[error(transparent)]
    Aws(#[from] AwsError),
    /// What is deployed cannot be used.
    #[error(transparent)]
    Deployed(#[from] DeployedError),
    /// `kptn.yaml` or `pyproject.toml`.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// A graph that runs in a circle.
    #[error("{error} in graph `{graph}`")]
    Cycle {
        /// The graph.
        graph: GraphName,
        /// The `kptn.yaml`.
        path: PathBuf,
        /// Where one of its tasks stands.
        location: Option<Location>,
        /// The circle.
        error: CycleError,
    },
    /// The user's files have errors that stand in the way.
    #[error("{} in the way", if .diagnostics.len() == 1 { "an error stands" } else { "errors stand" })]
    Broken {
        /// At least one error.
        diagnostics: Vec<Diagnostic>,
    },
    /// No graph of that name.
    #[error("no graph is called `{name}`")]
    UnknownGraph {
        /// What was typed.
        name: String,
        /// The nearest name; absent where none is near.
        near: Option<String>,
        /// All graphs.
        known: Vec<String>,
    },
    /// No task (and no graph) of that name.
    #[error("no task or graph is called `{name}`")]
    UnknownTask {
        /// What was typed.
        name: String,
        /// The nearest name; absent where none is near.
        near: Option<String>,
    },
    /// A graph where a task was meant.
    #[error("`{name}` is a graph, not a task")]
    GraphIsNoTask {
        /// What was typed.
        name: String,
    },
    /// A text that names no task and no item.
    #[error("{error}")]
    Address {
        /// Why.
        error: AddressError,
    },
    /// An item of a task that has none.
    #[error("`{task}` has no items: it has no `map_over`")]
    NoItems {
        /// The task.
        task: TaskName,
    },
    /// An item of a task whose list nobody has made yet.
    #[error("the items of `{task}` are not known yet")]
    ItemsUnknown {
        /// The task.
        task: TaskName,
        /// The task that makes the list.
        provider: Option<TaskName>,
    },
    /// No item of that name.
    #[error("`{task}` has no item `{name}`")]
    UnknownItem {
        /// The task.
        task: TaskName,
        /// What was typed.
        name: ItemName,
        /// The nearest name; absent where none is near.
        near: Option<String>,
    },
    /// Several items of that name.
    #[error("`{name}` is the name of several items of `{task}`")]
    AmbiguousItem {
        /// The task.
        task: TaskName,
        /// What was typed.
        name: ItemName,
        /// What tells them apart.
        names: Vec<ItemName>,
    },
    /// Items of a selection that has not one mapped task.
    #[error("{}", super::choice::not_one_mapped(.tasks))]
    NotOneMapped {
        /// The mapped tasks of the selection.
        tasks: Vec<TaskName>,
        /// The whole selection.
        selected: Vec<TaskName>,
    },
    /// Some items of a task, and a task that depends on all of them.
    #[error("`{after}` takes the whole of `{task}`, of which some items alone would run")]
    AfterItems {
        /// The mapped task.
        task: TaskName,
        /// What depends on it.
        after: TaskName,
    },
    /// A choice of items that cannot be made.
    #[error("{error}")]
    Items {
        /// The mapped task.
        task: TaskName,
        /// Why.
        error: ChoiceError,
    },
    /// Several graphs have the task.
    #[error("`{task}` is in several graphs: {}", .graphs.join(", "))]
    TaskInSeveralGraphs {
        /// What was typed.
        task: String,
        /// The graphs.
        graphs: Vec<String>,
    },
    /// Several graphs, and none was named.
    #[error("the project has several graphs: {}", .graphs.join(", "))]
    WhichGraph {
        /// The graphs.
        graphs: Vec<String>,
    },
    /// Tasks that no graph has together.
    #[error("no graph has all of these tasks: {}", .tasks.join(", "))]
    NoCommonGraph {
        /// What was typed.
        tasks: Vec<String>,
    },
    /// A project without graphs.
    #[error("`{}` has no graphs", .path.display())]
    NoGraph {
        /// The `kptn.yaml`.
        path: PathBuf,
    },
    /// No git repository, where one is needed.
    #[error("`{}` is in no git repository", .root.display())]
    NoRepository {
        /// The project's root.
        root: PathBuf,
    },
    /// A hook that cannot be set aside, since one was before.
    #[error("`{}` cannot be renamed to `{}`, which is there already", .hook.display(), .before.display())]
    HookInTheWay {
        /// The hook.
        hook: PathBuf,
        /// What it would be called.
        before: PathBuf,
    },
    /// A selector that does not parse or matches nothing.
    #[error(transparent)]
    Select(#[from] SelectError),
    /// A text that can be no name.
    #[error("{error}")]
    Name {
        /// Why.
        error: NameError,
    },
    /// A subset whose dependencies are stale.
    #[error("{} before {} not fresh: {}", list(.selected), if .stale.len() == 1 { "is" } else { "are" }, list(.stale))]
    StaleDependencies {
        /// What is stale, dependencies first.
        stale: Vec<TaskName>,
        /// What was selected.
        selected: Vec<TaskName>,
        /// The graph.
        graph: GraphName,
    },
    /// What a task left cannot be read.
    #[error(transparent)]
    Reading(#[from] super::reading::ReadingError),
    /// Nobody can stand in the task's shoes.
    #[error(transparent)]
    Shoes(#[from] super::shoes::ShoesError),
    /// What lies there does not count.
    #[error(transparent)]
    NotAccepted(#[from] super::accept::NotAccepted),
    /// Nothing was promoted.
    #[error(transparent)]
    NotPromoted(#[from] super::promote::NotPromoted),
    /// Something would be made for a protected branch from a commit that it does not have.
    #[error("`{branch}` is protected, and {}", super::protect::elsewhere(.branch, .commit, *.known))]
    ElsewhereThanProtected {
        /// The branch.
        branch: BranchName,
        /// What is checked out; absent before the first commit.
        commit: Option<String>,
        /// Whether git has the branch here.
        known: bool,
    },
    /// Nobody knows who made a file.
    #[error(transparent)]
    NotMade(#[from] super::maker::NotMade),
    /// Nothing to compare with.
    #[error("`{base}` names no commit here")]
    NoBase {
        /// What was typed.
        base: String,
        /// What git says.
        source: GitError,
    },
    /// Somebody else holds the branch or the output folder.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// Moving a branch, or naming a state.
    #[error(transparent)]
    Moving(#[from] MovingError),
    /// No Python to run the runner with.
    #[error("no Python was found to start the runner with{}", as_named("python", .named))]
    NoPython {
        /// What `settings.python` names.
        named: Option<String>,
    },
    /// No `Rscript` for a task that is to run.
    #[error("no Rscript was found, which `{task}` needs{}", as_named("rscript", .named))]
    NoRscript {
        /// The first such task.
        task: TaskName,
        /// What `settings.rscript` names.
        named: Option<String>,
    },
    /// There is no log of that task.
    #[error("`{task}` has no log: it never ran on this branch")]
    NoLog {
        /// The task.
        task: TaskName,
    },
    /// There is no log of that item.
    #[error("`{task}[{item}]` has no log: it never ran on this branch")]
    NoItemLog {
        /// The task.
        task: TaskName,
        /// What people call the item.
        item: String,
    },
    /// Files that would be overwritten.
    #[error("these files are there already: {}", list(.paths))]
    Exists {
        /// The files.
        paths: Vec<String>,
    },
    /// A run that nobody opened.
    #[error("no run is called `{run}`")]
    UnknownRun {
        /// What was given.
        run: String,
    },
    /// A deployment to AWS.
    #[error(transparent)]
    Deploy(#[from] DeployError),
    /// A run of an engine.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// A run that several machines carry out.
    #[error(transparent)]
    SharedRun(#[from] SharedRunError),
    /// Serving a run.
    #[error(transparent)]
    Serve(#[from] ServeError),
    /// The output folder.
    #[error(transparent)]
    Outputs(#[from] OutputsError),
    /// Remotes, and what is there or here already.
    #[error(transparent)]
    Peer(#[from] PeerError),
    /// A remote.
    #[error(transparent)]
    Remote(#[from] RemoteError),
    /// git.
    #[error(transparent)]
    Git(#[from] GitError),
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The state.
    #[error(transparent)]
    State(#[from] StateError),
    /// Another program.
    #[error(transparent)]
    Process(#[from] ProcessError),
    /// A template.
    #[error(transparent)]
    Render(#[from] RenderError),
    /// A file.
    #[error("cannot {action} `{}`", .path.display())]
    Io {
        /// What was being done.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
}

impl OpsError {
    /// Wraps an I/O error with what was being done to which file.
    pub fn io(action: &'static str, path: &Path, source: std::io::Error) -> Self {
        Self::Io { action, path: path.to_owned(), source }
    }

    /// Says why a name is not one item's.
    pub fn item(task: &TaskName, name: &ItemName, why: ItemNotFound) -> Self {
        let (task, name) = (task.clone(), name.clone());
        match why {
            ItemNotFound::Unknown { near } => Self::UnknownItem { task, name, near },
            ItemNotFound::Ambiguous { names } => Self::AmbiguousItem { task, name, names },
        }
    }

    /// Places a cycle at the first of its tasks that `kptn.yaml` names.
    pub fn cycle(project: &Project, graph: &Graph, error: CycleError) -> Self {
        Self::Cycle {
            graph: graph.name.clone(),
            path: project.config_path.clone(),
            location: graph.place,
            error,
        }
    }
}

fn as_named(setting: &str, value: &Option<String>) -> String {
    match value {
        Some(value) => format!(": `settings.{setting}` names `{value}`, which is not there"),
        None => String::new(),
    }
}

/// Names all of them.
pub(super) fn list<T: ToString>(names: &[T]) -> String {
    list_of(names.iter().map(|name| format!("`{}`", name.to_string())), names.len())
}

/// Names the first few, and says how many more there are.
pub(super) fn list_of(names: impl ExactSizeIterator<Item = String>, most: usize) -> String {
    let more = names.len().saturating_sub(most);
    let more = (more > 0).then(|| format!("{more} more"));
    names.take(most).chain(more).collect::<Vec<_>>().join(", ")
}
