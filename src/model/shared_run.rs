//! What the machines of one run say to each other: what a worker must know of a task, and what came of it.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Deserializer, Serialize};

use super::{
    BaseRecord, BranchName, Digest, Ingredient, ItemChoice, Logged, Mark, Project, RunCounts, RunId, RunPlan,
    SnapshotEntry, Task, TaskName, TaskOutcome, UnfinishedTask,
};

/// The version of [`Briefing`] and [`WorkerReport`] that this kptn reads and writes.
pub const SHARED_RUN_FORMAT: u32 = 1;

/// What workers must know of some tasks of a run. The paths in it are those of the machine that opened it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Briefing {
    /// [`SHARED_RUN_FORMAT`] of the writer.
    pub format: u32,
    /// The project, without graphs and remotes.
    pub project: Project,
    /// What the run was opened with, without tasks.
    pub plan: RunPlan,
    /// The part of the run that says where objects are that these tasks need.
    pub objects: Digest,
    /// By task.
    pub tasks: BTreeMap<TaskName, Brief>,
    /// Whether the engine looks for marks of what has nothing to do before it starts a machine for it.
    #[serde(default)]
    pub marks: bool,
}

/// What a worker must know of one task.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Brief {
    /// The task, and then what it depends on.
    pub tasks: Vec<Task>,
    /// Those of its dependencies that the run was opened for.
    pub in_run: Vec<TaskName>,
    /// The record that it had, and how long it took.
    pub base: BaseRecord,
    /// The items that the run is about; absent means all.
    pub items: Option<ItemChoice>,
    /// What the branch had at open of the task and of those dependencies that are not in the run.
    pub entries: Vec<SnapshotEntry>,
    /// What it did not finish before.
    pub unfinished: Option<UnfinishedTask>,
    /// What of it was marked as bad.
    pub marks: Vec<Mark>,
    /// What it is made of, without its dependencies and items: code elsewhere must be the same.
    pub made_of: Vec<Ingredient>,
    /// Whether its code or the configuration was not what the commit has.
    pub dirty: bool,
    /// What depends on it and holds as it is, where all tasks before that leave what they had left before.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub may_spare: Vec<TaskName>,
}

/// What came of a task, or of a bundle of its items, on one machine.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WorkerReport {
    /// [`SHARED_RUN_FORMAT`] of the writer.
    pub format: u32,
    /// Random, so that no two reports are equal.
    pub id: String,
    /// How it ended.
    pub outcome: TaskOutcome,
    /// Its record; absent for a bundle, and where it did not finish.
    pub entry: Option<SnapshotEntry>,
    /// Whether others may find the record by its fingerprint.
    pub reusable: bool,
    /// What of it did not finish; of a bundle also the items that did.
    pub unfinished: Option<UnfinishedTask>,
    /// Whether what depends on it finds the same as before the run.
    #[serde(default)]
    pub unchanged: bool,
    /// The part of the run that says where all of that is.
    pub objects: Digest,
    /// The machine.
    pub host: String,
    /// When it ended, in ms since the epoch, by that machine's clock.
    pub ended_ms: u64,
    /// What it told meanwhile, for who follows the run; but for lines that tasks printed.
    #[serde(default, skip_serializing_if = "Vec::is_empty", deserialize_with = "known_lines")]
    pub told: Vec<Logged>,
}

/// That a machine has begun with a task, for who follows the run. Nothing is decided by it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkerStart {
    /// [`SHARED_RUN_FORMAT`] of the writer.
    pub format: u32,
    /// The task.
    pub task: TaskName,
    /// The machine.
    pub host: String,
    /// When, in ms since the epoch, by that machine's clock.
    pub at_ms: u64,
    /// How many items are to run; absent where it is not mapped.
    pub items: Option<u64>,
}

/// What a state machine has written down of a task whose job came to no good end: an error as its `Catch` gets it. Jobs
/// that said themselves how their task ended leave one too, which counts for nothing.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct CaughtError {
    /// The name of the error; absent where there is none.
    pub error: Option<String>,
    /// What it says, of a job of Batch as JSON; absent where it says nothing.
    pub cause: Option<String>,
}

/// How a run ended: the last that is written of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunEnd {
    /// The run.
    pub run: RunId,
    /// The branch that has what it finished.
    pub branch: BranchName,
    /// How its tasks ended.
    pub counts: RunCounts,
    /// One digest over what every task of the branch has as outputs.
    pub outputs: Digest,
    /// The exit code of the same run on one machine.
    pub exit: i32,
    /// The tasks whose reports counted.
    pub done: BTreeSet<TaskName>,
    /// The tasks that are counted as failed.
    #[serde(default)]
    pub failed: BTreeSet<TaskName>,
    /// Whether another run came in its place: then nothing of it counts.
    pub given_up: bool,
    /// When, in ms since the epoch, by the clock of who closed it.
    pub at_ms: u64,
}

/// Leaves out what a later kptn tells: nothing is decided by it.
fn known_lines<'de, D: Deserializer<'de>>(lines: D) -> Result<Vec<Logged>, D::Error> {
    let lines: Vec<serde_json::Value> = Vec::deserialize(lines)?;
    Ok(lines.into_iter().filter_map(|line| serde_json::from_value(line).ok()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_later_kptn_tells_is_left_out_and_the_report_counts() {
        let report = serde_json::json!({
            "format": 1, "id": "x", "outcome": "ran", "entry": null, "reusable": true, "unfinished": null,
            "objects": Digest::of(b""), "host": "h", "ended_ms": 1,
            "told": [{"event": "of another time"}, {"event": "note", "task": null, "message": "m"}],
        });
        let report: WorkerReport = serde_json::from_value(report).unwrap();
        assert_eq!((report.told.len(), report.outcome), (1, TaskOutcome::Ran));
    }
}
