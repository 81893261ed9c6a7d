//! What would be known nowhere else any more, were a branch's state to go.
//!
//! Records and bytes stay in the store as long as an operation names them, so
//! `undo` brings even these back; but nobody would find them by themselves.

use std::collections::BTreeSet;

use crate::model::{Digest, TaskName};
use crate::ops::{Footing, MovingError, OpsError};
use crate::state::{BranchKey, Point};

/// What becomes of results that exist on one branch alone, when that branch moves away from them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unkept {
    /// The move is refused.
    Refuse,
    /// They are given up; `undo` brings them back.
    GiveUp,
}

/// Refuses to move a branch away from what only it has; returns the tasks that it gives up.
pub(super) fn refuse_loss(
    footing: &Footing,
    key: &BranchKey,
    from: &Point,
    to: Option<&Point>,
    unkept: Unkept,
) -> Result<Vec<TaskName>, OpsError> {
    let tasks = only_there(footing, key, from, to)?;
    if tasks.is_empty() || unkept == Unkept::GiveUp {
        return Ok(tasks);
    }
    Err(MovingError::OnlyThere { branch: key.branch.clone(), tasks }.into())
}

/// Returns the tasks whose records a branch alone has: no other branch, no tag, and not where it goes.
pub fn only_there(
    footing: &Footing,
    key: &BranchKey,
    from: &Point,
    to: Option<&Point>,
) -> Result<Vec<TaskName>, OpsError> {
    let state = footing.state()?;
    let mut others: BTreeSet<Point> = to.copied().into_iter().collect();
    for branch in footing.branches()?.into_iter().filter(|branch| branch.key != *key) {
        others.extend(state.point(&branch.key)?);
    }
    others.extend(state.tags(&key.project)?.into_iter().map(|tag| Point::of(tag.snapshot)));
    if from.is_empty() || others.contains(from) {
        return Ok(Vec::new());
    }
    let mut kept: BTreeSet<Digest> = BTreeSet::new();
    for other in others {
        kept.extend(state.entries(&other)?.into_values().map(|entry| entry.record));
    }
    let mine = state.entries(from)?.into_values().filter(|entry| !kept.contains(&entry.record));
    Ok(mine.map(|entry| entry.task).collect())
}
