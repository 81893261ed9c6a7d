//! The end of a mapped task of which a run did some items alone.
//!
//! Where the others are fresh the task is recorded as a whole, as ever. Where
//! they are not, it gets no record: what finished is kept beside the last one,
//! as after a failure, and everything else stays as it is.

use super::table::timing_of;
use super::{Ended, TaskFailure};
use crate::model::{Event, ItemRecord, Task, TaskOutcome};
use crate::task::work::Shared;

/// What a run did of a task, and did not.
pub struct Part {
    /// Items that ran; they are kept where the code held still.
    pub done: Vec<ItemRecord>,
    /// What did not hold still.
    pub changed: Vec<String>,
    /// Items that are not fresh and that the run was not about.
    pub left: u64,
    /// All items.
    pub total: u64,
}

/// Says what was left, and how the task ended.
pub fn leave_rest(shared: &Shared<'_>, task: &Task, part: &Part) -> Result<Ended, TaskFailure> {
    if !part.changed.is_empty() {
        let changed = part.changed.join(", ");
        shared.run.note(Some(task), format!("{changed} changed while it ran: these items stay stale"));
    }
    shared.run.tell(&Event::ItemsLeft { task: task.name.clone(), left: part.left, total: part.total });
    let ran = !part.done.is_empty();
    Ok(Ended {
        outcome: if ran { TaskOutcome::Ran } else { TaskOutcome::Spared },
        timing: ran.then(|| timing_of(&part.done)),
        outputs: None,
        log: None,
    })
}
