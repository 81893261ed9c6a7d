//! What happens in a run, as those who watch it hear it.
//!
//! `serve` and `task run` send these; the live display, `--json` and later the
//! web page only listen. One event a task, never one an item: items are counts.

use serde::{Deserialize, Serialize};

use super::{OutputComparison, RunCounts, RunId, RunPlan, TaskName, Timing};

/// How a task ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TaskOutcome {
    /// It ran, and its record is kept.
    Ran,
    /// It turned out fresh once what is before it had run: nothing to do.
    Spared,
    /// It took a record that was made elsewhere.
    Reused,
    /// It failed.
    Failed,
    /// Something before it failed, or the run was stopped.
    Skipped,
}

/// One thing that happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// A run began.
    RunStarted {
        run: RunId,
        graph: String,
        branch: String,
        /// Tasks that may run.
        tasks: u64,
        /// Tasks that are fresh and will not be looked at again.
        fresh: u64,
        outputs: String,
        /// From earlier runs' times; absent where a task never ran.
        estimate_ms: Option<u64>,
    },
    /// An execution elsewhere carries the run out, which goes on whatever becomes of who started it.
    ExecutionStarted {
        run: RunId,
        /// Its ARN.
        execution: String,
        /// Where a person sees it.
        page: String,
    },
    /// A task started to run.
    TaskStarted { task: TaskName, items: Option<u64>, estimate_ms: Option<u64> },
    /// Items of a mapped task: counts so far.
    Items { task: TaskName, done: u64, failed: u64, total: u64 },
    /// A run was about some items of a mapped task alone, and others are not fresh: they stay as they are.
    ItemsLeft { task: TaskName, left: u64, total: u64 },
    /// A line that a task printed; only where lines are streamed.
    Line { task: TaskName, item: Option<String>, line: String },
    /// Something worth a line: an edit that was kept aside, a child that was left behind, a retry.
    Note { task: Option<TaskName>, message: String },
    /// A task ended.
    TaskFinished {
        task: TaskName,
        outcome: TaskOutcome,
        timing: Option<Timing>,
        outputs: Option<OutputComparison>,
        /// In one line; only where it failed or was skipped.
        error: Option<String>,
        /// The log's last lines; only where it failed.
        log_tail: Vec<String>,
        /// The log file, absolute.
        log: Option<String>,
    },
    /// A run ended.
    RunFinished {
        run: RunId,
        ran: u64,
        fresh: u64,
        spared: u64,
        reused: u64,
        failed: u64,
        skipped: u64,
        wall_ms: u64,
    },
}

impl Event {
    /// Returns the event with which a run begins.
    pub fn run_started(plan: &RunPlan, estimate_ms: Option<u64>) -> Self {
        Self::RunStarted {
            run: plan.id.clone(),
            graph: plan.graph.name.to_string(),
            branch: plan.branch.to_string(),
            tasks: plan.tasks.len() as u64,
            fresh: plan.fresh,
            outputs: plan.outputs_dir.display().to_string(),
            estimate_ms,
        }
    }

    /// Returns the event with which it ends.
    pub fn run_finished(run: RunId, counts: &RunCounts, wall_ms: u64) -> Self {
        let RunCounts { ran, fresh, spared, reused, failed, skipped } = *counts;
        Self::RunFinished { run, ran, fresh, spared, reused, failed, skipped, wall_ms }
    }
}

/// What happened, and in which part of the run: a line of a run's log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Logged {
    /// What happened.
    #[serde(flatten)]
    pub event: Event,
    /// The process that it happened in.
    #[serde(flatten)]
    pub teller: Teller,
}

/// A process that tells of a run.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Teller {
    /// The bundle that it runs; absent where it runs whole tasks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bundle: Option<String>,
    /// Whether its engine tries again what failed.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub tried_again: bool,
}
