//! What was seen at each path: what an index needs to ask again.
//!
//! A path that shows two different things in one session makes the session
//! unsteady: its answers may belong to no one state of the disk.

use std::collections::HashMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::is_absence;
use crate::fingerprint::Seen;
use crate::model::{Digest, TaggedHasher};
use crate::state::clock::Clock;
use crate::store::FileStat;

/// What was at a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::state) enum Look {
    /// Nothing.
    Absent,
    /// A folder.
    Folder,
    /// A file.
    File(FileLook),
}

/// A file's digest, and the stat it goes with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::state) struct FileLook {
    pub(in crate::state) stat: FileStat,
    pub(in crate::state) digest: Digest,
    /// Whether the same stat means the same bytes.
    pub(in crate::state) sure: bool,
}

/// The names in a folder, and the stat they go with; no stat where it is absent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::state) struct ListingLook {
    pub(in crate::state) stat: Option<FileStat>,
    pub(in crate::state) names: Digest,
    /// Whether the same stat means the same names, and that they lead to the same kinds of things.
    pub(in crate::state) sure: bool,
}

/// Everything that was looked at in one session.
#[derive(Debug, Default)]
pub(in crate::state) struct Looked {
    pub(in crate::state) paths: HashMap<PathBuf, Look>,
    pub(in crate::state) listings: HashMap<PathBuf, ListingLook>,
    /// Something changed while the session went on, so its answer may belong to no state of the disk.
    pub(in crate::state) unsteady: bool,
}

impl Look {
    pub(in crate::state) fn seen(&self) -> Seen {
        match self {
            Self::Absent => Seen::Absent,
            Self::Folder => Seen::Folder,
            Self::File(FileLook { stat, digest, .. }) => {
                Seen::File { digest: *digest, size: stat.size, executable: stat.executable }
            }
        }
    }
}

impl Looked {
    pub(super) fn note(&mut self, path: &Path, look: Look) {
        // No index is made of what belongs to no one state.
        if self.unsteady {
            return;
        }
        match self.paths.get_mut(path) {
            Some(before) => {
                self.unsteady |= before.seen() != look.seen();
                *before = look;
            }
            None => drop(self.paths.insert(path.to_owned(), look)),
        }
    }

    pub(super) fn note_listing(&mut self, folder: &Path, listing: ListingLook) {
        if self.unsteady {
            return;
        }
        let before = self.listings.insert(folder.to_owned(), listing);
        self.unsteady |= before.is_some_and(|before| before.names != listing.names);
    }
}

/// Looks at the names in a folder.
pub(in crate::state) fn look_at_listing(folder: &Path, clock: &Clock) -> io::Result<ListingLook> {
    let metadata = match fs::metadata(folder) {
        Err(error) if is_absence(&error) => None,
        metadata => Some(metadata?).filter(fs::Metadata::is_dir),
    };
    let Some(metadata) = metadata else {
        return Ok(ListingLook {
            stat: None,
            names: TaggedHasher::new("kptn no folder 1").finish(),
            sure: true,
        });
    };
    let stat = FileStat::from(&metadata);
    let moment = clock.later_than(stat.changed_ns);
    let (names, links) = read_names(folder)?;
    Ok(ListingLook { stat: Some(stat), names, sure: !links && !moment.leaves_doubt(&stat) })
}

/// Looks again; a folder whose stat tells that nothing came or went is not read.
pub(in crate::state) fn look_again(
    folder: &Path,
    clock: &Clock,
    before: ListingLook,
) -> io::Result<ListingLook> {
    if before.sure
        && let Some(stat) = before.stat
        && fs::metadata(folder).is_ok_and(|metadata| FileStat::from(&metadata) == stat)
    {
        return Ok(before);
    }
    look_at_listing(folder, clock)
}

/// Returns a digest of the names and kinds in a folder, and whether there are links among them: what
/// those lead to can change without the folder changing.
fn read_names(folder: &Path) -> io::Result<(Digest, bool)> {
    let mut names = Vec::new();
    let mut links = false;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let mut kind = entry.file_type()?;
        if kind.is_symlink() {
            links = true;
            kind = entry.path().metadata().map_or(kind, |metadata| metadata.file_type());
        }
        let kind = if kind.is_dir() { "folder" } else { "file" };
        names.push((entry.file_name(), kind));
    }
    names.sort();
    let mut hasher = TaggedHasher::new("kptn names 1");
    for (name, kind) in &names {
        hasher.field(kind, name.as_encoded_bytes());
    }
    Ok((hasher.finish(), links))
}
