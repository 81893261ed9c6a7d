//! `--from REMOTE`: what a task left as a remote's branch has it. No branch here is moved.
//!
//! ```text
//! the branch there -> the task's record, its items -> the files that are asked for, and no other
//! ```
//! They are put into a folder of their own beside those of branches: what is there
//! is no state of this machine.

use super::Wanted;
use super::shelf::{Shelf, find_item};
use crate::git::Repository;
use crate::model::{Address, BranchName, Digest, Progress, Record, RemoteSettings};
use crate::ops::remotes::{Peer, PeerError};
use crate::ops::scope::{self, Words};
use crate::ops::session::outputs_template;
use crate::ops::{OpsError, Session, Start};
use crate::remote::{self, Absent, Part, Take, block_on};
use crate::state::Bearing;
use crate::store::Store;

/// Where what is not here yet comes from.
pub struct Source {
    settings: RemoteSettings,
    index_folder: std::path::PathBuf,
    /// Whether nothing that the task made is there (`local_only`).
    local_only: bool,
}

impl Source {
    /// Brings objects that are not here.
    pub fn bring(&self, store: &Store, objects: &[Digest], progress: &dyn Progress) -> Result<(), OpsError> {
        let mut absent = Vec::new();
        for digest in objects.iter().filter(|_| !self.local_only) {
            if !store.has(digest)? {
                absent.push(*digest);
            }
        }
        if !absent.is_empty() {
            block_on(remote::come(store, &self.settings, &self.index_folder, &absent, progress))?;
            store.flush()?;
        }
        Ok(())
    }
}

impl Shelf {
    /// Finds the record that a remote's branch has of a task.
    pub fn there(
        start: &Start,
        wanted: &Wanted,
        remote: &str,
        progress: &dyn Progress,
    ) -> Result<Self, OpsError> {
        let Address { task, item } =
            Address::parse(&wanted.task).map_err(|error| OpsError::Address { error })?;
        // Here `--branch` names the one there.
        let session = Session::open(&Start { branch: None, ..start.clone() })?;
        let words = Words { graph: wanted.graph.clone(), words: vec![task.to_string()], exclude: Vec::new() };
        let scope = scope::one_graph(&session, &words)?;
        if scope.selectors.is_empty() {
            return Err(OpsError::GraphIsNoTask { name: task.to_string() });
        }
        let defined = scope.graph.tasks.get(&task);
        let defined = defined.ok_or_else(|| crate::ops::unknown_task(&session, task.as_str()))?;
        let namespace = &scope.graph.namespace;
        let store = Store::open(session.store_root())?;
        let peer = Peer::find(&session.project, store.layout(), Some(remote), Absent::Fail)?;
        let there = peer.branch(start.branch.as_deref(), &session.key)?;
        let ends = peer.ends(&store, &there, progress);
        let arrived = block_on(remote::pull(ends, None, Take::State, &|_, part, graph, name| {
            part == Part::Record && graph == namespace && defined.is_or_was(name)
        }))?;
        let entries = || arrived.snapshot.entries.iter().filter(|entry| entry.graph == *namespace);
        let own = entries().find(|entry| entry.task == task);
        let Some(entry) = own.or_else(|| entries().find(|entry| defined.is_or_was(&entry.task))) else {
            let (remote, branch) = (peer.name.clone(), there.branch.clone());
            return Err(PeerError::NotThere { remote, branch, tasks: vec![task] }.into());
        };
        let record: Record = store.load_json(&entry.record)?;
        let bearing = Bearing {
            graph: scope.graph.name.clone(),
            namespace: namespace.clone(),
            map_over: defined.map_over.clone(),
        };
        let item = item.map(|item| find_item(&store, &task, &record, &bearing, &item)).transpose()?;
        let folder = format!("{}@{}", there.branch, peer.name);
        Ok(Self {
            graph: bearing.graph,
            task,
            item,
            typed: wanted.task.clone(),
            digest: entry.record,
            record,
            root: session.project.root.clone(),
            repository: Repository::discover(&session.project.root)?,
            link: session.project.settings.link,
            branch: BranchName::parse(&folder).map_err(|error| OpsError::Name { error })?,
            own: false,
            outputs_dir: outputs_template(&session.project),
            source: Some(Source {
                settings: peer.settings.clone(),
                index_folder: peer.index_folder().to_owned(),
                local_only: arrived.snapshot.local_only.contains(&entry.record),
            }),
            store,
        })
    }

    /// Brings what is about to be read, where it comes from elsewhere.
    pub fn bring(&self, objects: &[Digest], progress: &dyn Progress) -> Result<(), OpsError> {
        match &self.source {
            Some(source) => source.bring(&self.store, objects, progress),
            None => Ok(()),
        }
    }
}
