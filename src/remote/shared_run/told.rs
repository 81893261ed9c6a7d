//! What the machines of a run tell of it, for who follows it: read as it comes, each key once for each time that it was written.

use std::collections::HashMap;

use futures_util::{StreamExt, TryStreamExt};

use super::{AT_ONCE, SharedRun};
use crate::model::{Event, Logged, Teller, WorkerReport, WorkerStart};
use crate::remote::bucket::Listed;
use crate::remote::{RemoteError, layout};

/// What was read before: of each key how large it was, and since when.
#[derive(Debug, Default)]
pub struct Seen(HashMap<String, (u64, u64)>);

impl SharedRun {
    /// Returns what was told since the last call, in the order in which it was written there.
    pub async fn told(&self, seen: &mut Seen) -> Result<Vec<Logged>, RemoteError> {
        let mut news = self.bucket.list_dated(&layout::run_tasks(&self.run)).await?;
        news.retain(|one| is_told(&one.key) && seen.0.get(&one.key) != Some(&(one.size, one.at_ms)));
        // Where two were written at once, that a task has begun comes before its end.
        news.sort_by_key(|one| (one.at_ms, layout::is_run_report(&one.key)));
        let read = news.iter().map(|one| self.lines_of(one));
        let lines: Vec<Vec<Logged>> =
            futures_util::stream::iter(read).buffered(AT_ONCE).try_collect().await?;
        seen.0.extend(news.into_iter().map(|one| (one.key, (one.size, one.at_ms))));
        Ok(lines.into_iter().flatten().collect())
    }

    async fn lines_of(&self, one: &Listed) -> Result<Vec<Logged>, RemoteError> {
        let lines = match layout::is_run_report(&one.key) {
            true => self.read(&one.key).await.map(|report: Option<WorkerReport>| {
                report.map(|report| report.told).unwrap_or_default().into_iter().map(without_log).collect()
            }),
            false => self
                .read(&one.key)
                .await
                .map(|start: Option<WorkerStart>| start.map(started).into_iter().collect()),
        };
        match lines {
            // Nothing is decided by it.
            Err(RemoteError::Damaged { .. }) => Ok(Vec::new()),
            lines => lines,
        }
    }
}

/// Tells whether a key says what happens.
fn is_told(key: &str) -> bool {
    layout::is_run_report(key) || key.ends_with("/begun")
}

fn started(start: WorkerStart) -> Logged {
    let WorkerStart { task, items, .. } = start;
    Logged { event: Event::TaskStarted { task, items, estimate_ms: None }, teller: Teller::default() }
}

/// A log that lies on another machine is no file here.
fn without_log(mut logged: Logged) -> Logged {
    if let Event::TaskFinished { log, .. } = &mut logged.event {
        *log = None;
    }
    logged
}
