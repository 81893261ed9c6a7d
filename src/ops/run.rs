//! `run` and `retry`: open a run, bring its runner up to date, start it, and say how it ended.
//!
//! ```text
//! open:  lock the branch and the output folder -> look -> write the plan down
//! start: the runner, which starts `task serve`, which runs tasks and closes the run
//! end:   read from the state what became of it
//! ```

use std::collections::{BTreeMap, BTreeSet};
use std::os::fd::AsRawFd;

use super::carry::carry;
use super::choice::{self, WhichItems};
use super::holding::{self, EngineOpening, Taken, holder};
use super::inherit::inherit;
use super::probes::Probing;
use super::remotes::defer;
use super::report::{RenderedState, RunCounts, RunReport};
use super::runner;
use super::scope::{self, Words};
use super::status::{all_before, select, stale_before};
use super::survey::{Question, Survey};
use super::{OpsError, Session, memo};
use crate::model::{
    AfterFailure, BaseRecord, CacheUse, Diagnostic, Force, Graph, ItemChoice, Language, Progress, RunId,
    RunPlan, Severity, Stream, TaskName,
};
use crate::plan::{Action, Known};
use crate::process::{self, Launch};
use crate::task::now_ms;

use crate::state::{RunLock, Wait};

/// What was asked of a run.
#[derive(Debug, Clone)]
pub struct RunRequest {
    /// The graph and its tasks.
    pub words: Words,
    /// Which items of mapped tasks.
    pub items: WhichItems,
    /// Whether fresh tasks run too.
    pub force: Force,
    /// Whether records made elsewhere are taken, and its own are offered.
    pub cache: CacheUse,
    /// What happens to the rest after a failure.
    pub after_failure: AfterFailure,
    /// Whether stale dependencies that are not selected are taken as they are.
    pub ignore_stale_deps: bool,
    /// The remote that has what is not fresh here and is not selected.
    pub defer: Option<String>,
    /// The most tasks or items at once; absent means one a core.
    pub jobs: Option<u32>,
    /// Whose lines are shown as they come.
    pub streaming: Streaming,
    /// Whether to wait for a run that holds the branch.
    pub wait: Wait,
    /// Whether events go to standard output as JSON lines.
    pub events: Events,
    /// The engine that is to carry it out; absent where this machine does.
    pub engine: Option<EngineOpening>,
    /// What was typed, for who meets the lock.
    pub command: String,
    /// Global flags about the display, which the process that draws it is given too.
    pub display: Vec<String>,
}

/// Whose lines are shown as they come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Streaming {
    /// Nobody's.
    Nobody,
    /// Those of an unmapped task that is all there is to run.
    WhoRunsAlone,
    /// Everybody's.
    Everybody,
}

impl Streaming {
    fn of(self, graph: &Graph, tasks: &[TaskName]) -> Stream {
        let alone = match tasks {
            [only] => graph.tasks.get(only).is_some_and(|task| !task.is_mapped()),
            _ => false,
        };
        match self {
            Self::Everybody => Stream::Yes,
            Self::WhoRunsAlone if alone => Stream::Yes,
            Self::WhoRunsAlone | Self::Nobody => Stream::No,
        }
    }
}

/// Where events of a run go, beside the display.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Events {
    /// Nowhere.
    Off,
    /// To standard output, as JSON lines.
    Stdout,
}

/// A run that was opened.
pub struct Opened {
    /// What it is to do.
    pub plan: RunPlan,
    /// Held until the last of runner and serve is gone.
    pub locks: Vec<RunLock>,
    /// What was in the way.
    pub notes: Vec<Diagnostic>,
}

/// What opening a run came to.
pub enum Opening<'a> {
    /// Everything selected is fresh.
    Nothing { graph: &'a Graph, fresh: u64 },
    /// There is something to do.
    Opened(Box<Opened>),
}

/// What to do where everything selected is fresh.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WhenNothing {
    /// Open no run.
    Skip,
    /// Open one all the same: a runner is waiting to hear of it.
    Open,
}

/// May refuse what was planned, before a run is opened for it.
pub type Check<'a> = &'a dyn Fn(&RunPlan) -> Result<(), OpsError>;

/// Refuses nothing.
pub const UNCHECKED: Check<'static> = &|_| Ok(());

/// Runs what is stale of a selection.
pub fn run(session: &Session, request: &RunRequest, progress: &dyn Progress) -> Result<RunReport, OpsError> {
    let opened = match open(session, request, WhenNothing::Skip, UNCHECKED, progress)? {
        Opening::Nothing { graph, fresh } => {
            let notes = runner_notes(session, graph)?.1;
            let counts = RunCounts { fresh, ..RunCounts::default() };
            return Ok(RunReport { counts, notes, ..RunReport::nothing(session.place()) });
        }
        Opening::Opened(opened) => *opened,
    };
    let (runner, mut notes) = runner_notes(session, &opened.plan.graph)?;
    notes.extend(opened.notes.iter().cloned());
    let exit = start_runner(session, request, &opened, &runner)?;
    let report = report(session, &opened.plan, notes, exit)?;
    drop(opened.locks);
    Ok(report)
}

