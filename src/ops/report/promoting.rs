//! What `promote` answers.

use serde::Serialize;

use crate::model::{BranchName, Digest, GraphName, TaskName};

/// `kptn promote`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PromoteReport {
    /// The protected branch that has the records now, or would.
    pub branch: BranchName,
    /// The branch that they come from.
    pub source: BranchName,
    /// Why; empty where nothing was said.
    pub why: String,
    /// Whether nothing was done.
    pub dry_run: bool,
    /// The operation; absent for a dry run, and where the branch got nothing.
    pub operation: Option<u64>,
    /// What was selected, graph by graph, dependencies first.
    pub tasks: Vec<PromotedTask>,
}

/// One task that was selected.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PromotedTask {
    /// The graph.
    pub graph: GraphName,
    /// The task.
    pub task: TaskName,
    /// What became of it.
    #[serde(flatten)]
    pub outcome: Outcome,
}

/// What became of a task.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum Outcome {
    /// The branch has the record from now on.
    Promoted {
        /// The record.
        record: Digest,
        /// The branch that it was made on.
        made_on: String,
        /// Who made it.
        user: String,
        /// When, in ms since the epoch.
        made_ms: u64,
        /// The commit, in the branch's past, that has exactly what it ran.
        commit: String,
    },
    /// It needs no promotion: it was made on a protected branch, or promoted before.
    Taken {
        /// The record.
        record: Digest,
        /// The branch that it was made on.
        made_on: String,
    },
    /// It is fresh as it is.
    Fresh,
    /// The other branch has no record of what the task is made of here.
    None,
    /// It takes no other branch's records, as its `reuse` or `cache` says: what it does, it does where it runs.
    RunsHere,
    /// There is one, and the branch must not have it.
    Refused {
        /// Why.
        because: Refusal,
    },
}

/// Why a record was not promoted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "why", rename_all = "snake_case")]
pub enum Refusal {
    /// No commit in the branch's past is known to have what it ran.
    NotCommitted {
        /// The commit that was checked out when it ran; absent where there was none.
        commit: Option<String>,
        /// Whether files that it read differed from that commit.
        dirty: bool,
        /// Files that count for the task and are not as the checked-out commit has them, from the repository's root.
        files: Vec<String>,
    },
    /// A person accepted it; it did not run.
    Accepted,
    /// What it depends on is to be promoted too, and was not selected or was refused.
    Dependencies {
        /// Those.
        tasks: Vec<TaskName>,
    },
}
