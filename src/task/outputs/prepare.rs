//! Before a task or item runs: its own old files leave, edits are kept aside,
//! folders for the new ones are made. And back again where it failed.
//!
//! What leaves is decided by the last record and by what is declared by name,
//! never by what a pattern finds. See `tests.rs` for each of these promises.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::glance::{Glance, glance};
use super::walk::{OddNames, matching, walk};
use super::{Declared, KEPT, Outputs, OutputsError, path};
use crate::model::OutputFile;
use crate::store::FileStat;

/// What was there before a task ran, and what became of it.
#[derive(Debug, Clone)]
pub struct Prepared {
    /// Files that were removed; the store has their bytes.
    pub removed: Vec<OutputFile>,
    /// Edits that were kept aside.
    pub kept: Vec<Kept>,
    /// Paths of the record before.
    pub(super) own: BTreeSet<String>,
    /// Files that patterns matched before the start.
    pub(super) matched: BTreeMap<String, FileStat>,
    /// No file of the task is older than this.
    pub(super) since: SystemTime,
    /// Whether old files stayed where they were.
    pub(super) update: Update,
}

/// Whether a task makes its outputs anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Update {
    /// It does: old ones leave.
    Anew,
    /// It updates them in place (`keep: true`): nothing leaves.
    InPlace,
}

/// An edit that was moved aside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// Where it was, relative to the output folder.
    pub path: String,
    /// Where it is now, relative to the output folder.
    pub aside: String,
}

