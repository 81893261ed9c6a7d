//! `run open --remote`: both sides agree on the branch, then a run is opened and its workers are told what they must know.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use rayon::prelude::*;

use super::{SharedRunError, needed, spare, there};
use crate::fingerprint::{Surroundings, gather};
use crate::model::{
    Brief, Briefing, Digest, Mark, Project, RunCounts, RunEnd, RunId, RunPlan, SHARED_RUN_FORMAT, Silent,
    SnapshotEntry, Task, TaskName, UnfinishedTask,
};
use crate::ops::branch::Unkept;
use crate::ops::engines::{self, OpenReport, OpenedRun};
use crate::ops::holding::{TakeOver, in_the_way};
use crate::ops::remotes::{self, Peer, PeerError, PullRequest, PushRequest, Want};
use crate::ops::run::{RunRequest, WhenNothing};
use crate::ops::survey::environment;
use crate::ops::{OpsError, Session, Start, memo};
use crate::remote::{Absent, Earnest, RemoteError, Take, Theirs, Trust, block_on};
use crate::state::{EngineRun, Reach};
use crate::store::Store;
use crate::task::{Listener, now_ms};

/// The engine whose machines read at the remote what has nothing to do.
pub(in crate::ops) const LOOKS_FOR_MARKS: &str = "stepfunctions";

/// Of more tasks than this it is not told one by one whether their code is what the commit has.
const LOOKED_AT: usize = 500;

/// Opens a run whose tasks any machine may carry out that reaches the remote.
pub fn open(
    start: &Start,
    request: &RunRequest,
    remote: &str,
    listeners: Vec<Arc<dyn Listener>>,
) -> Result<OpenReport, OpsError> {
    open_when(start, request, remote, WhenNothing::Open, &|_, _| Ok(()), listeners)?.report()
}

/// The same, where a person may not want a run that has nothing to do, or `check` refuses what was planned.
pub fn open_when(
    start: &Start,
    request: &RunRequest,
    remote: &str,
    when_nothing: WhenNothing,
    check: &dyn Fn(&Session, &RunPlan) -> Result<(), OpsError>,
    listeners: Vec<Arc<dyn Listener>>,
) -> Result<OpenedRun, OpsError> {
    if request.defer.is_some() {
        return Err(SharedRunError::Deferred.into());
    }
    let find = |session: &Session| {
        let store = Store::open(session.store_root())?;
        Peer::find(&session.project, store.layout(), Some(remote), Absent::Make)
    };
    let session = Session::open(start)?;
    let peer = find(&session)?;
    if !peer.settings.writable {
        return Err(PeerError::NotWritable { remote: peer.name }.into());
    }
    let store = Store::open(session.store_root())?;
    match settle(&session, &store, &peer, request)? {
        Settled::Free => agree(session, start, remote, &request.command)?,
        Settled::Ours => {}
    }
    let session = Session::open(start)?;
    let check = |plan: &RunPlan| check(&session, plan);
    let report = match engines::open_when(&session, request, when_nothing, &check, listeners)? {
        OpenedRun::Open(report) => report,
        nothing => return Ok(nothing),
    };
    let plan = session.state()?.load_plan(&report.run)?;
    let shared = there(&peer, &store, &plan.id);
    let published = store
        .hit("run.execution.opening")
        .map_err(OpsError::from)
        .and_then(|()| Ok(block_on(shared.plan())?))
        .and_then(|known| match known {
            // It was found open, and an earlier open told the workers.
            Some(_) => Ok(()),
            None => publish(&session, &peer, &plan, request),
        });
    if published.is_err() && !report.found {
        // Nobody has heard of it.
        session.state()?.give_up_run(&plan.id)?;
    }
    published.map(|()| OpenedRun::Open(report))
}

/// Takes back a run of which no task was started.
pub fn abandon(start: &Start, run: &RunId, remote: &str) -> Result<(), OpsError> {
    let session = Session::open(start)?;
    let store = Store::open(session.store_root())?;
    let peer = Peer::find(&session.project, store.layout(), Some(remote), Absent::Fail)?;
    let state = session.state()?;
    let Some(open) = state.engine_run(run)? else { return Ok(()) };
    state.give_up_run(run)?;
    give_up(&peer, &store, &open)
}

/// Who has the branch on this machine.
enum Settled {
    /// Nobody any more.
    Free,
    /// The run that is asked for: it was opened before.
    Ours,
}

/// Sees to a run that is open here: one that was closed elsewhere is over, another one may be taken over.
fn settle(session: &Session, store: &Store, peer: &Peer, request: &RunRequest) -> Result<Settled, OpsError> {
    let state = session.state()?;
    let Some(open) = state.engine_run_on(&session.key, None)? else { return Ok(Settled::Free) };
    let asked = request.engine.as_ref();
    let key = asked.and_then(|asked| asked.engine.key.as_ref());
    let is_over = open.engine.remote.is_some() && block_on(there(peer, store, &open.run).end())?.is_some();
    if !is_over && key.is_some() && key == open.engine.key.as_ref() {
        return Ok(Settled::Ours);
    }
    let any = asked.is_some_and(|asked| asked.take_over == TakeOver::Any);
    if !is_over && !any && !open.is_silent(now_ms()) {
        return Err(in_the_way(&open).into());
    }
    if open.engine.remote.is_some() {
        // No process of it lives here, whatever goes on elsewhere.
        state.give_up_run(&open.run)?;
    }
    if !is_over {
        give_up(peer, store, &open)?;
    }
    Ok(Settled::Free)
}

