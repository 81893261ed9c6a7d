//! Jobs of an execution that failed without a word: killed, out of memory, or never started.

use crate::model::{Event, RunPlan, Task, TaskName, TaskOutcome};
use crate::ops::follow::merge::Merge;
use crate::ops::{Deployed, OpsError};
use crate::render;

/// So many of a container's last lines are shown.
const LINES: i32 = 12;
/// The exit code of a program that was killed is at least this.
const KILLED: i32 = 128;
/// So many jobs are looked at.
const MOST: usize = 20;

/// A job that failed, and of which its program has said nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct LostJob {
    /// Its task; absent for the jobs that open and close a run, and for one whose task cannot be told.
    pub task: Option<TaskName>,
    /// Whether how its task ended is known: then it is one of its bundles.
    pub is_known: bool,
    name: String,
    why: String,
    log: Vec<String>,
}

impl LostJob {
    /// Returns how its task ended, or what became of its bundle; absent where it is none's.
    pub fn event(&self) -> Option<Event> {
        if self.is_known {
            let message = format!("a job of its bundles failed: {}", self.why);
            return Some(Event::Note { task: self.task.clone(), message });
        }
        Some(Event::TaskFinished {
            task: self.task.clone()?,
            outcome: TaskOutcome::Failed,
            timing: None,
            outputs: None,
            error: Some(format!("its job failed: {}", self.why)),
            log_tail: self.log.clone(),
            log: None,
        })
    }

    /// Returns it as lines.
    pub fn lines(&self) -> Vec<String> {
        let first = match self.name.as_str() {
            "" => format!("a job was refused: {}", self.why),
            name => format!("job {name}: {}", self.why),
        };
        std::iter::once(first).chain(self.log.iter().map(|line| format!("  {line}"))).collect()
    }
}

/// Returns such jobs, with the last lines of their logs; of a task that was tried several times the last, of bundles
/// each reason once.
pub(super) fn lost_jobs(
    deployed: &Deployed,
    execution: &str,
    plan: &RunPlan,
    merge: &Merge,
) -> Result<Vec<LostJob>, OpsError> {
    let told = merge.outcomes();
    let mut lost: Vec<LostJob> = Vec::new();
    for job in deployed.aws.failed_jobs(execution)? {
        let named = |what: &str| render::job_name(plan.graph.name.as_str(), what) == job.name;
        // The run's own jobs bear these names, whatever tasks are called.
        let is_own = ["open", "close"].into_iter().any(named);
        let task = plan.tasks.iter().find(|task| !is_own && named(task.as_str())).cloned();
        let is_known = task.as_ref().is_some_and(|task| told.contains_key(task));
        let of_bundle =
            task.as_ref().and_then(|task| plan.graph.tasks.get(task)).is_some_and(Task::is_mapped);
        // Who says how it ended leaves with a code of its own; a task of which that is known may have lost bundles.
        if is_known && !(of_bundle && job.code.is_none_or(|code| code >= KILLED)) {
            continue;
        }
        if lost.iter().any(|other| {
            other.name == job.name && (other.why == job.why || !of_bundle && !job.name.is_empty())
        }) {
            continue;
        }
        if lost.len() == MOST {
            break;
        }
        let log = match (&deployed.log_group, &job.log) {
            // A log that cannot be read leaves what AWS said.
            (Some(group), Some(stream)) => deployed.aws.last_lines(group, stream, LINES).unwrap_or_default(),
            _ => Vec::new(),
        };
        lost.push(LostJob { task, is_known, name: job.name, why: job.why, log });
    }
    // The latest came first.
    lost.reverse();
    Ok(lost)
}
