//! `run --defer REMOTE`: dependencies that nobody asked to run, and that are not fresh here, are taken as a remote has them.
//!
//! ```text
//! selected tasks -> direct dependencies, not selected, not fresh -> their records in the remote's branch
//! ```
//! The branch here does not get those records: the run's plan names them, and each record that is made of one
//! says so (`Record::deferred`). Their files come when a task reads them, as with `pull --lazy`.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::{Peer, PeerError};
use crate::model::{Deferred, Progress, Record, SnapshotEntry, Status, Task, TaskName};
use crate::ops::survey::Survey;
use crate::ops::{OpsError, Session, protect};
use crate::remote::{self, Absent, Part, Take, block_on};
use crate::state::{Shards, load_item_table};
use crate::task::Bad;

/// Finds the records, and makes sure that what they left can be had.
pub fn defer(
    session: &Session,
    survey: &Survey<'_>,
    remote: &str,
    selected: &[TaskName],
    progress: &dyn Progress,
) -> Result<BTreeMap<TaskName, Deferred>, OpsError> {
    let branch = &session.key.branch;
    if protect::as_session_sees(session, branch).covers(branch.as_str()) {
        let (branch, remote) = (branch.clone(), remote.to_owned());
        return Err(PeerError::DeferOnProtected { branch, remote }.into());
    }
    let store = session.store()?;
    let peer = Peer::find(&session.project, store.layout(), Some(remote), Absent::Fail)?;
    let wanted = wanted(survey, selected);
    if wanted.is_empty() {
        return Ok(BTreeMap::new());
    }
    let there = peer.branch(None, &session.key)?;
    let namespace = &survey.graph.namespace;
    let names: BTreeSet<&TaskName> =
        wanted.iter().flat_map(|task| std::iter::once(&task.name).chain(&task.renamed_from)).collect();
    let chosen = |name: &TaskName| names.contains(name);
    let ends = peer.ends(store, &there, progress);
    let arrived = block_on(remote::pull(ends, None, Take::Lazy, &|_, part, graph, task| {
        part == Part::Record && graph == namespace && chosen(task)
    }));
    progress.end();
    let arrived = arrived?;
    let state = session.state()?;
    state.take_marks(&session.key.project, arrived.invalid.as_ref().map_or(&[], |all| &all.marks))?;
    let marks = Bad::load(state, &session.key.project)?;
    peer.note_promises(store, &arrived.left)?;
    let entries = arrived.snapshot.entries.iter();
    let entries: BTreeMap<&TaskName, &SnapshotEntry> =
        entries.filter(|one| one.graph == *namespace).map(|one| (&one.task, one)).collect();
    let (mut found, mut absent, mut local_only, mut bad) =
        (BTreeMap::new(), Vec::new(), Vec::new(), Vec::new());
    for task in wanted {
        // By its own name first: what it was called before may be another task by now.
        let mut names = std::iter::once(&task.name).chain(&task.renamed_from);
        let Some(entry) = names.find_map(|name| entries.get(name)) else {
            absent.push(task.name.clone());
            continue;
        };
        if arrived.snapshot.local_only.contains(&entry.record)
            && !super::local_only::is_here(store, &entry.record)?
        {
            local_only.push(task.name.clone());
        }
        let items = || {
            let list = store.load_json::<Record>(&entry.record).ok()?.items?;
            load_item_table(store, &list, &mut Shards::new()).ok().map(Arc::new)
        };
        if !marks.of(&task.name, entry.record, items).is_empty() {
            bad.push(task.name.clone());
        }
        let (remote, branch) = (peer.name.clone(), there.branch.clone());
        found.insert(
            task.name.clone(),
            Deferred { task: task.name.clone(), remote, branch, record: entry.record },
        );
    }
    let (remote, branch) = (peer.name, there.branch);
    if !absent.is_empty() {
        return Err(PeerError::NotThere { remote, branch, tasks: absent }.into());
    }
    if !bad.is_empty() {
        return Err(PeerError::Bad { remote, branch, tasks: bad }.into());
    }
    if !local_only.is_empty() {
        return Err(PeerError::LocalOnly { remote, branch, tasks: local_only }.into());
    }
    Ok(found)
}

/// Returns what selected tasks read that is not selected, and not fresh here.
fn wanted<'a>(survey: &Survey<'a>, selected: &[TaskName]) -> Vec<&'a Task> {
    let graph = survey.graph;
    let selected: BTreeSet<&TaskName> = selected.iter().collect();
    let readers = selected.iter().filter_map(|name| graph.tasks.get(*name));
    let read: BTreeSet<&TaskName> = readers.flat_map(|task| &task.deps).collect();
    let is_fresh =
        |name: &TaskName| survey.decisions.get(name).is_some_and(|decision| decision.status == Status::Fresh);
    let wanted = read.into_iter().filter(|name| !selected.contains(name) && !is_fresh(name));
    wanted.filter_map(|name| graph.tasks.get(name)).collect()
}
