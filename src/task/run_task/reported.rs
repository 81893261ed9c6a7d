//! Items that failed in bundles of the same run: who runs the rest of the task takes that over.
//!
//! What a bundle left undone is run; what it tried, as often as its engine wanted, is not tried again before the next
//! run. Within one bundle it is: that is the engine's retry. Whatever did it, a run's items are counted together.

use std::collections::{HashMap, HashSet};

use super::item;
use super::ledger::Failures;
use super::{TaskError, TaskFailure};
use crate::model::{FailedItem, ItemKey, ItemRecord, RunPlan, Task};
use crate::plan::{ItemPlan, Known, refuse_shared_output};
use crate::task::execute::last_lines;
use crate::task::work::Shared;

/// What was tried of a task in this run before.
pub struct Reported {
    /// Failed in bundles, and not tried again.
    pub failed: Vec<FailedItem>,
    /// How many items the run is about, of a bundle those of its stretch: these, what it did before, and what is to do.
    pub total: u64,
}

impl Reported {
    /// Takes those items from the stale ones, and says so; of today's ingredients alone, as what was mended is tried.
    pub fn take_over(shared: &Shared<'_>, task: &Task, items: &mut ItemPlan) -> Self {
        let plan = &shared.run.plan;
        let stretch = stretch(plan, task, items);
        // Bundles of one machine see what the others have finished so far.
        let is_meant = |item: &ItemRecord| stretch.as_ref().is_none_or(|keys| keys.contains(&item.key));
        let done = items.fresh.iter().filter(|item| is_meant(item) && is_of(plan, item)).count();
        let total = (items.stale.len() + done) as u64;
        if stretch.is_some() {
            return Self { failed: Vec::new(), total };
        }
        let failed = shared.known.failed_items(&task.name).into_iter();
        let failed = failed.filter(|item| item.in_bundle && item.run == plan.id);
        let mut failed: HashMap<ItemKey, FailedItem> = failed.map(|item| (item.key, item)).collect();
        let mut taken = Vec::new();
        items.stale.retain(|one| {
            match failed.remove(&one.key).filter(|item| item.fingerprint == one.fingerprint) {
                Some(item) => {
                    taken.push(item);
                    false
                }
                None => true,
            }
        });
        if !taken.is_empty() && refuse_shared_output(task).is_err() {
            // All items were one bundle, and what they write together is made by all of them.
            items.stale.clear();
        }
        let message = match taken.len() {
            0 => return Self { failed: taken, total },
            1 => "1 item failed in its bundle, and is not tried again in this run".to_owned(),
            many => format!("{many} items failed in their bundles, and are not tried again in this run"),
        };
        shared.run.note(Some(task), message);
        Self { failed: taken, total }
    }

    /// Returns why the task failed, where of what ran now `failures` did; absent where all its items are done.
    pub fn failure(&self, shared: &Shared<'_>, mut failures: Failures) -> Option<TaskFailure> {
        for item in &self.failed {
            failures.add(&item.label, || failure_of(shared, item));
        }
        failures.of_task(self.total)
    }
}

/// Returns the items of the bundle that is run of a task; absent where all of it is.
fn stretch(plan: &RunPlan, task: &Task, items: &ItemPlan) -> Option<HashSet<ItemKey>> {
    let bundle = plan.bundle_of(&task.name)?;
    let places = (0..).zip(&items.order).filter(|(at, _)| (bundle.from..bundle.to).contains(at));
    Some(places.map(|(_, key)| *key).collect())
}

/// Tells whether an item was done in this run. Where it printed nothing its record does not name the run, and only the
/// times tell: then the clock of the machine that did it must agree with that of the one which opened the run, else a
/// number in a message is wrong.
fn is_of(plan: &RunPlan, item: &ItemRecord) -> bool {
    match &item.log {
        Some(log) => log.run == plan.id,
        None => item.timing.started_ms >= plan.id.made_ms(),
    }
}

fn failure_of(shared: &Shared<'_>, failed: &FailedItem) -> TaskFailure {
    let failure = TaskFailure::from(TaskError::Reported { error: failed.error.clone() });
    let Some(log) = &failed.log else { return failure };
    let (file, range) = (item::file_of(shared, log), (log.offset, log.length));
    TaskFailure { log_tail: last_lines(&file, range), log: Some(file), log_range: range, ..failure }
}
