//! What a commit holds, written into a folder: to look at a project as it was.
//!
//! Through the `git` program, which knows filters, LFS and every kind of
//! repository; the index and the worktree are not touched.

use std::ffi::OsStr;
use std::path::Path;

use super::{GitError, Repository, program};

impl Repository {
    /// Returns the commit from which HEAD and `reference` went different ways, else that of `reference`.
    pub fn base_with(&self, reference: &str) -> Result<String, GitError> {
        let commit = program::said_in(
            &self.root,
            &[],
            ["rev-parse", "--verify", "--end-of-options", &format!("{reference}^{{commit}}")],
        )?;
        Ok(program::said_in(&self.root, &[], ["merge-base", "HEAD", &commit]).unwrap_or(commit))
    }

    /// Writes the files of a commit into an empty folder; absent ones of a sparse or partial clone are fetched.
    pub fn export(&self, commit: &str, folder: &Path) -> Result<(), GitError> {
        let index = folder.join(".index");
        let own_index = [("GIT_INDEX_FILE", index.as_os_str())];
        program::said_in(&self.root, &own_index, ["read-tree", commit])?;
        let mut prefix = std::ffi::OsString::from("--prefix=");
        prefix.push(folder);
        prefix.push("/");
        let words: [&OsStr; 4] = ["checkout-index".as_ref(), "--all".as_ref(), "--quiet".as_ref(), &prefix];
        program::said_in(&self.root, &own_index, words)?;
        // One that stays is in nobody's way.
        drop(std::fs::remove_file(index));
        Ok(())
    }
}
