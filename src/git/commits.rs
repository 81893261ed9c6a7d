//! Commits: what a word means to git, and what a file is at a branch's tip.

use super::{Backend, GitError, Repository};

impl Repository {
    /// Returns the commit that a word means to git: a branch, a tag, some of its digits; absent for none.
    pub fn commit(&self, word: &str) -> Result<Option<String>, GitError> {
        match &self.backend {
            Backend::Library(repository) => {
                let found = repository.revparse_single(word).and_then(|object| object.peel_to_commit());
                Ok(found.ok().map(|commit| commit.id().to_string()))
            }
            Backend::Program(place) => {
                let spec = format!("{word}^{{commit}}");
                Ok(place.said(["rev-parse", "--quiet", "--verify", "--end-of-options", &spec]).ok())
            }
        }
    }

    /// Returns a file, by its path from the worktree's root, as a branch's tip has it; absent where it has none.
    pub fn file_on(&self, branch: &str, path: &str) -> Result<Option<Vec<u8>>, GitError> {
        let spec = format!("refs/heads/{branch}:{path}");
        match &self.backend {
            Backend::Library(repository) => {
                let found = repository.revparse_single(&spec).and_then(|object| object.peel_to_blob());
                Ok(found.ok().map(|blob| blob.content().to_vec()))
            }
            Backend::Program(place) => {
                Ok(place.said(["cat-file", "blob", &spec]).ok().map(String::into_bytes))
            }
        }
    }
}
