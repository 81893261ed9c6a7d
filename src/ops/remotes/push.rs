//! `push`: the state of the current branch goes to a remote.
//!
//! What is unsettled stays here: its outputs belong to no fingerprint.

use std::collections::BTreeSet;

use serde::Serialize;

use super::{Peer, PeerError, local_only, unfinished};
use crate::model::{
    BranchName, Digest, Invalid, Phase, Progress, Project, ProjectId, Record, Settled, Snapshot, TaskName,
    Unfinished, UnfinishedTask,
};
use crate::ops::{Footing, OpsError, Session, protect};
use crate::remote::{self, Absent, Earnest, Known, Move, Mover, Theirs, Trust, block_on};
use crate::state::{BranchKey, LastSeen, Point, State};
use crate::store::Store;

/// What was asked of a push.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PushRequest {
    /// The remote; absent means the only one.
    pub remote: Option<String>,
    /// The branch there; absent means the same as here.
    pub to: Option<String>,
    /// What happens to what others moved there.
    pub theirs: Theirs,
    /// Whether what the remote says it has is believed.
    pub trust: Trust,
    /// Whether it is done, or only told.
    pub earnest: Earnest,
}

/// What a push did, or would do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PushReport {
    /// The remote's name.
    pub remote: String,
    /// Its address.
    pub url: String,
    /// The branch there.
    pub branch: BranchName,
    /// Whether nothing was written.
    pub dry_run: bool,
    /// Whether the branch was moved there; `false` where it had all of it.
    pub moved: bool,
    /// How many tasks of others were kept beside ours.
    pub merged: u64,
    /// Whether the branch had an earlier state there than this side has seen: the remote was put back.
    pub went_back: bool,
    /// Objects that went, or would.
    pub objects: u64,
    /// Their bytes as they are here.
    pub bytes: u64,
    /// Their bytes as they are stored there; 0 for a dry run.
    pub stored_bytes: u64,
    /// What the remote is found by and `--repair` put right, or would, each in words.
    pub mended: Vec<String>,
    /// Tasks whose records stay here because something changed while they ran.
    pub unsettled: Vec<TaskName>,
    /// Tasks whose files, results and logs stay here, as `local_only` says.
    pub local_only: Vec<TaskName>,
}

/// Pushes the current branch.
pub fn push(
    session: Session,
    request: &PushRequest,
    command: &str,
    progress: &dyn Progress,
) -> Result<PushReport, OpsError> {
    let store = Store::open(session.store_root())?;
    let find = |absent| Peer::find(&session.project, store.layout(), request.remote.as_deref(), absent);
    let mut peer = find(Absent::Pretend)?;
    if !peer.settings.writable {
        return Err(PeerError::NotWritable { remote: peer.name }.into());
    }
    progress.begin(Phase::Looking, 0, 0);
    let open =
        unfinished::gather(&session.project, &session.outputs_dir, session.state()?, &store, &session.key)?;
    let point = session.state()?.point(&session.key)?.unwrap_or_default();
    // An empty branch makes no folder.
    if point.is_empty() && open.is_empty() {
        return Err(PeerError::NothingToPush { branch: session.key.branch.clone() }.into());
    }
    if request.earnest == Earnest::Yes {
        peer = find(Absent::Make)?;
    }
    peer.note_address(&store)?;
    let project = session.project.clone();
    let footing = Footing::of(session, command);
    let there = match &request.to {
        Some(name) => footing.branch(name)?,
        None => footing.key.clone(),
    };
    let state = footing.state()?;
    let seen = state.seen(peer.url(), &there)?;
    let said = seen.and_then(|seen| said_there(&store, &seen.snapshot));
    let unfinished = unfinished((&footing, &project), &store, &there, open, said)?;
    let Ours { snapshot: ours, unsettled, local_only } =
        settled_snapshot((&footing.key.project, &project), state, &store, &point, unfinished)?;
    refuse_unpromoted(&footing, &there, &point)?;
    let entry = footing.entry("push", &peer.name, &footing.key);
    let mover =
        Mover { user: entry.user.to_owned(), commit: entry.commit.map(str::to_owned), at_ms: entry.at_ms };
    let ends = peer.ends(&store, &there, progress);
    let had = |record: &Digest| state.is_on_remote(record).unwrap_or(false);
    let known = Known {
        agreed: seen.map(|seen| (seen.snapshot, seen.generation)),
        looked_at: state.looked_at(peer.url(), &there)?,
        had: &had,
    };
    let pushed =
        block_on(remote::push(ends, ours, known, request.theirs, &mover, request.trust, request.earnest))?;
    store.flush()?;
    // Where it was there already, an earlier push may have got there and never heard of it.
    let is_news = |same: &&Move| {
        request.earnest == Earnest::Yes
            && pushed.merged == 0
            && seen.is_none_or(|seen| seen.generation != same.generation)
    };
    if let Some(agreed) = pushed.moved.as_ref().or(pushed.same.as_ref().filter(is_news)) {
        // Ours, not what came of it: the tasks of others that were kept there are not here yet, and the
        // next push must not take them for ones that this side gave up.
        let seen = LastSeen { snapshot: ours, generation: agreed.generation, at_ms: entry.at_ms };
        state.see(peer.url(), &there, &seen, None)?;
        state.note_on_remote(&store.load_json(&ours)?)?;
    }
    if pushed.moved.is_some() {
        state.note(&footing.key, &entry)?;
    }
    Ok(PushReport {
        url: peer.url().to_owned(),
        remote: peer.name,
        branch: there.branch,
        dry_run: request.earnest == Earnest::No,
        moved: pushed.moved.is_some(),
        merged: pushed.merged,
        went_back: pushed.went_back,
        objects: pushed.sent.objects,
        bytes: pushed.sent.raw,
        stored_bytes: pushed.sent.stored,
        mended: pushed.mended,
        unsettled,
        local_only,
    })
}

