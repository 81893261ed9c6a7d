//! Files of records are put where they belong, for a person or a program beside the pipeline.
//!
//! Nothing is written over an edit or a file that git tracks. The output
//! folder's lock is taken only where a file is absent: a run may be about to
//! write there.

use std::collections::BTreeSet;
use std::path::Path;

use super::OpsError;
use super::holding::holder;
use super::reading::ReadingError;
use crate::fingerprint::{Memo, Plain};
use crate::git::Repository;
use crate::model::{LinkMode, OutputFile};
use crate::state::{LocalMemo, LockError, LockOn, RunLock, Wait};
use crate::store::Store;
use crate::task::outputs::{self, Folder, Outputs, Restored};

/// Files of more bytes than this, together, are not hashed where the memo of this worktree knows them.
const MUCH: u64 = 4 * 1024 * 1024;

/// Where files come from and belong.
pub struct Placing<'a> {
    /// Objects.
    pub store: &'a Store,
    /// The project root.
    pub root: &'a Path,
    /// The git repository around it.
    pub repository: Option<&'a Repository>,
    /// The output folder.
    pub folder: &'a Folder,
    /// How files leave the store.
    pub link: LinkMode,
    /// What was typed, for who meets the lock.
    pub command: &'a str,
}

impl Placing<'_> {
    /// Puts back what is absent.
    pub fn put_there(&self, files: &[OutputFile]) -> Result<Restored, OpsError> {
        let much = files.iter().map(|file| file.size).sum::<u64>() > MUCH;
        let store_root = self.store.layout().root();
        let local = much.then(|| LocalMemo::open(store_root, self.root));
        let memo: &dyn Memo = local.as_ref().map_or(&Plain, |local| local);
        let now = outputs::look(self.store, memo, self.folder, files)?;
        let restored = if now.absent.is_empty() && now.lost.is_empty() {
            Restored { edited: now.edited, ..Restored::default() }
        } else {
            let on = LockOn::Outputs(self.folder.root());
            let lock = RunLock::acquire(store_root, on, Wait::No, &holder(self.command));
            let _lock = lock.map_err(|error| match error {
                held @ LockError::Held { .. } => ReadingError::Busy { source: held }.into(),
                other => OpsError::Lock(other),
            })?;
            self.put_back(files, memo)?
        };
        if let Some(local) = &local {
            super::memo::save(local);
        }
        Ok(restored)
    }

    fn put_back(&self, files: &[OutputFile], memo: &dyn Memo) -> Result<Restored, OpsError> {
        Folder::make(self.folder.root())?;
        self.with_outputs(memo, "", |outputs| Ok(outputs.restore(files)?))
    }

    /// Works on the output folder; what is in the way of a task goes to `.kept/<kept_under>/`.
    pub fn with_outputs<T>(
        &self,
        memo: &dyn Memo,
        kept_under: &str,
        act: impl FnOnce(&Outputs<'_>) -> Result<T, OpsError>,
    ) -> Result<T, OpsError> {
        let tracked = match self.repository {
            Some(repository) => repository.tracked_below(self.folder.root())?,
            None => BTreeSet::new(),
        };
        let store = self.store;
        act(&Outputs {
            store,
            memo,
            take_in: &|path| store.put_file(path),
            folder: self.folder,
            link: self.link,
            kept_under,
            owner: &|_| None,
            tracked: &|path| tracked.contains(path),
        })
    }
}
