//! `run close --remote`: what came of a run on all machines becomes the branch's, here and at the remote, once.
//!
//! ```text
//! all reports -> their parts go into the index, their records come here
//!   -> per task: recorded where branch and remote still have what the run began with
//!   -> the run is closed here -> pull, push -> closed is written there
//! ```
//! Every step may be cut off and done again, on this machine or another: a run
//! that is not known here is opened here from its plan first.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::lost::{self, LostTask};
use super::{SharedRunError, parse_run, publish, refuse_other_branch, take_items, there};
use crate::model::{
    Digest, GraphName, Record, RunEnd, RunPlan, Silent, TaskName, TaskOutcome, UnfinishedTask, WorkerReport,
    safe_folder_name,
};
use crate::ops::branch::Unkept;
use crate::ops::engine_error::EngineError;
use crate::ops::engines::{self, CloseReport};
use crate::ops::holding::{holder, in_the_way};
use crate::ops::remotes::{self, Peer, PeerError, PullRequest, Want};
use crate::ops::scope::Words;
use crate::ops::survey::environment;
use crate::ops::{OpsError, Session, Start};
use crate::remote::{Absent, RemoteError, Reports, SharedRun, Take, block_on};
use crate::state::{Engine, Extent, Finished, Indexing, Wait};
use crate::store::Store;
use crate::task::{Listener, now_ms};

/// How long a run is borne here that was opened elsewhere, in ms.
const LEASE_MS: u64 = 60 * 60 * 1000;
/// How often others may move the same tasks meanwhile.
const TRIES: u32 = 5;

/// Closes a run whose tasks any machine carried out; `told` are tasks of which is known here that their machines died.
pub fn close(
    start: &Start,
    run: &str,
    remote: &str,
    wait: Wait,
    command: &str,
    listeners: Vec<Arc<dyn Listener>>,
    told: &[LostTask],
) -> Result<CloseReport, OpsError> {
    let id = parse_run(run)?;
    let session = Session::open(start)?;
    let store = Store::open(session.store_root())?;
    let peer = Peer::find(&session.project, store.layout(), Some(remote), Absent::Fail)?;
    let shared = there(&peer, &store, &id);
    if let Some(end) = block_on(shared.end())? {
        return ClosedThere { start, remote, command, shared: &shared, store: &store }
            .take(session, end, told);
    }
    // Who opened it has the plan; any other reads it there.
    let plan = match session.state()?.run(&id)? {
        Some(_) => Some(session.state()?.load_plan(&id)?),
        None => block_on(shared.plan())?,
    };
    let no_run = || SharedRunError::NoRun { url: peer.url().to_owned(), run: id.clone() };
    let plan = plan.ok_or_else(no_run)?;
    let named = start.branch.clone().or_else(|| environment("KPTN_BRANCH"));
    refuse_other_branch(named.as_deref(), &id, &plan.branch)?;
    let start = Start { branch: Some(plan.branch.to_string()), ..start.clone() };
    drop(session);
    let session = known_here(&start, remote, &plan, command)?;
    let gather = |session: &Session| {
        let gathering = Gathering { session, store: &store, peer: &peer, shared: &shared, plan: &plan };
        let Gathered { lost, ended } = gathering.gather(told)?;
        lost::record(session, &store, &shared, &plan, &lost, now_ms())?;
        for one in &lost {
            let failed = (TaskOutcome::Failed, Extent::Whole);
            session.state()?.note_outcomes(&plan.id, &one.task, &[failed])?;
        }
        store.hit("run.close.gathered")?;
        Ok(ended)
    };
    let closed = engines::close_after(&session, id.as_str(), wait, command, listeners, &gather)?;
    store.hit("run.close.closed")?;
    drop(session);
    agree(&start, remote, &plan, command)?;
    store.hit("run.close.pushed")?;
    let session = Session::open(&start)?;
    let outputs = engines::outputs_of(&session, &session.key)?;
    let mut outcomes = session.state()?.outcomes(&id)?;
    outcomes.retain(|_, outcome| *outcome != TaskOutcome::Skipped);
    let (failed, done) =
        outcomes.into_iter().partition::<BTreeMap<_, _>, _>(|(_, outcome)| *outcome == TaskOutcome::Failed);
    let (failed, done) = (failed.into_keys().collect(), done.into_keys().collect());
    let closed = CloseReport { outputs, ..closed };
    let end = RunEnd {
        run: id,
        branch: plan.branch,
        counts: closed.counts,
        outputs,
        exit: closed.exit,
        done,
        failed,
        given_up: false,
        at_ms: now_ms(),
    };
    block_on(shared.write_end(&end))?;
    Ok(closed)
}

