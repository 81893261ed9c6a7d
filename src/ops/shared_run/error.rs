//! Why a run cannot be shared with other machines, or a worker not work for it.

use crate::model::{BranchName, GraphName, RunId, TaskName};
use crate::ops::error::list;

/// Why it cannot.
#[derive(Debug, thiserror::Error)]
pub enum SharedRunError {
    /// What a task makes, or needs, never leaves this machine.
    #[error("`{task}` cannot run on other machines: {}", why(.task, .local))]
    LocalOnly {
        /// The task that was to run.
        task: TaskName,
        /// The one whose files stay.
        local: TaskName,
    },
    /// `--defer` and `--remote`.
    #[error("a run with `--defer` is for this machine alone")]
    Deferred,
    /// A remote has no run of this name.
    #[error("`{url}` has no run `{run}`")]
    NoRun {
        /// The remote.
        url: String,
        /// What was typed.
        run: RunId,
    },
    /// A task that the graph of the run does not have.
    #[error("`{graph}` has no task `{task}`")]
    NoTask {
        /// The graph.
        graph: GraphName,
        /// What was typed.
        task: TaskName,
        /// The nearest name; absent where none is near.
        near: Option<String>,
    },
    /// The code that a worker has is not the one that the run was opened with.
    #[error("what `{task}` is made of here is not what the run was opened with: {}", .changed.join(", "))]
    OtherCode {
        /// The task.
        task: TaskName,
        /// What differs.
        changed: Vec<String>,
    },
    /// A worker was told another branch.
    #[error("the run `{run}` is for the branch `{branch}`, and `{told}` was asked for")]
    OtherBranch {
        /// What it was told.
        told: String,
        /// The run.
        run: RunId,
        /// Its branch.
        branch: BranchName,
    },
    /// A run of a project that goes by another name here.
    #[error("the run is of the project `{there}`, and this one is `{here}`")]
    OtherProject {
        /// What this one is called.
        here: String,
        /// What the run's is called.
        there: String,
    },
    /// A bundle that nobody has made.
    #[error("`{task}` has no bundle `{bundle}` in this run")]
    NoBundle {
        /// The task.
        task: TaskName,
        /// What was typed.
        bundle: String,
    },
    /// Another run moved the same tasks at the remote, again and again.
    #[error("others moved {} at the remote all the time", list(.tasks))]
    Busy {
        /// Those tasks.
        tasks: Vec<TaskName>,
    },
}

fn why(task: &TaskName, local: &TaskName) -> String {
    if task == local {
        "it is `local_only`".to_owned()
    } else {
        format!("it depends on `{local}`, which is `local_only`")
    }
}