/// Locks, looks, and writes the plan of a run down.
pub fn open<'a>(
    session: &'a Session,
    request: &RunRequest,
    when_nothing: WhenNothing,
    check: Check<'_>,
    progress: &dyn Progress,
) -> Result<Opening<'a>, OpsError> {
    let scope = scope::one_graph(session, &request.words)?;
    super::protect::refuse_elsewhere(session)?;
    session.store()?;
    let Taken { locks, notes } = holding::take(session, request)?;
    take_over(session)?;
    carry(session, scope.graph)?;
    let memo = memo::open(session)?;
    let question = Question { graph: scope.graph, probing: Probing::Ask, force: &|_| Force::No };
    let survey = Survey::of(session, &memo, &question)?;
    memo::save(&memo);
    let selected = match request.items {
        WhichItems::Failed => choice::failed_tasks(session, &survey),
        WhichItems::All | WhichItems::Of(_) => select(session, &survey, &scope.selectors, &scope.exclude)?,
    };
    super::check::refuse_broken(session, &survey, &selected)?;
    let items = choice::of_request(session, &survey, &request.items, &selected)?;
    let deferred = match &request.defer {
        Some(remote) => defer(session, &survey, remote, &selected, progress)?,
        None => BTreeMap::new(),
    };
    let stale = stale_before(session, &survey, &selected);
    if !stale.is_empty() && !request.ignore_stale_deps && request.defer.is_none() {
        return Err(OpsError::StaleDependencies { stale, selected, graph: scope.graph.name.clone() });
    }
    let tasks = to_look_at(session, &survey, &selected, request.force);
    let looked_at: BTreeSet<&TaskName> = tasks.iter().collect();
    let fresh = selected.iter().filter(|task| !looked_at.contains(task)).count() as u64;
    if tasks.is_empty() && when_nothing == WhenNothing::Skip {
        return Ok(Opening::Nothing { graph: scope.graph, fresh });
    }
    require_rscript(session, &survey, &tasks)?;
    let plan = RunPlan { deferred, ..plan_of(session, request, survey, tasks, fresh, items) };
    check(&plan)?;
    let by = holder(&request.command);
    match &request.engine {
        Some(opening) => session.state()?.open_engine_run(&plan, &opening.engine, &by, now_ms())?,
        None => session.state()?.open_run(&plan, &by.host, now_ms())?,
    }
    super::renames::see(session)?;
    Ok(Opening::Opened(Box::new(Opened { plan, locks, notes })))
}

/// A detached HEAD runs from the state that it reads: it becomes its own first.
pub(super) fn take_over(session: &Session) -> Result<(), OpsError> {
    if session.reads() != &session.key {
        inherit(session, &session.reads().branch, &session.key.branch)?;
    }
    session.owns_state();
    Ok(())
}

/// Refuses to begin what an R task would end.
fn require_rscript(session: &Session, survey: &Survey<'_>, tasks: &[TaskName]) -> Result<(), OpsError> {
    let is_r = |task: &&TaskName| {
        survey.graph.tasks.get(*task).is_some_and(|task| task.script.language == Language::R)
    };
    match tasks.iter().find(is_r) {
        Some(task) if survey.interpreters.r.is_none() => {
            let named = session.project.settings.rscript.clone();
            Err(OpsError::NoRscript { task: task.clone(), named })
        }
        _ => Ok(()),
    }
}

/// What is not fresh, and what before it only has to take a record made elsewhere.
fn to_look_at(session: &Session, survey: &Survey<'_>, selected: &[TaskName], force: Force) -> Vec<TaskName> {
    let kept = |task: &TaskName| {
        matches!(survey.decisions.get(task).map(|decision| &decision.action), Some(Action::Keep(_)))
    };
    let dag = session.dag(survey.graph);
    let mut wanted: std::collections::BTreeSet<TaskName> =
        selected.iter().filter(|task| force == Force::Yes || !kept(task)).cloned().collect();
    let adopted = |task: &TaskName| {
        matches!(survey.decisions.get(task).map(|decision| &decision.action), Some(Action::Reuse(_)))
    };
    let chosen: Vec<TaskName> = wanted.iter().cloned().collect();
    wanted.extend(all_before(dag, &chosen).into_iter().filter(adopted));
    dag.order().iter().filter(|task| wanted.contains(*task)).cloned().collect()
}