/// A run that was closed before.
struct ClosedThere<'a> {
    start: &'a Start,
    remote: &'a str,
    command: &'a str,
    shared: &'a SharedRun,
    store: &'a Store,
}

impl ClosedThere<'_> {
    /// Says how it ended. Where another machine closed it, this one has its place no more, but its results, and what
    /// that one did not know: tasks that were lost.
    fn take(self, session: Session, end: RunEnd, told: &[LostTask]) -> Result<CloseReport, OpsError> {
        let Self { start, remote, command, .. } = self;
        let RunEnd { run, branch, mut counts, outputs, exit, failed, given_up, at_ms, .. } = end;
        if given_up {
            return Err(EngineError::GivenUp { run }.into());
        }
        let mut lost = Vec::new();
        for one in told {
            lost.extend(lost::lost(&one.task, &block_on(self.shared.reports(&one.task))?, told));
        }
        let is_open = session.state()?.engine_run(&run)?.is_some();
        let known = session.state()?.run(&run)?.and_then(|row| row.counts).filter(|_| !is_open);
        if let Some(known) = known {
            counts = known;
        } else {
            // Some were skipped, as far as that one knew.
            let died = lost.iter().filter(|one| !failed.contains(&one.task)).count() as u64;
            let died = died.min(counts.skipped);
            (counts.skipped, counts.failed) = (counts.skipped - died, counts.failed + died);
        }
        if is_open {
            let plan = session.state()?.load_plan(&run)?;
            session.state()?.end_run_closed_elsewhere(&run, &counts, at_ms)?;
            let start = Start { branch: Some(branch.to_string()), ..start.clone() };
            publish::agree(Session::open(&start)?, &start, remote, command)?;
            if !lost.is_empty() {
                lost::record(&Session::open(&start)?, self.store, self.shared, &plan, &lost, at_ms)?;
                // Others hear of it, too; where that fails, with the next push.
                drop(publish::agree(Session::open(&start)?, &start, remote, command));
            }
        }
        Ok(CloseReport { run, counts, outputs, exit, was_closed: true })
    }
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
    if let Some(open) =
        session.state()?.engine_run_on(&session.key, None)?.filter(|open| !open.is_silent(now_ms()))
    {
        // That one has the branch on this machine.
        return Err(in_the_way(&open).into());
    }
    drop(session);
    agree(start, remote, plan, command)?;
    let session = Session::open(start)?;
    let plan = RunPlan {
        root: session.project.root.clone(),
        config_path: session.project.config_path.clone(),
        outputs_dir: session.outputs_dir.clone(),
        ..plan.clone()
    };
    let engine = Engine {
        name: "another machine".to_owned(),
        key: None,
        lease_ms: LEASE_MS,
        remote: Some(remote.to_owned()),
    };
    session.state()?.open_engine_run(&plan, &engine, &holder(command), now_ms())?;
    Ok(session)
}

