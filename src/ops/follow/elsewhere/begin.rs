//! Which run an execution carries out: a new one, or one that goes on.

use std::sync::Arc;

use serde_json::json;

use super::ENGINE;
use crate::aws::AwsError;
use crate::model::{AfterFailure, BranchName, Diagnostic, RunCounts, RunId, RunPlan};
use crate::ops::engines::OpenedRun;
use crate::ops::holding::{EngineOpening, TakeOver, in_the_way};
use crate::ops::remotes::Peer;
use crate::ops::report::RunReport;
use crate::ops::run::{RunRequest, WhenNothing};
use crate::ops::scope::{self, Words};
use crate::ops::shared_run;
use crate::ops::{Deployed, DeployedError, OpsError, Session, Start};
use crate::process;
use crate::remote::{Absent, block_on};
use crate::state::{Engine, EngineRun};
use crate::store::Store;
use crate::task::{Listener, now_ms};

/// How long a run may be silent there: as long as a wait of its machine.
const LEASE_MS: u64 = 14 * 24 * 3_600_000;

/// A graph that can be run on AWS.
pub struct Prepared {
    /// Where it is deployed.
    pub deployed: Deployed,
    /// The run that goes on there already; absent where one is to be begun.
    pub going_on: Option<Begun>,
    /// The runs that go on there on other branches.
    pub on_others: Vec<(RunId, BranchName)>,
}

/// A run that an execution carries out.
#[derive(Debug, Clone)]
pub struct Begun {
    /// What it is to do.
    pub plan: RunPlan,
    /// The execution's ARN.
    pub execution: String,
    /// How far it was when it was found.
    pub found: Found,
    /// What was in the way.
    pub notes: Vec<Diagnostic>,
}

/// How far a run was when it was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found {
    /// It was begun just now.
    New,
    /// Its execution was started.
    Started,
    /// It is closed at the remote.
    Over,
}

/// What beginning came to.
pub enum Beginning {
    /// Everything selected is fresh.
    Nothing(Box<RunReport>),
    /// There is something to do.
    Begun(Box<Begun>),
}

/// Finds where the graph is deployed that the words name; with `follow` the run of the branch that goes on there.
pub fn prepare(start: &Start, words: &Words, follow: bool) -> Result<Prepared, OpsError> {
    let session = Session::open(start)?;
    let open = if follow { session.state()?.engine_run_on(&session.key, None)? } else { None };
    let open = open.filter(|open| open.engine.name == ENGINE && open.engine.remote.is_some());
    if let Some(open) = open {
        let plan = session.state()?.load_plan(&open.run)?;
        let deployed = Deployed::find(&session, &plan.graph).map_err(|error| deserted(error, &open))?;
        if let Some(begun) = find(&session, start, &deployed, &open, plan)? {
            return Ok(Prepared { deployed, going_on: Some(begun), on_others: Vec::new() });
        }
    }
    let graph = scope::one_graph(&session, words)?.graph;
    let deployed = Deployed::find(&session, graph)?;
    deployed.refuse_outdated(&session, graph)?;
    let open = session.state()?.engine_runs_of(&session.key.project, ENGINE)?;
    let on_others = open.into_iter().filter(|open| open.branch != session.key && !open.is_silent(now_ms()));
    let on_others = on_others.map(|open| (open.run, open.branch.branch)).collect();
    Ok(Prepared { deployed, going_on: None, on_others })
}

/// What carries a run out is not there any more.
fn deserted(error: OpsError, open: &EngineRun) -> OpsError {
    match error {
        OpsError::Deployed(source) => {
            let (run, remote) = (open.run.clone(), open.engine.remote.clone().unwrap_or_default());
            DeployedError::Deserted { run, remote, source: Box::new(source) }.into()
        }
        error => error,
    }
}

