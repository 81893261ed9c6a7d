//! `run close --remote`: what came of a run on all machines becomes the branch's, here and at the remote, once.
//!
//! ```text
//! all reports -> their parts go into the index, their records come here
//!   -> per task: recorded where branch and remote still have what the run began with
//!   -> the run is closed here -> pull, push -> closed is written there
//! ```
//! Every step may be cut off and done again, on this machine or another: a run
//! that is not known here is opened here from its plan first.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{SharedRunError, branch_there, parse_run, publish, take_items, there};
use crate::model::{
    Digest, GraphName, Record, RunEnd, RunPlan, Silent, TaskName, TaskOutcome, WorkerReport, safe_folder_name,
};
use crate::ops::branch::Unkept;
use crate::ops::engines::{self, CloseReport};
use crate::ops::holding::holder;
use crate::ops::remotes::{self, Peer, PeerError, PullRequest, Want};
use crate::ops::scope::Words;
use crate::ops::{OpsError, Session, Start};
use crate::remote::{Absent, RemoteError, Reports, SharedRun, Take, block_on};
use crate::state::{Engine, Extent, Finished, Indexing, Wait};
use crate::store::Store;
use crate::task::{Listener, now_ms};

/// How long a run is borne here that was opened elsewhere, in ms.
const LEASE_MS: u64 = 60 * 60 * 1000;
/// How often others may move the same tasks meanwhile.
const TRIES: u32 = 5;

/// Closes a run whose tasks any machine carried out.
pub fn close(
    start: &Start,
    run: &str,
    remote: &str,
    wait: Wait,
    command: &str,
    listeners: Vec<Arc<dyn Listener>>,
) -> Result<CloseReport, OpsError> {
    let id = parse_run(run)?;
    let session = Session::open(start)?;
    let store = Store::open(session.store_root())?;
    let peer = Peer::find(&session.project, store.layout(), Some(remote), Absent::Fail)?;
    let shared = there(&peer, &id);
    let (end, plan) = block_on(async { Ok((shared.end().await?, shared.plan().await?)) })?;
    if let Some(end) = end {
        return closed_there(session, start, remote, end, command);
    }
    let no_run = || SharedRunError::NoRun { url: peer.url().to_owned(), run: id.clone() };
    let plan = plan.ok_or_else(no_run)?;
    let start = Start { branch: Some(plan.branch.to_string()), ..start.clone() };
    drop(session);
    let session = known_here(&start, remote, &plan, command)?;
    Gathering { session: &session, store: &store, peer: &peer, shared: &shared, plan: &plan }.gather()?;
    store.hit("run.close.gathered")?;
    let closed = engines::close(&session, id.as_str(), wait, command, listeners)?;
    store.hit("run.close.closed")?;
    drop(session);
    agree(&start, remote, &plan, command)?;
    store.hit("run.close.pushed")?;
    let session = Session::open(&start)?;
    let outputs = engines::outputs_of(&session, &session.key)?;
    let closed = CloseReport { outputs, ..closed };
    let end = RunEnd {
        run: id,
        branch: plan.branch,
        counts: closed.counts,
        outputs,
        exit: closed.exit,
        at_ms: now_ms(),
    };
    block_on(shared.write_end(&end))?;
    Ok(closed)
}

/// Says how a run ended that was closed before. Where another machine did that, this one has its place no more, but its results.
fn closed_there(
    session: Session,
    start: &Start,
    remote: &str,
    end: RunEnd,
    command: &str,
) -> Result<CloseReport, OpsError> {
    let RunEnd { run, branch, counts, outputs, exit, .. } = end;
    if session.state()?.engine_run(&run)?.is_some() {
        session.state()?.give_up_run(&run)?;
        let start = Start { branch: Some(branch.to_string()), ..start.clone() };
        publish::agree(Session::open(&start)?, &start, remote, command)?;
    }
    Ok(CloseReport { run, counts, outputs, exit, was_closed: true })
}

/// Returns where the run is known: opened here, or taken over from its plan.
fn known_here(start: &Start, remote: &str, plan: &RunPlan, command: &str) -> Result<Session, OpsError> {
    let session = Session::open(start)?;
    if session.key.project != plan.project {
        let (here, there) = (session.key.project.to_string(), plan.project.to_string());
        return Err(SharedRunError::OtherProject { here, there }.into());
    }
    if session.state()?.run(&plan.id)?.is_some() {
        return Ok(session);
    }
    publish::agree(session, start, remote, command)?;
    let session = Session::open(start)?;
    let plan = RunPlan {
        root: session.project.root.clone(),
        config_path: session.project.config_path.clone(),
        outputs_dir: session.outputs_dir.clone(),
        ..plan.clone()
    };
    let engine = Engine { name: "another machine".to_owned(), key: None, lease_ms: LEASE_MS };
    session.state()?.open_engine_run(&plan, &engine, &holder(command), now_ms())?;
    Ok(session)
}

