//! A worker's way in: one brief of the run, what its task needs of others, and a state of this task's own.
//!
//! ```text
//! briefing, closed, done of each dependency in the run       two rounds of requests
//! -> parts: where everything is; what is not here is lent    none of it is copied before something reads it
//! -> records of the dependencies, of the task itself         a branch of a state that no other process has
//! ```
//! The state lies under `workers/<run>/<task>` of the store, so a worker that is
//! started again on the same machine finds what it had recorded.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::material::Material;
use super::{SharedRunError, parse_run, refuse_other_branch};
use crate::config;
use crate::fingerprint::gather;
use crate::git::Repository;
use crate::model::{
    BaseRecord, Brief, Briefing, Bundle, Change, Digest, Graph, GraphName, ItemChoice, ItemSelector, Project,
    RunEnd, RunId, RunPlan, Silent, Task, TaskName, Teller, WorkerReport, safe_folder_name,
};
use crate::ops::engine_error::EngineError;
use crate::ops::remotes::Peer;
use crate::ops::session::{outputs_dir_of, outputs_template};
use crate::ops::survey::{MemoVersions, environment};
use crate::ops::{OpsError, Start};
use crate::plan::changes_between;
use crate::process::{self, Starter};
use crate::remote::{Absent, Lent, Places, RemoteError, Report, SharedRun, block_on};
use crate::state::{BranchKey, LocalMemo, State};
use crate::store::{self, Layout, Store, lend_by};
use crate::task::serve::{EventLog, TaskLines};
use crate::task::{Config, Listener, Origin, Run, now_ms};

/// Folders of runs that were opened longer ago, and in which no task has begun for so long, go from a worker's machine.
const OLD_MS: u64 = 14 * 24 * 60 * 60 * 1000;

/// What a worker was told.
pub struct Entering<'a> {
    /// Where the project's files are.
    pub start: Start,
    /// The remote: an address, or a name of `kptn.yaml`.
    pub remote: &'a str,
    /// The run.
    pub run: &'a str,
    /// The task.
    pub task: &'a str,
    /// The bundle; absent for the whole task.
    pub bundle: Option<&'a Bundle>,
}

/// A worker that is in.
pub(super) struct Entered {
    pub shared: SharedRun,
    pub places: Arc<Places>,
    pub task: Task,
    pub run: Run,
    /// What it was told of the task.
    pub brief: Brief,
    /// Whether the run's engine looks for marks.
    pub marks: bool,
    /// The folder of its own state.
    pub own: PathBuf,
}

/// What comes of going in.
pub(super) enum Way {
    /// There is something to do.
    In(Box<Entered>),
    /// The run was not opened for the task, which is in this graph.
    NotMeant(GraphName),
    /// It was done before, in this graph.
    Done(GraphName),
}

/// What the remote said.
struct Asked {
    briefing: Briefing,
    before: BTreeMap<TaskName, WorkerReport>,
    /// The latest try of the same, that failed.
    tried: Option<WorkerReport>,
    /// Of all of a mapped task: what its bundles came to.
    bundles: Vec<WorkerReport>,
    places: Places,
}

enum Answer {
    Asked(Box<Asked>),
    NotMeant(GraphName),
    Done(GraphName),
}

