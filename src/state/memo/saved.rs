//! The memo's memory, and the file it is kept in.
//!
//! Two processes may save one after the other; the later one wins, and what the
//! earlier one had learned is learned again. What is not used for long goes.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use crate::model::Digest;
use crate::state::flat;
use crate::store::{FileStat, StoreError};

/// The format's version is part of it.
const MAGIC: [u8; flat::MAGIC] = *b"kptn memo 1     ";

/// What was not asked for in so many days is forgotten.
const KEPT_DAYS: u32 = 30;

/// What is remembered of files and sources.
#[derive(Debug, Default)]
pub(super) struct Memory {
    files: HashMap<PathBuf, File>,
    facts: HashMap<String, HashMap<Digest, Facts>>,
}

#[derive(Debug)]
struct File {
    stat: FileStat,
    digest: Digest,
    used: u32,
}

#[derive(Debug)]
struct Facts {
    bytes: Arc<[u8]>,
    used: u32,
}

/// What the file holds; borrowed both ways, so that reading copies once.
#[derive(Serialize, Deserialize)]
struct Saved<'a> {
    #[serde(borrow)]
    files: Vec<(&'a str, FileStat, Digest, u32)>,
    #[serde(borrow)]
    facts: Vec<(&'a str, Digest, &'a [u8], u32)>,
}

/// Returns the day, counted from the epoch.
pub(super) fn today() -> u32 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u32::try_from(since.as_secs() / 86_400).unwrap_or(u32::MAX)
}

impl Memory {
    /// Reads it back; empty where there is nothing to be read.
    pub(super) fn load(path: &Path) -> Self {
        let read = || {
            let bytes = flat::read(path, MAGIC)?;
            let saved: Saved<'_> = postcard::from_bytes(&bytes[flat::start()..]).ok()?;
            Some(Self::from_saved(&saved))
        };
        read().unwrap_or_default()
    }

    fn from_saved(saved: &Saved<'_>) -> Self {
        let file = |(path, stat, digest, used): &(&str, FileStat, Digest, u32)| {
            (PathBuf::from(path), File { stat: *stat, digest: *digest, used: *used })
        };
        let mut memory = Self { files: saved.files.iter().map(file).collect(), facts: HashMap::new() };
        for (kind, key, bytes, used) in &saved.facts {
            let facts = Facts { bytes: Arc::from(*bytes), used: *used };
            memory.facts.entry((*kind).to_owned()).or_default().insert(*key, facts);
        }
        memory
    }

    /// Writes it down, less what nobody asked for in a long time.
    pub(super) fn save(&self, path: &Path) -> Result<(), StoreError> {
        let oldest = today().saturating_sub(KEPT_DAYS);
        let files = self.files.iter().filter(|(_, file)| file.used >= oldest);
        let kinds =
            self.facts.iter().flat_map(|(kind, facts)| facts.iter().map(move |(key, f)| (kind, key, f)));
        let saved = Saved {
            // A path that is not UTF-8 is looked at anew each time.
            files: files
                .filter_map(|(path, file)| Some((path.to_str()?, file.stat, file.digest, file.used)))
                .collect(),
            facts: kinds
                .filter(|(_, _, facts)| facts.used >= oldest)
                .map(|(kind, key, facts)| (kind.as_str(), *key, &*facts.bytes, facts.used))
                .collect(),
        };
        // Plain types into memory: it cannot fail, and an empty file would read as absent.
        flat::write(path, MAGIC, &postcard::to_stdvec(&saved).unwrap_or_default())
    }

    /// Returns the digest of a file that has this stat.
    pub(super) fn digest(&mut self, path: &Path, stat: &FileStat) -> Option<Digest> {
        let file = self.files.get_mut(path).filter(|file| file.stat == *stat)?;
        file.used = today();
        Some(file.digest)
    }

    pub(super) fn remember(&mut self, path: &Path, digest: Digest, stat: FileStat) {
        self.files.insert(path.to_owned(), File { stat, digest, used: today() });
    }

    pub(super) fn facts(&mut self, kind: &str, key: Digest) -> Option<Arc<[u8]>> {
        let facts = self.facts.get_mut(kind)?.get_mut(&key)?;
        facts.used = today();
        Some(Arc::clone(&facts.bytes))
    }

    pub(super) fn keep_facts(&mut self, kind: &str, key: Digest, bytes: &[u8]) {
        let facts = Facts { bytes: bytes.into(), used: today() };
        match self.facts.get_mut(kind) {
            Some(of_kind) => drop(of_kind.insert(key, facts)),
            None => drop(self.facts.insert(kind.to_owned(), HashMap::from([(key, facts)]))),
        }
    }
}
