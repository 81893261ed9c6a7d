//! Which task a path in the output folder belongs to.
//!
//! Literal outputs belong to who declares them; everything else to whose record
//! lists it. The records of other tasks are only read when a pattern or a folder
//! makes it matter, once a run, and then kept up to date.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use super::outputs::Declared;
use super::{Files, StateKnown};
use crate::fingerprint::variables;
use crate::model::{Graph, TaskName};

/// The owners of all paths, as far as they are known.
pub struct Owners {
    files: HashMap<String, TaskName>,
    folders: HashMap<String, TaskName>,
    /// What items of running tasks declare.
    claimed: Mutex<HashMap<String, TaskName>>,
    recorded: Mutex<Option<HashMap<String, TaskName>>>,
}

/// How far to look for an owner.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Depth {
    /// Only at what is declared.
    Declared,
    /// At records too.
    Records,
}

impl Owners {
    /// Takes note of every literal output that the tasks of a graph declare.
    pub fn of(graph: &Graph) -> Self {
        let (mut files, mut folders) = (HashMap::new(), HashMap::new());
        for task in graph.tasks.values() {
            let whole = task.outputs.iter().filter(|output| !task.is_item_output(output));
            // A path that cannot be is the owner's error when it runs, not everybody's.
            let Ok(declared) = Declared::expand(whole, &variables(task, graph)) else { continue };
            files.extend(declared.files.into_iter().map(|path| (path, task.name.clone())));
            folders.extend(declared.folders.into_iter().map(|path| (path, task.name.clone())));
        }
        Self { files, folders, claimed: Mutex::default(), recorded: Mutex::new(None) }
    }

    /// Returns how far to look for a task that declares this.
    pub fn depth_for(declared: &Declared) -> Depth {
        if declared.globs.is_empty() && declared.folders.is_empty() {
            Depth::Declared
        } else {
            Depth::Records
        }
    }

    /// Takes note of what the items of a task declare, now that they are known.
    pub fn claim(&self, task: &TaskName, paths: impl IntoIterator<Item = String>) {
        let mut claimed = self.claimed.lock().unwrap_or_else(PoisonError::into_inner);
        claimed.extend(paths.into_iter().map(|path| (path, task.clone())));
    }

    /// Returns the task other than `task` that declares a path literally, or a folder that it is in.
    pub fn declared_by_other(&self, task: &TaskName, path: &str) -> Option<TaskName> {
        self.declared(path).filter(|owner| owner != task)
    }

    fn declared(&self, path: &str) -> Option<TaskName> {
        let folders = || path.match_indices('/').map(|(at, _)| &path[..at]).chain([path]);
        let claimed = self.claimed.lock().unwrap_or_else(PoisonError::into_inner);
        // A declared folder may turn up without its `/`.
        let found = self.files.get(path).or_else(|| claimed.get(path));
        found
            .or_else(|| folders().rev().find_map(|at| self.folders.get(at).or_else(|| claimed.get(at))))
            .cloned()
    }

    /// Returns the task other than `task` that a path belongs to.
    pub fn other(
        &self,
        task: &TaskName,
        path: &str,
        depth: Depth,
        known: &StateKnown<'_>,
    ) -> Option<TaskName> {
        if let Some(owner) = self.declared(path) {
            return (owner != *task).then_some(owner);
        }
        if depth == Depth::Declared {
            return None;
        }
        let mut recorded = self.recorded.lock().unwrap_or_else(PoisonError::into_inner);
        let owner = recorded.get_or_insert_with(|| all_recorded(known)).get(path)?;
        (owner != task).then(|| owner.clone())
    }

    /// Takes note that a task has other files now.
    pub fn learn(&self, task: &TaskName, before: &Files, now: impl FnOnce() -> Files) {
        let mut recorded = self.recorded.lock().unwrap_or_else(PoisonError::into_inner);
        // Whoever asks first reads all records.
        let Some(recorded) = recorded.as_mut() else { return };
        for file in before.iter() {
            if recorded.get(&file.path) == Some(task) {
                recorded.remove(&file.path);
            }
        }
        recorded.extend(now().iter().map(|file| (file.path.clone(), task.clone())));
    }
}

fn all_recorded(known: &StateKnown<'_>) -> HashMap<String, TaskName> {
    let mut all = HashMap::new();
    for task in known.recorded() {
        all.extend(known.current_files(&task).iter().map(|file| (file.path.clone(), task.clone())));
    }
    all
}
