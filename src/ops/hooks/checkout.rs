//! `post-checkout`: a new branch gets its parent's state.
//!
//! The parent is the branch that was checked out before, where it is at the same
//! commit, as after `git switch -c`; else the nearest one that has a state. A
//! branch that has a state keeps it, and a file that is checked out is no branch.

use std::collections::BTreeSet;

use super::fire::Said;
use super::outlook::Outlook;
use crate::git::Repository;
use crate::model::{AutoClone, BranchName};
use crate::ops::inherit::{Inherited, inherit};
use crate::ops::standing::Because;
use crate::ops::{OpsError, Session};
use crate::state::State;

/// Clones for a new branch; absent where there is nothing to say.
pub fn after_checkout(session: &Session, arguments: &[String]) -> Result<Option<Said>, OpsError> {
    let of_files = arguments.get(2).is_some_and(|flag| flag == "0");
    let wanted = session.project.settings.auto_clone == AutoClone::Yes;
    if of_files || !wanted || session.because != Because::CheckedOut {
        return Ok(None);
    }
    let Some(repository) = &session.repository else { return Ok(None) };
    let Some(state) = State::open_existing(session.store_root()) else { return Ok(None) };
    let known: BTreeSet<BranchName> = state.branch_names(&session.key.project)?.into_iter().collect();
    let to = &session.key.branch;
    if known.contains(to) {
        return Ok(None);
    }
    let Some(commit) = &session.head.commit else { return Ok(None) };
    let Some(from) = parent(repository, commit, &known)? else { return Ok(None) };
    match inherit(session, &from, to)? {
        Inherited::No => Ok(None),
        Inherited::Protected => Ok(Some(Said::NotCloned { branch: to.clone(), from })),
        Inherited::Yes => {
            state.note_branch(&session.key, repository.common_folder(), None)?;
            Ok(Some(Said::Cloned { branch: to.clone(), from, outlook: Outlook::of(session)? }))
        }
    }
}

/// Returns the branch whose state a new one at this commit begins with.
fn parent(
    repository: &Repository,
    commit: &str,
    known: &BTreeSet<BranchName>,
) -> Result<Option<BranchName>, OpsError> {
    let here = |branch: &BranchName| -> Result<bool, OpsError> {
        Ok(known.contains(branch) && repository.branches()?.get(branch).is_some_and(|tip| tip == commit))
    };
    if let Some(before) = repository.moved_from()
        && here(&before)?
    {
        return Ok(Some(before));
    }
    Ok(repository.nearest(commit, known)?.into_iter().next().map(|near| near.branch))
}
