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

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::look::{Came, FailedThere, look};
use super::want::{Choice, Want};
use super::{Peer, PeerError, StaysThere, local_only, unfinished};
use crate::model::{BranchName, Digest, GraphName, Progress, Snapshot, SnapshotEntry, TaskName, Unfinished};
use crate::ops::branch::Unkept;
use crate::ops::mover::Mover;
use crate::ops::{Footing, OpsError, Session, Start, named};
use crate::remote::{self, Absent, Arrived, At, Part, Take, block_on};
use crate::state::{BranchKey, Change, Entries, LastSeen, Point, Promotes, State, Target};
use crate::store::Store;

/// So many digits name a commit.
const DIGITS: std::ops::RangeInclusive<usize> = 4..=64;

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
    /// Which moment of its past; absent means what it has now.
    pub at: Option<String>,
    /// What becomes of results that the branch here alone has.
    pub unkept: Unkept,
    /// `false`: the branch here is left alone (`fetch`).
    pub moves: bool,
}

/// How far this tree is from the commit that a state was made at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "is")]
pub enum Distance {
    /// It is that commit.
    Same,
    /// It is another one.
    Apart {
        /// How many commits that one has which this tree lacks.
        lacking: u64,
        /// How many commits this tree has besides.
        ahead: u64,
    },
    /// The commit is not in this repository, or shares no history with what is checked out.
    Elsewhere,
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
    /// That branch, where it is not the current one.
    pub elsewhere: Option<BranchName>,
    /// The operation; absent where nothing changed here.
    pub operation: Option<u64>,
    /// How many tasks have other records than before.
    pub changed: u64,
    /// Tasks of the remote's branch that were wanted, and that the branch here has as they are there.
    pub tasks: Vec<TaskName>,
    /// Tasks that only this branch had moved, and that it keeps.
    pub kept: Vec<TaskName>,
    /// Tasks whose results no branch or tag has any more.
    pub given_up: Vec<TaskName>,
    /// Tasks whose failures, logs and finished items came.
    pub unfinished: Vec<TaskName>,
    /// Of tasks and items that were asked for: those that failed there.
    pub failed: Vec<FailedThere>,
    /// How many of the branch's tasks that came are not fresh under the code here; absent where they were not looked at.
    pub stale: Option<u64>,
    /// Tasks whose files are nowhere but where they were made (`local_only`).
    pub stays: Vec<StaysThere>,
    /// Whether the branch has an earlier state there than this side has seen: the remote was put back.
    pub went_back: bool,
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
///
/// `start` is where the session was opened: the branch that was pulled onto is looked at from there.
pub fn pull(
    session: Session,
    start: &Start,
    request: &PullRequest,
    command: &str,
    progress: &dyn Progress,
) -> Result<PullReport, OpsError> {
    let store = Store::open(session.store_root())?;
    let peer = Peer::find(&session.project, store.layout(), request.remote.as_deref(), Absent::Fail)?;
    peer.note_address(&store)?;
    let choice = Choice::of(&session, &request.want)?;
    let there = peer.branch(request.from.as_deref(), &session.key)?;
    let footing = Footing::open(start, command)?;
    let here = match &request.into {
        Some(name) => footing.branch(name)?,
        None => footing.key.clone(),
    };
    let at = request.at.as_deref().map(|word| moment(&footing, word)).transpose()?;
    let ends = peer.ends(&store, &there, progress);
    let wanted = |open: Option<&Unfinished>, part, graph: &GraphName, task: &TaskName| {
        choice.wants(open, part, graph, task)
    };
    let arrived = block_on(remote::pull(ends, at.as_ref(), request.take, &wanted))?;
    // Before a branch relies on it.
    peer.note_promises(&store, &arrived.left)?;
    store.hit("remote.pull.arrived")?;

    if let Some(invalid) = &arrived.invalid {
        footing.state()?.take_marks(&footing.key.project, &invalid.marks)?;
    }
    let mut report = report(&footing, &peer, &there, &arrived);
    let open = arrived.unfinished.as_ref();
    let arriving = arrived.snapshot.entries.iter();
    let arriving = arriving.filter(|one| choice.wants(open, Part::Record, &one.graph, &one.task));
    report.stays = local_only::take(footing.state()?, &store, &arrived.snapshot.local_only, arriving)?;
    // Whatever becomes of it, a lease holds for what was seen.
    if at.is_none() {
        footing.state()?.look_at(peer.url(), &there, &arrived.tip.snapshot)?;
    }
    let mut came = Came::default();
    if request.moves {
        let places = (&there, &here);
        let (footing, store, peer, choice) = (&footing, &store, &peer, &choice);
        let moving = Moving { footing, store, peer, places, choice, is_now: at.is_none() };
        came = moving.go(request.unkept, &arrived, &mut report)?;
    }
    store.hit("remote.pull.taken")?;
    let seen = LastSeen {
        snapshot: arrived.tip.snapshot,
        generation: arrived.tip.generation,
        at_ms: footing.entry("pull", &peer.name, &here).at_ms,
    };
    // A part that was pulled is no agreement about the whole; another branch's is none about this one.
    if choice.is_all() && request.moves && here.branch == there.branch {
        footing.state()?.see(peer.url(), &there, &seen, report.operation)?;
    }
    if request.moves {
        drop(session);
        look(start, &here, request, &came, progress, &mut report)?;
    }
    Ok(report)
}

/// Returns the moment that a word means: a time, or a commit that was pushed from, by its digits, a branch or a tag.
fn moment(footing: &Footing, word: &str) -> Result<At, OpsError> {
    if let Some(ms) = named::time(word) {
        return Ok(At::Time(ms));
    }
    let known = match &footing.repository {
        Some(repository) => repository.commit(word)?,
        None => None,
    };
    let tags = footing.state()?.tags(&footing.key.project)?;
    let tagged = || tags.into_iter().find(|tag| tag.name.as_str() == word)?.commit;
    // One that is not here may be known there.
    let digits = || DIGITS.contains(&word.len()) && word.bytes().all(|byte| byte.is_ascii_hexdigit());
    let commit = known.or_else(tagged).or_else(|| digits().then(|| word.to_ascii_lowercase()));
    Ok(At::Commit(commit.ok_or_else(|| PeerError::NoMoment { word: word.to_owned() })?))
}

fn report(footing: &Footing, peer: &Peer, there: &BranchKey, arrived: &Arrived) -> PullReport {
    let tip = &arrived.tip;
    let distance = match (&tip.commit, &footing.head.commit, &footing.repository) {
        (Some(theirs), Some(ours), _) if theirs == ours => Distance::Same,
        (Some(theirs), Some(ours), Some(repository)) => match repository.apart(theirs, ours) {
            Ok(Some((lacking, ahead))) => Distance::Apart { lacking: lacking as u64, ahead: ahead as u64 },
            _ => Distance::Elsewhere,
        },
        _ => Distance::Unknown,
    };
    PullReport {
        remote: peer.name.clone(),
        url: peer.url().to_owned(),
        from: there.branch.clone(),
        into: None,
        elsewhere: None,
        operation: None,
        changed: 0,
        tasks: Vec::new(),
        kept: Vec::new(),
        given_up: Vec::new(),
        unfinished: Vec::new(),
        failed: Vec::new(),
        stale: None,
        stays: Vec::new(),
        went_back: false,
        objects: arrived.fetched.objects,
        bytes: arrived.fetched.raw,
        left: arrived.left.len() as u64,
        left_bytes: arrived.left.iter().map(|(_, size)| size).sum(),
        commit: tip.commit.clone(),
        distance,
        user: tip.user.clone(),
        at_ms: tip.at_ms,
    }
}

/// What a branch here is moved with.
struct Moving<'a> {
    footing: &'a Footing,
    store: &'a Store,
    peer: &'a Peer,
    /// There, and here.
    places: (&'a BranchKey, &'a BranchKey),
    choice: &'a Choice<'a>,
    /// Whether it is what the remote has now, not what it had at some moment.
    is_now: bool,
}

