//! A process group: all that a program started and did not take elsewhere.
//!
//! Its number is its leader's. A program that calls `setsid` leaves it on
//! purpose and is not followed.

use std::time::Duration;

use super::system::{self, Tell};

/// How long a killed group may take to vanish before it is left to the system.
const LAST_LOOKS: u32 = 100;
const BETWEEN_LOOKS: Duration = Duration::from_millis(10);

/// What ends by itself within this time was not left behind: helpers that notice the end of their master.
const SETTLING: Duration = Duration::from_millis(250);

/// A process group, by its leader's number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Group(u32);

/// Tells whether a process of this number is on this machine; it may be another one by now.
pub fn is_there(pid: u32) -> bool {
    system::is_there(pid)
}

/// Whether something in a group outlived its leader.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Leftovers {
    /// Nothing did.
    None,
    /// Something did, and was stopped.
    Stopped,
}

impl Group {
    /// Names the group whose leader has this number.
    pub const fn of(leader: u32) -> Self {
        Self(leader)
    }

    /// Returns its leader's number.
    pub const fn leader(self) -> u32 {
        self.0
    }

    /// Tells whether a process of it still runs.
    pub fn is_alive(self) -> bool {
        system::alive(self.0)
    }

    /// Asks all its processes to end (SIGTERM).
    pub fn ask_to_end(self) {
        system::send(self.0, Tell::End);
    }

    /// Kills all its processes (SIGKILL).
    pub fn kill(self) {
        system::send(self.0, Tell::Die);
    }

    /// Stops what outlived the leader, which has been waited for: asks, waits for `grace`, kills.
    pub async fn stop_leftovers(self, grace: Duration) -> Leftovers {
        let leftovers = self.stop_what_is_left(grace).await;
        system::clear_away(self.0);
        leftovers
    }

    async fn stop_what_is_left(self, grace: Duration) -> Leftovers {
        system::clear_away(self.0);
        if self.is_gone_within(SETTLING).await {
            return Leftovers::None;
        }
        self.ask_to_end();
        if self.is_gone_within(grace).await {
            return Leftovers::Stopped;
        }
        for _ in 0..LAST_LOOKS {
            if !self.is_alive() {
                break;
            }
            self.kill();
            tokio::time::sleep(BETWEEN_LOOKS).await;
        }
        Leftovers::Stopped
    }

    /// As [`Group::stop_leftovers`], for a thread of its own.
    pub fn stop_leftovers_here(self, grace: Duration) -> Leftovers {
        let leftovers = self.stop_what_is_left_here(grace);
        system::clear_away(self.0);
        leftovers
    }

    fn stop_what_is_left_here(self, grace: Duration) -> Leftovers {
        system::clear_away(self.0);
        if self.is_gone_within_here(SETTLING) {
            return Leftovers::None;
        }
        self.ask_to_end();
        if !self.is_gone_within_here(grace) {
            self.kill_and_wait();
        }
        Leftovers::Stopped
    }

    fn is_gone_within_here(self, patience: Duration) -> bool {
        let end = std::time::Instant::now() + patience;
        while self.is_alive() {
            if std::time::Instant::now() >= end {
                return false;
            }
            std::thread::sleep(BETWEEN_LOOKS);
        }
        true
    }

    async fn is_gone_within(self, patience: Duration) -> bool {
        let end = tokio::time::Instant::now() + patience;
        while self.is_alive() {
            if tokio::time::Instant::now() >= end {
                return false;
            }
            tokio::time::sleep(BETWEEN_LOOKS).await;
        }
        true
    }

    /// Kills what is left and waits until it is gone, without a grace.
    pub fn kill_and_wait(self) {
        for _ in 0..LAST_LOOKS {
            if !self.is_alive() {
                return;
            }
            self.kill();
            std::thread::sleep(BETWEEN_LOOKS);
        }
    }
}
