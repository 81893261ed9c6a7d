//! Decides where the store is; looks at nothing.
//!
//! What the environment, the settings and git say comes in as arguments, so the
//! order among them stands in one place and can be tested without a disk.

use std::path::{Path, PathBuf};

/// Returns the store's root.
///
/// What `KPTN_STORE` says (`from_env`) goes first, then `settings.store`, then
/// git's common folder, which linked worktrees share and which cannot be
/// committed; without git, `.kptn` in the project root. A relative path is
/// relative to the project root.
pub fn locate(
    project_root: &Path,
    git_common: Option<&Path>,
    from_env: Option<&Path>,
    from_settings: Option<&Path>,
) -> PathBuf {
    let said = from_env.filter(|path| !path.as_os_str().is_empty()).or(from_settings);
    match (said, git_common) {
        (Some(said), _) => project_root.join(said),
        (None, Some(common)) => common.join("kptn"),
        (None, None) => project_root.join(".kptn"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_environment_goes_before_settings_before_git() {
        let path = Path::new;
        let find = |git, env, settings| locate(path("/p"), git, env, settings);
        assert_eq!(find(None, None, None), path("/p/.kptn"));
        assert_eq!(find(Some(path("/g/.git")), None, None), path("/g/.git/kptn"));
        assert_eq!(find(Some(path("/g/.git")), None, Some(path("/s"))), path("/s"));
        assert_eq!(find(Some(path("/g/.git")), Some(path("e")), Some(path("/s"))), path("/p/e"));
        assert_eq!(find(None, Some(path("")), None), path("/p/.kptn"));
    }
}
