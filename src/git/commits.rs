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
    ///
    /// Where there is no such branch here, that of `origin` counts: machines that check a commit out alone have
    /// no others.
    pub fn file_on(&self, branch: &str, path: &str) -> Result<Option<Vec<u8>>, GitError> {
        let spec = |reference: String| format!("{reference}:{path}");
        let found = self.tips(branch).find_map(|reference| match &self.backend {
            Backend::Library(repository) => {
                let tip = repository.find_reference(&reference).ok()?;
                let blob = tip.peel_to_tree().and_then(|tree| tree.get_path(std::path::Path::new(path)));
                let blob = blob.and_then(|entry| repository.find_blob(entry.id()));
                Some(blob.ok().map(|blob| blob.content().to_vec()))
            }
            Backend::Program(place) => {
                place.said(["rev-parse", "--quiet", "--verify", &reference]).ok()?;
                Some(place.said(["cat-file", "blob", &spec(reference)]).ok().map(String::into_bytes))
            }
        });
        Ok(found.flatten())
    }

    /// Returns the id of a file as [`Repository::file_on`] finds it, without reading it.
    pub fn file_id_on(&self, branch: &str, path: &str) -> Option<String> {
        self.tips(branch).find_map(|reference| match &self.backend {
            Backend::Library(repository) => {
                let tree = repository.find_reference(&reference).ok()?.peel_to_tree().ok()?;
                let entry = tree.get_path(std::path::Path::new(path));
                Some(entry.map(|entry| entry.id().to_string()).unwrap_or_default())
            }
            Backend::Program(place) => {
                let spec = format!("{reference}:{path}");
                place.said(["rev-parse", "--quiet", "--verify", &spec]).ok()
            }
        })
    }

    fn tips(&self, branch: &str) -> impl Iterator<Item = String> {
        [format!("refs/heads/{branch}"), format!("refs/remotes/origin/{branch}")].into_iter()
    }
}
