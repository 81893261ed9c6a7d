//! The flat index: an answer of `status`, and what must be unchanged for it to hold.
//!
//! Made from what a [`LocalMemo`] looked at in one session, and checked by one
//! stat a file. Where a stat differs but the bytes are the same, the entry is
//! brought up to date and the answer still holds. It is a cache: absent, damaged
//! and of another version are all the same, and it never says more than what
//! was looked at. What the answer means is for others to know.

mod entry;
mod place;
#[cfg(test)]
mod tests;

use std::ops::Range;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::clock::Clock;
use super::{LocalMemo, flat};
use crate::model::{BranchName, Digest};
use crate::store::{Layout, StoreError};
use entry::{Outcome, encode, split_first};
use place::Place;

/// The format's version is part of it.
const MAGIC: [u8; flat::MAGIC] = *b"kptn index 1    ";

/// Where the length of the header stands; the header, the entries and the answer follow.
const HEADER: usize = flat::start() + 8;

/// What an answer rests on besides files.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Basis {
    /// Of everything that makes it another question: graph, branch, version of kptn.
    pub key: Digest,
    /// [`super::State::generation`] as it was before the answer was made.
    pub generation: u64,
    /// From when on it does not hold, in ms since the epoch.
    pub expires_ms: Option<u64>,
    /// The environment variables that count, and their values' digests.
    pub environment: Vec<(String, Option<Digest>)>,
}

/// How things are now, besides files.
pub struct Now<'a> {
    /// [`super::State::generation`].
    pub generation: u64,
    /// In ms since the epoch.
    pub time_ms: u64,
    /// Looks up an environment variable.
    pub environment: &'a dyn Fn(&str) -> Option<String>,
}

/// Whether an answer still holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It does.
    Same,
    /// It does, and stats that had changed were brought up to date: worth saving.
    Refreshed,
    /// It does not.
    Changed(Difference),
}

/// The first thing found that differs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Difference {
    /// Something was written to the state.
    State,
    /// Its time is over.
    Expired,
    /// An environment variable.
    Environment(String),
    /// What is at a path, or the names in a folder.
    Path(PathBuf),
}

/// An answer of `status`, with what it rests on.
pub struct StatusIndex {
    file: PathBuf,
    root: PathBuf,
    clock: Clock,
    basis: Basis,
    /// As in the file.
    bytes: Vec<u8>,
    entries: Range<usize>,
}

#[derive(Serialize, Deserialize)]
struct Header {
    basis: Basis,
    /// In bytes.
    entries: u64,
}

impl StatusIndex {
    /// Reads the index of one worktree and branch; absent where there is none for this question.
    pub fn load(store_root: &Path, project_root: &Path, branch: &BranchName, key: &Digest) -> Option<Self> {
        Self::load_any(store_root, project_root, branch).filter(|index| index.basis.key == *key)
    }

    /// Reads the index of one worktree and branch, whatever the question was.
    pub fn load_any(store_root: &Path, project_root: &Path, branch: &BranchName) -> Option<Self> {
        let layout = Layout::new(store_root);
        let file = layout.status_index(project_root, branch);
        let bytes = flat::read(&file, MAGIC)?;
        Self::from_bytes(&layout, file, project_root, bytes)
    }

    /// Makes an index of what the memo looked at since it was opened.
    ///
    /// Absent where something changed meanwhile, so that nobody can tell what the answer rests on.
    pub fn make(
        store_root: &Path,
        project_root: &Path,
        branch: &BranchName,
        memo: &LocalMemo,
        basis: Basis,
        answer: &[u8],
    ) -> Option<Self> {
        let entries = memo.with_looked(|looked| encode(looked, project_root))?;
        let header = Header { basis, entries: entries.len() as u64 };
        let header = postcard::to_stdvec(&header).ok()?;
        let mut bytes = vec![0; flat::start()];
        bytes.extend_from_slice(&(header.len() as u64).to_le_bytes());
        bytes.extend_from_slice(&header);
        bytes.extend_from_slice(&entries);
        bytes.extend_from_slice(answer);
        let layout = Layout::new(store_root);
        let file = layout.status_index(project_root, branch);
        Self::from_bytes(&layout, file, project_root, bytes)
    }

    fn from_bytes(layout: &Layout, file: PathBuf, root: &Path, bytes: Vec<u8>) -> Option<Self> {
        let length = u64::from_le_bytes(bytes.get(flat::start()..HEADER)?.try_into().ok()?);
        let end = HEADER.checked_add(usize::try_from(length).ok()?)?;
        let header: Header = postcard::from_bytes(bytes.get(HEADER..end)?).ok()?;
        let answer = end.checked_add(usize::try_from(header.entries).ok()?)?;
        bytes.get(end..answer)?;
        let (root, clock) = (root.to_owned(), Clock::new(layout.clock()));
        Some(Self { file, root, clock, basis: header.basis, bytes, entries: end..answer })
    }

    /// Returns the answer, as it was given.
    pub fn answer(&self) -> &[u8] {
        self.bytes.get(self.entries.end..).unwrap_or_default()
    }

    /// Looks whether everything is as it was: one stat a file, and a reading where that differs.
    pub fn verify(&mut self, now: &Now<'_>) -> Verdict {
        if let Some(difference) = self.basis.differs(now) {
            return Verdict::Changed(difference);
        }
        let Ok(root) = Place::open(&self.root) else {
            return Verdict::Changed(Difference::Path(self.root.clone()));
        };
        let mut rest = self.bytes.get_mut(self.entries.clone()).unwrap_or_default();
        let mut verdict = Verdict::Same;
        while let Some((mut entry, after)) = split_first(rest) {
            match entry.check(&root, &self.clock) {
                Outcome::Same => {}
                Outcome::Refreshed => verdict = Verdict::Refreshed,
                Outcome::Changed => return Verdict::Changed(Difference::Path(self.root.join(entry.path()))),
            }
            rest = after;
        }
        verdict
    }

    /// Writes it down, for the next time.
    pub fn save(&self) -> Result<(), StoreError> {
        flat::write(&self.file, MAGIC, &self.bytes[flat::start()..])
    }
}

impl Basis {
    fn differs(&self, now: &Now<'_>) -> Option<Difference> {
        if self.generation != now.generation {
            return Some(Difference::State);
        }
        if self.expires_ms.is_some_and(|expires| expires <= now.time_ms) {
            return Some(Difference::Expired);
        }
        let is_other = |(name, before): &&(String, Option<Digest>)| {
            (now.environment)(name).map(|value| Digest::of(value.as_bytes())) != *before
        };
        self.environment.iter().find(is_other).map(|(name, _)| Difference::Environment(name.clone()))
    }
}