impl Moving<'_> {
    fn go(&self, unkept: Unkept, arrived: &Arrived, report: &mut PullReport) -> Result<Came, OpsError> {
        let Self { footing, peer, places: (there, here), .. } = *self;
        let state = footing.state()?;
        let mover = Mover::of(footing, here)?;
        let from = mover.from().unwrap_or_default();
        let ours = state.entries(&from)?;
        let mut came = Came::default();
        let (changes, losing) = self.changes(&ours, arrived, report, &mut came)?;
        let mut alone = BTreeSet::new();
        for record in losing {
            if !state.is_on_remote(&record)? {
                alone.insert(record);
            }
        }
        report.given_up = lost(footing, here, &from, &alone)?;
        if !report.given_up.is_empty() && unkept == Unkept::Refuse {
            let tasks = report.given_up.clone();
            return Err(PeerError::PullWouldLose {
                remote: peer.name.clone(),
                branch: here.branch.clone(),
                tasks,
            }
            .into());
        }
        // After the changes were told: they ask what was there before.
        state.note_on_remote(&arrived.snapshot)?;
        report.into = Some(here.branch.clone());
        report.elsewhere = (here.branch != footing.key.branch).then(|| here.branch.clone());
        report.changed = changes.len() as u64;
        if !changes.is_empty() {
            let entry = footing.entry("pull", &peer.name, here);
            let records = let_in(state, &mover, self.places, &changes)?;
            let why = format!("pulled from {}", peer.name);
            let promotes = Promotes { source: &there.branch, why: &why, records: &records };
            let moved = match records.is_empty() {
                true => mover.go(Target::With(&changes), &entry)?,
                false => mover.promote(&changes, promotes, &entry)?,
            };
            report.operation = Some(moved.operation);
        }
        self.store.hit("remote.pull.moved")?;
        let Some(mut unfinished) = arrived.unfinished.clone() else { return Ok(came) };
        let all = arrived.unfinished.as_ref();
        unfinished.tasks.retain(|one| self.choice.wants(all, Part::Unfinished, &one.graph, &one.task));
        came.open = unfinished.tasks;
        // Which branch they were made on, nothing proves: a protected one makes them itself.
        let takes_items = !mover.protection().covers(here.branch.as_str());
        report.unfinished =
            unfinished::take(state, self.store, here, &arrived.snapshot, &came.open, takes_items)?;
        Ok(came)
    }

    /// Returns which tasks get another record, and the records they have now that the remote never had.
    fn changes(
        &self,
        ours: &Entries,
        arrived: &Arrived,
        report: &mut PullReport,
        came: &mut Came,
    ) -> Result<(Vec<Change>, BTreeSet<Digest>), OpsError> {
        let Self { footing, store, peer, places: (there, here), choice, is_now } = *self;
        let state = footing.state()?;
        let agreed = state.seen(peer.url(), there)?.filter(|seen| store.has(&seen.snapshot).unwrap_or(false));
        let went_back = agreed.is_some_and(|seen| seen.generation > arrived.tip.generation);
        report.went_back = went_back && is_now;
        let agreed = match agreed {
            Some(seen) if here.branch == there.branch => store.load_json(&seen.snapshot)?,
            _ => Snapshot::default(),
        };
        let local_only = agreed.local_only;
        let agreed: BTreeMap<_, _> =
            agreed.entries.into_iter().map(|one| ((one.graph, one.task), one.record)).collect();
        let open = arrived.unfinished.as_ref();
        let wanted = |entry: &&SnapshotEntry| choice.wants(open, Part::Record, &entry.graph, &entry.task);
        let (mut changes, mut losing) = (Vec::new(), BTreeSet::new());
        for entry in arrived.snapshot.entries.iter().filter(wanted) {
            let place = (entry.graph.clone(), entry.task.clone());
            let (our, was) = (ours.get(&place).map(|entry| entry.record), agreed.get(&place).copied());
            let is_later = report.went_back && state.is_on_remote(&entry.record)?;
            if our.is_some() && our != Some(entry.record) && (was == Some(entry.record) || is_later) {
                report.kept.push(entry.task.clone());
                continue;
            }
            report.tasks.push(entry.task.clone());
            came.records.insert(place);
            if our != Some(entry.record) {
                changes.push(change(entry));
                // What was agreed on is in the remote's history, but for what it never had the files of.
                losing.extend(our.filter(|our| Some(*our) != was || local_only.contains(our)));
            }
        }
        Ok((changes, losing))
    }
}

/// What a protected branch has at a remote was promoted to it by who pushed it: a push lets nothing else in.
fn let_in(
    state: &State,
    mover: &Mover<'_>,
    (there, here): (&BranchKey, &BranchKey),
    changes: &[Change],
) -> Result<Vec<Digest>, OpsError> {
    // As the branch's own commit says it: an edit here lets nothing in.
    if !mover.protection().trusts(there.branch.as_str()) {
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