/// Goes in.
pub(super) fn enter(entering: &Entering<'_>, listeners: Vec<Arc<dyn Listener>>) -> Result<Way, OpsError> {
    let id = parse_run(entering.run)?;
    let name = TaskName::parse(entering.task).map_err(|error| OpsError::Name { error })?;
    let Start { folder, config, branch } = &entering.start;
    let place = match config {
        Some(path) => config::place_of_file(path)?,
        None => config::place(folder)?,
    };
    let from_env = std::env::var_os("KPTN_STORE").map(PathBuf::from);
    let repository = Repository::discover(&place.root)?;
    let common = repository.as_ref().map(Repository::common_folder);
    let store_root = store::locate(&place.root, common, from_env.as_deref(), None);
    let layout = Layout::new(&store_root);
    let peer = find_peer(entering, &layout)?;
    let parts = layout.worker_parts(&id);
    let shared = SharedRun::new(peer.bucket().clone(), id.clone(), &parts);
    let asked = match block_on(ask(&shared, &peer, &name, entering.bundle))?? {
        Answer::Asked(asked) => *asked,
        Answer::NotMeant(graph) => return Ok(Way::NotMeant(graph)),
        Answer::Done(graph) => return Ok(Way::Done(graph)),
    };
    let Asked { briefing, before, tried, bundles, places } = asked;
    refuse_other_branch(
        branch.as_deref().or(environment("KPTN_BRANCH").as_deref()),
        &id,
        &briefing.plan.branch,
    )?;
    let no_task = || SharedRunError::NoRun { url: peer.url().to_owned(), run: id.clone() };
    let brief = briefing.tasks.get(&name).cloned().ok_or_else(no_task)?;

    let store = Store::open(&store_root)?;
    let places = Arc::new(places);
    leave_old(&layout.workers(), &id);
    let (project, mut plan) = relocated(&briefing, &brief, &place, layout.worker_outputs(&id));
    if let Some(bundle) = entering.bundle {
        only(&mut plan, &name, bundle);
    }
    let task = plan.graph.tasks.get(&name).cloned().ok_or_else(no_task)?;
    let memo = LocalMemo::open(&store_root, &memo_place(&place.root, &name)).without_index();
    plan.interpreters = process::find_interpreters(&project, &environment, &MemoVersions(&memo)).interpreters;

    let mut own = layout.worker(&id).join(safe_folder_name(name.as_str()));
    if let Some(bundle) = entering.bundle {
        own = own.join(bundle.file_name());
    }
    let state = State::open_apart(&store_root, &own.join("state.db"))?;
    let key = BranchKey { project: plan.project.clone(), branch: plan.branch.clone() };
    let material = Material { store: &store, state: &state, key: &key, plan: &plan, task: &task };
    let ends = peer.ends(&store, &key, &Silent);
    let reports: Vec<&WorkerReport> = tried.iter().chain(&bundles).collect();
    material.fetch(&shared, ends, &places, &brief, &before, &reports, entering.bundle)?;
    // All that is read in any case came together; the rest comes by itself.
    lend_by(Box::new(Lent::new(peer.settings.clone(), id.clone(), &parts, Arc::clone(&places))));
    material.lay_out(&brief, &before, &reports, entering.bundle)?;

    let mut all = listeners;
    // Nobody follows it here: the state is elsewhere.
    let events = layout.run_events(&plan.id);
    all.push(Arc::new(EventLog::open(&events, Teller::default(), TaskLines::Dropped)));
    let run = Run {
        config: Config::default(),
        repository: None,
        origin: Some(Origin { commit: plan.commit.clone(), dirty: brief.dirty }),
        reaper: crate::ops::tasks::start_reaper(&[]),
        starter: Starter::holding::<std::fs::File>(&[]),
        listeners: all,
        // Who opened it: what a container runs as tells nobody who did that.
        user: Some(plan.user.clone()).filter(|user| !user.is_empty()).unwrap_or_else(process::user_name),
        host: process::host_name(),
        memo: Arc::new(memo),
        project,
        state,
        store,
        plan,
    };
    refuse_other_code(&run, &task, &brief)?;
    let marks = briefing.marks;
    Ok(Way::In(Box::new(Entered { shared, places, task, run, brief, marks, own })))
}

/// Says that a run is over, for who is late.
pub(super) fn over(end: RunEnd) -> EngineError {
    match end.given_up {
        true => EngineError::GivenUp { run: end.run },
        false => EngineError::Closed { run: end.run },
    }
}