/// A protected branch at a remote takes what one here may have: who pulls it relies on that.
fn refuse_unpromoted(footing: &Footing, there: &BranchKey, point: &Point) -> Result<(), OpsError> {
    let protection = protect::protection(footing, &there.branch)?;
    if !protection.covers(there.branch.as_str()) {
        return Ok(());
    }
    let state = footing.state()?;
    let records = state.entries(point)?.into_values().map(|entry| entry.record);
    match state.not_admitted(&protection, there, records)?.into_iter().next() {
        Some((_, error)) => Err(error.into()),
        None => Ok(()),
    }
}

/// Returns what a snapshot says did not finish; absent where that is nothing, or is not here any more.
fn said_there(store: &Store, snapshot: &Digest) -> Option<Unfinished> {
    let snapshot: Snapshot = store.load_json(snapshot).ok()?;
    store.load_json(&snapshot.unfinished?).ok()
}

/// Puts into the store what is said of what did not finish; absent where that is nothing.
fn unfinished(
    (footing, project): (&Footing, &Project),
    store: &Store,
    there: &BranchKey,
    mut open: Vec<UnfinishedTask>,
    said: Option<Unfinished>,
) -> Result<Option<Digest>, OpsError> {
    let protection = protect::protection(footing, &there.branch)?;
    if protection.covers(there.branch.as_str()) && !protection.covers(footing.key.branch.as_str()) {
        // Where they were made, nothing would tell there.
        open.iter_mut().for_each(|one| one.items = None);
    }
    let is_local = |one: &UnfinishedTask| local_only::says(project, &one.graph, &one.task);
    let open = unfinished::as_said(store, open, said, &is_local)?;
    Ok(Unfinished::of(open).map(|all| store.put_json(&all)).transpose()?)
}

/// What a branch has to push.
struct Ours {
    snapshot: Digest,
    unsettled: Vec<TaskName>,
    local_only: Vec<TaskName>,
}

/// Returns what a branch holds as a snapshot, without records whose ingredients did not hold still.
fn settled_snapshot(
    (project_id, project): (&ProjectId, &Project),
    state: &State,
    store: &Store,
    point: &Point,
    unfinished: Option<Digest>,
) -> Result<Ours, OpsError> {
    let invalid = Invalid::of(state.marks(project_id)?).map(|all| store.put_json(&all)).transpose()?;
    let mut entries = Vec::new();
    let (mut unsettled, mut local_only, mut kept) = (Vec::new(), Vec::new(), BTreeSet::new());
    for entry in state.entries(point)?.into_values() {
        let record: Record = store.load_json(&entry.record)?;
        if record.settled != Settled::Yes {
            unsettled.push(entry.task);
            continue;
        }
        if local_only::is_kept(project, state, store, &entry, &record)? {
            kept.insert(entry.record);
            local_only.push(entry.task.clone());
        }
        entries.push(entry);
    }
    if unsettled.is_empty()
        && unfinished.is_none()
        && invalid.is_none()
        && kept.is_empty()
        && let Some(snapshot) = state.snapshot_of(store, point)?
    {
        return Ok(Ours { snapshot, unsettled, local_only });
    }
    let parents = point.snapshot.into_iter().collect();
    let snapshot = store.put_json(&Snapshot::of(parents, entries).beside(unfinished, invalid, kept))?;
    store.flush()?;
    Ok(Ours { snapshot, unsettled, local_only })
}
