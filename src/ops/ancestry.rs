//! Which commits are before the one that is checked out: git is asked once for each.
//!
//! A few commits made all records, and the verbs that ask go over all of them.

use std::cell::RefCell;
use std::collections::BTreeMap;

use crate::git::Repository;

/// What is before one commit, itself included.
pub struct Ancestry<'a> {
    repository: &'a Repository,
    head: &'a str,
    known: RefCell<BTreeMap<String, bool>>,
}

impl<'a> Ancestry<'a> {
    /// Nothing is asked yet.
    pub fn of(repository: &'a Repository, head: &'a str) -> Self {
        Self { repository, head, known: RefCell::default() }
    }

    /// Tells whether a commit is among them; one that git does not know is not.
    pub fn has(&self, commit: &str) -> bool {
        if let Some(known) = self.known.borrow().get(commit) {
            return *known;
        }
        let before = self.repository.is_ancestor(commit, self.head);
        self.known.borrow_mut().insert(commit.to_owned(), before);
        before
    }
}