fn plan_of(
    session: &Session,
    request: &RunRequest,
    survey: Survey<'_>,
    tasks: Vec<TaskName>,
    fresh: u64,
    items: BTreeMap<TaskName, ItemChoice>,
) -> RunPlan {
    let base: BTreeMap<_, _> = tasks
        .iter()
        .map(|task| {
            let estimate_ms = survey.known.current(task).map(|record| record.timing.wall_ms);
            (task.clone(), BaseRecord { record: survey.known.current_digest(task), estimate_ms })
        })
        .collect();
    RunPlan {
        format: 1,
        id: new_run_id(),
        project: session.key.project.clone(),
        root: session.project.root.clone(),
        config_path: session.project.config_path.clone(),
        branch: session.key.branch.clone(),
        head: (session.head.branch != session.key.branch).then(|| session.head.branch.clone()),
        commit: session.head.commit.clone(),
        outputs_dir: session.outputs_dir.clone(),
        stream: request.streaming.of(survey.graph, &tasks),
        graph: survey.graph.clone(),
        items,
        deferred: BTreeMap::new(),
        tasks,
        fresh,
        base,
        force: request.force,
        cache: request.cache,
        after_failure: request.after_failure,
        ignore_stale_deps: request.ignore_stale_deps,
        jobs: request.jobs,
        interpreters: survey.interpreters,
        probes: survey.probes,
        command: request.command.clone(),
        user: process::user_name(),
    }
}

/// Returns an id that no other run has.
pub(super) fn new_run_id() -> RunId {
    use std::hash::{BuildHasher, Hasher};
    // The standard library's hasher keys are random per process.
    let random = std::collections::hash_map::RandomState::new().build_hasher().finish();
    RunId::new(now_ms(), random as u32)
}

/// Brings the runner up to date; says where a person's edit stands in the way.
fn runner_notes(session: &Session, graph: &Graph) -> Result<(std::path::PathBuf, Vec<Diagnostic>), OpsError> {
    let rendered = runner::render_plain(session, graph)?;
    let mut notes = Vec::new();
    if rendered.state == RenderedState::Edited {
        let note = Diagnostic::new(Severity::Note, "the runner was edited by hand, and runs as it is")
            .at(&rendered.path, None)
            .hint(format!(
                "run `kptn render {} --replace` to write it anew; the edited one is kept beside it",
                graph.name
            ));
        notes.push(note);
    }
    if let RenderedState::Replaced { aside } = &rendered.state {
        let message = format!("the runner that was here is not kptn's: it is kept as `{}`", aside.display());
        notes.push(Diagnostic::new(Severity::Note, message).at(&rendered.path, None));
    }
    Ok((rendered.path, notes))
}

fn start_runner(
    session: &Session,
    request: &RunRequest,
    opened: &Opened,
    runner: &std::path::Path,
) -> Result<Option<i32>, OpsError> {
    let no_python = || OpsError::NoPython { named: session.project.settings.python.clone() };
    let python = opened.plan.interpreters.python.as_ref().ok_or_else(no_python)?;
    let program = std::env::current_exe()
        .map_err(|source| OpsError::io("find", std::path::Path::new("kptn"), source))?;
    let launch = Launch::new(&python.path)
        .arguments([runner.as_os_str(), "--run".as_ref(), opened.plan.id.as_str().as_ref()])
        .arguments(&request.display)
        .folder(&session.project.root)
        .variable("KPTN_BIN", program.as_os_str())
        .variable("KPTN_STORE", session.store_root().as_os_str())
        .variable("KPTN_BRANCH", session.key.branch.as_str());
    let mut hand_on = Vec::new();
    for lock in &opened.locks {
        let passed =
            lock.pass_fds().map_err(|source| OpsError::io("pass on", session.store_root(), source))?;
        hand_on.extend(passed);
    }
    let events = match request.events {
        Events::Off => None,
        Events::Stdout => Some(process::duplicate_stdout()?),
    };
    let launch = match &events {
        Some(events) => {
            hand_on.push(events.as_raw_fd());
            launch.variable("KPTN_EVENTS_FD", events.as_raw_fd().to_string())
        }
        None => launch,
    };
    Ok(process::run_in_foreground(launch, &hand_on)?)
}

/// Reads from the state what became of a run.
pub(super) fn report(
    session: &Session,
    plan: &RunPlan,
    notes: Vec<Diagnostic>,
    exit: Option<i32>,
) -> Result<RunReport, OpsError> {
    let row = session.state()?.run(&plan.id)?;
    let counts = row.and_then(|row| row.counts);
    let attempts = session.state()?.failed_attempts(&session.key, &plan.graph.namespace)?;
    let failures = attempts
        .into_iter()
        .filter(|(_, attempt)| attempt.run == plan.id)
        .map(|(task, attempt)| (task, attempt.error))
        .collect();
    Ok(RunReport {
        run: Some(plan.id.clone()),
        place: session.place(),
        // Where the runner or serve was killed, the next run folds in what finished.
        runner_exit: if counts.is_some() { None } else { Some(exit.unwrap_or(-1)) },
        counts: counts.unwrap_or_default(),
        failures,
        notes,
    })
}
