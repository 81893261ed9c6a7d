//! Gives files back that something needs: a dependent about to run, or a person.
//!
//! Never over an edit, over a file that git tracks, or through a link: the
//! places of all files are checked before the first one is written.

use std::collections::BTreeSet;
use std::sync::Mutex;

use rayon::prelude::*;

use super::glance::{Glance, glance};
use super::{Outputs, OutputsError};
use crate::fingerprint::Seen;
use crate::model::OutputFile;

/// What became of files that were asked for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Restored {
    /// Put back.
    pub restored: Vec<String>,
    /// Were there already.
    pub present: u64,
    /// Have bytes that the store does not know, or are tracked by git: left alone.
    pub edited: Vec<String>,
    /// Their bytes exist nowhere any more.
    pub lost: Vec<String>,
}

enum Fate {
    Restored,
    Present,
    Edited,
    Lost,
}

impl Outputs<'_> {
    /// Puts files back that are not here; never over an edit or a file that git tracks.
    pub fn restore<'f>(
        &self,
        files: impl IntoIterator<Item = &'f OutputFile>,
    ) -> Result<Restored, OutputsError> {
        let files: Vec<&OutputFile> = files.into_iter().collect();
        let mut seen = BTreeSet::new();
        for file in &files {
            self.folder.place_with(&file.path, &mut seen)?;
        }
        let restored = Mutex::new(Restored::default());
        let one = |file: &&OutputFile| -> Result<(), OutputsError> {
            let fate = self.restore_one(file)?;
            let mut all = restored.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            let path = || file.path.clone();
            match fate {
                Fate::Present => all.present += 1,
                Fate::Restored => all.restored.push(path()),
                Fate::Edited => all.edited.push(path()),
                Fate::Lost => all.lost.push(path()),
            }
            Ok(())
        };
        files.par_iter().try_for_each(one)?;
        let mut all = restored.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
        for list in [&mut all.restored, &mut all.edited, &mut all.lost] {
            list.sort();
        }
        Ok(all)
    }

    fn restore_one(&self, file: &OutputFile) -> Result<Fate, OutputsError> {
        let place = self.folder.path(&file.path);
        if let Ok(Seen::File { digest, executable, .. }) = self.memo.look(&place)
            && digest == file.digest
            && executable == file.executable
        {
            return Ok(Fate::Present);
        }
        match glance(self.store, self.memo, &place)? {
            Glance::Folder => return Err(OutputsError::FolderInTheWay { path: file.path.clone() }),
            Glance::Unknown => return Ok(Fate::Edited),
            Glance::Known { .. } if (self.tracked)(&place) => return Ok(Fate::Edited),
            Glance::Known { .. } | Glance::Absent => {}
        }
        if !self.store.has(&file.digest)? {
            return Ok(Fate::Lost);
        }
        self.store.give(&file.digest, &place, file.executable, self.link)?;
        Ok(Fate::Restored)
    }
}
