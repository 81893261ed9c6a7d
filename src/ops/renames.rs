//! Branches that git renamed or deleted: noticed by the next command.
//!
//! The state of a renamed branch gets the new name, where git's own notes say
//! what it is. That of a deleted one is kept, and offered to `gc`; nothing is
//! dropped here. A branch that a run holds is left for later: the run will still
//! write to it by its name.

use serde::Serialize;

use super::holding::running;
use super::standing::is_detached;
use super::{OpsError, Session, protect};
use crate::git::Repository;
use crate::model::{BranchName, ProjectId};
use crate::process;
use crate::state::{BranchKey, LogEntry, State, StateError};
use crate::task::now_ms;

/// What was noticed of one branch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "noticed")]
pub enum Noticed {
    /// Git calls it otherwise now; so does kptn.
    Renamed {
        /// As it was.
        from: BranchName,
        /// As it is.
        to: BranchName,
    },
    /// Git has it no more; its state is kept.
    Gone {
        /// The branch.
        branch: BranchName,
    },
}

/// Tells whether there is something to notice; costs one look a branch.
pub fn are_due(state: &State, repository: Option<&Repository>, project: &ProjectId) -> bool {
    let Some(repository) = repository else { return false };
    let seen = state.seen_branches(project, repository.common_folder()).unwrap_or_default();
    let there = seen.iter().filter(|one| one.gone_ms.is_none()).map(|one| &one.branch);
    !repository.has_branches(there).unwrap_or(true)
}

/// Notes that git has the branch that a run goes on on: it may have another name before the run has ended.
pub fn see(session: &Session) -> Result<(), OpsError> {
    let Some(repository) = &session.repository else { return Ok(()) };
    if repository.has_branches([&session.key.branch])? {
        session.state()?.note_branch(&session.key, repository.common_folder(), None)?;
    }
    Ok(())
}

/// Notices what git did to branches since the last command; does nothing where there is no state yet.
pub fn notice(session: &Session) -> Result<Vec<Noticed>, OpsError> {
    let Some(repository) = &session.repository else { return Ok(Vec::new()) };
    let Some(state) = State::open_existing(session.store_root()) else { return Ok(Vec::new()) };
    let project = &session.key.project;
    let known = state.branch_names(project)?;
    let seen = state.seen_branches(project, repository.common_folder())?;
    let present = |name: &BranchName| seen.iter().any(|one| one.branch == *name && one.gone_ms.is_none());
    let unseen = known.iter().filter(|name| !present(name) && !is_detached(name));
    // Nothing gone and nothing new: what nearly every command finds.
    if unseen.clone().next().is_none() && !are_due(&state, Some(repository), project) {
        return Ok(Vec::new());
    }
    let branches = repository.branches()?;
    let key = |branch: &BranchName| BranchKey { project: project.clone(), branch: branch.clone() };
    for branch in unseen.filter(|name| branches.contains_key(*name)) {
        state.note_branch(&key(branch), repository.common_folder(), None)?;
    }
    let mut noticed = Vec::new();
    let missing = seen.iter().filter(|one| one.gone_ms.is_none() && !branches.contains_key(&one.branch));
    for one in missing {
        let from = key(&one.branch);
        if running(session.store_root(), Some(&state), &from).is_some() {
            continue;
        }
        let mut renamed = None;
        for to in branches.keys().filter(|name| repository.was_renamed(name, &one.branch)) {
            let is_held = running(session.store_root(), Some(&state), &key(to)).is_some();
            if !is_held && rename(session, &state, &from, to)? {
                renamed = Some(to);
                break;
            }
        }
        match renamed {
            Some(to) => noticed.push(Noticed::Renamed { from: one.branch.clone(), to: to.clone() }),
            None => {
                state.note_branch(&from, repository.common_folder(), Some(now_ms()))?;
                noticed.push(Noticed::Gone { branch: one.branch.clone() });
            }
        }
    }
    Ok(noticed)
}

/// Tells whether a branch has another's state now: not where it has one of its own, and a protected branch takes no
/// other's by being given its name.
fn rename(session: &Session, state: &State, from: &BranchKey, to: &BranchName) -> Result<bool, OpsError> {
    let user = process::user_name();
    let entry = LogEntry {
        verb: "rename",
        why: from.branch.as_str(),
        user: &user,
        at_ms: now_ms(),
        commit: session.head.commit.as_deref(),
        command: "git branch -m",
        ..LogEntry::default()
    };
    let protection = protect::as_session_sees(session, to);
    let to = BranchKey { branch: to.clone(), ..from.clone() };
    match state.rename_branch(from, &to, &protection, &entry) {
        Err(StateError::Protected { .. } | StateError::Deferred { .. }) => Ok(false),
        renamed => Ok(renamed?.is_some()),
    }
}
