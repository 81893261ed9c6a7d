//! What a gathering may look at besides the task: the project, the machine, the disk.
//!
//! One value is one look at the project. What it has read it does not read
//! again, so that ten thousand tasks that import one module parse it once; to
//! look again, after time has passed, make a new one.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use crate::model::{Graph, Interpreters, ProbeAnswer, Project};

use super::{Memo, lockfiles, python, r};

/// Returns the value of an environment variable; absent where it is unset.
pub type Environment<'a> = dyn Fn(&str) -> Option<String> + Sync + 'a;

/// One look at the project, shared by all tasks that are gathered from it, also by several threads.
pub struct Surroundings<'a> {
    /// The project.
    pub project: &'a Project,
    /// The graph whose tasks are gathered.
    pub graph: &'a Graph,
    /// The interpreters found.
    pub interpreters: &'a Interpreters,
    /// What each probe said, by its command.
    pub probes: &'a BTreeMap<String, ProbeAnswer>,
    /// The user's environment.
    pub env: &'a Environment<'a>,
    /// The disk.
    pub memo: &'a dyn Memo,
    pub(super) python: Arc<python::Look>,
    pub(super) r: Arc<r::Look>,
    pub(super) lockfiles: Arc<lockfiles::Look>,
}

impl<'a> Surroundings<'a> {
    /// Begins a look at the project.
    pub fn new(
        project: &'a Project,
        graph: &'a Graph,
        interpreters: &'a Interpreters,
        probes: &'a BTreeMap<String, ProbeAnswer>,
        env: &'a Environment<'a>,
        memo: &'a dyn Memo,
    ) -> Self {
        Self {
            project,
            graph,
            interpreters,
            probes,
            env,
            memo,
            python: Arc::default(),
            r: Arc::default(),
            lockfiles: Arc::default(),
        }
    }
}

impl<'a> Surroundings<'a> {
    /// Returns the same look at the project with other answers of probes: what was read is not read again.
    pub fn with_probes<'b>(&self, probes: &'b BTreeMap<String, ProbeAnswer>) -> Surroundings<'b>
    where
        'a: 'b,
    {
        Surroundings {
            project: self.project,
            graph: self.graph,
            interpreters: self.interpreters,
            probes,
            env: self.env,
            memo: self.memo,
            python: self.python.clone(),
            r: self.r.clone(),
            lockfiles: self.lockfiles.clone(),
        }
    }
}

impl fmt::Debug for Surroundings<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Surroundings").field("graph", &self.graph.name).finish_non_exhaustive()
    }
}
