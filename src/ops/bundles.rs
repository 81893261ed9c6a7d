//! `task bundles`: the stale items of a mapped task, in the stretches that an engine hands out.
//!
//! A bundle is a stretch of the list, named by the list's digest and two places.
//! So its name is short, means the same in every process, and stays right while
//! other bundles finish: what is fresh in it does not run again.

use serde::Serialize;

use super::items::{self, Addressed};
use super::probes::Probing;
use super::survey::{Question, Survey};
use super::{OpsError, Session, memo};
use crate::model::{Bundle, Force, Graph, GraphName, RunId, Status, Task, TaskName};
use crate::plan::{Known, expand_items, list_provider, refuse_shared_output};

/// No more bundles are named than an engine takes in one message.
pub const AT_MOST: u64 = 1000;

/// `kptn task bundles`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct BundlesReport {
    /// The graph.
    pub graph: GraphName,
    /// The mapped task.
    pub task: TaskName,
    /// The run that was asked about; absent where it was what a run would do now.
    pub run: Option<RunId>,
    /// All items.
    pub items: u64,
    /// Those that have to run.
    pub stale: u64,
    /// Stale items in each bundle, but the last.
    pub bundle_size: u64,
    /// Bundles to have in flight at most; absent means no limit.
    pub in_flight: Option<u64>,
    /// The bundles, in the order of the list; none where nothing has to run item by item.
    pub bundles: Vec<Bundle>,
}

/// Returns the bundles of a task, at most so many.
pub fn bundles(
    session: &Session,
    graph: Option<String>,
    task: &str,
    run: Option<&str>,
    at_most: u64,
) -> Result<BundlesReport, OpsError> {
    let Addressed { graph, task, .. } = items::address(session, graph, task)?;
    if !task.is_mapped() {
        return Err(OpsError::NoItems { task: task.name.clone() });
    }
    let run = run.map(|run| super::tasks::load_plan(session, run)).transpose()?;
    if run.as_ref().is_some_and(|plan| !plan.tasks.contains(&task.name)) {
        return Ok(none(graph, task, run.map(|plan| plan.id)));
    }
    let force = run.as_ref().map_or(Force::No, |plan| plan.force);
    let memo = memo::open(session)?;
    let forced = |name: &TaskName| if *name == task.name { force } else { Force::No };
    let question = Question { graph, probing: Probing::Believe, force: &forced };
    let survey = Survey::of(session, &memo, &question)?;
    memo::save(&memo);
    let stale: Vec<TaskName> = not_fresh_before(&survey, task);
    if !stale.is_empty() {
        return Err(OpsError::StaleDependencies {
            stale,
            selected: vec![task.name.clone()],
            graph: graph.name.clone(),
        });
    }
    let (total, places, list) = stale_places(&survey, task);
    let stale = places.len() as u64;
    let size = size_of(task, stale, at_most);
    let whole = refuse_shared_output(task).is_err();
    let bundles = match list {
        Some(list) if whole && stale > 0 => vec![Bundle { list, from: 0, to: total }],
        Some(list) => places
            .chunks(usize::try_from(size).unwrap_or(usize::MAX))
            .filter_map(|chunk| Some(Bundle { list, from: *chunk.first()?, to: chunk.last()? + 1 }))
            .collect(),
        None => Vec::new(),
    };
    Ok(BundlesReport {
        graph: graph.name.clone(),
        task: task.name.clone(),
        run: run.map(|plan| plan.id),
        items: total,
        stale,
        bundle_size: size,
        in_flight: in_flight(task, size),
        bundles,
    })
}

/// Returns how many stale items each bundle has, where at most so many are to be named: a whole multiple of the task's
/// own size, so that its workers get what they are used to.
pub(super) fn size_of(task: &Task, stale: u64, at_most: u64) -> u64 {
    let size = u64::from(task.bundle_size.max(1));
    size * stale.div_ceil(size * at_most.max(1)).max(1)
}

/// Returns how many bundles of a size may run at once; absent means no limit.
pub(super) fn in_flight(task: &Task, size: u64) -> Option<u64> {
    task.group_size.map(|group| (u64::from(group) / size).max(1))
}

/// A task that the run was not opened for is left alone.
fn none(graph: &Graph, task: &Task, run: Option<RunId>) -> BundlesReport {
    BundlesReport {
        graph: graph.name.clone(),
        task: task.name.clone(),
        run,
        items: 0,
        stale: 0,
        bundle_size: u64::from(task.bundle_size.max(1)),
        in_flight: None,
        bundles: Vec::new(),
    }
}

fn not_fresh_before(survey: &Survey<'_>, task: &Task) -> Vec<TaskName> {
    let known =
        |dep: &&TaskName| survey.decisions.get(*dep).is_some_and(|decision| decision.record().is_some());
    task.deps.iter().filter(|dep| !known(dep)).cloned().collect()
}

/// Returns how many items there are, the places of those that have to run, and what the list is.
fn stale_places(survey: &Survey<'_>, task: &Task) -> (u64, Vec<u64>, Option<crate::model::Digest>) {
    let provider = list_provider(survey.graph, task).ok();
    let record = provider.and_then(|provider| survey.decisions.get(&provider.name)?.record().cloned());
    let list = record.as_ref().and_then(|record| record.result);
    let Some(decision) = survey.decisions.get(&task.name).filter(|one| one.status != Status::Fresh) else {
        let value = record.and_then(|record| survey.known.result(&record));
        let items = provider.zip(value).and_then(|(provider, value)| expand_items(provider, &value).ok());
        return (items.map_or(0, |items| items.len() as u64), Vec::new(), list);
    };
    let Some(plan) = &decision.items else { return (0, Vec::new(), list) };
    let stale: std::collections::HashSet<_> = plan.stale.iter().map(|stale| stale.key).collect();
    let places = plan.order.iter().enumerate().filter(|(_, key)| stale.contains(key));
    (plan.total(), places.map(|(at, _)| at as u64).collect(), list)
}
