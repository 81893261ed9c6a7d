//! Knows files' digests by their stats, and everything that was looked at.
//!
//! [`LocalMemo`] is [`crate::fingerprint::Memo`] with a memory: a file whose
//! stat is what it was is not read again. What it saw in this session it can
//! tell the [`super::StatusIndex`], which then needs one stat a file to say that
//! nothing changed. Its own file may be thrown away at any time.

mod lists;
mod saved;
mod seen;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::clock::{Clock, Moment};
use crate::fingerprint::{Memo, Seen, find_matches_noting};
use crate::model::Digest;
use crate::store::{FileStat, Layout, Store, StoreError, Stored, digest_file, read_file};
use saved::Memory;

use lists::Lists;
pub(super) use seen::{FileLook, ListingLook, Look, Looked, look_again, look_at_listing};

/// How often a file is read that something writes to all the time, before that is an error.
const TRIES: u32 = 5;

/// The disk, with a memory.
pub struct LocalMemo {
    path: PathBuf,
    clock: Clock,
    started: Moment,
    memory: Mutex<Memory>,
    looked: Mutex<Looked>,
    lists: Lists,
    grown: AtomicBool,
}

impl LocalMemo {
    /// Opens the memory of one project's worktree; an absent or broken one is empty.
    ///
    /// To be opened before anything is read whose looking-up comes later.
    pub fn open(store_root: &Path, project_root: &Path) -> Self {
        let layout = Layout::new(store_root);
        let clock = Clock::new(layout.clock());
        let path = layout.memo(project_root);
        Self {
            started: clock.later_than(i64::MIN),
            memory: Mutex::new(Memory::load(&path)),
            looked: Mutex::default(),
            lists: Lists::default(),
            grown: AtomicBool::new(false),
            path,
            clock,
        }
    }

    /// Makes one for a session of which no index will be made: what was looked at is not noted.
    pub fn without_index(self) -> Self {
        self.looked().unsteady = true;
        self
    }

    /// Writes the memory down where it has grown.
    pub fn save(&self) -> Result<(), StoreError> {
        if self.grown.swap(false, Ordering::Relaxed) { self.memory().save(&self.path) } else { Ok(()) }
    }

    /// Looks at a file that something else has read since this memo was opened: the configuration.
    ///
    /// Where it changed since then, no index is made of this session.
    pub fn look_at_read(&self, path: &Path) -> Result<Seen, io::Error> {
        let seen = self.look(path)?;
        let mut looked = self.looked();
        looked.unsteady |= match looked.paths.get(path) {
            Some(Look::File(file)) => self.started.leaves_doubt(&file.stat),
            _ => true,
        };
        Ok(seen)
    }

    /// Looks at a place where something else found nothing since this memo was opened.
    pub fn look_at_absent(&self, path: &Path) -> Result<Seen, io::Error> {
        let seen = self.look(path)?;
        self.looked().unsteady |= seen != Seen::Absent;
        Ok(seen)
    }

    /// Takes a file into the store, and remembers its digest; a file that both know is not read.
    pub fn put_file(&self, store: &Store, path: &Path) -> Result<Stored, StoreError> {
        let metadata = fs::metadata(path).map_err(|error| StoreError::reading(path, error))?;
        let stat = FileStat::from(&metadata);
        let known = self.memory().digest(path, &stat);
        if let Some(digest) = known
            && store.has(&digest)?
        {
            return Ok(Stored { digest, size: stat.size, stat });
        }
        let moment = self.clock.later_than(stat.changed_ns);
        let stored = store.put_file(path)?;
        self.note_file(path, stored.digest, stored.stat, moment);
        Ok(stored)
    }

    /// Lends what was looked at so far.
    pub(super) fn with_looked<T>(&self, use_it: impl FnOnce(&Looked) -> T) -> T {
        use_it(&self.looked())
    }

    fn look_at_file(&self, path: &Path, metadata: &fs::Metadata) -> Result<FileLook, StoreError> {
        let stat = FileStat::from(metadata);
        if let Some(digest) = self.memory().digest(path, &stat) {
            return Ok(FileLook { stat, digest, sure: true });
        }
        // Before reading: what is written afterwards then shows in its stat.
        let moment = self.clock.later_than(stat.changed_ns);
        let (digest, stat) = steadily(|| digest_file(path))?;
        Ok(self.note_file(path, digest, stat, moment))
    }

