//! A run that nobody opens: what a task is told of the run it is in, and what decides about tasks.
//!
//! Verbs that look at tasks with a run's eyes (`env`, `shell`, `debug`,
//! `accept`) need one. No state knows of it, and no runner is started for it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use super::probes::Probes;
use super::run::new_run_id;
use super::{OpsError, Session, memo};
use crate::git::Repository;
use crate::model::{AfterFailure, CacheUse, Force, Graph, Interpreters, RunPlan, Stream, TaskName};
use crate::process::{self, Starter};
use crate::state::{RunLock, State};
use crate::store::Store;
use crate::task::{Config, Run};

/// Returns the plan of such a run. It takes no record that was made elsewhere.
pub fn plan(
    session: &Session,
    graph: &Graph,
    tasks: Vec<TaskName>,
    interpreters: Interpreters,
    probes: Probes,
) -> RunPlan {
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
        graph: graph.clone(),
        tasks,
        items: BTreeMap::new(),
        deferred: BTreeMap::new(),
        fresh: 0,
        base: BTreeMap::new(),
        force: Force::No,
        cache: CacheUse::Write,
        after_failure: AfterFailure::Stop,
        ignore_stale_deps: true,
        jobs: None,
        stream: Stream::No,
        interpreters,
        probes,
        command: String::new(),
        user: process::user_name(),
    }
}

/// Returns the run itself: nobody listens to it, and it starts nothing.
pub fn run(session: &Session, plan: RunPlan) -> Result<Run, OpsError> {
    let repository = Repository::discover(&session.project.root)?;
    Ok(Run {
        origin: None,
        project: session.project.clone(),
        store: Store::open(session.store_root())?,
        state: State::open(session.store_root())?,
        memo: Arc::new(memo::open(session)?.without_index()),
        config: Config::of(&session.config_files, repository.as_ref()),
        repository: repository.map(Mutex::new),
        reaper: None,
        starter: Starter::holding::<RunLock>(&[]),
        listeners: Vec::new(),
        user: process::user_name(),
        host: process::host_name(),
        plan,
    })
}
