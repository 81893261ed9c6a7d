//! Gives files back that something needs: a dependent about to run, or a person.
//!
//! Never over bytes that the store does not hold, over a file that git tracks,
//! or through a link: the places of all files are checked before the first one
//! is written.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use rayon::prelude::*;

use super::glance::{Glance, glance};
use super::path::is_absence;
use super::{Kept, Outputs, OutputsError};
use crate::fingerprint::Seen;
use crate::model::{Digest, OutputFile, Phase, Progress, Silent};
use crate::store::{Giving, StoreError};

/// Of a file of more bytes than this, the bytes cost more than its name.
const LARGE: u64 = 1024 * 1024;
/// So many files are settled together, and then told of.
const AT_ONCE: usize = 256;
/// So many files are worth a folder that is made beside theirs.
const MANY: usize = 16;

/// What becomes of what is where a file belongs and the store does not hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Edits {
    /// It stays, and the file does not come back; a folder or a link in the way is an error.
    Stay,
    /// Bytes are moved to `.kept/`, and the file comes back; a folder or a link in the way is named.
    GoAside,
}

/// What became of files that were asked for; each list is sorted by path.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Restored {
    /// Put back.
    pub restored: Vec<String>,
    /// Were there already.
    pub present: u64,
    /// Were edited: moved aside, and put back.
    pub kept: Vec<Kept>,
    /// Have bytes that the store does not hold, or are tracked by git: left alone.
    pub edited: Vec<String>,
    /// Their bytes exist nowhere any more.
    pub lost: Vec<String>,
    /// Cannot come where a folder is in their place, or where a folder above them is a file or a link.
    pub in_the_way: Vec<String>,
}

enum Fate {
    Restored,
    Present,
    Edited,
    Tracked,
    /// A remote has its bytes.
    Promised,
    Lost,
    InTheWay(OutputsError),
}

/// Files by what became of them, and those that something is still to be done for.
#[derive(Default)]
struct Sorted<'f> {
    all: Restored,
    edited: Vec<&'f OutputFile>,
    promised: Vec<&'f OutputFile>,
}

impl<'f> Sorted<'f> {
    fn add(&mut self, file: &'f OutputFile, fate: Fate, edits: Edits) -> Result<(), OutputsError> {
        let path = || file.path.clone();
        match fate {
            Fate::Present => self.all.present += 1,
            Fate::Restored => self.all.restored.push(path()),
            Fate::Edited if edits == Edits::GoAside => self.edited.push(file),
            Fate::Edited | Fate::Tracked => self.all.edited.push(path()),
            Fate::Promised => self.promised.push(file),
            Fate::Lost => self.all.lost.push(path()),
            Fate::InTheWay(_) if edits == Edits::GoAside => self.all.in_the_way.push(path()),
            Fate::InTheWay(error) => return Err(error),
        }
        Ok(())
    }
}

