//! Where a verb stands that moves branches and looks at no task.
//!
//! A [`Session`] reads the whole `kptn.yaml`, which takes the longer the more
//! tasks there are. Moving a branch must not: it needs the project's identity,
//! the store and which branches are protected. Whoever has a session anyway
//! gets its footing from that.

use std::cell::OnceCell;
use std::path::{Path, PathBuf};

use super::bearings::Place;
use super::standing::Standing;
use super::survey::environment;
use super::{MovingError, OpsError, Session, Start};
use crate::git::{Head, Repository};
use crate::model::BranchName;
use crate::process;
use crate::state::{Branch, BranchKey, LogEntry, State};
use crate::task::now_ms;

/// A project on a branch, and who asks for what.
pub struct Footing {
    /// The project root, absolute.
    pub root: PathBuf,
    /// The `kptn.yaml`, absolute.
    pub config_path: PathBuf,
    /// The git repository around it; absent without git.
    pub repository: Option<Repository>,
    /// What is checked out.
    pub head: Head,
    /// Whose state: project and branch.
    pub key: BranchKey,
    /// Where the store is.
    pub store_root: PathBuf,
    /// `settings.protected`, as it is here.
    pub protected: Vec<String>,
    /// What was typed.
    pub command: String,
    user: String,
    now_ms: u64,
    state: OnceCell<State>,
}

impl Footing {
    /// Finds out where a verb stands; `command` is what was typed.
    pub fn open(start: &Start, command: &str) -> Result<Self, OpsError> {
        let located = super::reading::located(start)?;
        let repository = Repository::discover(&located.root)?;
        let place = Place::of(&located, repository.as_ref());
        let Some(bearings) = place.load() else {
            let session = Session::open(start)?;
            place.take(&session);
            return Ok(Self::of(session, command));
        };
        let Standing { head, branch, .. } =
            Standing::find(repository.as_ref(), start.branch.as_deref(), &located.root, &environment)?;
        Ok(Self {
            key: BranchKey { project: bearings.project, branch },
            root: located.root,
            config_path: located.config_path,
            repository,
            head,
            store_root: bearings.store_root,
            protected: bearings.protected,
            command: command.to_owned(),
            user: process::user_name(),
            now_ms: now_ms(),
            state: OnceCell::new(),
        })
    }

    /// Takes over what a session knows.
    pub fn of(session: Session, command: &str) -> Self {
        Self {
            root: session.project.root.clone(),
            config_path: session.project.config_path.clone(),
            head: session.head.clone(),
            key: session.key.clone(),
            store_root: session.store_root().to_owned(),
            protected: session.project.settings.protected.clone(),
            command: command.to_owned(),
            user: process::user_name(),
            now_ms: now_ms(),
            state: OnceCell::new(),
            repository: session.repository,
        }
    }

    /// Returns the state, opened at its first use.
    pub fn state(&self) -> Result<&State, OpsError> {
        if let Some(state) = self.state.get() {
            return Ok(state);
        }
        let state = State::open(&self.store_root)?;
        Ok(self.state.get_or_init(|| state))
    }

    /// Returns where the store is.
    pub fn store_root(&self) -> &Path {
        &self.store_root
    }

    /// Returns a branch of this project by its name, whether or not it has a state.
    pub fn branch(&self, name: &str) -> Result<BranchKey, OpsError> {
        let branch = BranchName::parse(name).map_err(|error| OpsError::Name { error })?;
        Ok(BranchKey { project: self.key.project.clone(), branch })
    }

    /// Returns a branch of this project that has a state.
    pub fn branch_with_state(&self, name: &str) -> Result<BranchKey, OpsError> {
        let known = self.branches()?;
        match known.into_iter().find(|branch| branch.key.branch.as_str() == name) {
            Some(found) => Ok(found.key),
            None => Err(self.no_state(name)?),
        }
    }

    /// Returns all branches that have a state.
    pub fn branches(&self) -> Result<Vec<Branch>, OpsError> {
        Ok(self.state()?.branches(&self.key.project)?)
    }

    fn no_state(&self, name: &str) -> Result<OpsError, OpsError> {
        let known: Vec<_> = self.branches()?.into_iter().map(|one| one.key.branch.to_string()).collect();
        let near = super::near(name, known.iter().map(String::as_str));
        Ok(MovingError::NoState { name: name.to_owned(), near, known }.into())
    }

    /// Returns what the log will say of an operation on a branch.
    pub fn entry<'a>(&'a self, verb: &'a str, why: &'a str, moved: &BranchKey) -> LogEntry<'a> {
        LogEntry {
            verb,
            why,
            user: &self.user,
            at_ms: self.now_ms,
            commit: self.head.commit.as_deref(),
            here: if *moved == self.key { "" } else { self.key.branch.as_str() },
            command: &self.command,
            undoes: None,
        }
    }
}