impl Outputs<'_> {
    /// Makes room for what a task or item will write; `previous` are the files of its last record on this branch.
    pub fn prepare(
        &self,
        declared: &Declared,
        previous: &[OutputFile],
        update: Update,
    ) -> Result<Prepared, OutputsError> {
        let mut prepared = Prepared {
            removed: Vec::new(),
            kept: Vec::new(),
            own: self.own_paths(previous)?,
            matched: BTreeMap::new(),
            // File systems stamp with a clock that lags behind by up to a tick.
            since: SystemTime::now() - Duration::from_millis(20),
            update,
        };
        if let Err(error) = self.prepare_into(&mut prepared, declared, previous) {
            // Half a preparation is none; that this fails too is no news.
            drop(self.put_back(&prepared));
            return Err(error);
        }
        Ok(prepared)
    }

    fn prepare_into(
        &self,
        prepared: &mut Prepared,
        declared: &Declared,
        previous: &[OutputFile],
    ) -> Result<(), OutputsError> {
        if prepared.update == Update::Anew {
            for path in self.leaving(declared, previous)? {
                self.make_leave(&path, prepared)?;
            }
        }
        self.make_folders(declared)?;
        prepared.matched = self.matches_now(declared)?;
        Ok(())
    }

    /// Removes what a failed attempt left, so that the next one finds what the first one found.
    pub fn clear(&self, declared: &Declared, prepared: &Prepared) -> Result<(), OutputsError> {
        if prepared.update == Update::Anew {
            let own = prepared.own.iter().cloned();
            let paths: BTreeSet<_> = self.literal_files(declared)?.into_iter().chain(own).collect();
            for path in paths {
                // All of these were gone at the start: what is there now is the attempt's.
                remove(&self.folder.place(&path)?)?;
            }
            self.make_folders(declared)?;
        }
        Ok(())
    }

    /// Takes what an attempt wrote out of the folder again, though it did well: bytes that the store does not
    /// know are kept aside. Returns those; what was there before is there again.
    pub fn undo(
        &self,
        declared: &Declared,
        prepared: &Prepared,
        previous: &[OutputFile],
    ) -> Result<Vec<Kept>, OutputsError> {
        let mut paths: BTreeSet<String> = self.leaving(declared, previous)?.into_iter().collect();
        let now = self.matches_now(declared)?;
        paths.extend(
            now.into_iter()
                .filter(|(path, stat)| prepared.matched.get(path) != Some(stat))
                .map(|(path, _)| path),
        );
        let mut undone = Prepared { removed: Vec::new(), kept: Vec::new(), ..prepared.clone() };
        for path in paths {
            self.make_leave(&path, &mut undone)?;
        }
        self.put_back(prepared)?;
        if prepared.update == Update::InPlace {
            self.restore(previous)?;
        }
        Ok(undone.kept)
    }

    /// Puts back what was removed, after all attempts failed.
    pub fn put_back(&self, prepared: &Prepared) -> Result<(), OutputsError> {
        for file in &prepared.removed {
            let place = self.folder.place(&file.path)?;
            self.store.give(&file.digest, &place, file.executable, self.link)?;
        }
        Ok(())
    }

    /// Removes files that belong to nothing any more: those of removed items and of outputs no longer declared.
    ///
    /// Only bytes that the store holds; others stay where they are. Folders that get empty go too.
    /// Returns how many files were removed.
    pub fn remove_files<'f>(
        &self,
        files: impl IntoIterator<Item = &'f OutputFile>,
    ) -> Result<u64, OutputsError> {
        let mut removed = 0;
        let (mut folders, mut seen) = (BTreeSet::new(), BTreeSet::new());
        for file in files {
            let place = self.folder.place_with(&file.path, &mut seen)?;
            if (self.owner)(&file.path).is_some() {
                continue;
            }
            if let Glance::Known { .. } = glance(self.store, self.memo, &place)? {
                remove(&place)?;
                removed += 1;
                folders.extend(file.path.match_indices('/').map(|(at, _)| file.path[..at].to_owned()));
            }
        }
        for folder in folders.iter().rev() {
            // One that is not empty stays, and that is all right.
            drop(fs::remove_dir(self.folder.path(folder)));
        }
        Ok(removed)
    }

    /// Paths that are to be free when the task starts.
    fn leaving(
        &self,
        declared: &Declared,
        previous: &[OutputFile],
    ) -> Result<BTreeSet<String>, OutputsError> {
        let mut paths = self.own_paths(previous)?;
        paths.extend(self.literal_files(declared)?);
        Ok(paths)
    }

    /// Paths of the record before, apart from those that belong to another task by now.
    fn own_paths(&self, previous: &[OutputFile]) -> Result<BTreeSet<String>, OutputsError> {
        let mut paths: BTreeSet<_> =
            previous.iter().map(|file| path::checked(&file.path)).collect::<Result<_, _>>()?;
        paths.retain(|path| (self.owner)(path).is_none());
        Ok(paths)
    }

    /// Every file that is at a literal path or in a declared folder now, apart from other tasks'.
    fn literal_files(&self, declared: &Declared) -> Result<Vec<String>, OutputsError> {
        let mut paths = Vec::new();
        for literal in declared.literals() {
            let place = self.folder.place(literal)?;
            match fs::symlink_metadata(&place) {
                Ok(found) if found.is_dir() => {
                    let inside = walk(self.folder, literal, OddNames::Skip)?;
                    paths.extend(inside.into_iter().map(|entry| entry.path));
                }
                Ok(_) => paths.push(literal.to_owned()),
                Err(error) if path::is_absence(&error) => {}
                Err(error) => return Err(OutputsError::io("look at", &place, error)),
            }
        }
        paths.retain(|path| (self.owner)(path).is_none());
        Ok(paths)
    }

    fn make_leave(&self, relative: &str, prepared: &mut Prepared) -> Result<(), OutputsError> {
        let place = self.folder.place(relative)?;
        match glance(self.store, self.memo, &place)? {
            // A link to nothing looks absent, and is in the way all the same.
            Glance::Absent => remove(&place),
            // A folder where the record has a file: somebody else's, or the task's to deal with.
            Glance::Folder => Ok(()),
            Glance::Known { digest, size, executable } => {
                remove(&place)?;
                prepared.removed.push(OutputFile { path: relative.to_owned(), digest, size, executable });
                Ok(())
            }
            Glance::Unknown => {
                let aside = self.keep_aside(relative, &place)?;
                prepared.kept.push(Kept { path: relative.to_owned(), aside });
                Ok(())
            }
        }
    }

    /// Returns where an edit goes, relative to the output folder, as long as nothing is there yet.
    pub fn aside(&self, relative: &str) -> String {
        format!("{KEPT}/{}/{relative}", self.kept_under)
    }

    /// Moves an edit into `.kept/`; returns where it is now, relative to the output folder.
    pub(super) fn keep_aside(&self, relative: &str, place: &Path) -> Result<String, OutputsError> {
        let aside = self.free_aside(relative);
        let to = self.folder.path(&aside);
        make_parent(&to)?;
        fs::rename(place, &to).map_err(|error| OutputsError::io("move aside", place, error))?;
        Ok(aside)
    }

    /// Gives a file that stays where it is a second name in `.kept/`, or a copy where that cannot be: for bytes that
    /// the store is about to know before a record does. Returns it, relative to the output folder.
    pub fn name_aside(&self, relative: &str) -> Result<String, OutputsError> {
        let place = self.folder.place(relative)?;
        let aside = self.free_aside(relative);
        let to = self.folder.path(&aside);
        make_parent(&to)?;
        let named = fs::hard_link(&place, &to).or_else(|_| fs::copy(&place, &to).map(drop));
        named.map_err(|error| OutputsError::io("keep a copy of", &place, error))?;
        Ok(aside)
    }

    /// Takes such a name away again, and the folders that are empty then.
    pub fn unname_aside(&self, aside: &str) -> Result<(), OutputsError> {
        remove(&self.folder.path(aside))?;
        let mut folder = Path::new(aside).parent();
        while let Some(path) = folder.filter(|path| !path.as_os_str().is_empty()) {
            if fs::remove_dir(self.folder.root().join(path)).is_err() {
                break;
            }
            folder = path.parent();
        }
        Ok(())
    }

    fn free_aside(&self, relative: &str) -> String {
        let candidate = |n: u32| match n {
            0 => self.aside(relative),
            n => format!("{}~{n}", self.aside(relative)),
        };
        let free = |aside: &String| fs::symlink_metadata(self.folder.path(aside)).is_err();
        (0..).map(candidate).find(free).unwrap_or_else(|| candidate(0))
    }

    fn make_folders(&self, declared: &Declared) -> Result<(), OutputsError> {
        for file in &declared.files {
            make_parent(&self.folder.place(file)?)?;
        }
        for folder in &declared.folders {
            make_folder(&self.folder.place(folder)?)?;
        }
        for glob in &declared.globs {
            if !glob.base.is_empty() {
                make_folder(&self.folder.place(&glob.base)?)?;
            }
        }
        Ok(())
    }

    fn matches_now(&self, declared: &Declared) -> Result<BTreeMap<String, FileStat>, OutputsError> {
        let mut matched = BTreeMap::new();
        for glob in &declared.globs {
            for entry in matching(self.folder, glob)? {
                matched.insert(entry.path, FileStat::from(&entry.metadata));
            }
        }
        Ok(matched)
    }
}

/// Removes a file or a link; absence is fine.
fn remove(place: &PathBuf) -> Result<(), OutputsError> {
    match fs::remove_file(place) {
        Ok(()) => Ok(()),
        Err(error) if path::is_absence(&error) => Ok(()),
        Err(error) => Err(OutputsError::io("remove", place, error)),
    }
}

fn make_parent(place: &Path) -> Result<(), OutputsError> {
    place.parent().map_or(Ok(()), make_folder)
}

fn make_folder(folder: &Path) -> Result<(), OutputsError> {
    fs::create_dir_all(folder).map_err(|error| OutputsError::io("make", folder, error))
}
