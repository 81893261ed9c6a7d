//! `pull` and `fetch`: a remote's state of a branch comes here.
//!
//! ```text
//! remote's snapshot, this branch, what both last agreed on
//!   -> per task: theirs, unless only we moved it since
//!   -> refused where ours would be lost, unless it is given up
//! ```
//! Results that only this branch has are never dropped by the way: `--into`
//! another branch leaves them alone, `--force` gives them up, and `undo` brings
//! them back.

use std::collections::BTreeSet;

use serde::Serialize;

use super::Peer;
use crate::graph;
use crate::model::{BranchName, Digest, GraphName, Progress, SnapshotEntry, Status, TaskName};
use crate::ops::branch::Unkept;
use crate::ops::mover::Mover;
use crate::ops::scope::{self, Words};
use crate::ops::{Footing, OpsError, Session};
use crate::remote::{self, Absent, Arrived, Take, block_on};
use crate::state::{BranchKey, Change, LastSeen, Point, Promotes, State, Target};
use crate::store::Store;

/// Which tasks are wanted.
#[derive(Debug, Clone)]
pub enum Want {
    /// All that the remote's branch has.
    All,
    /// Those that words and selectors name.
    Tasks(Words),
    /// The direct dependencies of this one.
    ReadBy(String),
}

/// The tasks that are wanted, by graph's namespace and name; absent means all.
type Chosen = Option<BTreeSet<(GraphName, TaskName)>>;

fn is_chosen(chosen: &Chosen, entry: &SnapshotEntry) -> bool {
    let named = (entry.graph.clone(), entry.task.clone());
    chosen.as_ref().is_none_or(|chosen| chosen.contains(&named))
}

/// Looks up in the graphs of this project what is wanted.
fn chosen(session: &Session, want: &Want) -> Result<Chosen, OpsError> {
    let words = match want {
        Want::All => return Ok(None),
        Want::Tasks(words) => words.clone(),
        Want::ReadBy(task) => Words { graph: None, words: vec![task.clone()], exclude: Vec::new() },
    };
    let mut found = BTreeSet::new();
    for scope in scope::graphs(session, &words)? {
        let of = scope.graph;
        // Which of them are stale is not asked: that is about this machine.
        let status = |_: &TaskName| Status::Stale;
        let tasks = graph::select(session.dag(of), of, &scope.selectors, &scope.exclude, &status)?;
        for task in tasks {
            let of_task = match want {
                Want::ReadBy(_) => of.tasks.get(&task).map(|task| task.deps.clone()).unwrap_or_default(),
                _ => vec![task],
            };
            found.extend(of_task.into_iter().map(|task| (of.namespace.clone(), task)));
        }
    }
    Ok(Some(found))
}

/// What was asked of a pull.
#[derive(Debug, Clone)]
pub struct PullRequest {
    /// The remote; absent means the only one.
    pub remote: Option<String>,
    /// The branch there; absent means the remote's own, else the one here.
    pub from: Option<String>,
    /// The branch here that gets it; absent means the current one.
    pub into: Option<String>,
    /// Which tasks.
    pub want: Want,
    /// What comes besides the state.
    pub take: Take,
    /// What becomes of results that the branch here alone has.
    pub unkept: Unkept,
    /// `false`: the branch here is left alone (`fetch`).
    pub moves: bool,
}

/// How far this tree is from the commit that a state was made at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Distance {
    /// It is that commit.
    Same,
    /// It is another one.
    Other,
    /// The remote does not say, or there is no git.
    Unknown,
}

/// What a pull did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PullReport {
    /// The remote's name.
    pub remote: String,
    /// Its address.
    pub url: String,
    /// The branch there.
    pub from: BranchName,
    /// The branch here that has it now; absent for `fetch`.
    pub into: Option<BranchName>,
    /// The operation; absent where nothing changed here.
    pub operation: Option<u64>,
    /// How many tasks have other records than before.
    pub changed: u64,
    /// Tasks that only this branch had moved, and that it keeps.
    pub kept: Vec<TaskName>,
    /// Tasks whose results no branch or tag has any more.
    pub given_up: Vec<TaskName>,
    /// Objects that came.
    pub objects: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Objects that stay at the remote until something needs them.
    pub left: u64,
    /// Their bytes.
    pub left_bytes: u64,
    /// The commit that was checked out where it was pushed.
    pub commit: Option<String>,
    /// How far this tree is from it.
    pub distance: Distance,
    /// Who pushed it.
    pub user: String,
    /// When, in ms since the epoch.
    pub at_ms: u64,
}

/// Pulls onto a branch, or only fetches.
pub fn pull(
    session: Session,
    request: &PullRequest,
    command: &str,
    progress: &dyn Progress,
) -> Result<PullReport, OpsError> {
    let store = Store::open(session.store_root())?;
    let peer = Peer::find(&session.project, store.layout(), request.remote.as_deref(), Absent::Fail)?;
    let chosen = chosen(&session, &request.want)?;
    let footing = Footing::of(session, command);
    let there = peer.branch(request.from.as_deref(), &footing.key)?;
    let here = match &request.into {
        Some(name) => footing.branch(name)?,
        None => footing.key.clone(),
    };
    let ends = peer.ends(&store, &there, progress);
    let wanted = |entry: &SnapshotEntry| is_chosen(&chosen, entry);
    let arrived = block_on(remote::pull(ends, request.take, &wanted))?;
    // Before a branch relies on it.
    peer.has_promised(&store, &arrived.left.0)?;

    let mut report = report(&footing, &peer, &there, &arrived);
    if request.moves {
        let entries: Vec<_> = arrived.snapshot.entries.iter().filter(|entry| wanted(entry)).collect();
        let places = (&there, &here);
        move_here(&footing, &store, &peer, places, request.unkept, &entries, &mut report)?;
    }
    let seen = LastSeen {
        snapshot: arrived.tip.snapshot,
        generation: arrived.tip.generation,
        at_ms: footing.entry("pull", &peer.name, &here).at_ms,
    };
    // A part that was pulled is no agreement about the whole, and another branch's is none about this one.
    if chosen.is_none() && request.moves && here.branch == there.branch {
        footing.state()?.see(peer.url(), &there, &seen)?;
    }
    Ok(report)
}

