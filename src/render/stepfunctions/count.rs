//! How large a machine is: the events of its history, and the bytes of its text.
//!
//! AWS ends an execution at 25,000 events and takes no definition above 1 MiB.
//! Counted is what a run in which every task runs and nothing is tried again
//! leaves at most; the rest of the limits is left for what is.

use super::gates::MOST_HERE;
use super::state::{Piece, State};
use super::write;

/// What a machine or a part of it comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Size {
    pub events: usize,
    pub bytes: usize,
}

impl Size {
    /// Returns the size of states that lead to one another.
    pub fn of(piece: &Piece) -> Self {
        Self { events: events(piece), bytes: write::text(piece, 3).len() + 16 }
    }

    /// Tells whether both are at most `other`'s.
    pub fn fits(&self, other: &Self) -> bool {
        self.events <= other.events && self.bytes <= other.bytes
    }
}

impl std::ops::Add for Size {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self { events: self.events + other.events, bytes: self.bytes + other.bytes }
    }
}

/// What is around the tasks: the run's two ends.
const AROUND: usize = 35;

/// Returns the events of a machine whose tasks are run by `state`.
pub fn events_of(state: &State) -> usize {
    AROUND + 4 + state.branches.iter().map(events).sum::<usize>()
}

/// Each state once, those alone that a failure needs too; of those which each task has for its own, those of one.
fn events(piece: &Piece) -> usize {
    let of_state = |(_, state): &(String, State)| match (state.kind, state.resource) {
        // Entered, scheduled, started, succeeded, exited; what waits is submitted too.
        ("Task", Some(resource)) if resource.contains(".sync") || resource.ends_with(".waitForTaskToken") => {
            6
        }
        ("Task", _) => 5,
        ("Parallel", _) => 4 + state.branches.iter().map(events).sum::<usize>(),
        // Its children have a history of their own.
        ("Map", _) if state.item_reader.is_some() || state.gates > MOST_HERE => 5,
        // An iteration begins and ends, and opens a gate in between.
        ("Map", _) => 4 + state.gates * 14,
        _ => 2,
    };
    let all = piece.states.iter().filter(|(_, state)| !state.after_failure).map(of_state).sum::<usize>();
    all + piece.states.iter().find(|(_, state)| state.after_failure).map_or(0, of_state)
}