/// Removes what workers of old runs left on this machine: all that counts of it is at their remotes.
fn leave_old(workers: &Path, own: &RunId) {
    let is_old = |name: &str| {
        let run = RunId::parse(name).filter(|run| run != own);
        run.is_some_and(|run| now_ms().saturating_sub(run.made_ms()) > OLD_MS)
    };
    let is_quiet = |entry: &std::fs::DirEntry| {
        let changed = entry.metadata().and_then(|found| found.modified()).ok();
        changed.and_then(|at| at.elapsed().ok()).is_some_and(|age| age.as_millis() > OLD_MS.into())
    };
    for entry in std::fs::read_dir(workers).into_iter().flatten().flatten() {
        if entry.file_name().to_str().is_some_and(is_old) && is_quiet(&entry) {
            // What cannot go now goes with the next worker.
            drop(std::fs::remove_dir_all(entry.path()));
        }
    }
}

/// An address needs no `kptn.yaml`; a name does.
fn find_peer(entering: &Entering<'_>, layout: &Layout) -> Result<Peer, OpsError> {
    if entering.remote.contains("://") {
        return Peer::at(entering.remote, layout, Absent::Fail);
    }
    let Start { folder, config, .. } = &entering.start;
    let loaded = match config {
        Some(path) => config::load_file(path)?,
        None => config::load(folder)?,
    };
    Peer::find(&loaded.project, layout, Some(entering.remote), Absent::Fail)
}

fn memo_place(root: &Path, task: &TaskName) -> PathBuf {
    // A worker is to read no more than a few tasks' worth, however many ran on this machine.
    let hex = Digest::of(task.as_str().as_bytes()).to_string();
    root.join(format!("worker-{}", &hex[..2]))
}

async fn ask(
    shared: &SharedRun,
    peer: &Peer,
    name: &TaskName,
    bundle: Option<&Bundle>,
) -> Result<Result<Answer, OpsError>, RemoteError> {
    let no_run = |run| Err(SharedRunError::NoRun { url: peer.url().to_owned(), run }.into());
    let ((), briefing, end, done, tried, lists) = futures_util::try_join!(
        shared.check(),
        shared.briefing(name),
        shared.end(),
        shared.report(Report::Done, name, bundle),
        shared.report(Report::Failed, name, bundle),
        shared.bundles(name),
    )?;
    if let Some(end) = end.filter(|end| end.given_up || !end.done.contains(name)) {
        return Ok(Err(over(end).into()));
    }
    let meant = briefing.filter(|briefing| briefing.plan.id == *shared.run());
    let meant = meant.and_then(|briefing| Some((briefing.tasks.get(name)?.clone(), briefing)));
    let Some((brief, briefing)) = meant else {
        let Some(plan) = shared.plan().await? else { return Ok(no_run(shared.run().clone())) };
        if plan.tasks.contains(name) {
            return Err(shared.no_briefing(name));
        }
        return Ok(match plan.graph.tasks.contains_key(name) {
            true => Ok(Answer::NotMeant(plan.graph.name)),
            false => {
                let known = plan.graph.tasks.keys().map(TaskName::as_str);
                let near = crate::ops::near(name.as_str(), known);
                let (graph, task) = (plan.graph.name.clone(), name.clone());
                Err(SharedRunError::NoTask { graph, task, near }.into())
            }
        });
    };
    if done.is_some() {
        return Ok(Ok(Answer::Done(briefing.plan.graph.name)));
    }
    let mut before = BTreeMap::new();
    for (dep, report) in brief.in_run.iter().zip(shared.done(&brief.in_run).await?) {
        let Some(report) = report else {
            let failed = shared.report(Report::Failed, dep, None).await?.is_some();
            let (task, dep) = (name.clone(), dep.clone());
            return Ok(Err(EngineError::TooEarly { task, dep, failed }.into()));
        };
        before.insert(dep.clone(), report);
    }
    let mapped = brief.tasks.first().is_some_and(Task::is_mapped);
    let bundles = match bundle {
        None if mapped => shared.reports(name).await?.bundles,
        _ => Vec::new(),
    };
    let mut parts = vec![briefing.objects];
    parts.extend(before.values().chain(&tried).chain(&bundles).map(|report| report.objects));
    parts.extend(lists.filter(|_| bundle.is_some()));
    let places = shared.places(&parts).await?;
    if let Some(bundle) = bundle.filter(|bundle| places.size(&bundle.list).is_none()) {
        let (task, bundle) = (name.clone(), bundle.to_string());
        return Ok(Err(SharedRunError::NoBundle { task, bundle }.into()));
    }
    Ok(Ok(Answer::Asked(Box::new(Asked { briefing, before, tried, bundles, places }))))
}

