//! How many items of a mapped task may run at once, as its runner lends slots.
//!
//! A task starts with one lane, its own slot. It asks for more, is lent some,
//! and gives one back between two bundles where it was asked to.

use std::cell::Cell;

use tokio::sync::Notify;

use super::serve::{Said, Voice};
use crate::model::TaskName;

/// The lanes of one running task.
pub struct Lanes<'v> {
    granted: Cell<u32>,
    /// How many of them the runner wants back.
    owed: Cell<u32>,
    changed: Notify,
    lender: Option<(&'v Voice, TaskName)>,
}

impl<'v> Lanes<'v> {
    /// One lane, and more as the runner lends them.
    pub fn lent(voice: &'v Voice, task: &TaskName) -> Self {
        Self { lender: Some((voice, task.clone())), ..Self::own(1) }
    }

    /// So many lanes, for a task that runs without a runner.
    pub fn own(count: u32) -> Self {
        Self { granted: Cell::new(count.max(1)), owed: Cell::new(0), changed: Notify::new(), lender: None }
    }

    /// Returns how many lanes there may be now; at least one.
    pub fn granted(&self) -> u32 {
        self.granted.get()
    }

    /// Returns how many of them the runner wants back.
    pub fn owed(&self) -> u32 {
        self.owed.get()
    }

    /// Says how many more could be used.
    pub fn ask(&self, slots: u32) {
        if let Some((voice, task)) = &self.lender {
            voice.say(&Said::Ask { ask: task.clone(), slots });
        }
    }

    /// Takes what the runner lends.
    pub fn lend(&self, slots: u32) {
        self.granted.set(self.granted.get() + slots);
        self.changed.notify_one();
    }

    /// Takes note that the runner wants some back.
    pub fn reclaim(&self, slots: u32) {
        self.owed.set(self.owed.get() + slots);
        self.changed.notify_one();
    }

    /// Gives one lane back where the runner wants it; the lane that got `true` ends.
    pub fn give_back_if_owed(&self) -> bool {
        let owed = self.owed.get();
        if owed == 0 || self.granted.get() <= 1 {
            return false;
        }
        self.owed.set(owed - 1);
        self.release()
    }

    /// Gives one lane back that has nothing to do any more; the last one stays.
    pub fn release(&self) -> bool {
        if self.granted.get() <= 1 {
            return false;
        }
        self.granted.set(self.granted.get() - 1);
        if let Some((voice, task)) = &self.lender {
            voice.say(&Said::Free { free: task.clone(), slots: 1 });
        }
        true
    }

    /// Waits until more lanes were lent, or some are wanted back.
    pub async fn changed(&self) {
        self.changed.notified().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lanes_are_given_back_down_to_the_tasks_own() {
        let out = crate::task::serve::said_in_tests();
        let voice = Voice::new(out.clone());
        let lanes = Lanes::lent(&voice, &TaskName::parse("M").unwrap());
        lanes.ask(5);
        lanes.lend(2);
        assert!(!lanes.give_back_if_owed());
        lanes.reclaim(1);
        assert!(lanes.give_back_if_owed() && !lanes.give_back_if_owed());
        assert!(lanes.release() && !lanes.release());
        assert_eq!(lanes.granted(), 1);
        assert_eq!(
            out.text(),
            "{\"ask\":\"M\",\"slots\":5}\n{\"free\":\"M\",\"slots\":1}\n{\"free\":\"M\",\"slots\":1}\n"
        );
    }
}
