//! Items that failed in bundles of the same run: who runs the rest of the task takes that over.
//!
//! What a bundle left undone is run; what it tried, as often as its engine wanted, is not tried again before the next
//! run. Within one bundle it is: that is the engine's retry.

use std::collections::HashMap;

use super::item;
use super::ledger::Failures;
use super::{TaskError, TaskFailure};
use crate::model::{FailedItem, ItemKey, Task};
use crate::plan::{Known, StaleItem, refuse_shared_output};
use crate::task::execute::last_lines;
use crate::task::work::Shared;

/// Takes those items from the stale ones, and says so; of today's ingredients alone, as what was mended is tried.
pub fn take_over(shared: &Shared<'_>, task: &Task, stale: &mut Vec<StaleItem>) -> Vec<FailedItem> {
    let plan = &shared.run.plan;
    if plan.bundle_of(&task.name).is_some() {
        return Vec::new();
    }
    let failed = shared.known.failed_items(&task.name).into_iter();
    let failed = failed.filter(|item| item.in_bundle && item.run == plan.id);
    let mut failed: HashMap<ItemKey, FailedItem> = failed.map(|item| (item.key, item)).collect();
    let mut taken = Vec::new();
    stale.retain(|one| match failed.remove(&one.key).filter(|item| item.fingerprint == one.fingerprint) {
        Some(item) => {
            taken.push(item);
            false
        }
        None => true,
    });
    if taken.is_empty() {
        return taken;
    }
    if refuse_shared_output(task).is_err() {
        // All items were one bundle, and what they write together is made by all of them.
        stale.clear();
    }
    let message = match taken.len() {
        1 => "1 item failed in its bundle, and is not tried again in this run".to_owned(),
        many => format!("{many} items failed in their bundles, and are not tried again in this run"),
    };
    shared.run.note(Some(task), message);
    taken
}

/// Adds them to those that failed now.
pub fn add(shared: &Shared<'_>, taken: &[FailedItem], failures: &mut Failures) {
    for item in taken {
        failures.add(&item.label, || failure_of(shared, item));
    }
}

fn failure_of(shared: &Shared<'_>, failed: &FailedItem) -> TaskFailure {
    let failure = TaskFailure::from(TaskError::Reported { error: failed.error.clone() });
    let Some(log) = &failed.log else { return failure };
    let (file, range) = (item::file_of(shared, log), (log.offset, log.length));
    TaskFailure { log_tail: last_lines(&file, range), log: Some(file), log_range: range, ..failure }
}
