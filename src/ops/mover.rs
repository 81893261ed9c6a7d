//! How every verb moves a branch: with its lock held, past its protection, as one operation.
//!
//! ```text
//! let mover = Mover::of(&footing, &key)?;         // nobody runs there meanwhile; who is protected is known
//! mover.go(Target::WhatIsOn(&main), &entry)?;     // clone
//! mover.go(Target::Point(operation.before), ...)  // undo
//! mover.go(Target::With(&changes), ...)           // accept: some tasks get other records
//! mover.promote(&changes, ...)                    // the same, of records made elsewhere
//! mover.go(Target::Gone, ...)                     // delete
//! ```
//! The log, `undo`, `clone --at` and `diff` follow from that alone. What moves
//! no branch (`gc`, `push`) calls [`State::note`]. An operation that cannot be
//! undone says so in `undo.rs`.

use std::time::{Duration, Instant};

use super::holding::{holder, of_engine};
use super::{Footing, MovingError, OpsError, protect};
use crate::model::{BranchName, Digest};
use crate::state::{
    BranchKey, Change, LockError, LockOn, LogEntry, Move, Moved, Point, Promotes, Protection, RunLock, State,
    Target, Wait,
};

/// How long another verb may take; a run takes longer, and is not waited for.
const PATIENCE: Duration = Duration::from_secs(5);
/// How often is looked whether it is done.
const PAUSE: Duration = Duration::from_millis(10);

/// The right to move a branch.
pub struct Mover<'a> {
    footing: &'a Footing,
    state: &'a State,
    key: &'a BranchKey,
    from: Option<Point>,
    protection: Protection,
    cloned_from: Option<&'a BranchName>,
    _lock: RunLock,
}

impl<'a> Mover<'a> {
    /// Takes a branch's lock and finds out whether it is protected.
    pub fn of(footing: &'a Footing, key: &'a BranchKey) -> Result<Self, OpsError> {
        let state = footing.state()?;
        let lock = lock_briefly(footing, key)?;
        Ok(Self {
            footing,
            state,
            key,
            from: state.point(key)?,
            protection: protect::protection(footing, &key.branch)?,
            cloned_from: None,
            _lock: lock,
        })
    }

    /// Has the branch remember whose state it began with.
    pub fn cloned_from(self, source: &'a BranchName) -> Self {
        Self { cloned_from: Some(source), ..self }
    }

    /// Returns the state that the branch is in; absent where it has none.
    pub fn from(&self) -> Option<Point> {
        self.from
    }

    /// Returns what is protected, as far as it concerns the branch.
    pub fn protection(&self) -> &Protection {
        &self.protection
    }

    /// Moves the branch.
    pub fn go(&self, to: Target<'_>, entry: &LogEntry<'_>) -> Result<Moved, OpsError> {
        match &to {
            Target::Point(point) => {
                refuse_collected(self.state, point)?;
                // Where what it holds cannot be read, all of the other is new to it.
                let now = self.state.entries(&self.from.unwrap_or_default()).unwrap_or_default();
                let there = self.state.entries(point)?.into_iter();
                let new = there
                    .filter(|(place, entry)| now.get(place).is_none_or(|now| now.record != entry.record));
                refuse_lacking(self.state, new.map(|(_, entry)| entry.record).collect())?;
            }
            Target::With(changes) => {
                let records = changes.iter().filter_map(|change| change.record.map(|(record, _)| record));
                refuse_lacking(self.state, records.collect())?;
            }
            // What another branch holds is needed, so it is there.
            Target::WhatIsOn(_) | Target::Gone => {}
        }
        self.go_with(to, None, entry)
    }

    /// Moves the branch, and lets it have records that were made elsewhere.
    pub fn promote(
        &self,
        changes: &[Change],
        promotes: Promotes<'_>,
        entry: &LogEntry<'_>,
    ) -> Result<Moved, OpsError> {
        self.go_with(Target::With(changes), Some(promotes), entry)
    }

    fn go_with(
        &self,
        to: Target<'_>,
        promotes: Option<Promotes<'_>>,
        entry: &LogEntry<'_>,
    ) -> Result<Moved, OpsError> {
        let wanted = Move { key: self.key, from: self.from, to, cloned_from: self.cloned_from, promotes };
        let moved = self.state.move_branch(&wanted, &self.protection, entry)?;
        moved.ok_or_else(|| MovingError::BranchMoved { branch: self.key.branch.clone() }.into())
    }
}

impl Mover<'_> {
    /// Gives the state another name, under which there must be none; returns the operation's number.
    pub fn rename(&self, to: &BranchKey, entry: &LogEntry<'_>) -> Result<u64, OpsError> {
        let _lock = lock_briefly(self.footing, to)?;
        let protection = protect::protection(self.footing, &to.branch)?;
        let renamed = self.state.rename_branch(self.key, to, &protection, entry)?;
        renamed.ok_or_else(|| MovingError::NameTaken { branch: to.branch.clone() }.into())
    }
}

/// Refuses a state of the past of which `gc` has deleted records. Who looks at one in the trash brings it back.
pub fn refuse_collected(state: &State, point: &Point) -> Result<(), OpsError> {
    match state.count_gone(point)? {
        (0, _) => Ok(()),
        (gone, all) => Err(MovingError::Collected { gone, all }.into()),
    }
}

/// Refuses records of which `gc` has deleted a part; what of them was put aside is back.
pub fn refuse_lacking(state: &State, records: Vec<Digest>) -> Result<(), OpsError> {
    let all = records.len() as u64;
    match state.count_lacking(records)? {
        0 => Ok(()),
        gone => Err(MovingError::Collected { gone, all }.into()),
    }
}

/// Other verbs are waited for, as each takes an instant; a run is not.
fn lock_briefly(footing: &Footing, key: &BranchKey) -> Result<RunLock, OpsError> {
    let began = Instant::now();
    let by = holder(&footing.command);
    loop {
        match RunLock::acquire(footing.store_root(), LockOn::Branch(key), Wait::No, &by) {
            Err(LockError::Held { holder }) => {
                let runs = holder.as_ref().is_some_and(|holder| is_run(&holder.command));
                if runs || began.elapsed() > PATIENCE {
                    return Err(MovingError::Busy {
                        branch: key.branch.clone(),
                        holder: holder.map(|one| Box::new(one.into())),
                    }
                    .into());
                }
                std::thread::sleep(PAUSE);
            }
            taken => {
                let taken = taken?;
                let Some(engine) = of_engine(footing.state()?, key) else { return Ok(taken) };
                return Err(
                    MovingError::Busy { branch: key.branch.clone(), holder: Some(Box::new(engine)) }.into()
                );
            }
        }
    }
}

fn is_run(command: &str) -> bool {
    command.split_whitespace().any(|word| ["run", "retry", "serve"].contains(&word))
}
