//! After a task or item ran: what it declares and wrote goes into the store.
//!
//! First everything that will be taken in is found and judged, then it is read:
//! an output that is missing, shared or no file fails before a byte is copied.
//! What is written to while it is read is read again, and then refused.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use rayon::prelude::*;

use super::walk::{Entry, OddNames, matching, walk};
use super::{Declared, Outputs, OutputsError, Prepared, Update, path};
use crate::failpoint;
use crate::model::OutputFile;
use crate::store::{FileStat, StoreError};

/// A file that is written to while it is read is read so many times before that is an error.
const READS: u32 = 3;
/// Named at most, where nothing of what was declared is there.
const NAMED: usize = 5;
/// Fewer files than this are not worth another thread.
const MANY: usize = 8;

/// What a task or item left.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Captured {
    /// Its files, sorted by path; the store has them after its next flush.
    pub files: Vec<OutputFile>,
    /// What people should know.
    pub notes: Vec<CaptureNote>,
}

/// Something that is no error, but perhaps not as meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CaptureNote {
    /// A pattern that matched nothing.
    NothingMatched { pattern: String },
    /// A folder in which nothing was written.
    EmptyFolder { path: String },
}

impl CaptureNote {
    /// Returns what to tell people, as a fragment.
    pub fn message(&self) -> String {
        match self {
            Self::NothingMatched { pattern } => format!("output `{pattern}` matched no file"),
            Self::EmptyFolder { path } => format!("the folder `{path}/` was left empty"),
        }
    }
}

