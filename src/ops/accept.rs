//! `accept`: what lies in the output folder counts as made by today's code, because a person says why.
//!
//! ```text
//! A  accepted        its own record from now on
//! └─ B  not named    looked at as it is: fresh where A's bytes are as before
//!    └─ C  accepted  only where B holds
//! ```
//! All tasks that were named get their records in one operation, or none does.
//! Other branches do not find these records by their fingerprint: a clone or a
//! pull takes them along.

use std::collections::{BTreeMap, BTreeSet};

use super::carry::carry;
use super::holding::holder;
use super::mover::Mover;
use super::probes::Probing;
use super::report::{AcceptReport, AcceptedTask};
use super::run::take_over;
use super::scope::{self, Words};
use super::status::{all_before, select};
use super::survey::{Question, Survey};
use super::{Footing, OpsError, Session, memo, protect, unopened};
use crate::model::{Address, BranchName, Force, Graph, ItemChoice, ItemSelector, TaskName};
use crate::state::{Change, LockOn, RunLock, Target, Wait};
use crate::task::accept::{AcceptError, Accepted, Acceptor};
use crate::task::{Shared, TaskError};

/// What to accept, and why.
#[derive(Debug, Clone)]
pub struct AcceptRequest {
    /// The graph and its tasks; `TASK[ITEM]` means one item.
    pub words: Words,
    /// The reason, for everyone who meets the record.
    pub why: String,
    /// Whether a protected branch may have it.
    pub on_protected: OnProtected,
}

/// What happens on a protected branch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnProtected {
    /// Nothing is accepted.
    Refuse,
    /// It is, as anywhere.
    Accept,
}

/// Why nothing was accepted.
#[derive(Debug, thiserror::Error)]
pub enum NotAccepted {
    /// Something about one task.
    #[error("`{task}` cannot be accepted")]
    Task {
        /// The task.
        task: TaskName,
        /// What.
        source: Box<AcceptError>,
    },
    /// Dependencies that do not hold.
    #[error("`{task}` depends on what is not fresh: {}", super::error::list(.dependencies))]
    Dependencies {
        /// The task.
        task: TaskName,
        /// Its direct dependencies that do not hold.
        dependencies: Vec<TaskName>,
    },
    /// A branch that takes only what was made on it.
    #[error("`{branch}` is protected, and what lies there was not made by a run on it")]
    Protected {
        /// The branch.
        branch: BranchName,
    },
    /// The bytes could not be taken in.
    #[error("what lies there cannot be kept")]
    NotKept {
        /// Why.
        source: Box<TaskError>,
    },
    /// A reason that says nothing.
    #[error("the reason is empty")]
    NoReason,
}

/// Gives the tasks that were named records of what lies there, as one operation.
pub fn accept(
    session: &Session,
    footing: &Footing,
    request: &AcceptRequest,
) -> Result<AcceptReport, OpsError> {
    let why = request.why.trim();
    if why.is_empty() {
        return Err(NotAccepted::NoReason.into());
    }
    let branch = &session.key.branch;
    let protection = protect::protection(footing, branch)?;
    if protection.covers(branch.as_str()) && request.on_protected == OnProtected::Refuse {
        return Err(NotAccepted::Protected { branch: branch.clone() }.into());
    }
    protect::refuse_elsewhere(session)?;
    let scope = scope::one_graph(session, &request.words)?;
    let (selectors, mut items) = sorted_out(&scope.selectors)?;
    let has_none = |task: &&TaskName| scope.graph.tasks.get(*task).is_some_and(|task| !task.is_mapped());
    if let Some(task) = items.keys().find(has_none) {
        return Err(OpsError::NoItems { task: task.clone() });
    }
    let on = LockOn::Outputs(&session.outputs_dir);
    session.store()?;
    take_over(session)?;
    {
        let on = LockOn::Branch(&session.key);
        let _lock = RunLock::acquire(session.store_root(), on, Wait::No, &holder(&footing.command))?;
        carry(session, scope.graph)?;
    }
    let mover = Mover::of(footing, &session.key)?;
    let _lock = RunLock::acquire(session.store_root(), on, Wait::No, &holder(&footing.command))?;
    session.state()?.take_in_dead(&session.key)?;

    let memo = memo::open(session)?;
    let question = Question { graph: scope.graph, probing: Probing::Ask, force: &|_| Force::No };
    let survey = Survey::of(session, &memo, &question)?;
    memo::save(&memo);
    let mut wanted: BTreeSet<TaskName> = items.keys().cloned().collect();
    if !selectors.is_empty() || items.is_empty() {
        let whole = select(session, &survey, &selectors, &scope.exclude)?;
        items.retain(|task, _| !whole.contains(task));
        wanted.extend(whole);
    }
    let Survey { graph, interpreters, probes, .. } = survey;
    let mut plan = unopened::plan(session, graph, wanted.iter().cloned().collect(), interpreters, probes);
    plan.items = items;
    let run = unopened::run(session, plan)?;
    let shared = Shared::load(&run, &session.key)?;
    let acceptor = Acceptor::new(&shared, why);
    let tasks = one_by_one(session, graph, &acceptor, &wanted)?;
    let kept = |error: TaskError| NotAccepted::NotKept { source: Box::new(error) };
    acceptor.keep().map_err(kept)?;
    memo::save(&run.memo);
    let changes: Vec<_> = tasks.iter().filter_map(|(task, accepted)| change(graph, task, accepted)).collect();
    let operation = if changes.is_empty() {
        None
    } else {
        let entry = footing.entry("accept", why, &session.key);
        Some(mover.go(Target::With(&changes), &entry)?.operation)
    };
    acceptor.is_kept().map_err(kept)?;
    Ok(AcceptReport {
        branch: branch.clone(),
        operation,
        why: why.to_owned(),
        tasks: tasks.into_iter().map(|(task, accepted)| row(task, accepted)).collect(),
    })
}

