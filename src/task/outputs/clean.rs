//! Empties an output folder of what the store can give back: exactly the bytes that a record lists.
//!
//! What differs from the record, is in no record, is a link or is tracked by git
//! stays, and is named. Folders go where nothing is left in them.

use std::collections::BTreeSet;
use std::fs;

use super::path::is_absence;
use super::walk::{OddNames, walk};
use super::{Outputs, OutputsError};
use crate::fingerprint::Seen;
use crate::model::OutputFile;

/// What became of the files in an output folder.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Cleaned {
    /// Removed.
    pub removed: Vec<String>,
    /// How many bytes those had.
    pub bytes: u64,
    /// A record lists them with other bytes, another mode, or bytes that the store does not have.
    pub edited: Vec<String>,
    /// No record lists them.
    pub unknown: Vec<String>,
}

/// Whether files are removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Removing {
    /// They are.
    Yes,
    /// It is only told which would be.
    No,
}

impl Outputs<'_> {
    /// Removes what records list and the store holds, and names all else that is there.
    ///
    /// The caller holds the folder's lock.
    pub fn clean<'f>(
        &self,
        files: impl IntoIterator<Item = &'f OutputFile>,
        removing: Removing,
    ) -> Result<Cleaned, OutputsError> {
        let files: Vec<&OutputFile> = files.into_iter().collect();
        let mut cleaned = self.clean_listed(files.iter().copied(), removing)?;
        let listed: BTreeSet<_> = files.into_iter().map(|file| file.path.as_str()).collect();
        for entry in walk(self.folder, "", OddNames::Skip)? {
            if !listed.contains(entry.path.as_str()) {
                cleaned.unknown.push(entry.path);
            }
        }
        Ok(cleaned)
    }

    /// Removes what records list and the store holds; the caller holds the folder's lock.
    pub fn clean_listed<'f>(
        &self,
        files: impl IntoIterator<Item = &'f OutputFile>,
        removing: Removing,
    ) -> Result<Cleaned, OutputsError> {
        let files: Vec<&OutputFile> = files.into_iter().collect();
        let (mut seen, mut behind_links) = (BTreeSet::new(), BTreeSet::new());
        for file in &files {
            match self.folder.place_with(&file.path, &mut seen) {
                Err(OutputsError::BehindLink { .. }) => drop(behind_links.insert(file.path.as_str())),
                placed => drop(placed?),
            }
        }
        let mut cleaned = Cleaned::default();
        let (mut removed, mut differing, mut listed) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
        for file in files {
            let path = file.path.as_str();
            // What lies where a link leads is not the output folder's.
            if behind_links.contains(path) {
                continue;
            }
            // A path that several records list leaves where it has the bytes of any of them.
            if removed.contains(path) || !listed.insert((path, file.digest, file.executable)) {
                continue;
            }
            match self.clean_one(file, removing)? {
                None => {}
                Some(true) => {
                    removed.insert(path);
                    cleaned.removed.push(file.path.clone());
                    cleaned.bytes += file.size;
                }
                Some(false) => drop(differing.insert(path)),
            }
        }
        cleaned.edited = differing.difference(&removed).map(|path| (*path).to_owned()).collect();
        if removing == Removing::Yes {
            self.remove_empty_folders(&cleaned.removed);
        }
        cleaned.removed.sort();
        cleaned.edited.sort();
        Ok(cleaned)
    }

    /// Tells whether a file is removed; absent where there is none.
    fn clean_one(&self, file: &OutputFile, removing: Removing) -> Result<Option<bool>, OutputsError> {
        let place = self.folder.path(&file.path);
        let found = match fs::symlink_metadata(&place) {
            Err(error) if is_absence(&error) => return Ok(None),
            found => found.map_err(|error| OutputsError::io("look at", &place, error))?,
        };
        let same = |digest, executable| digest == file.digest && executable == file.executable;
        let is_ours = found.is_file()
            && !(self.tracked)(&place)
            && matches!(self.memo.look(&place), Ok(Seen::File { digest, executable, .. }) if same(digest, executable))
            && self.store.has(&file.digest)?;
        if is_ours && removing == Removing::Yes {
            fs::remove_file(&place).map_err(|error| OutputsError::io("remove", &place, error))?;
        }
        Ok(Some(is_ours))
    }

    fn remove_empty_folders(&self, removed: &[String]) {
        let above = |path: &String| path.rsplit_once('/').map(|(above, _)| above.to_owned());
        let mut open: BTreeSet<String> = removed.iter().filter_map(above).collect();
        // The deepest first: those above may be empty then.
        while let Some(folder) = open.pop_last() {
            // What is not empty stays.
            if fs::remove_dir(self.folder.path(&folder)).is_ok() {
                open.extend(above(&folder));
            }
        }
    }
}