impl Outputs<'_> {
    /// Takes in what was declared and written since [`Outputs::prepare`].
    pub fn capture(&self, declared: &Declared, prepared: &Prepared) -> Result<Captured, OutputsError> {
        let mut found = Found::default();
        for file in &declared.files {
            self.find_literal(file, Literal::File, &mut found)?;
        }
        for folder in &declared.folders {
            self.find_literal(folder, Literal::Folder, &mut found)?;
        }
        if !found.missing.is_empty() {
            let wrote = self.written_since(prepared)?;
            return Err(OutputsError::NotWritten { paths: found.missing, wrote });
        }
        self.refuse_shared(&found)?;
        self.find_matches(declared, prepared, &mut found)?;
        let files = self.take_in(found.files)?;
        Ok(Captured { files, notes: found.notes })
    }

    /// Takes in what is declared and lies there, whoever wrote it.
    pub fn adopt(&self, declared: &Declared) -> Result<Captured, OutputsError> {
        let nothing_before = Prepared {
            removed: Vec::new(),
            kept: Vec::new(),
            own: BTreeSet::new(),
            matched: BTreeMap::new(),
            since: SystemTime::UNIX_EPOCH,
            update: Update::InPlace,
        };
        self.capture(declared, &nothing_before)
    }

    /// Returns the files and folders that are declared by name and are not there.
    pub fn missing(&self, declared: &Declared) -> Result<Vec<String>, OutputsError> {
        let mut missing = Vec::new();
        for literal in declared.literals() {
            match fs::symlink_metadata(self.folder.place(literal)?) {
                Err(error) if path::is_absence(&error) => missing.push(literal.to_owned()),
                // What is there and cannot be read fails where it is taken in.
                Ok(_) | Err(_) => {}
            }
        }
        Ok(missing)
    }

    fn find_literal(&self, literal: &str, kind: Literal, found: &mut Found) -> Result<(), OutputsError> {
        let place = self.folder.place(literal)?;
        let metadata = match fs::symlink_metadata(&place) {
            Ok(metadata) => metadata,
            Err(error) if path::is_absence(&error) => {
                found.missing.push(if kind == Literal::Folder {
                    format!("{literal}/")
                } else {
                    literal.to_owned()
                });
                return Ok(());
            }
            Err(error) => return Err(OutputsError::io("look at", &place, error)),
        };
        if metadata.is_dir() {
            let inside = walk(self.folder, literal, OddNames::Refuse)?;
            if inside.is_empty() {
                found.notes.push(CaptureNote::EmptyFolder { path: literal.to_owned() });
            }
            return inside.into_iter().try_for_each(|entry| self.add(entry, found));
        }
        self.add(Entry { path: literal.to_owned(), metadata }, found)
    }

    /// Adds one file after making sure of what it is.
    fn add(&self, entry: Entry, found: &mut Found) -> Result<(), OutputsError> {
        let place = self.folder.path(&entry.path);
        let source = if entry.metadata.is_symlink() {
            self.follow(&entry.path, &place)?
        } else if entry.metadata.is_file() {
            place
        } else {
            return Err(OutputsError::Special { path: entry.path });
        };
        found.files.insert(entry.path, source);
        Ok(())
    }

    /// Returns the file that a link leads to; fails where that is not one inside the output folder.
    fn follow(&self, relative: &str, place: &Path) -> Result<PathBuf, OutputsError> {
        let outside = || OutputsError::LinkOutside {
            path: relative.to_owned(),
            target: fs::read_link(place).unwrap_or_default(),
        };
        let root = self.folder.root();
        let root = fs::canonicalize(root).map_err(|error| OutputsError::io("look at", root, error))?;
        match fs::canonicalize(place) {
            Ok(target) if target.starts_with(&root) && target.is_file() => Ok(target),
            _ => Err(outside()),
        }
    }

    /// What lies at a literal path is this task's: that somebody else has it too is an error.
    fn refuse_shared(&self, found: &Found) -> Result<(), OutputsError> {
        for path in found.files.keys() {
            if let Some(owner) = (self.owner)(path) {
                return Err(OutputsError::TwoOwners { path: path.clone(), owner });
            }
        }
        Ok(())
    }

    /// A pattern collects what appeared or changed since the start, and belongs to no one else.
    fn find_matches(
        &self,
        declared: &Declared,
        prepared: &Prepared,
        found: &mut Found,
    ) -> Result<(), OutputsError> {
        for glob in &declared.globs {
            let mut matched = false;
            for entry in matching(self.folder, glob)? {
                let before = prepared.matched.get(&entry.path);
                let changed = before != Some(&FileStat::from(&entry.metadata));
                let own = prepared.own.contains(&entry.path);
                if !(changed || own) || (self.owner)(&entry.path).is_some() {
                    continue;
                }
                matched = true;
                if !found.files.contains_key(&entry.path) {
                    self.add(entry, found)?;
                }
            }
            if !matched {
                found.notes.push(CaptureNote::NothingMatched { pattern: glob.text.clone() });
            }
        }
        Ok(())
    }

    fn take_in(&self, files: BTreeMap<String, PathBuf>) -> Result<Vec<OutputFile>, OutputsError> {
        let take = |(path, source): (String, PathBuf)| {
            let (digest, size, executable) = self.take_in_one(&source)?;
            Ok(OutputFile { path, digest, size, executable })
        };
        if files.len() < MANY {
            return files.into_iter().map(take).collect();
        }
        files.into_iter().collect::<Vec<_>>().into_par_iter().map(take).collect()
    }

    fn take_in_one(&self, source: &Path) -> Result<(crate::model::Digest, u64, bool), OutputsError> {
        failpoint::hit("outputs.capture.found").map_err(|error| OutputsError::io("read", source, error))?;
        let mut tries = 1;
        loop {
            match (self.take_in)(source) {
                Ok(stored) => return Ok((stored.digest, stored.size, stored.stat.executable)),
                Err(StoreError::ChangedWhileRead { .. }) if tries < READS => tries += 1,
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Returns a few of the files that were written since the start, the latest first: for a message.
    fn written_since(&self, prepared: &Prepared) -> Result<Vec<String>, OutputsError> {
        let modified = |entry: &Entry| entry.metadata.modified().ok();
        let mut entries = walk(self.folder, "", OddNames::Skip)?;
        entries
            .retain(|entry| modified(entry) >= Some(prepared.since) && (self.owner)(&entry.path).is_none());
        entries.sort_by_key(|entry| std::cmp::Reverse(modified(entry)));
        Ok(entries.into_iter().take(NAMED).map(|entry| entry.path).collect())
    }
}

/// What a literal output is declared to be.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Literal {
    File,
    Folder,
}

/// Files to take in: where each is recorded, and where its bytes are.
#[derive(Default)]
struct Found {
    files: BTreeMap<String, PathBuf>,
    missing: Vec<String>,
    notes: Vec<CaptureNote>,
}
