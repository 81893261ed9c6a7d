//! Jobs of an execution that failed without a word: killed, out of memory, or never started.

use super::merge::Merge;
use crate::model::{Event, RunPlan, TaskName, TaskOutcome};
use crate::ops::{Deployed, OpsError};
use crate::render;

/// So many of a container's last lines are shown.
const LINES: i32 = 12;
/// So many jobs are looked at.
const MOST: usize = 20;

/// A job that failed, and of which its program has said nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct LostJob {
    /// Its task; absent for the jobs that open and close a run, and for one whose task cannot be told.
    pub task: Option<TaskName>,
    name: String,
    why: String,
    log: Vec<String>,
}

impl LostJob {
    /// Returns how its task ended; absent where it is none's.
    pub fn event(&self) -> Option<Event> {
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
        let first = format!("job {}: {}", self.name, self.why);
        std::iter::once(first).chain(self.log.iter().map(|line| format!("  {line}"))).collect()
    }
}

/// Returns such jobs, with the last lines of their logs; of a task that was tried several times the last.
pub(super) fn lost_jobs(
    deployed: &Deployed,
    execution: &str,
    plan: &RunPlan,
    merge: &Merge,
) -> Result<Vec<LostJob>, OpsError> {
    let told = merge.outcomes();
    let mut lost: Vec<LostJob> = Vec::new();
    for job in deployed.aws.failed_jobs(execution)? {
        let is_its = |task: &&TaskName| render::job_name(plan.graph.name.as_str(), task.as_str()) == job.name;
        let task = plan.tasks.iter().find(is_its).cloned();
        let known = task.as_ref().is_some_and(|task| told.contains_key(task));
        if known || lost.iter().any(|other| other.name == job.name) {
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
        lost.push(LostJob { task, name: job.name, why: job.why, log });
    }
    // The latest came first.
    lost.reverse();
    Ok(lost)
}
