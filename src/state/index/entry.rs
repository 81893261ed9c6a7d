//! The entries of a status index: laid out by hand, checked where they lie.
//!
//! ```text
//! kind 1 | sure 1 | length of the path 4 | [stat 41 | digest 32] | path | 0
//! ```
//! The part in brackets is there for files and for the names in a folder. Paths
//! below the project root are relative to it, and asked for from its descriptor:
//! the system has less to walk. The zero at the end saves a copy a path.

use std::io;
use std::path::{Path, PathBuf};

use super::super::clock::Clock;
use super::super::memo::{FileLook, ListingLook, Look, Looked, look_at_listing};
use super::place::{Found, Place, from_bytes, to_bytes};
use crate::model::Digest;
use crate::store::{FileStat, digest_file};

const ABSENT: u8 = 0;
const FOLDER: u8 = 1;
const FILE: u8 = 2;
const NAMES: u8 = 3;

const FRONT: usize = 6;
const STAT: usize = 41;
const KNOWN: usize = STAT + 32;

/// What looking at an entry again showed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    /// The same.
    Same,
    /// The same, with another stat, which the entry has now.
    Refreshed,
    /// Something else.
    Changed,
}

/// Lays out everything that was looked at; absent where that was no one state of the disk.
pub(super) fn encode(looked: &Looked, root: &Path) -> Option<Vec<u8>> {
    if looked.unsteady {
        return None;
    }
    let mut paths: Vec<_> = looked.paths.iter().collect();
    let mut listings: Vec<_> = looked.listings.iter().collect();
    // Neighbours one after the other: the system finds their folder in its caches.
    paths.sort_unstable_by_key(|(path, _)| path.as_os_str());
    listings.sort_unstable_by_key(|(path, _)| path.as_os_str());
    let mut bytes = Vec::with_capacity((paths.len() + listings.len()) * 128);
    for (path, look) in paths {
        match look {
            Look::Absent => push(&mut bytes, ABSENT, None, path, root)?,
            Look::Folder => push(&mut bytes, FOLDER, None, path, root)?,
            Look::File(FileLook { stat, digest, sure }) => {
                push(&mut bytes, FILE, Some((*stat, *digest, *sure)), path, root)?;
            }
        }
    }
    for (path, ListingLook { stat, names, sure }) in listings {
        match stat {
            // A folder that is absent has no matches; neither has a file.
            None => push(&mut bytes, ABSENT, None, path, root)?,
            Some(stat) => push(&mut bytes, NAMES, Some((*stat, *names, *sure)), path, root)?,
        }
    }
    Some(bytes)
}

fn push(
    bytes: &mut Vec<u8>,
    kind: u8,
    known: Option<(FileStat, Digest, bool)>,
    path: &Path,
    root: &Path,
) -> Option<()> {
    let path = to_bytes(path.strip_prefix(root).unwrap_or(path))?;
    bytes.push(kind);
    bytes.push(known.is_some_and(|(_, _, sure)| sure).into());
    bytes.extend_from_slice(&u32::try_from(path.len()).ok()?.to_le_bytes());
    if let Some((stat, digest, _)) = known {
        bytes.extend_from_slice(&stat_to_bytes(&stat));
        bytes.extend_from_slice(digest.as_bytes());
    }
    bytes.extend_from_slice(path);
    bytes.push(0);
    Some(())
}

fn stat_to_bytes(stat: &FileStat) -> [u8; STAT] {
    let mut bytes = [0; STAT];
    let numbers = [
        stat.device,
        stat.inode,
        stat.size,
        stat.modified_ns.cast_unsigned(),
        stat.changed_ns.cast_unsigned(),
    ];
    for (place, number) in bytes.chunks_exact_mut(8).zip(numbers) {
        place.copy_from_slice(&number.to_le_bytes());
    }
    bytes[STAT - 1] = stat.executable.into();
    bytes
}

/// One entry, where it lies.
pub(super) struct Entry<'a> {
    kind: u8,
    sure: &'a mut u8,
    /// Stat and digest; empty where the kind has none.
    known: &'a mut [u8],
    /// With the zero at its end.
    path: &'a [u8],
}

/// Takes the entry at the beginning of `bytes`; returns it with the rest, absent at the end.
pub(super) fn split_first(bytes: &mut [u8]) -> Option<(Entry<'_>, &mut [u8])> {
    let (front, rest) = bytes.split_at_mut_checked(FRONT)?;
    let (kind, front) = front.split_first_mut()?;
    let (sure, length) = front.split_first_mut()?;
    let length = u32::from_le_bytes((&*length).try_into().ok()?) as usize;
    let known = if matches!(*kind, FILE | NAMES) { KNOWN } else { 0 };
    let (known, rest) = rest.split_at_mut_checked(known)?;
    let (path, rest) = rest.split_at_mut_checked(length + 1)?;
    Some((Entry { kind: *kind, sure, known, path }, rest))
}

impl Entry<'_> {
    /// Looks again.
    pub(super) fn check(&mut self, root: &Place, clock: &Clock) -> Outcome {
        let Ok(found) = root.look(self.path) else { return Outcome::Changed };
        match (self.kind, found) {
            (ABSENT, Found::Absent) | (FOLDER, Found::Folder(_)) => Outcome::Same,
            (FILE, Found::File(stat)) | (NAMES, Found::Folder(stat)) => self.compare(root, clock, &stat),
            _ => Outcome::Changed,
        }
    }

    /// Returns where it is.
    pub(super) fn path(&self) -> PathBuf {
        from_bytes(self.path.strip_suffix(&[0]).unwrap_or(self.path))
    }

    fn compare(&mut self, root: &Place, clock: &Clock, stat: &FileStat) -> Outcome {
        if *self.sure != 0 && self.known.starts_with(&stat_to_bytes(stat)) {
            return Outcome::Same;
        }
        let path = root.path().join(self.path());
        let read = if self.kind == FILE {
            read_file(&path, clock, stat)
        } else {
            look_at_listing(&path, clock).map(|look| (look.stat.unwrap_or_default(), look.names, look.sure))
        };
        let Ok((stat, digest, sure)) = read else { return Outcome::Changed };
        let was_executable = self.known[STAT - 1];
        let same_mode = self.kind != FILE || was_executable == u8::from(stat.executable);
        if !same_mode || self.known[STAT..] != *digest.as_bytes() {
            return Outcome::Changed;
        }
        self.known[..STAT].copy_from_slice(&stat_to_bytes(&stat));
        *self.sure = sure.into();
        Outcome::Refreshed
    }
}

fn read_file(path: &Path, clock: &Clock, stat: &FileStat) -> io::Result<(FileStat, Digest, bool)> {
    let moment = clock.later_than(stat.changed_ns);
    let (digest, stat) = digest_file(path).map_err(io::Error::other)?;
    Ok((stat, digest, !moment.leaves_doubt(&stat)))
}