/// Both sides agree; what others moved at the very moment stays as it is there.
fn agree(start: &Start, remote: &str, plan: &RunPlan, command: &str) -> Result<(), OpsError> {
    let mut lost = Vec::new();
    for _ in 0..TRIES {
        let moved = match publish::agree(Session::open(start)?, start, remote, command) {
            Err(OpsError::Peer(PeerError::PullWouldLose { tasks, .. })) => tasks,
            Err(OpsError::Remote(RemoteError::Conflict { tasks, .. })) => {
                tasks.into_iter().map(|one| one.task).collect()
            }
            agreed => return agreed,
        };
        if let Some(other) = moved.iter().find(|task| !plan.tasks.contains(task)) {
            // None of this run's: somebody else's to decide.
            return Err(SharedRunError::Busy { tasks: vec![other.clone()] }.into());
        }
        lost = moved;
        let words = lost.iter().map(ToString::to_string).collect();
        let pull = PullRequest {
            remote: Some(remote.to_owned()),
            from: Some(plan.branch.to_string()),
            into: None,
            want: Want::Tasks(Words { graph: Some(plan.graph.name.to_string()), words, exclude: Vec::new() }),
            take: Take::Lazy,
            at: None,
            unkept: Unkept::GiveUp,
            moves: true,
        };
        remotes::pull(Session::open(start)?, start, &pull, command, &Silent)?;
    }
    Err(SharedRunError::Busy { tasks: lost }.into())
}

struct Gathering<'a> {
    session: &'a Session,
    store: &'a Store,
    peer: &'a Peer,
    shared: &'a SharedRun,
    plan: &'a RunPlan,
}

impl Gathering<'_> {
    fn gather(&self) -> Result<(), OpsError> {
        let Self { session, store, peer, shared, plan } = *self;
        let mut all = block_on(shared.all_reports())?;
        let tasks: Vec<(&TaskName, Reports)> = plan
            .tasks
            .iter()
            .filter_map(|name| Some((name, all.remove(&safe_folder_name(name.as_str()))?)))
            .collect();
        let counting: Vec<&WorkerReport> = tasks.iter().flat_map(|(_, reports)| counting(reports)).collect();
        let branch = branch_there(session);
        let left = block_on(shared.take_in(peer.ends(store, &branch, &Silent), &counting))?;
        peer.note_promises(store, &left)?;
        store.flush()?;
        store.hit("run.close.taken")?;
        let there = remotes::records_there(peer, store, &branch)?;
        let mut finished = Vec::new();
        for (name, reports) in &tasks {
            finished.extend(self.take(name, reports, &there)?);
        }
        session.state()?.finish_tasks(&finished)?;
        Ok(())
    }

    /// Writes down what came of a task, but for its record, which is returned.
    fn take<'r>(
        &'r self,
        name: &'r TaskName,
        reports: &'r Reports,
        there: &BTreeMap<(GraphName, TaskName), Digest>,
    ) -> Result<Option<Finished<'r>>, OpsError> {
        let Self { session, store, plan, .. } = *self;
        let (state, key, run) = (session.state()?, &session.key, &plan.id);
        let open: Vec<_> = counting(reports).filter_map(|report| report.unfinished.as_ref()).collect();
        for one in &open {
            remotes::take_unfinished(state, store, key, one)?;
        }
        // One that finished anywhere has not failed.
        take_items(state, store, key, &open, |_| Ok(Vec::new()))?;
        for bundle in &reports.bundles {
            state.note_outcome(run, name, bundle.outcome, Extent::Bundle)?;
        }
        let Some(whole) = reports.done.as_ref().or(reports.failed.as_ref()) else { return Ok(None) };
        if whole.outcome != TaskOutcome::Skipped {
            state.note_outcome(run, name, whole.outcome, Extent::Whole)?;
        }
        let Some(entry) = &whole.entry else { return Ok(None) };
        let base = plan.base.get(name).and_then(|base| base.record);
        let now = there.get(&(entry.graph.clone(), entry.task.clone())).copied();
        let is_ours = |now| Some(now) == base || now == entry.record;
        let record: Record = store.load_json(&entry.record)?;
        Ok(Some(Finished {
            branch: key,
            graph: &entry.graph,
            task: name,
            record: entry.record,
            fingerprint: record.fingerprint,
            outputs: entry.outputs,
            // Where another run has come first, what that made stays.
            base: if now.is_none_or(is_ours) { base } else { Some(Digest::of(b"")) },
            run,
            indexing: if whole.reusable { Indexing::Yes } else { Indexing::No },
            now_ms: now_ms(),
        }))
    }
}

/// Returns the reports that count of a task: that it is done, else all that was tried.
fn counting(reports: &Reports) -> impl Iterator<Item = &WorkerReport> {
    let tried = reports.done.is_none().then(|| reports.failed.iter().chain(&reports.bundles));
    reports.done.iter().chain(tried.into_iter().flatten())
}
