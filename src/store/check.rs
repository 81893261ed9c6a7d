//! Reads every object and compares it with its name.
//!
//! The first half of `fsck`; that records have what they name is asked above,
//! where records are known. Nothing is repaired or removed here.

use std::fs;
use std::path::{Path, PathBuf};

use super::{Store, StoreError, digest_file};
use crate::model::Digest;

/// What a look at every object found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CheckReport {
    /// How many objects were read.
    pub objects: u64,
    /// How many bytes they have.
    pub bytes: u64,
    /// Objects whose bytes are not those that were put, in the order found.
    pub damaged: Vec<Damage>,
    /// Files among the objects that are none.
    pub strangers: Vec<PathBuf>,
}

/// An object whose bytes are not those that were put.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Damage {
    /// What it is named.
    pub digest: Digest,
    /// What its bytes give; absent where they cannot be read.
    pub found: Option<Digest>,
}

impl Store {
    /// Reads every object that is on disk and compares it with its digest.
    pub fn check_objects(&self) -> Result<CheckReport, StoreError> {
        let mut report = CheckReport::default();
        self.small.each(|digest, bytes| report.add(digest, Some(Digest::of(bytes)), bytes.len() as u64))?;
        for folder in entries(&self.layout.objects())? {
            if !folder.is_dir() {
                report.strangers.push(folder);
                continue;
            }
            for path in entries(&folder)? {
                match self.layout.digest_of_object(&path) {
                    Some(digest) => {
                        let size = fs::metadata(&path).map_or(0, |metadata| metadata.len());
                        report.add(digest, digest_file(&path).ok().map(|(found, _)| found), size);
                    }
                    None => report.strangers.push(path),
                }
            }
        }
        Ok(report)
    }
}

impl CheckReport {
    fn add(&mut self, digest: Digest, found: Option<Digest>, size: u64) {
        self.objects += 1;
        self.bytes += size;
        if found != Some(digest) {
            self.damaged.push(Damage { digest, found });
        }
    }
}

/// Returns what is in a folder, sorted.
fn entries(folder: &Path) -> Result<Vec<PathBuf>, StoreError> {
    let reading = |error| StoreError::reading(folder, error);
    let mut paths = fs::read_dir(folder)
        .map_err(reading)?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<Vec<_>, _>>()
        .map_err(reading)?;
    paths.sort();
    Ok(paths)
}
