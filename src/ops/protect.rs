//! Which branches are protected: `settings.protected` here, and in the branch's own commit; the stricter wins.
//!
//! So a branch cannot take its own protection away before it is merged, and a
//! protected branch stays so for who works on another one.
//!
//! What is made for a protected branch is made from a commit of it: `--branch
//! main` or `KPTN_BRANCH=main`, while a commit is checked out that `main` does
//! not have, is refused before anything runs ([`refuse_elsewhere`]).

use std::collections::BTreeSet;
use std::path::Path;

use super::{Footing, OpsError, Session};
use crate::config;
use crate::git::Repository;
use crate::model::BranchName;
use crate::state::Protection;

/// Returns what is protected, as far as it concerns one branch.
pub fn protection(footing: &Footing, branch: &BranchName) -> Result<Protection, OpsError> {
    let own = in_commit(footing.repository.as_ref(), branch, &footing.root, &footing.config_path);
    Ok(Protection::new(footing.protected.iter().chain(&own).cloned()).trusting(&own))
}

/// Returns what is protected, as far as it concerns one branch, for who has a session.
pub fn as_session_sees(session: &Session, branch: &BranchName) -> Protection {
    let project = &session.project;
    let own = in_commit(session.repository.as_ref(), branch, &project.root, &project.config_path);
    Protection::new(project.settings.protected.iter().chain(&own).cloned()).trusting(&own)
}

/// Returns what is protected according to a branch's own commit; nothing where it says nothing.
///
/// Every file that may say so there is read: the `kptn.yaml` that is used here,
/// the one at the project's root, `pyproject.toml` and what that names.
pub fn in_commit(
    repository: Option<&Repository>,
    branch: &BranchName,
    root: &Path,
    config_path: &Path,
) -> Vec<String> {
    let Some(repository) = repository else { return Vec::new() };
    let read = |path: &Path| {
        let path = repository.inside(path)?;
        repository.file_on(branch.as_str(), &path).ok().flatten()
    };
    let mut found = BTreeSet::new();
    let mut files = BTreeSet::from([config_path.to_owned(), root.join("kptn.yaml")]);
    if let Some(text) = read(&root.join("pyproject.toml")) {
        let (patterns, named) = config::protected_in_pyproject(&text);
        found.extend(patterns);
        files.extend(named.map(|path| root.join(path)));
    }
    for text in files.iter().filter_map(|path| read(path)) {
        found.extend(config::protected_in(&text));
    }
    found.into_iter().collect()
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

/// Says why what is checked out is not on a protected branch.
pub(super) fn elsewhere(branch: &BranchName, commit: &Option<String>, known: bool) -> String {
    match commit {
        Some(commit) if known => {
            format!("the commit that is checked out, {}, is not on it", commit.get(..9).unwrap_or(commit))
        }
        Some(_) => format!("git has no `{branch}` here to tell what is on it"),
        None => "no commit is checked out".to_owned(),
    }
}