/// Both sides agree; what others moved at the very moment stays as it is there.
fn agree(start: &Start, remote: &str, plan: &RunPlan, command: &str) -> Result<(), OpsError> {
    let mut lost = Vec::new();
    for _ in 0..TRIES {
        let agreed = publish::agree(Session::open(start)?, start, remote, command);
        let moved: Vec<TaskName> = match &agreed {
            Err(OpsError::Peer(PeerError::PullWouldLose { tasks, .. })) => tasks.clone(),
            Err(OpsError::Remote(RemoteError::Conflict { tasks, .. })) => {
                tasks.iter().map(|one| one.task.clone()).collect()
            }
            _ => return agreed,
        };
        if moved.iter().any(|task| !plan.tasks.contains(task)) {
            // None of this run's: somebody else's to decide.
            return agreed;
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

/// What came of a run's tasks beside their records.
struct Gathered {
    /// Those whose machines died.
    lost: Vec<LostTask>,
    /// Those that are done as a whole, whosever record the branch has.
    ended: BTreeSet<TaskName>,
}

struct Gathering<'a> {
    session: &'a Session,
    store: &'a Store,
    peer: &'a Peer,
    shared: &'a SharedRun,
    plan: &'a RunPlan,
}

impl Gathering<'_> {
    /// Takes in what came of all tasks.
    fn gather(&self, told: &[LostTask]) -> Result<Gathered, OpsError> {
        let Self { session, store, peer, shared, plan } = *self;
        let mut all = block_on(shared.all_reports())?;
        let none = Reports::default();
        let of = |name: &TaskName| all.get(&safe_folder_name(name.as_str())).unwrap_or(&none);
        let lost = plan.tasks.iter().filter_map(|name| lost::lost(name, of(name), told)).collect();
        let mut tasks: Vec<(&TaskName, Reports)> = plan
            .tasks
            .iter()
            .filter_map(|name| Some((name, all.remove(&safe_folder_name(name.as_str()))?)))
            .collect();
        for (name, reports) in &mut tasks {
            reports.retain(|report| is_about(report, name, &plan.graph.namespace));
        }
        // What is lost of one task holds up no other: it is left undone.
        let parts = tasks.iter().flat_map(|(_, reports)| counting(reports)).map(|report| report.objects);
        let gone = block_on(shared.lost_parts(&parts.collect()))?;
        tasks.iter_mut().for_each(|(_, reports)| reports.retain(|report| !gone.contains(&report.objects)));
        let counting: Vec<&WorkerReport> = tasks.iter().flat_map(|(_, reports)| counting(reports)).collect();
        let branch = session.key.clone();
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
        let ended = tasks.iter().filter(|(_, reports)| reports.done.is_some());
        Ok(Gathered { lost, ended: ended.map(|(name, _)| (*name).clone()).collect() })
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
        let mut reported: Vec<_> = counting(reports).collect();
        reported.sort_by_key(|report| report.ended_ms);
        let is_own = |open: &&UnfinishedTask| open.task == *name && open.graph == plan.graph.namespace;
        let open: Vec<_> =
            reported.iter().filter_map(|report| report.unfinished.as_ref().filter(is_own)).collect();
        // An item that finished anywhere has not failed.
        take_items(state, store, key, &open, |open| remotes::take_failures(state, store, key, open))?;
        let whole = reports.done.as_ref().or(reports.failed.as_ref());
        let bundles = reports.bundles.iter().map(|bundle| (bundle.outcome, Extent::Bundle));
        let all = bundles.chain(whole.map(|whole| (whole.outcome, Extent::Whole)));
        // What was stopped has come to nothing.
        let all: Vec<_> = all.filter(|(outcome, _)| *outcome != TaskOutcome::Skipped).collect();
        state.note_outcomes(run, name, &all)?;
        let Some(whole) = whole else { return Ok(None) };
        // Where a run was about some items alone they are kept beside the record that the task had, which stays.
        let Some(entry) = whole.entry.as_ref().filter(|_| whole.unfinished.is_none()) else {
            return Ok(None);
        };
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

/// Tells whether what a report names is of the task at whose key it lies.
fn is_about(report: &WorkerReport, task: &TaskName, namespace: &GraphName) -> bool {
    let entry = report.entry.as_ref().map(|entry| (&entry.task, &entry.graph));
    let open = report.unfinished.as_ref().map(|open| (&open.task, &open.graph));
    entry.into_iter().chain(open).all(|named| named == (task, namespace))
}

/// Returns the reports that count of a task: that it is done, else all that was tried.
fn counting(reports: &Reports) -> impl Iterator<Item = &WorkerReport> {
    let tried = reports.done.is_none().then(|| reports.failed.iter().chain(&reports.bundles));
    reports.done.iter().chain(tried.into_iter().flatten())
}
