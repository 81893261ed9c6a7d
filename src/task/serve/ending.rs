//! How a run ends: what was not started and why, and the exit code.
//!
//! Pure, but for the words: what became of each task goes in, counts and events
//! come out. `docs/reference/exit-codes.md` lists the codes.

use std::collections::BTreeMap;

use super::Hello;
use crate::model::{BranchName, Event, RunPlan, TaskName, TaskOutcome};
use crate::state::RunCounts;
use crate::task::Run;

/// A task failed.
pub const FAILED: i32 = 1;
/// The runner asked for what cannot be.
pub const USAGE: i32 = 2;
/// Somebody else changed what the run stands on.
pub const CONFLICT: i32 = 3;
/// Disk, state or system failed.
pub const ENVIRONMENT: i32 = 4;

/// What is said of a task that nobody started, without anybody having said why.
pub const NOT_STARTED: &str = "the runner did not start it";

/// Why no further task starts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stop {
    /// Ctrl-C.
    Interrupted,
    /// SIGTERM.
    Terminated,
    /// The runner, or what started it, has gone without a word.
    RunnerGone,
    /// Another branch was checked out.
    HeadMoved { from: BranchName, to: BranchName },
    /// The runner asked for what cannot be.
    Misled { how: String },
}

impl Stop {
    /// Tells whether what runs is stopped too.
    pub fn ends_at_once(&self) -> bool {
        matches!(self, Self::Interrupted | Self::Terminated | Self::RunnerGone)
    }

    /// Returns what to tell people, as a fragment.
    pub fn words(&self) -> String {
        match self {
            Self::Interrupted => "interrupted".to_owned(),
            Self::Terminated => "asked to end".to_owned(),
            Self::RunnerGone => "what started it is gone".to_owned(),
            Self::HeadMoved { from, to } => {
                format!("the run is for the branch `{from}`, and `{to}` was checked out meanwhile")
            }
            Self::Misled { how } => format!("the runner does not fit `kptn.yaml`, {how}; run `kptn render`"),
        }
    }
}

/// What became of a run.
#[derive(Debug, Default)]
pub struct Ending {
    /// How the tasks that were started ended.
    pub outcomes: BTreeMap<TaskName, TaskOutcome>,
    /// Why no further one was started; absent where all could be.
    pub stop: Option<Stop>,
}

/// Returns the event with which a run begins.
pub fn run_started(run: &Run, hello: &Hello) -> Event {
    let plan = &run.plan;
    let estimates: Option<Vec<u64>> =
        plan.tasks.iter().map(|task| plan.base.get(task).and_then(|base| base.estimate_ms)).collect();
    let estimate_ms = estimates.map(|all| {
        let longest = all.iter().max().copied().unwrap_or(0);
        longest.max(all.iter().sum::<u64>() / u64::from(hello.slots))
    });
    Event::run_started(plan, estimate_ms)
}

/// Returns an event for each task that was never started, in the order of the plan.
pub fn skipped(plan: &RunPlan, ending: &Ending) -> Vec<Event> {
    let failed = failed_before(plan, ending);
    let not_started = plan.tasks.iter().filter(|task| !ending.outcomes.contains_key(*task));
    not_started
        .map(|task| Event::TaskFinished {
            task: task.clone(),
            outcome: TaskOutcome::Skipped,
            timing: None,
            outputs: None,
            error: Some(why_not_started(ending, failed.get(task))),
            log_tail: Vec::new(),
            log: None,
        })
        .collect()
}

/// Returns for each task of the run the failed one that it waits for, directly or not.
fn failed_before(plan: &RunPlan, ending: &Ending) -> BTreeMap<TaskName, TaskName> {
    let mut waits_for: BTreeMap<TaskName, TaskName> = BTreeMap::new();
    // Dependencies come first in a plan, so one pass is enough.
    for task in plan.tasks.iter().filter_map(|name| plan.graph.tasks.get(name)) {
        let failed = |dep: &&TaskName| ending.outcomes.get(*dep) == Some(&TaskOutcome::Failed);
        let direct = task.deps.iter().find(failed);
        let cause = direct.or_else(|| task.deps.iter().find_map(|dep| waits_for.get(dep)));
        if let Some(cause) = cause.cloned() {
            waits_for.insert(task.name.clone(), cause);
        }
    }
    waits_for
}

fn why_not_started(ending: &Ending, failed_before: Option<&TaskName>) -> String {
    if let Some(dep) = failed_before {
        return format!("`{dep}`, on which it depends, failed");
    }
    match (&ending.stop, ending.outcomes.iter().find(|(_, outcome)| **outcome == TaskOutcome::Failed)) {
        (Some(stop), _) => stop.words(),
        (None, Some((task, _))) => format!("`{task}` failed"),
        (None, None) => NOT_STARTED.to_owned(),
    }
}

/// Counts tasks by outcome.
pub fn counts(run: &Run, ending: &Ending) -> RunCounts {
    let mut counts = RunCounts { fresh: run.plan.fresh, ..RunCounts::default() };
    for task in &run.plan.tasks {
        *match ending.outcomes.get(task) {
            Some(TaskOutcome::Ran) => &mut counts.ran,
            Some(TaskOutcome::Spared) => &mut counts.spared,
            Some(TaskOutcome::Reused) => &mut counts.reused,
            Some(TaskOutcome::Failed) => &mut counts.failed,
            Some(TaskOutcome::Skipped) | None => &mut counts.skipped,
        } += 1;
    }
    counts
}

/// Returns what the process leaves with.
pub fn exit_code(ending: &Ending, counts: &RunCounts) -> i32 {
    match &ending.stop {
        Some(Stop::Interrupted) => 128 + 2,
        Some(Stop::Terminated) => 128 + 15,
        Some(Stop::RunnerGone) => FAILED,
        _ if counts.failed > 0 => FAILED,
        Some(Stop::HeadMoved { .. }) => CONFLICT,
        Some(Stop::Misled { .. }) => USAGE,
        // A runner that a person edited may leave tasks out.
        None => 0,
    }
}
