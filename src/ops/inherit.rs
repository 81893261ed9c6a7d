//! A branch without a state gets that of another one.
//!
//! What `post-checkout` does for a new branch, and a run for a detached HEAD.
//! It never goes over a state that is there, and a protected branch takes none
//! of one that is not.

use crate::model::BranchName;
use crate::state::{BranchKey, LogEntry, Move, StateError, Target};
use crate::task::now_ms;

use super::{OpsError, Session, protect};
use crate::process;

/// What became of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Inherited {
    /// The branch has the state now.
    Yes,
    /// It has one of its own, or the other has none.
    No,
    /// It is protected, and the other is not.
    Protected,
}

/// Gives `to` the state of `from`; a few rows, however large it is.
pub fn inherit(session: &Session, from: &BranchName, to: &BranchName) -> Result<Inherited, OpsError> {
    let state = session.state()?;
    let protection = protect::as_session_sees(session, to);
    let key = |branch: &BranchName| BranchKey { branch: branch.clone(), ..session.key.clone() };
    let (source, target) = (key(from), key(to));
    state.take_in_living(&source)?;
    if state.point(&source)?.is_none_or(|point| point.is_empty()) {
        return Ok(Inherited::No);
    }
    let user = process::user_name();
    let entry = LogEntry {
        verb: "clone",
        why: from.as_str(),
        user: &user,
        at_ms: now_ms(),
        commit: session.head.commit.as_deref(),
        ..LogEntry::default()
    };
    let to = Target::WhatIsOn(&source);
    let wanted = Move { key: &target, from: None, to, cloned_from: Some(from), promotes: None };
    match state.move_branch(&wanted, &protection, &entry) {
        Ok(Some(_)) => Ok(Inherited::Yes),
        Ok(None) => Ok(Inherited::No),
        Err(StateError::Protected { .. } | StateError::Deferred { .. }) => Ok(Inherited::Protected),
        Err(error) => Err(error.into()),
    }
}