    fn note_file(&self, path: &Path, digest: Digest, stat: FileStat, moment: Moment) -> FileLook {
        let sure = !moment.leaves_doubt(&stat);
        if sure {
            self.remember(path, digest, stat);
        }
        FileLook { stat, digest, sure }
    }

    fn remember(&self, path: &Path, digest: Digest, stat: FileStat) {
        self.memory().remember(path, digest, stat);
        self.grown.store(true, Ordering::Relaxed);
    }

    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn looked(&self) -> MutexGuard<'_, Looked> {
        self.looked.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Memo for LocalMemo {
    fn look(&self, path: &Path) -> Result<Seen, io::Error> {
        let look = match fs::metadata(path) {
            Err(error) if is_absence(&error) => Look::Absent,
            Err(error) => return Err(error),
            Ok(metadata) if metadata.is_dir() => Look::Folder,
            Ok(metadata) => Look::File(self.look_at_file(path, &metadata).map_err(plain)?),
        };
        let seen = look.seen();
        self.looked().note(path, look);
        Ok(seen)
    }

    fn read(&self, path: &Path) -> Result<Vec<u8>, io::Error> {
        let changed = fs::metadata(path).map(|metadata| FileStat::from(&metadata).changed_ns);
        let moment = self.clock.later_than(changed.unwrap_or_default());
        let (bytes, stat) = steadily(|| read_file(path)).map_err(plain)?;
        let known = self.memory().digest(path, &stat);
        let file = match known {
            Some(digest) => FileLook { stat, digest, sure: true },
            None => self.note_file(path, Digest::of(&bytes), stat, moment),
        };
        self.looked().note(path, Look::File(file));
        Ok(bytes)
    }

    fn list(&self, base: &Path, pattern: &str) -> Result<Vec<PathBuf>, io::Error> {
        if let Some(found) = self.lists.find(base, pattern) {
            return Ok(found);
        }
        let mut folders: HashMap<PathBuf, ListingLook> = HashMap::new();
        let mut trouble = None;
        let found =
            find_matches_noting(base, pattern, &mut |folder| match look_at_listing(folder, &self.clock) {
                Ok(listing) => drop(folders.insert(folder.to_owned(), listing)),
                Err(error) => trouble = Some(error),
            })?;
        if let Some(error) = trouble {
            return Err(error);
        }
        let mut looked = self.looked();
        let mut walked = Vec::with_capacity(folders.len());
        let mut steady = true;
        for (folder, listing) in folders {
            // Once more after the walk: what came or went meanwhile was perhaps not walked.
            let after = look_again(&folder, &self.clock, listing)?;
            steady &= after.names == listing.names;
            looked.note_listing(&folder, after);
            walked.push((folder, after));
        }
        looked.unsteady |= !steady;
        if steady {
            self.lists.keep(base, pattern, &walked, &found);
        }
        Ok(found)
    }

    fn facts(&self, kind: &'static str, key: Digest) -> Option<Arc<[u8]>> {
        self.memory().facts(kind, key)
    }

    fn keep_facts(&self, kind: &'static str, key: Digest, facts: &[u8]) {
        self.memory().keep_facts(kind, key, facts);
        self.grown.store(true, Ordering::Relaxed);
    }
}

/// Reads again where something wrote to the file meanwhile.
fn steadily<T>(mut read: impl FnMut() -> Result<T, StoreError>) -> Result<T, StoreError> {
    let mut tries = TRIES;
    loop {
        match read() {
            Err(StoreError::ChangedWhileRead { .. }) if tries > 1 => tries -= 1,
            done => return done,
        }
    }
}

/// Keeps the kind of the system's own errors, by which callers tell absence from trouble.
fn plain(error: StoreError) -> io::Error {
    match error {
        StoreError::Io { source, .. } => source,
        StoreError::NotAFile { .. } => io::Error::new(io::ErrorKind::InvalidInput, error),
        error => io::Error::other(error),
    }
}

/// Tells whether an error means that nothing is there: a part of the path is missing or no folder.
pub(super) fn is_absence(error: &io::Error) -> bool {
    use io::ErrorKind::{InvalidFilename, NotADirectory, NotFound};
    matches!(error.kind(), NotFound | NotADirectory | InvalidFilename)
}
