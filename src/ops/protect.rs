//! Which branches are protected: `settings.protected` here, and in the branch's own commit; the stricter wins.
//!
//! So a branch cannot take its own protection away before it is merged, and a
//! protected branch stays so for who works on another one. A run does not ask:
//! what it makes on a protected branch, also by `KPTN_BRANCH`, was made there.

use super::{Footing, OpsError};
use crate::config;
use crate::git::Repository;
use crate::model::BranchName;
use crate::state::Protection;

/// Returns what is protected, as far as it concerns one branch.
pub fn protection(footing: &Footing, branch: &BranchName) -> Result<Protection, OpsError> {
    let own = in_commit(footing.repository.as_ref(), branch, &footing.config_path);
    Ok(Protection::new(footing.protected.iter().cloned().chain(own)))
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