impl Outputs<'_> {
    /// Puts files back that are not here; edits stay.
    pub fn restore<'f>(
        &self,
        files: impl IntoIterator<Item = &'f OutputFile>,
    ) -> Result<Restored, OutputsError> {
        self.restore_all(files, Edits::Stay, &Silent)
    }

    /// Puts files back that are not here, side by side; tells `progress` of each one's bytes.
    pub fn restore_all<'f>(
        &self,
        files: impl IntoIterator<Item = &'f OutputFile>,
        edits: Edits,
        progress: &dyn Progress,
    ) -> Result<Restored, OutputsError> {
        let mut files: Vec<&OutputFile> = files.into_iter().collect();
        let mut behind_links = Vec::new();
        let mut seen = BTreeSet::new();
        for file in &files {
            match self.folder.place_with(&file.path, &mut seen) {
                Err(OutputsError::BehindLink { .. }) if edits == Edits::GoAside => {
                    behind_links.push(file.path.clone());
                }
                placed => drop(placed?),
            }
        }
        if !behind_links.is_empty() {
            let behind: BTreeSet<&String> = behind_links.iter().collect();
            files.retain(|file| !behind.contains(&file.path));
        }
        let sorted = Mutex::new(Sorted::default());
        let pass = |files: &[&'f OutputFile]| {
            let settle = |files: &[&'f OutputFile], fates: Vec<Fate>| {
                let mut sorted = sorted.lock().unwrap_or_else(PoisonError::into_inner);
                for (file, fate) in files.iter().zip(fates) {
                    if !matches!(fate, Fate::Promised) {
                        progress.advance(file.size);
                    }
                    sorted.add(file, fate, edits)?;
                }
                Ok(())
            };
            side_by_side(files).par_iter().try_for_each(|part| -> Result<(), OutputsError> {
                if part.is_leaf
                    && let Some(fates) = self.restore_folder(&part.files)?
                {
                    return settle(&part.files, fates);
                }
                part.files.chunks(AT_ONCE).try_for_each(|some| settle(some, self.restore_some(some)?))
            })
        };
        pass(&files)?;
        let promised = std::mem::take(&mut sorted.lock().unwrap_or_else(PoisonError::into_inner).promised);
        if !promised.is_empty() {
            let digests: Vec<_> = promised.iter().map(|file| file.digest).collect();
            self.store.bring(&digests, progress)?;
            let bytes = promised.iter().map(|file| file.size).sum();
            progress.begin(Phase::Restoring, promised.len() as u64, bytes);
            pass(&promised)?;
        }
        let Sorted { mut all, mut edited, promised } =
            sorted.into_inner().unwrap_or_else(PoisonError::into_inner);
        all.in_the_way.extend(behind_links);
        // Who promised them has them no more.
        all.lost.extend(promised.iter().map(|file| file.path.clone()));
        edited.sort_by(|a, b| a.path.cmp(&b.path));
        // One after the other: a name in `.kept/` is free until something is moved there.
        for file in edited {
            self.restore_over_edit(file, &mut all)?;
        }
        for list in [&mut all.restored, &mut all.edited, &mut all.lost, &mut all.in_the_way] {
            list.sort();
        }
        Ok(all)
    }

    /// Tells whether a file cannot come: a folder is in its place, or a file or a link where one above it has to be.
    pub fn is_blocked(&self, path: &str) -> bool {
        let found = |path: &str| fs::symlink_metadata(self.folder.path(path));
        let mut above = path.match_indices('/').map(|(at, _)| &path[..at]);
        found(path).is_ok_and(|found| found.is_dir())
            || above.any(|folder| found(folder).is_ok_and(|found| !found.is_dir()))
    }

    /// Restores the files of a folder that is not there, together; absent where it is, or they are few.
    fn restore_folder(&self, files: &[&OutputFile]) -> Result<Option<Vec<Fate>>, OutputsError> {
        let places: Vec<_> = files.iter().map(|file| self.folder.path(&file.path)).collect();
        let folder = places.first().and_then(|place| place.parent());
        let Some(folder) =
            folder.filter(|folder| files.len() >= MANY && fs::symlink_metadata(folder).is_err())
        else {
            return Ok(None);
        };
        let giving: Vec<_> = files.iter().zip(&places).map(|(file, to)| giving(file, to)).collect();
        let Some(given) = self.store.give_folder(folder, &giving, self.link)? else { return Ok(None) };
        let fates = giving.iter().zip(given).map(|(file, given)| self.fate_of(file, given));
        fates.collect::<Result<_, _>>().map(Some)
    }

    /// Restores files, and tells what became of each.
    fn restore_some(&self, files: &[&OutputFile]) -> Result<Vec<Fate>, OutputsError> {
        let places: Vec<_> = files.iter().map(|file| self.folder.path(&file.path)).collect();
        let looked = files.iter().zip(&places).map(|(file, place)| self.look_at(file, place));
        let looked: Vec<Option<Fate>> = looked.collect::<Result<_, _>>()?;
        let open = files.iter().zip(&places).zip(&looked).filter(|(_, fate)| fate.is_none());
        let giving: Vec<_> = open.map(|((file, to), _)| giving(file, to)).collect();
        let given = self.store.give_all(&giving, self.link)?;
        let mut given = giving.iter().zip(given).map(|(file, given)| self.fate_of(file, given));
        let settle = |fate: Option<Fate>| fate.map_or_else(|| given.next().unwrap_or(Ok(Fate::Lost)), Ok);
        looked.into_iter().map(settle).collect()
    }

    /// Tells what becomes of a file; absent where it is to be given back.
    fn look_at(&self, file: &OutputFile, place: &Path) -> Result<Option<Fate>, OutputsError> {
        match self.memo.look(place) {
            Ok(Seen::File { digest, executable, .. })
                if digest == file.digest && executable == file.executable =>
            {
                return Ok(Some(Fate::Present));
            }
            Ok(Seen::Absent) => return Ok(None),
            Err(error) if is_absence(&error) => return Ok(None),
            _ => {}
        }
        let found = glance(self.store, self.memo, place)?;
        if found == Glance::Folder {
            let error = OutputsError::FolderInTheWay { path: file.path.clone() };
            return Ok(Some(Fate::InTheWay(error)));
        }
        if found != Glance::Absent && (self.tracked)(place) {
            return Ok(Some(Fate::Tracked));
        }
        if found == Glance::Unknown {
            return Ok(Some(match self.store.has(&file.digest)? {
                true => Fate::Edited,
                false => self.absent(&file.digest)?,
            }));
        }
        Ok(None)
    }

    fn fate_of(&self, file: &Giving<'_>, given: Result<(), StoreError>) -> Result<Fate, OutputsError> {
        match given {
            Ok(()) => Ok(Fate::Restored),
            Err(StoreError::Absent { .. }) => self.absent(&file.digest),
            Err(error) if error.is_file_above() => Ok(Fate::InTheWay(error.into())),
            Err(error) => Err(error.into()),
        }
    }

    /// Tells what becomes of a file whose bytes are not here.
    fn absent(&self, digest: &Digest) -> Result<Fate, OutputsError> {
        Ok(if self.store.can_have(digest)? { Fate::Promised } else { Fate::Lost })
    }

    fn restore_over_edit(&self, file: &OutputFile, all: &mut Restored) -> Result<(), OutputsError> {
        let place = self.folder.path(&file.path);
        let aside = self.keep_aside(&file.path, &place)?;
        if let Err(error) = self.store.give(&file.digest, &place, file.executable, self.link) {
            // Nothing came, so what was there goes back; where that fails too, it is in `.kept/` all the same.
            drop(fs::rename(self.folder.path(&aside), &place));
            return Err(error.into());
        }
        all.kept.push(Kept { path: file.path.clone(), aside });
        all.restored.push(file.path.clone());
        Ok(())
    }
}