type Outcome = Option<Accepted>;

/// Looks at what was named and at everything before it, dependencies first; returns what became of what was named.
fn one_by_one(
    session: &Session,
    graph: &Graph,
    acceptor: &Acceptor<'_>,
    wanted: &BTreeSet<TaskName>,
) -> Result<Vec<(TaskName, Outcome)>, OpsError> {
    let dag = session.dag(graph);
    let named: Vec<TaskName> = wanted.iter().cloned().collect();
    let before = all_before(dag, &named);
    let mut held: BTreeSet<&TaskName> = BTreeSet::new();
    let mut done = Vec::new();
    for name in dag.order().iter().filter(|name| wanted.contains(*name) || before.contains(*name)) {
        let Some(task) = graph.tasks.get(name) else { continue };
        let stale: Vec<_> = task.deps.iter().filter(|dep| !held.contains(dep)).cloned().collect();
        let failed = |source: AcceptError| NotAccepted::Task { task: name.clone(), source: Box::new(source) };
        if !wanted.contains(name) {
            if stale.is_empty() && acceptor.holds(task).map_err(|error| failed(error.into()))? {
                held.insert(name);
            }
            continue;
        }
        if !stale.is_empty() {
            return Err(NotAccepted::Dependencies { task: name.clone(), dependencies: stale }.into());
        }
        let accepted = acceptor.accept(task).map_err(failed)?;
        if accepted.as_ref().is_none_or(|one| one.left == 0) {
            held.insert(name);
        }
        done.push((name.clone(), accepted));
    }
    Ok(done)
}

/// Parts selectors of tasks from names of items.
fn sorted_out(words: &[String]) -> Result<(Vec<String>, BTreeMap<TaskName, ItemChoice>), OpsError> {
    let mut selectors = Vec::new();
    let mut items: BTreeMap<TaskName, ItemChoice> = BTreeMap::new();
    for word in words {
        if !word.ends_with(']') {
            selectors.push(word.clone());
            continue;
        }
        let Address { task, item } = Address::parse(word).map_err(|error| OpsError::Address { error })?;
        items.entry(task).or_default().0.extend(item.map(ItemSelector::Named));
    }
    Ok((selectors, items))
}

fn change(graph: &Graph, task: &TaskName, accepted: &Outcome) -> Option<Change> {
    let one = accepted.as_ref()?;
    Some(Change {
        graph: graph.namespace.clone(),
        task: task.clone(),
        record: Some((one.record, one.outputs)),
    })
}

fn row(task: TaskName, accepted: Outcome) -> AcceptedTask {
    AcceptedTask {
        task,
        record: accepted.as_ref().map(|one| one.record),
        files: accepted.as_ref().map_or(0, |one| one.files),
        items: accepted.as_ref().and_then(|one| one.items),
        left: accepted.as_ref().map_or(0, |one| one.left),
        result: accepted.is_some_and(|one| one.result),
    }
}
