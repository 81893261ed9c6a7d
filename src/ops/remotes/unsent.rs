//! Which results no remote had when it was last seen: told without asking one.
//!
//! A push or a pull of a whole branch remembers what the branch had there then
//! (`state/seen.rs`). Somebody else may have pushed since: this errs on the side
//! of saying so once too often.

use std::collections::{BTreeSet, HashSet};

use serde::Serialize;

use super::PeerError;
use crate::model::{GraphName, TaskName};
use crate::ops::report::StatusReport;
use crate::ops::{OpsError, Session};
use crate::remote;
use crate::state::Point;

/// A remote, and when it was last seen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RemoteSeen {
    /// The name that people say.
    pub remote: String,
    /// In ms since the epoch; absent where nothing was ever pushed to it or pulled from it here.
    pub seen_ms: Option<u64>,
    /// Whether it may be written.
    pub writable: bool,
}

/// `kptn status --not-in-remote`: the rows of tasks whose records no remote had.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct UnsentReport {
    /// Their status.
    #[serde(flatten)]
    pub status: StatusReport,
    /// All remotes of the project.
    pub remotes: Vec<RemoteSeen>,
}

/// What is on no remote.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Unsent {
    /// Tasks that have a record which none had.
    pub tasks: BTreeSet<(GraphName, TaskName)>,
    /// All remotes of the project.
    pub remotes: Vec<RemoteSeen>,
}

/// Compares what the branch has with what each remote's branches had when they were last seen.
pub fn unsent(session: &Session) -> Result<Unsent, OpsError> {
    let state = session.state()?;
    let (mut remotes, mut sent) = (Vec::new(), HashSet::new());
    for (name, settings) in &session.project.remotes {
        let seen = state.all_seen(&remote::shown_address(settings), &session.key.project)?;
        for one in &seen {
            // A snapshot that is gone says nothing.
            let entries = state.find_entries(&Point::of(one.snapshot))?.unwrap_or_default();
            sent.extend(entries.into_values().map(|entry| entry.record));
        }
        let seen_ms = seen.iter().map(|one| one.at_ms).max();
        remotes.push(RemoteSeen { remote: name.clone(), seen_ms, writable: settings.writable });
    }
    let mut tasks = BTreeSet::new();
    for graph in session.project.graphs.values() {
        let records = state.records(session.reads(), &graph.namespace)?;
        let here = records.into_iter().filter(|(task, _)| graph.tasks.contains_key(task));
        let left = here.filter(|(_, record)| !sent.contains(record));
        tasks.extend(left.map(|(task, _)| (graph.name.clone(), task)));
    }
    Ok(Unsent { tasks, remotes })
}

/// Leaves the rows of tasks whose records no remote had; fails where the project has no remote.
pub fn not_in_remote(session: &Session, status: StatusReport) -> Result<UnsentReport, OpsError> {
    if session.project.remotes.is_empty() {
        return Err(PeerError::NoRemote.into());
    }
    let Unsent { tasks, remotes } = unsent(session)?;
    let is_left = |graph: &GraphName, task: &TaskName| tasks.contains(&(graph.clone(), task.clone()));
    let rows = status.rows.into_iter().filter(|row| is_left(&row.graph, &row.task)).collect();
    Ok(UnsentReport { status: StatusReport { rows, ..status }, remotes })
}
