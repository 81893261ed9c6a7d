//! Jobs of an execution that failed without a word: killed, out of memory, or never started.

use crate::aws::FailedJob;
use crate::model::{Event, RunPlan, Task, TaskName, TaskOutcome};
use crate::ops::follow::merge::Merge;
use crate::ops::shared_run::LostTask;
use crate::ops::{Deployed, OpsError};
use crate::render;

/// So many of a container's last lines are kept, and so many of those are shown.
const LINES: i32 = 1000;
const SHOWN: usize = 12;
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
    job: FailedJob,
    printed: Vec<String>,
}

impl LostJob {
    /// Returns how its task ended, or what became of its bundle; absent where it is none's.
    pub fn event(&self) -> Option<Event> {
        if self.is_known {
            let message = format!("a job of its bundles failed: {}", self.job.why);
            return Some(Event::Note { task: self.task.clone(), message });
        }
        Some(Event::TaskFinished {
            task: self.task.clone()?,
            outcome: TaskOutcome::Failed,
            timing: None,
            outputs: None,
            error: Some(self.job.error()),
            log_tail: self.shown().to_vec(),
            log: None,
        })
    }

    /// Returns what is written down of its task, unless somebody has reported how that ended; absent where it is none's.
    pub fn failure(&self) -> Option<LostTask> {
        let (task, error, log) = (self.task.clone()?, self.job.error(), self.printed.clone());
        Some(LostTask { task, error, log })
    }

    fn shown(&self) -> &[String] {
        &self.printed[self.printed.len().saturating_sub(SHOWN)..]
    }

    /// Returns it as lines.
    pub fn lines(&self) -> Vec<String> {
        let FailedJob { name, was_refused, why, .. } = &self.job;
        let first = match name.as_str() {
            "" => format!("a job was refused: {why}"),
            name if *was_refused => format!("job {name} was refused: {why}"),
            name => format!("job {name}: {why}"),
        };
        std::iter::once(first).chain(self.shown().iter().map(|line| format!("  {line}"))).collect()
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
        let task = task_of(plan.graph.name.as_str(), &plan.tasks, &job).cloned();
        let is_known = task.as_ref().is_some_and(|task| told.contains_key(task));
        let of_bundle =
            task.as_ref().and_then(|task| plan.graph.tasks.get(task)).is_some_and(Task::is_mapped);
        // Who says how it ended leaves with a code of its own; a task of which that is known may have lost bundles.
        if is_known && !(of_bundle && job.code.is_none_or(|code| code >= KILLED)) {
            continue;
        }
        let is_same = |other: &LostJob| match (&task, &other.task) {
            (None, None) => other.job.name == job.name && (other.job.why == job.why || !job.name.is_empty()),
            (task, of) => task == of && (other.job.why == job.why || !of_bundle),
        };
        if lost.iter().any(is_same) {
            continue;
        }
        if lost.len() == MOST {
            break;
        }
        let printed = match (&deployed.log_group, &job.log) {
            // A log that cannot be read leaves what AWS said.
            (Some(group), Some(stream)) => deployed.aws.last_lines(group, stream, LINES).unwrap_or_default(),
            _ => Vec::new(),
        };
        lost.push(LostJob { task, is_known, job, printed: without_blank_ends(printed) });
    }
    // The latest came first.
    lost.reverse();
    Ok(lost)
}

/// Returns the task of a job; absent where it is none's, or may be that of several.
fn task_of<'p>(graph: &str, tasks: &'p [TaskName], job: &FailedJob) -> Option<&'p TaskName> {
    let named = |what: &str| render::job_name(graph, what) == job.name;
    if job.task.is_none() && ["open", "close"].into_iter().any(named) {
        // The run's own jobs, which bear no such tag.
        return None;
    }
    // Names are cut and made plain, so two tasks may share one; values of tags are so less often.
    let tagged = |task: &str| job.task.as_ref().is_none_or(|tag| render::tag_value(task) == *tag);
    let mut meant = tasks.iter().filter(|task| named(task.as_str()) && tagged(task.as_str()));
    meant.next().filter(|_| meant.next().is_none())
}

/// A container that printed nothing may have a log of one empty line.
fn without_blank_ends(mut lines: Vec<String>) -> Vec<String> {
    let is_blank = |line: &String| line.trim().is_empty();
    lines.truncate(lines.iter().rposition(|line| !is_blank(line)).map_or(0, |last| last + 1));
    lines.drain(..lines.iter().take_while(|line| is_blank(line)).count());
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    fn job(name: &str, task: Option<&str>) -> FailedJob {
        let (name, task) = (name.to_owned(), task.map(str::to_owned));
        FailedJob { name, task, ..FailedJob::default() }
    }

    #[test]
    fn tasks_with_alike_names_are_told_apart_by_the_tags_of_their_jobs() {
        let long = |end: &str| format!("{}{end}", "f".repeat(140));
        let names = ["a.b", "a-b", "open", "fit", "Open", &long("1"), &long("2")];
        let tasks = names.map(|name| TaskName::parse(name).unwrap());
        let found =
            |name: &str, tag: Option<&str>| task_of("main", &tasks, &job(name, tag)).map(TaskName::as_str);
        for name in &tasks {
            let (name, tag) = (name.as_str(), render::tag_value(name.as_str()));
            assert_eq!(found(&render::job_name("main", name), Some(&tag)), Some(name));
        }
        // Without a tag a name may be that of two, or of the run itself.
        assert_eq!(found("kptn-main-fit", None), Some("fit"));
        assert_eq!(found("kptn-main-a-b", None), None);
        assert_eq!(found(&render::job_name("main", &long("1")), None), None);
        assert_eq!(found("kptn-main-open", None), None);
        // What was asked for is not known, or is somebody else's.
        assert_eq!(found("", None), None);
        assert_eq!(found("kptn-other-fit", Some("fit")), None);
    }

    #[test]
    fn lines_that_say_nothing_are_not_shown() {
        let lines = |text: &[&str]| text.iter().map(|line| (*line).to_owned()).collect::<Vec<_>>();
        assert_eq!(without_blank_ends(lines(&[""])), lines(&[]));
        assert_eq!(without_blank_ends(lines(&["", "a", " ", "b", ""])), lines(&["a", " ", "b"]));
    }
}
