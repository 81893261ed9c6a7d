//! What came of the tasks and bundles of a run, as workers say it: each report made once, read many at a time.

use std::collections::HashMap;

use futures_util::{StreamExt, TryStreamExt};

use super::{AT_ONCE, SharedRun};
use crate::model::{
    Bundle, CaughtError, SHARED_RUN_FORMAT, TaskName, WorkerReport, WorkerStart, canonical_json,
};
use crate::remote::bucket::{Listed, Swapped};
use crate::remote::{RemoteError, layout};

/// Which report of a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Report {
    /// It is done.
    Done,
    /// The latest try failed, or was stopped.
    Failed,
}

/// The reports of one task.
#[derive(Debug, Clone, Default)]
pub struct Reports {
    /// The task is done.
    pub done: Option<WorkerReport>,
    /// The latest try of all of it that failed.
    pub failed: Option<WorkerReport>,
    /// Those of its bundles: of each that it is done, else its latest failure.
    pub bundles: Vec<WorkerReport>,
    /// What its engine has caught of a job of it that failed; absent where the task is done.
    pub caught: Option<Caught>,
}

/// What an engine has caught of a job that failed.
#[derive(Debug, Clone, Default)]
pub struct Caught {
    /// What it is known by.
    pub error: CaughtError,
    /// Whether no try of the task has begun or failed since: then this is how the last one ended.
    pub is_latest: bool,
}

impl Reports {
    /// Forgets those that are not to count.
    pub fn retain(&mut self, counts: impl Fn(&WorkerReport) -> bool) {
        self.done = self.done.take().filter(&counts);
        self.failed = self.failed.take().filter(&counts);
        self.bundles.retain(counts);
    }
}

impl SharedRun {
    /// Returns a report of a task or a bundle.
    pub async fn report(
        &self,
        which: Report,
        task: &TaskName,
        bundle: Option<&Bundle>,
    ) -> Result<Option<WorkerReport>, RemoteError> {
        self.read(&self.key(which, task, bundle)).await
    }

    /// Writes a report, after all that it names; returns the one that counts: of those that say that something is done the first.
    pub async fn write_report(
        &self,
        which: Report,
        task: &TaskName,
        bundle: Option<&Bundle>,
        report: WorkerReport,
    ) -> Result<WorkerReport, RemoteError> {
        let key = self.key(which, task, bundle);
        let bytes = canonical_json(&report);
        if which == Report::Failed {
            self.bucket.write(&key, bytes).await?;
            return Ok(report);
        }
        match self.bucket.swap(&key, None, bytes).await {
            Ok(Swapped::Yes) => Ok(report),
            // Also where the answer to our own write was lost: what is there tells.
            refused => match (self.read(&key).await?, refused) {
                (Some(first), _) => Ok(first),
                (None, Err(error)) => Err(error),
                (None, Ok(_)) => Err(self.bucket.damaged(&key, "it was there and is not any more")),
            },
        }
    }

    /// Returns the reports that these tasks are done, as far as there are any, in their order.
    pub async fn done(&self, tasks: &[TaskName]) -> Result<Vec<Option<WorkerReport>>, RemoteError> {
        let read = tasks.iter().map(|task| self.report(Report::Done, task, None));
        futures_util::stream::iter(read).buffered(AT_ONCE).try_collect().await
    }

    /// Returns all reports of a task.
    pub async fn reports(&self, task: &TaskName) -> Result<Reports, RemoteError> {
        self.read_reports(self.bucket.list_dated(&layout::run_task(&self.run, task)).await?).await
    }

    /// Returns the folder of each task that has a report, by its last part, and the reports.
    pub async fn all_reports(&self) -> Result<HashMap<String, Reports>, RemoteError> {
        let above = layout::run_tasks(&self.run);
        let mut by_task: HashMap<String, Vec<Listed>> = HashMap::new();
        for one in self.bucket.list_dated(&above).await? {
            let rest = one.key[above.len()..].trim_start_matches('/');
            if let Some((task, _)) = rest.split_once('/') {
                by_task.entry(task.to_owned()).or_default().push(one);
            }
        }
        // Few keys a task, so tasks side by side.
        let read = async |(task, listed)| Ok::<_, RemoteError>((task, self.read_reports(listed).await?));
        futures_util::stream::iter(by_task.into_iter().map(read))
            .buffer_unordered(AT_ONCE)
            .try_collect()
            .await
    }

    async fn read_reports(&self, listed: Vec<Listed>) -> Result<Reports, RemoteError> {
        let is_done = |key: &String| listed.binary_search_by(|one| one.key.cmp(key)).is_ok();
        let wanted =
            listed.iter().map(|one| &one.key).filter(|key| layout::is_run_report(key)).filter(|key| {
                // A bundle that is done has not failed.
                key.strip_suffix(".failed").is_none_or(|bundle| !is_done(&bundle.to_owned()))
            });
        let read = async |key: &String| match self.read::<WorkerReport>(key).await {
            // What it said is lost, and its task is not done: that holds up no other.
            Err(RemoteError::Damaged { .. }) => Ok((key.clone(), None)),
            report => Ok::<_, RemoteError>((key.clone(), report?)),
        };
        let mut reading = futures_util::stream::iter(wanted.map(read)).buffer_unordered(AT_ONCE);
        let mut reports = Reports::default();
        while let Some(report) = reading.next().await {
            match report? {
                (_, None) => {}
                (key, report) if key.ends_with("/done") => reports.done = report,
                (key, report) if key.ends_with("/failed") => reports.failed = report,
                (_, Some(report)) => reports.bundles.push(report),
            }
        }
        reports.bundles.sort_by(|a, b| a.id.cmp(&b.id));
        if let Some(lost) = listed.iter().find(|one| layout::is_run_lost(&one.key))
            && reports.done.is_none()
        {
            let error = match self.read(&lost.key).await {
                // That it is there says enough.
                Err(RemoteError::Damaged { .. }) => Some(CaughtError::default()),
                error => error?,
            };
            let is_try = |key: &str| key.ends_with("/begun") || key.ends_with("/failed");
            let is_latest = listed.iter().all(|one| one.at_ms <= lost.at_ms || !is_try(&one.key));
            reports.caught = error.map(|error| Caught { error, is_latest });
        }
        Ok(reports)
    }

    /// Says that a machine has begun with a task; of a mapped one `items` are to run.
    pub async fn write_start(
        &self,
        task: &TaskName,
        host: &str,
        items: Option<u64>,
        at_ms: u64,
    ) -> Result<(), RemoteError> {
        let (task, host) = (task.clone(), host.to_owned());
        let start = WorkerStart { format: SHARED_RUN_FORMAT, task, host, at_ms, items };
        self.bucket.write(&layout::run_begun(&self.run, &start.task), canonical_json(&start)).await
    }

    fn key(&self, which: Report, task: &TaskName, bundle: Option<&Bundle>) -> String {
        match which {
            Report::Done => layout::run_done(&self.run, task, bundle),
            Report::Failed => layout::run_failed(&self.run, task, bundle),
        }
    }
}