/// Says to the workers of a run in the place of which another one came that nothing of it counts any more.
fn give_up(peer: &Peer, store: &Store, run: &EngineRun) -> Result<(), OpsError> {
    let shared = there(peer, store, &run.run);
    Ok(block_on(async {
        if shared.plan().await?.is_none() || shared.end().await?.is_some() {
            return Ok(());
        }
        let end = RunEnd {
            run: run.run.clone(),
            branch: run.branch.branch.clone(),
            counts: RunCounts::default(),
            outputs: Digest::of(b""),
            exit: 0,
            done: BTreeSet::new(),
            failed: BTreeSet::new(),
            given_up: true,
            at_ms: now_ms(),
        };
        shared.write_end(&end).await
    })?)
}

/// Brings what the remote's branch has, without files, and sends what only this machine has.
pub(super) fn agree(session: Session, start: &Start, remote: &str, command: &str) -> Result<(), OpsError> {
    let branch = Some(session.key.branch.to_string());
    let pull = PullRequest {
        remote: Some(remote.to_owned()),
        from: branch.clone(),
        into: None,
        want: Want::All,
        take: Take::Lazy,
        at: None,
        unkept: Unkept::Refuse,
        moves: true,
    };
    match remotes::pull(session, start, &pull, command, &Silent) {
        Ok(_) => {}
        Err(OpsError::Remote(
            RemoteError::NoBranch { .. } | RemoteError::NotOurs { .. } | RemoteError::Nothing { .. },
        )) => {}
        Err(error) => return Err(error),
    }
    let push = PushRequest {
        remote: Some(remote.to_owned()),
        to: branch,
        theirs: Theirs::Keep,
        trust: Trust::Index,
        earnest: Earnest::Yes,
    };
    match remotes::push(Session::open(start)?, &push, command, &Silent) {
        Ok(_) | Err(OpsError::Peer(PeerError::NothingToPush { .. })) => Ok(()),
        Err(error) => Err(error),
    }
}

/// Writes the plan of a run, and what its workers must know.
fn publish(session: &Session, peer: &Peer, plan: &RunPlan, request: &RunRequest) -> Result<(), OpsError> {
    refuse_local_only(plan)?;
    let store = Store::open(session.store_root())?;
    let ends = peer.ends(&store, &session.key, &Silent);
    let engine = request.engine.as_ref().map(|opening| &opening.engine);
    let execution = engine.and_then(|engine| engine.key.as_deref());
    let meant: BTreeSet<_> = plan.tasks.iter().collect();
    // Of the engines, this one looks for marks; to any other they are nothing.
    let looks = engine.is_some_and(|engine| engine.name == LOOKS_FOR_MARKS);
    let briefings = briefings(session, &store, plan, looks)?;
    let fresh = plan.graph.tasks.keys().filter(|task| looks && !meant.contains(task)).cloned();
    let (shared, fresh) = (there(peer, &store, &plan.id), fresh.collect::<Vec<_>>());
    Ok(block_on(async {
        shared.publish(ends, plan, briefings).await?;
        shared.write_marks(execution.filter(|_| looks), &fresh).await
    })?)
}

fn refuse_local_only(plan: &RunPlan) -> Result<(), SharedRunError> {
    let tasks = &plan.graph.tasks;
    for task in plan.tasks.iter().filter_map(|name| tasks.get(name)) {
        let mut all = std::iter::once(&task.name).chain(&task.deps);
        if let Some(local) = all.find(|name| tasks.get(*name).is_some_and(|one| one.local_only)) {
            return Err(SharedRunError::LocalOnly { task: task.name.clone(), local: local.clone() });
        }
    }
    Ok(())
}

/// What is known of a branch here, by task.
struct Past {
    entries: BTreeMap<TaskName, SnapshotEntry>,
    unfinished: BTreeMap<TaskName, UnfinishedTask>,
    marks: Vec<Mark>,
}

