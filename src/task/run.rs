//! Everything that carrying out one run needs, handed in by whoever opened it.
//!
//! It is shared by reference with every task of the run and with the threads
//! that read and write files for them; nothing in it changes while the run goes.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use super::Listener;
use super::execute::LineSink;
use super::outputs::Folder;
use crate::fingerprint::Surroundings;
use crate::git::{Head, Repository};
use crate::model::{Event, Interpreter, Project, Provenance, RunPlan, Stream, Task};
use crate::process::{Reaper, Starter};
use crate::state::{BranchKey, LocalMemo, LogEntry, State};
use crate::store::Store;

/// A run, and what it works with.
pub struct Run {
    /// The project, read when the run was joined.
    pub project: Project,
    /// What the run was opened with.
    pub plan: RunPlan,
    /// Objects.
    pub store: Store,
    /// Branches, results, attempts.
    pub state: State,
    /// Tells digests of files.
    pub memo: Arc<LocalMemo>,
    /// The configuration.
    pub config: Config,
    /// Tells whether HEAD is still where it was; absent without git.
    pub repository: Option<Mutex<Repository>>,
    /// What the code is, where not the repository tells that but who opened the run.
    pub origin: Option<Origin>,
    /// Ends what tasks started where this process is killed; absent where that cannot be had.
    pub reaper: Option<Reaper>,
    /// Who started this process, to be noticed when it is gone.
    pub starter: Starter,
    /// Who hears what happens.
    pub listeners: Vec<Arc<dyn Listener>>,
    /// Who makes records: the user's name; of a run of several machines that of who opened it.
    pub user: String,
    /// The machine's name.
    pub host: String,
}

/// What the code is, as the machine knows that opened the run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// The commit that was checked out there; absent without git.
    pub commit: Option<String>,
    /// Whether the task's code or the configuration was not what the commit has.
    pub dirty: bool,
}

/// Files of which the project was read: arguments and settings in them are part of what runs.
#[derive(Debug, Clone, Default)]
pub struct Config {
    files: Vec<PathBuf>,
    /// Whether they differed from the commit that was checked out when they were read.
    was_dirty: bool,
}

impl Config {
    /// Looks whether a commit has the files, which were just read.
    pub fn of(files: &[PathBuf], repository: Option<&Repository>) -> Self {
        // Where git cannot tell, nothing is promised.
        let was_dirty = repository.is_some_and(|one| one.is_dirty(files).unwrap_or(true));
        Self { files: files.to_owned(), was_dirty }
    }
}

impl Run {
    /// Returns whose state this is.
    pub fn key(&self) -> BranchKey {
        BranchKey { project: self.plan.project.clone(), branch: self.plan.branch.clone() }
    }

    /// Returns a task of the run's graph.
    pub fn task(&self, name: &str) -> Option<&Task> {
        self.plan.graph.tasks.get(name)
    }

    /// Tells everybody who listens.
    pub fn tell(&self, event: &Event) {
        self.listeners.iter().for_each(|listener| listener.hear(event));
    }

    /// Tells that something is worth a line.
    pub fn note(&self, task: Option<&Task>, message: impl Into<String>) {
        self.tell(&Event::Note { task: task.map(|task| task.name.clone()), message: message.into() });
    }

    /// Returns what passes a task's lines on; absent where nobody wants to see them.
    pub fn line_sink(&self, task: &Task, item: Option<&str>) -> Option<LineSink> {
        if self.plan.stream == Stream::No {
            return None;
        }
        let (listeners, task, item) = (self.listeners.clone(), task.name.clone(), item.map(str::to_owned));
        Some(Arc::new(move |line: &str| {
            let event = Event::Line { task: task.clone(), item: item.clone(), line: line.to_owned() };
            listeners.iter().for_each(|listener| listener.hear(&event));
        }))
    }

    /// Begins a look at the project, as it is now.
    pub fn look(&self) -> Surroundings<'_> {
        let plan = &self.plan;
        Surroundings::new(
            &self.project,
            &plan.graph,
            &plan.interpreters,
            &plan.probes,
            &environment,
            &*self.memo,
        )
    }

    /// Returns what is checked out now where that is not what was when the run was opened.
    pub fn moved_to(&self) -> Option<Head> {
        let repository = self.repository.as_ref()?.lock().unwrap_or_else(PoisonError::into_inner);
        // A repository that cannot be read for a moment (git is writing) says nothing.
        let head = repository.head().ok()?;
        let expected = self.plan.head.as_ref().unwrap_or(&self.plan.branch);
        (head.branch != *expected).then_some(head)
    }

    /// Returns who makes records now, from what; `files` are those that a task read.
    pub fn provenance(&self, task: &Task, files: &[PathBuf]) -> Provenance {
        let repository =
            self.repository.as_ref().map(|one| one.lock().unwrap_or_else(PoisonError::into_inner));
        let head = repository.as_ref().and_then(|repository| repository.head().ok());
        let files: Vec<_> = files.iter().chain(&self.config.files).cloned().collect();
        let is_dirty = |one: &Repository| self.config.was_dirty || one.is_dirty(&files).unwrap_or(true);
        let here = || Origin {
            dirty: repository.as_deref().is_some_and(is_dirty),
            commit: head.and_then(|head| head.commit),
        };
        let Origin { commit, dirty } = self.origin.clone().unwrap_or_else(here);
        Provenance {
            user: self.user.clone(),
            host: self.host.clone(),
            branch: self.plan.branch.to_string(),
            commit,
            dirty,
            kptn: env!("CARGO_PKG_VERSION").to_owned(),
            interpreter: self.plan.interpreters.of(task.script.language).map(Interpreter::shown),
        }
    }

    /// Returns what the log will say of it.
    pub fn log_entry(&self) -> LogEntry<'_> {
        LogEntry {
            verb: "run",
            why: self.plan.id.as_str(),
            user: &self.user,
            at_ms: super::now_ms(),
            commit: self.plan.commit.as_deref(),
            command: &self.plan.command,
            ..LogEntry::default()
        }
    }

    /// Returns the output folder, without making it.
    pub fn folder(&self) -> Folder {
        Folder::at(&self.plan.outputs_dir)
    }

    /// Returns the folder of the run's logs.
    pub fn logs(&self) -> PathBuf {
        self.store.layout().run_logs(&self.plan.id)
    }
}

/// Returns a variable of kptn's own environment.
fn environment(name: &str) -> Option<String> {
    std::env::var_os(name).map(|value| value.to_string_lossy().into_owned())
}
