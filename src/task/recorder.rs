//! Group commits: what finishes at about the same time is made durable together.
//!
//! Whoever records waits until its objects are on disk and its row is written;
//! meanwhile others may finish and wait for the next commit. Items have a
//! journal of their own (`run_task/ledger.rs`).

use std::cell::RefCell;
use std::sync::Arc;

use tokio::sync::{Notify, oneshot};

use super::work::{Shared, Threads};
use crate::failpoint;
use crate::model::{Digest, Fingerprint, TaskName};
use crate::state::{Finished, Indexing, Recorded, StateError};
use crate::store::StoreError;

/// Why something that finished could not be recorded.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// Its objects.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Its row.
    #[error(transparent)]
    State(#[from] StateError),
}

/// One finished task; see [`Finished`].
#[derive(Debug, Clone)]
pub struct FinishedTask {
    /// The task.
    pub task: TaskName,
    /// Its record.
    pub record: Digest,
    /// The record's fingerprint.
    pub fingerprint: Fingerprint,
    /// The record's outputs digest.
    pub outputs: Digest,
    /// The record that the task had when the run was opened.
    pub base: Option<Digest>,
    /// Whether it goes into the index.
    pub indexing: Indexing,
}

type Answer<T> = oneshot::Sender<Result<T, Arc<RecordError>>>;

/// Collects what finished, and records it.
pub struct Recorder<'s, 'e> {
    shared: &'e Shared<'e>,
    threads: Threads<'s, 'e>,
    waiting: RefCell<Waiting>,
    added: Notify,
}

#[derive(Default)]
struct Waiting {
    tasks: Vec<(FinishedTask, Answer<Recorded>)>,
}

impl<'s, 'e> Recorder<'s, 'e> {
    /// Makes a recorder; it works while [`Recorder::drive`] is polled.
    pub fn new(shared: &'e Shared<'e>, threads: Threads<'s, 'e>) -> Self {
        Self { shared, threads, waiting: RefCell::default(), added: Notify::new() }
    }

    /// Records a finished task; returns once that is durable.
    pub async fn task(&self, finished: FinishedTask) -> Result<Recorded, Arc<RecordError>> {
        let (sender, receiver) = oneshot::channel();
        self.waiting.borrow_mut().tasks.push((finished, sender));
        self.added.notify_one();
        receiver.await.unwrap_or(Ok(Recorded::Yes))
    }

    /// Records what comes, for ever.
    pub async fn drive(&self) {
        loop {
            self.added.notified().await;
            let batch = self.waiting.take();
            let rows: Vec<_> = batch.tasks.iter().map(|(finished, _)| finished.clone()).collect();
            let shared = self.shared;
            let committed = self.threads.run(move || commit(shared, &rows)).await.map_err(Arc::new);
            answer(committed, batch.tasks);
        }
    }
}

fn answer(committed: Result<Vec<Recorded>, Arc<RecordError>>, tasks: Vec<(FinishedTask, Answer<Recorded>)>) {
    for (at, (_, answer)) in tasks.into_iter().enumerate() {
        let recorded = committed.as_ref().map_err(Arc::clone).map(|all| all.get(at).copied());
        // Who gave up waiting does not want to know.
        drop(answer.send(recorded.map(|one| one.unwrap_or(Recorded::Yes))));
    }
}

fn commit(shared: &Shared<'_>, tasks: &[FinishedTask]) -> Result<Vec<Recorded>, RecordError> {
    let run = shared.run;
    run.store.flush()?;
    let (key, namespace) = (run.key(), &run.plan.graph.namespace);
    let now_ms = super::now_ms();
    let rows: Vec<_> = tasks
        .iter()
        .map(|one| Finished {
            branch: &key,
            graph: namespace,
            task: &one.task,
            record: one.record,
            fingerprint: one.fingerprint,
            outputs: one.outputs,
            base: one.base,
            run: &run.plan.id,
            indexing: one.indexing,
            now_ms,
        })
        .collect();
    let recorded = run.state.finish_tasks(&rows)?;
    failpoint::hit("task.recorded")
        .map_err(|error| StoreError::writing("write", run.store.layout().root(), error))?;
    Ok(recorded)
}