/// Returns the briefings of a run, each with the objects that its tasks need.
fn briefings(
    session: &Session,
    store: &Store,
    plan: &RunPlan,
    marks: bool,
) -> Result<Vec<(Briefing, Vec<Digest>)>, OpsError> {
    let past = past(session, store, plan)?;
    let briefs = briefs(session, plan, &past, marks)?;
    let mut by_key: BTreeMap<u8, BTreeMap<TaskName, Brief>> = BTreeMap::new();
    for (name, brief) in briefs {
        // Tasks share a key as `layout::run_briefs` spells it.
        let shard = Digest::of(name.as_str().as_bytes()).as_bytes()[0];
        by_key.entry(shard).or_default().insert(name, brief);
    }
    let facts = RunPlan {
        tasks: Vec::new(),
        base: BTreeMap::new(),
        items: BTreeMap::new(),
        graph: crate::model::Graph { tasks: Default::default(), ..plan.graph.clone() },
        ..plan.clone()
    };
    let project = Project {
        graphs: Default::default(),
        unused_tasks: Vec::new(),
        remotes: Default::default(),
        ..session.project.clone()
    };
    let mut all = Vec::new();
    for tasks in by_key.into_values() {
        let objects = objects(store, &tasks)?;
        let briefing = Briefing {
            format: SHARED_RUN_FORMAT,
            project: project.clone(),
            plan: facts.clone(),
            objects: Digest::of(b""),
            tasks,
            marks,
        };
        all.push((briefing, objects));
    }
    Ok(all)
}

fn past(session: &Session, store: &Store, plan: &RunPlan) -> Result<Past, OpsError> {
    let (state, key, namespace) = (session.state()?, &session.key, &plan.graph.namespace);
    let entries = state.entries(&state.point(key)?.unwrap_or_default())?;
    let entries = entries.into_values().filter(|entry| entry.graph == *namespace);
    let (project, outputs) = (&session.project, &session.outputs_dir);
    let open = remotes::gather_unfinished(project, outputs, state, store, key)?;
    let open = open.into_iter().filter(|one| one.graph == *namespace);
    let marks = state.marks(&key.project)?.into_iter().filter(|mark| mark.graph == *namespace);
    Ok(Past {
        entries: entries.map(|entry| (entry.task.clone(), entry)).collect(),
        unfinished: open.map(|one| (one.task.clone(), one)).collect(),
        marks: marks.collect(),
    })
}

fn briefs(
    session: &Session,
    plan: &RunPlan,
    past: &Past,
    marks: bool,
) -> Result<Vec<(TaskName, Brief)>, OpsError> {
    let memo = memo::open(session)?;
    let surroundings = Surroundings::new(
        &session.project,
        &plan.graph,
        &plan.interpreters,
        &plan.probes,
        &environment,
        &memo,
    );
    let tasks: Vec<&Task> = plan.tasks.iter().filter_map(|name| plan.graph.tasks.get(name)).collect();
    let gathered: Vec<_> = tasks.par_iter().map(|task| gather(task, &surroundings)).collect();
    let mut may_spare = match marks {
        true => spare::may_spare(session, plan, &memo, &surroundings, &tasks, &gathered)?,
        false => BTreeMap::new(),
    };
    let is_dirty = |files: &[std::path::PathBuf]| {
        session.repository.as_ref().is_some_and(|one| one.is_dirty(files).unwrap_or(true))
    };
    let config_is_dirty = is_dirty(&session.config_files);
    // One look tells that nothing is, most often; else each is looked at, or where they are many, none.
    let all: Vec<_> = gathered.iter().flat_map(|one| one.files.iter().cloned()).collect();
    let (some_are, few) = (is_dirty(&all), tasks.len() <= LOOKED_AT);
    let of_task = |files: &[std::path::PathBuf]| config_is_dirty || some_are && (!few || is_dirty(files));
    let in_run: BTreeSet<&TaskName> = plan.tasks.iter().collect();
    let mut brief = |(task, gathered): (&Task, crate::fingerprint::Gathered)| {
        let deps = task.deps.iter().filter_map(|dep| plan.graph.tasks.get(dep));
        let own = std::iter::once(&task.name).chain(task.deps.iter().filter(|dep| !in_run.contains(dep)));
        let brief = Brief {
            tasks: std::iter::once(task).chain(deps).cloned().collect(),
            in_run: task.deps.iter().filter(|dep| in_run.contains(dep)).cloned().collect(),
            base: plan.base.get(&task.name).cloned().unwrap_or_default(),
            items: plan.items.get(&task.name).cloned(),
            entries: own.filter_map(|name| past.entries.get(name)).cloned().collect(),
            unfinished: past.unfinished.get(&task.name).cloned(),
            marks: past.marks.iter().filter(|mark| mark.task == task.name).cloned().collect(),
            dirty: of_task(&gathered.files),
            may_spare: may_spare.remove(&task.name).unwrap_or_default(),
            made_of: gathered.ingredients,
        };
        (task.name.clone(), brief)
    };
    Ok(tasks.into_iter().zip(gathered).map(&mut brief).collect())
}

/// Returns every object that some briefs lead to.
fn objects(store: &Store, briefs: &BTreeMap<TaskName, Brief>) -> Result<Vec<Digest>, OpsError> {
    let (mut reach, mut all) = (Reach::new(store), BTreeSet::new());
    for (task, brief) in briefs {
        all.extend(needed(&mut reach, task, &brief.entries, brief.unfinished.as_slice())?);
    }
    Ok(all.into_iter().collect())
}
