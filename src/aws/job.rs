//! What AWS says of a job that failed: in an event of its execution, or where a state machine has written that down.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::TASK_TAG;

/// A job that failed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FailedJob {
    /// Its name; empty where it was refused and what was asked for is not told.
    pub name: String,
    /// The task that it was tagged with; absent where it has no such tag.
    pub task: Option<String>,
    /// Whether Batch did not take it.
    pub was_refused: bool,
    /// Why, as AWS says it.
    pub why: String,
    /// The exit code of its program; absent where it did not come to one.
    pub code: Option<i32>,
    /// The log stream of its container; absent where none was started.
    pub log: Option<String>,
}

/// What Batch says of a job, as Step Functions hands it on.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Job {
    job_name: String,
    #[serde(default)]
    status_reason: Option<String>,
    #[serde(default)]
    container: Option<Container>,
    #[serde(default)]
    tags: Option<BTreeMap<String, String>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Container {
    reason: Option<String>,
    log_stream_name: Option<String>,
    exit_code: Option<i32>,
}

impl FailedJob {
    /// Returns the job that the cause of an error tells of; absent where that is about none.
    pub fn of_cause(cause: &str) -> Option<Self> {
        let job: Job = serde_json::from_str(cause).ok()?;
        let Container { reason, exit_code, log_stream_name } = job.container.unwrap_or_default();
        let code = exit_code.map(|code| format!("exit code {code}"));
        let mut why: Vec<String> = [job.status_reason, reason].into_iter().flatten().chain(code).collect();
        why.retain(|text| !text.is_empty());
        why.dedup();
        let task = job.tags.unwrap_or_default().remove(TASK_TAG);
        let (name, why) = (job.job_name, why.join("; "));
        Some(Self { name, task, was_refused: false, why, code: exit_code, log: log_stream_name })
    }

    /// Returns a job of which there is nothing but an error: it was refused, or never came to its end.
    pub fn of_error(error: Option<&str>, cause: Option<&str>) -> Self {
        // A cause that begins as a job and is none was cut off: it says nothing to people.
        let cause = cause.filter(|text| !text.starts_with('{'));
        let said = [error, cause].into_iter().flatten().filter(|text| !text.is_empty());
        let was_refused = error.is_some_and(|error| error.starts_with("Batch."));
        Self { was_refused, why: said.collect::<Vec<_>>().join(": "), ..Self::default() }
    }

    /// Returns why its task failed, in one line.
    pub fn error(&self) -> String {
        let what = if self.was_refused { "its job was refused" } else { "its job failed" };
        let why = if self.why.is_empty() { "nobody says why" } else { &self.why };
        format!("{what}: {why}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cause_is_a_job_or_a_text_or_nothing_that_people_could_read() {
        let cause = r#"{"JobName": "kptn-main-fit", "StatusReason": "Essential container in task exited",
            "Container": {"ExitCode": 137, "LogStreamName": "a/b", "Reason": "OutOfMemoryError"}, "Tags": {"kptn:task": "fit"}}"#;
        let job = FailedJob::of_cause(cause).unwrap();
        assert_eq!(
            job.error(),
            "its job failed: Essential container in task exited; OutOfMemoryError; exit code 137"
        );
        assert_eq!(
            (job.task.as_deref(), job.log.as_deref(), job.code),
            (Some("fit"), Some("a/b"), Some(137))
        );
        assert_eq!(FailedJob::of_cause(&cause[..40]), None);
        let bare = r#"{"JobName": "x", "StatusReason": null, "Container": null, "Tags": null}"#;
        assert_eq!(FailedJob::of_cause(bare).unwrap().error(), "its job failed: nobody says why");
        let why = |error, cause| FailedJob::of_error(error, cause).why;
        assert_eq!(why(Some("States.TaskFailed"), Some(&cause[..40])), "States.TaskFailed");
        assert_eq!(
            why(Some("Batch.ClientException"), Some("no such queue")),
            "Batch.ClientException: no such queue"
        );
        assert_eq!(why(Some("States.Timeout"), Some("")), "States.Timeout");
        let refused = FailedJob::of_error(Some("Batch.ClientException"), Some("no"));
        assert_eq!(refused.error(), "its job was refused: Batch.ClientException: no");
    }
}