fn report(footing: &Footing, peer: &Peer, there: &BranchKey, arrived: &Arrived) -> PullReport {
    let tip = &arrived.tip;
    let distance = match (&tip.commit, &footing.head.commit) {
        (Some(theirs), Some(ours)) if theirs == ours => Distance::Same,
        (Some(_), Some(_)) => Distance::Other,
        _ => Distance::Unknown,
    };
    PullReport {
        remote: peer.name.clone(),
        url: peer.url().to_owned(),
        from: there.branch.clone(),
        into: None,
        operation: None,
        changed: 0,
        kept: Vec::new(),
        given_up: Vec::new(),
        objects: arrived.fetched.objects,
        bytes: arrived.fetched.raw,
        left: arrived.left.0.len() as u64,
        left_bytes: arrived.left.1,
        commit: tip.commit.clone(),
        distance,
        user: tip.user.clone(),
        at_ms: tip.at_ms,
    }
}

fn move_here(
    footing: &Footing,
    store: &Store,
    peer: &Peer,
    (there, here): (&BranchKey, &BranchKey),
    unkept: Unkept,
    entries: &[&SnapshotEntry],
    report: &mut PullReport,
) -> Result<(), OpsError> {
    let state = footing.state()?;
    let mover = Mover::of(footing, here)?;
    let from = mover.from().unwrap_or_default();
    let agreed = state.seen(peer.url(), there)?.filter(|seen| store.has(&seen.snapshot).unwrap_or(false));
    let agreed = match agreed {
        Some(seen) if here.branch == there.branch => state.entries(&Point::of(seen.snapshot))?,
        _ => Default::default(),
    };
    let ours = state.entries(&from)?;
    let mut changes = Vec::new();
    for entry in entries {
        let place = (entry.graph.clone(), entry.task.clone());
        let record = |table: &crate::state::Entries| table.get(&place).map(|entry| entry.record);
        let (our, was) = (record(&ours), record(&agreed));
        if our == Some(entry.record) {
            continue;
        }
        if our.is_some() && was == Some(entry.record) {
            report.kept.push(entry.task.clone());
            continue;
        }
        changes.push(change(entry));
    }
    let losing: BTreeSet<Digest> = changes
        .iter()
        .filter_map(|change| ours.get(&(change.graph.clone(), change.task.clone())))
        .map(|entry| entry.record)
        .collect();
    report.given_up = lost(footing, here, &from, &losing)?;
    if !report.given_up.is_empty() && unkept == Unkept::Refuse {
        let tasks = report.given_up.clone();
        return Err(OpsError::PullWouldLose {
            remote: peer.name.clone(),
            branch: here.branch.clone(),
            tasks,
        });
    }
    report.into = Some(here.branch.clone());
    report.changed = changes.len() as u64;
    if !changes.is_empty() {
        let entry = footing.entry("pull", &peer.name, here);
        let records = let_in(state, &mover, (there, here), &changes)?;
        let why = format!("pulled from {}", peer.name);
        let promotes = Promotes { source: &there.branch, why: &why, records: &records };
        let moved = match records.is_empty() {
            true => mover.go(Target::With(&changes), &entry)?,
            false => mover.promote(&changes, promotes, &entry)?,
        };
        report.operation = Some(moved.operation);
    }
    Ok(())
}

/// What a protected branch has at a remote was promoted to it by who pushed it: a push lets nothing else in.
fn let_in(
    state: &State,
    mover: &Mover<'_>,
    (there, here): (&BranchKey, &BranchKey),
    changes: &[Change],
) -> Result<Vec<Digest>, OpsError> {
    if !mover.protection().covers(there.branch.as_str()) {
        return Ok(Vec::new());
    }
    let records = changes.iter().filter_map(|change| change.record).map(|(record, _)| record);
    let refused = state.not_admitted(mover.protection(), here, records)?;
    Ok(refused.into_iter().map(|(record, _)| record).collect())
}

fn change(entry: &SnapshotEntry) -> Change {
    Change {
        graph: entry.graph.clone(),
        task: entry.task.clone(),
        record: Some((entry.record, entry.outputs)),
    }
}

/// Returns the tasks whose records are about to be replaced and that no other branch or tag has.
fn lost(
    footing: &Footing,
    here: &BranchKey,
    from: &Point,
    losing: &BTreeSet<Digest>,
) -> Result<Vec<TaskName>, OpsError> {
    if losing.is_empty() {
        return Ok(Vec::new());
    }
    let alone: BTreeSet<TaskName> =
        crate::ops::branch::only_there(footing, here, from, None)?.into_iter().collect();
    let entries = footing.state()?.entries(from)?.into_values();
    let lost = entries.filter(|entry| losing.contains(&entry.record) && alone.contains(&entry.task));
    Ok(lost.map(|entry| entry.task).collect())
}