/// Returns the project and the plan as they are on this machine.
fn relocated(
    briefing: &Briefing,
    brief: &Brief,
    place: &config::Place,
    own_outputs: PathBuf,
) -> (Project, RunPlan) {
    let there = briefing.project.root.clone();
    let here = |path: &mut PathBuf| {
        if let Ok(below) = path.strip_prefix(&there) {
            *path = place.root.join(below);
        }
    };
    let mut project = Project {
        root: place.root.clone(),
        config_path: place.config_path.clone(),
        ..briefing.project.clone()
    };
    project.settings.py_tasks_dirs.iter_mut().for_each(here);
    project.settings.r_tasks_dirs.iter_mut().for_each(here);
    let programs = [&mut project.settings.python, &mut project.settings.rscript];
    for program in programs.into_iter().flatten() {
        let mut path = PathBuf::from(&*program);
        here(&mut path);
        *program = path.to_string_lossy().into_owned();
    }
    let tasks = brief.tasks.iter().cloned().enumerate().map(|(at, mut task)| {
        task.script.path.iter_mut().for_each(here);
        task.script.tried.iter_mut().for_each(here);
        if at > 0 {
            // What is before a dependency is nothing to this task.
            task.deps.clear();
        }
        (task.name.clone(), task)
    });
    let graph = Graph { tasks: tasks.collect(), ..briefing.plan.graph.clone() };
    let name = brief.tasks.first().map(|task| task.name.clone());
    let template = outputs_template(&project);
    // A folder that all machines see is used as it is; else a run has one of its own here.
    let outputs_dir = match Path::new(&template).is_absolute() {
        true => outputs_dir_of(&place.root, &template, &briefing.plan.branch),
        false => own_outputs,
    };
    let mut plan = RunPlan {
        root: place.root.clone(),
        config_path: place.config_path.clone(),
        outputs_dir,
        tasks: name.iter().cloned().collect(),
        base: name.iter().map(|name| (name.clone(), brief.base.clone())).collect(),
        items: name.iter().zip(&brief.items).map(|(name, items)| (name.clone(), items.clone())).collect(),
        jobs: None,
        ..briefing.plan.clone()
    };
    project.graphs = [(graph.name.clone(), graph.clone())].into_iter().collect();
    plan.graph = graph;
    (project, plan)
}

/// Has a plan be about one bundle, which its task had no record of.
fn only(plan: &mut RunPlan, task: &TaskName, bundle: &Bundle) {
    let choice = ItemChoice(vec![ItemSelector::Bundle(bundle.clone())]);
    plan.items.insert(task.clone(), choice);
    plan.base.insert(task.clone(), BaseRecord::default());
}

/// Refuses code that makes what nobody could use: it would be stale as soon as it is there.
fn refuse_other_code(run: &Run, task: &Task, brief: &Brief) -> Result<(), OpsError> {
    let now = gather(task, &run.look()).ingredients;
    let changed: Vec<String> = changes_between(&brief.made_of, &now).into_iter().map(Change::label).collect();
    match changed.is_empty() {
        true => Ok(()),
        false => Err(SharedRunError::OtherCode { task: task.name.clone(), changed }.into()),
    }
}
