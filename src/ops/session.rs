//! Where a verb stands: the project, its branch, and what remembers them.
//!
//! Opening a session reads the configuration and git's HEAD, and writes
//! nothing; the store is opened, and made, at the first verb that needs it.

use std::cell::{Cell, OnceCell};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use indexmap::IndexMap;

use super::OpsError;
use super::report::{Place, Running};
use super::standing::{Because, Standing};
use crate::config;
use crate::git::{Head, Repository};
use crate::graph::Dag;
use crate::model::{BranchName, Diagnostic, Graph, GraphName, Project, ProjectId, safe_folder_name};
use crate::state::{BranchKey, State};
use crate::store::{self, Store};

/// Where to start looking.
#[derive(Debug, Clone, Default)]
pub struct Start {
    /// The folder to search from; the current one where nothing is said.
    pub folder: PathBuf,
    /// The `kptn.yaml` itself (`--config`).
    pub config: Option<PathBuf>,
    /// The branch that is meant (`--branch`), whatever git has checked out.
    pub branch: Option<String>,
}

/// A project on a branch.
pub struct Session {
    /// The project.
    pub project: Project,
    /// Warnings and notes of the configuration.
    pub notes: Vec<Diagnostic>,
    /// Every file that the configuration was read from.
    pub config_files: Vec<PathBuf>,
    /// Places whose appearance would change the configuration.
    pub config_absent: Vec<PathBuf>,
    /// The order of each graph.
    pub dags: IndexMap<GraphName, Dag>,
    /// The git repository around it; absent without git.
    pub repository: Option<Repository>,
    /// What is checked out.
    pub head: Head,
    /// Whose state is written: project and branch.
    pub key: BranchKey,
    /// Who said which branch that is.
    pub because: Because,
    /// Where tasks write, absolute.
    pub outputs_dir: PathBuf,
    /// When it was opened: the configuration was read after that.
    pub began: SystemTime,
    store_root: PathBuf,
    store: OnceCell<Store>,
    state: OnceCell<State>,
    /// Whose state is read, where that is another one.
    borrowed: OnceCell<Option<BranchKey>>,
    /// Whether `key` has a state of its own since.
    has_own: Cell<bool>,
}

impl Session {
    /// Reads the configuration and HEAD.
    pub fn open(start: &Start) -> Result<Self, OpsError> {
        let began = SystemTime::now();
        let loaded = match &start.config {
            Some(path) => config::load_file(path)?,
            None => config::load(&start.folder)?,
        };
        let mut project = loaded.project;
        let mut dags = IndexMap::new();
        for (name, graph) in &project.graphs {
            let dag = Dag::new(graph).map_err(|error| OpsError::cycle(&project, graph, error))?;
            dags.insert(name.clone(), dag);
        }
        let repository = Repository::discover(&project.root)?;
        let ask = |name: &str| super::survey::environment(name);
        let standing = Standing::find(repository.as_ref(), start.branch.as_deref(), &project.root, &ask)?;
        let from_env = std::env::var_os("KPTN_STORE").map(PathBuf::from);
        let common = repository.as_ref().map(Repository::common_folder);
        let store_root =
            store::locate(&project.root, common, from_env.as_deref(), project.settings.store.as_deref());
        let Standing { head, branch, because } = standing;
        // A branch cannot take its own protection away before that is committed on it; the stricter wins.
        let own =
            super::protect::in_commit(repository.as_ref(), &branch, &project.root, &project.config_path);
        project.settings.trusted = own.clone();
        let protected = &mut project.settings.protected;
        protected.extend(own.into_iter().filter(|one| !protected.contains(one)).collect::<Vec<_>>());
        let key = BranchKey { project: project_id(&project, repository.as_ref())?, branch };
        Ok(Self {
            outputs_dir: outputs_dir_of(&project.root, &outputs_template(&project), &key.branch),
            notes: loaded.notes,
            config_files: loaded.files,
            config_absent: loaded.absent,
            dags,
            repository,
            head,
            key,
            because,
            began,
            store_root,
            store: OnceCell::new(),
            state: OnceCell::new(),
            borrowed: OnceCell::new(),
            has_own: Cell::new(false),
            project,
        })
    }

    /// Returns the store, opened at its first use.
    pub fn store(&self) -> Result<&Store, OpsError> {
        if let Some(store) = self.store.get() {
            return Ok(store);
        }
        let store = Store::open(&self.store_root)?;
        Ok(self.store.get_or_init(|| store))
    }

