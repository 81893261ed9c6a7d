//! Which branches are protected: `settings.protected` here, and in the branch's own commit; the stricter wins.
//!
//! So a branch cannot take its own protection away before it is merged, and a
//! protected branch stays so for who works on another one.
//!
//! What is made for a protected branch is made from a commit of it: `--branch
//! main` or `KPTN_BRANCH=main`, while a commit is checked out that `main` does
//! not have, is refused before anything runs ([`refuse_elsewhere`]).

use super::{Footing, OpsError, Session};
use crate::config;
use crate::git::Repository;
use crate::model::BranchName;
use crate::state::Protection;

/// Returns what is protected, as far as it concerns one branch.
pub fn protection(footing: &Footing, branch: &BranchName) -> Result<Protection, OpsError> {
    let own = in_commit(footing.repository.as_ref(), branch, &footing.config_path);
    Ok(Protection::new(footing.protected.iter().cloned().chain(own)))
}

/// Returns what is protected, as far as it concerns one branch, for who has a session.
pub fn as_session_sees(session: &Session, branch: &BranchName) -> Protection {
    let own = in_commit(session.repository.as_ref(), branch, &session.project.config_path);
    Protection::new(session.project.settings.protected.iter().cloned().chain(own))
}

/// Returns what is protected according to a branch's own commit; nothing where it says nothing.
pub fn in_commit(
    repository: Option<&Repository>,
    branch: &BranchName,
    config_path: &std::path::Path,
) -> Vec<String> {
    let Some(repository) = repository else { return Vec::new() };
    let Some(path) = repository.inside(config_path) else { return Vec::new() };
    let text = repository.file_on(branch.as_str(), &path).ok().flatten();
    text.map(|text| config::protected_in(&text)).unwrap_or_default()
}

/// Refuses to make anything for a protected branch where a commit is checked out that is none of its own.
pub fn refuse_elsewhere(session: &Session) -> Result<(), OpsError> {
    let (branch, head) = (&session.key.branch, &session.head);
    let Some(repository) = &session.repository else { return Ok(()) };
    let protection = Protection::new(session.project.settings.protected.iter().cloned());
    if (head.branch == *branch && !head.detached) || !protection.covers(branch.as_str()) {
        return Ok(());
    }
    let contains = match &head.commit {
        Some(commit) => repository.contains(branch, commit)?,
        None => Some(false),
    };
    if contains == Some(true) {
        return Ok(());
    }
    Err(OpsError::ElsewhereThanProtected {
        branch: branch.clone(),
        commit: head.commit.clone(),
        known: contains.is_some(),
    })
}