/// Finds out how far a run is that was opened before; absent where it was cut off before anybody heard of it.
fn find(
    session: &Session,
    start: &Start,
    deployed: &Deployed,
    open: &EngineRun,
    plan: RunPlan,
) -> Result<Option<Begun>, OpsError> {
    let there = open.engine.remote.clone().unwrap_or_default();
    if there.trim_end_matches('/') != deployed.remote.trim_end_matches('/') {
        let (run, here) = (open.run.clone(), deployed.remote.clone());
        return Err(DeployedError::OtherRemote { run, there, here }.into());
    }
    let store = Store::open(session.store_root())?;
    let peer = Peer::find(&session.project, store.layout(), Some(&deployed.remote), Absent::Fail)?;
    let shared = shared_run::there(&peer, &store, &plan.id);
    let execution = deployed.execution(plan.id.as_str());
    let begun =
        |found| Some(Begun { plan: plan.clone(), execution: execution.clone(), found, notes: Vec::new() });
    if block_on(shared.end())?.is_some() {
        return Ok(begun(Found::Over));
    }
    match deployed.aws.execution(&execution) {
        Ok(_) => return Ok(begun(Found::Started)),
        Err(error) if error.code() == "ExecutionDoesNotExist" => {}
        Err(error) => return Err(error.into()),
    }
    // Whoever opened it was killed, or is about to start it.
    if open.opened_by.host == process::host_name() && process::is_there(open.opened_by.pid) {
        return Err(in_the_way(open).into());
    }
    if block_on(shared.plan())?.is_none() {
        shared_run::abandon(start, &plan.id, &deployed.remote)?;
        return Ok(None);
    }
    deployed.refuse_outdated(session, &plan.graph)?;
    deployed.aws.start_execution(&deployed.machine, plan.id.as_str(), &input(deployed, &plan))?;
    Ok(begun(Found::Started))
}

/// Opens a run, and starts the execution that carries it out.
pub fn begin(
    start: &Start,
    request: &RunRequest,
    deployed: &Deployed,
    listeners: Vec<Arc<dyn Listener>>,
) -> Result<Beginning, OpsError> {
    let report = match open(start, request, deployed, listeners)? {
        OpenedRun::Nothing { fresh } => {
            let counts = RunCounts { fresh, ..RunCounts::default() };
            let report = RunReport { counts, ..RunReport::nothing(Session::open(start)?.place()) };
            return Ok(Beginning::Nothing(Box::new(report)));
        }
        OpenedRun::Open(report) => report,
    };
    let session = Session::open(start)?;
    Store::open(session.store_root())?.hit("run.execution.opened")?;
    let plan = session.state()?.load_plan(&report.run)?;
    drop(session);
    if let Err(error) =
        deployed.aws.start_execution(&deployed.machine, plan.id.as_str(), &input(deployed, &plan))
    {
        // Where AWS said no nobody else has heard of it; where no answer came, it may go on.
        if matches!(error, AwsError::Refused { .. }) {
            shared_run::abandon(start, &plan.id, &deployed.remote)?;
        }
        return Err(error.into());
    }
    let execution = deployed.execution(plan.id.as_str());
    Ok(Beginning::Begun(Box::new(Begun { plan, execution, found: Found::New, notes: report.notes })))
}

fn open(
    start: &Start,
    request: &RunRequest,
    deployed: &Deployed,
    listeners: Vec<Arc<dyn Listener>>,
) -> Result<OpenedRun, OpsError> {
    let remote = Some(deployed.remote.clone());
    let engine = Engine { name: ENGINE.to_owned(), key: None, lease_ms: LEASE_MS, remote };
    let request = RunRequest {
        engine: Some(EngineOpening { engine, take_over: TakeOver::Silent, opened: None }),
        // As its machine does: a failure stops what depends on it.
        after_failure: AfterFailure::KeepGoing,
        ..request.clone()
    };
    let check = |session: &Session, plan: &RunPlan| deployed.refuse_other_code(session, plan);
    shared_run::open_when(start, &request, &deployed.remote, WhenNothing::Skip, &check, listeners)
}

/// What the machine is given; docs/reference/stepfunctions.md lists it.
fn input(deployed: &Deployed, plan: &RunPlan) -> String {
    let place = deployed.remote.strip_prefix("s3://").unwrap_or(&deployed.remote);
    let (bucket, prefix) = place.split_once('/').unwrap_or((place, ""));
    let input = json!({
        "run": plan.id.as_str(), "remote": deployed.remote, "branch": plan.branch.as_str(),
        "bucket": bucket, "prefix": prefix,
    });
    input.to_string()
}