fn giving<'a>(file: &OutputFile, to: &'a Path) -> Giving<'a> {
    Giving { digest: file.digest, to, executable: file.executable }
}

/// Files that one thread restores one after the other.
struct Part<'f> {
    files: Vec<&'f OutputFile>,
    /// Whether they are all small files of a folder with no other folder in it.
    is_leaf: bool,
}

/// Parts files by their folders: two threads that make files in one wait for each other in the kernel, and burn what
/// they would have won.
fn side_by_side<'f>(files: &[&'f OutputFile]) -> Vec<Part<'f>> {
    let mut folders: BTreeMap<&str, Vec<&OutputFile>> = BTreeMap::new();
    let mut parts = Vec::new();
    for file in files {
        if file.size > LARGE {
            parts.push(Part { files: vec![*file], is_leaf: false });
            continue;
        }
        let folder = file.path.rsplit_once('/').map_or("", |(folder, _)| folder);
        folders.entry(folder).or_default().push(file);
    }
    let is_leaf = |folder: &str| {
        let below = format!("{folder}/");
        let next = folders.range(below.as_str()..).next();
        !folder.is_empty() && !next.is_some_and(|(folder, _)| folder.starts_with(&below))
    };
    let leaves: Vec<bool> = folders.keys().map(|folder| is_leaf(folder)).collect();
    parts.extend(folders.into_values().zip(leaves).map(|(files, is_leaf)| Part { files, is_leaf }));
    parts
}
