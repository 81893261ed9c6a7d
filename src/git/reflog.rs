//! What git noted of how branches came to be: where HEAD came from, what was renamed.
//!
//! Notes may be switched off or expired; then nothing is known, which is no error.

use super::{Backend, HEADS, Repository, branch_name, lossy};
use crate::model::BranchName;

impl Repository {
    /// Returns the branch that HEAD was on before it moved last, if that was by a checkout.
    ///
    /// Absent too where HEAD was detached, or nothing is noted.
    pub fn moved_from(&self) -> Option<BranchName> {
        let last = self.notes("HEAD", 1).into_iter().next()?;
        let from = last.strip_prefix("checkout: moving from ")?.split_once(" to ")?.0;
        Some(branch_name(from))
    }

    /// Tells whether a branch was once called `before`.
    pub fn was_renamed(&self, branch: &BranchName, before: &BranchName) -> bool {
        let renamed = |note: &String| {
            let names = note.split_once("renamed refs/heads/").and_then(|(_, rest)| rest.split_once(" to "));
            names.is_some_and(|(from, _)| branch_name(from) == *before)
        };
        self.notes(&format!("{HEADS}{branch}"), usize::MAX).iter().any(renamed)
    }

    /// Returns the branch that a rebase going on in this worktree will move.
    pub fn rebasing(&self) -> Option<BranchName> {
        let git_dir = match &self.backend {
            Backend::Library(repository) => repository.path().to_owned(),
            Backend::Program(place) => place.said(["rev-parse", "--absolute-git-dir"]).ok()?.into(),
        };
        let name = |folder: &str| std::fs::read_to_string(git_dir.join(folder).join("head-name")).ok();
        let name = name("rebase-merge").or_else(|| name("rebase-apply"))?;
        Some(branch_name(name.trim().strip_prefix(HEADS)?))
    }

    /// Returns the notes of a reference, the latest first, at most so many.
    fn notes(&self, reference: &str, most: usize) -> Vec<String> {
        match &self.backend {
            Backend::Library(repository) => {
                let Ok(log) = repository.reflog(reference) else { return Vec::new() };
                log.iter().take(most).filter_map(|entry| entry.message_bytes().map(lossy)).collect()
            }
            Backend::Program(place) => {
                let count = format!("--max-count={}", most.min(10_000));
                let said = place.said(["log", "--walk-reflogs", "--format=%gs", &count, reference, "--"]);
                said.unwrap_or_default().lines().map(str::to_owned).collect()
            }
        }
    }
}
