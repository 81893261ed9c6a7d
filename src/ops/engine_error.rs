//! Why a run of an engine could not go on.

use crate::model::{BranchName, RunId, TaskName};

/// Why a run of an engine could not go on.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// Another one is open, and may go on.
    #[error("a run of {engine} is open on `{branch}`: `{run}`")]
    Open {
        /// That run.
        run: RunId,
        /// Who opened it.
        engine: String,
        /// Its branch; not ours where they share an output folder.
        branch: BranchName,
        /// How long it has been silent, in ms.
        silent_ms: u64,
        /// How long it may be, in ms.
        lease_ms: u64,
    },
    /// It was closed.
    #[error("the run `{run}` is closed")]
    Closed {
        /// The run.
        run: RunId,
    },
    /// Another run came in its place.
    #[error("the run `{run}` was given up: another one has come since")]
    GivenUp {
        /// The run.
        run: RunId,
    },
    /// A task that an engine starts before its turn.
    #[error("`{task}` depends on `{dep}`, which {} in this run", if *.failed { "failed" } else { "is not done yet" })]
    TooEarly {
        /// The task.
        task: TaskName,
        /// What is before it.
        dep: TaskName,
        /// Whether that failed.
        failed: bool,
    },
}