    /// Returns the state, opened at its first use.
    pub fn state(&self) -> Result<&State, OpsError> {
        self.store()?;
        if let Some(state) = self.state.get() {
            return Ok(state);
        }
        let state = State::open(&self.store_root)?;
        // A run that was killed may have finished items that only its journal knows. Where they cannot be
        // taken in (a read-only store), they look stale; the next run takes them in or fails.
        drop(state.take_in_dead(&self.key));
        Ok(self.state.get_or_init(|| state))
    }

    /// Returns whose state is read: where HEAD is detached and nothing was ever recorded for its commit,
    /// that of the nearest branch.
    pub fn reads(&self) -> &BranchKey {
        if self.has_own.get() {
            return &self.key;
        }
        let borrowed = self.borrowed.get_or_init(|| self.find_borrowed().unwrap_or_default());
        borrowed.as_ref().unwrap_or(&self.key)
    }

    /// Says that the branch has a state of its own from now on.
    pub fn owns_state(&self) {
        self.has_own.set(true);
    }

    fn find_borrowed(&self) -> Result<Option<BranchKey>, OpsError> {
        let (Some(repository), Some(commit)) = (&self.repository, &self.head.commit) else { return Ok(None) };
        if self.because != Because::Detached {
            return Ok(None);
        }
        let Some(state) = State::open_existing(&self.store_root) else { return Ok(None) };
        let known: BTreeSet<BranchName> = state.branch_names(&self.key.project)?.into_iter().collect();
        if known.contains(&self.key.branch) {
            return Ok(None);
        }
        let rebasing = repository.rebasing().filter(|branch| known.contains(branch));
        let branch = match rebasing {
            Some(branch) => Some(branch),
            None => repository.nearest(commit, &known)?.into_iter().next().map(|near| near.branch),
        };
        Ok(branch.map(|branch| BranchKey { branch, ..self.key.clone() }))
    }

    /// Returns where the store is, or would be made.
    pub fn store_root(&self) -> &Path {
        &self.store_root
    }

    /// Returns a graph by its name.
    pub fn graph(&self, name: &str) -> Result<&Graph, OpsError> {
        self.project.graphs.get(name).ok_or_else(|| OpsError::UnknownGraph {
            name: name.to_owned(),
            near: super::near(name, self.project.graphs.keys().map(GraphName::as_str)),
            known: self.project.graphs.keys().map(ToString::to_string).collect(),
        })
    }

    /// Returns the order of a graph that is in the project.
    pub fn dag(&self, graph: &Graph) -> &Dag {
        &self.dags[&graph.name]
    }

    /// Returns whose state this is, for reports.
    pub fn place(&self) -> Place {
        let here = std::env::current_dir().unwrap_or_default();
        let shorter = self.outputs_dir.strip_prefix(&here).unwrap_or(&self.outputs_dir);
        Place {
            project: self.key.project.to_string(),
            branch: self.key.branch.to_string(),
            outputs_dir: shorter.to_owned(),
        }
    }

    /// Returns the run that holds this branch now; absent where none does.
    pub fn running(&self) -> Option<Running> {
        let state = State::open_existing(&self.store_root);
        super::holding::running(&self.store_root, state.as_ref(), &self.key)
    }
}

/// The root's path in its repository tells projects of one store apart, unless the project has a name.
fn project_id(project: &Project, repository: Option<&Repository>) -> Result<ProjectId, OpsError> {
    match (&project.settings.project, repository) {
        (Some(name), _) => ProjectId::parse(name).map_err(|error| OpsError::Name { error }),
        (None, Some(repository)) => Ok(repository.project_id(&project.root)),
        (None, None) => {
            // A copy without git says of which project it is one.
            let said = super::survey::environment("KPTN_PROJECT").filter(|text| !text.is_empty());
            ProjectId::parse(said.as_deref().unwrap_or("root")).map_err(|error| OpsError::Name { error })
        }
    }
}

/// Returns where tasks write, with `<branch>` in it where each branch has its own folder.
pub(super) fn outputs_template(project: &Project) -> String {
    let said = project.settings.outputs_dir.clone();
    let said = said.or_else(|| std::env::var("SCRATCH_DIR").ok().filter(|text| !text.is_empty()));
    said.unwrap_or_else(|| "scratch/<branch>".to_owned())
}

/// Tells whether all branches write to one folder.
pub(super) fn is_shared(template: &str) -> bool {
    !["<branch>", "${branch}"].iter().any(|name| template.contains(name))
}

/// Returns the output folder of a branch.
pub(super) fn outputs_dir_of(root: &Path, template: &str, branch: &BranchName) -> PathBuf {
    let folder = safe_folder_name(branch.as_str());
    root.join(template.replace("<branch>", &folder).replace("${branch}", &folder))
}
