//! What the tasks of a branch tried last and did not finish: a push sends it beside the snapshot, so that who debugs a failure
//! elsewhere has its reason and its lines, and who goes on has the items that did finish.

use serde::{Deserialize, Serialize};

use super::{Attempt, Digest, FailedItem, GraphName, Provenance, TaskName};

/// The version of [`Unfinished`] that this kptn reads and writes.
pub const UNFINISHED_FORMAT: u32 = 1;

/// All tasks of a branch that did not finish.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unfinished {
    /// [`UNFINISHED_FORMAT`] of the writer.
    pub format: u32,
    /// Sorted by graph and task, each pair once.
    pub tasks: Vec<UnfinishedTask>,
}

/// One task that did not finish.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnfinishedTask {
    /// The graph's namespace.
    pub graph: GraphName,
    /// The task.
    pub task: TaskName,
    /// The latest attempt, where it failed; its `log` is absent, as that is a path of the machine it was made on.
    pub attempt: Option<Attempt>,
    /// Where and with what it was tried.
    pub provenance: Provenance,
    /// The object that holds what the attempt printed.
    pub log: Option<Digest>,
    /// The items that failed, sorted by key; the `log` of each is a part of `item_logs`.
    pub failed: Vec<FailedItem>,
    /// The object that holds what those items printed, one after the other.
    pub item_logs: Option<Digest>,
    /// The object that lists the shards of the items that finished; absent where none did.
    pub items: Option<Digest>,
}

impl Unfinished {
    /// Puts tasks together; absent where there are none.
    pub fn of(mut tasks: Vec<UnfinishedTask>) -> Option<Self> {
        tasks.sort_by(|a, b| (&a.graph, &a.task).cmp(&(&b.graph, &b.task)));
        (!tasks.is_empty()).then_some(Self { format: UNFINISHED_FORMAT, tasks })
    }
}
