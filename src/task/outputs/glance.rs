//! Where one file stands, compared with what the store knows; and where all of a record's do.
//!
//! Everything that removes or writes asks here first: only bytes that the store
//! holds may leave. Nothing here changes anything.

use std::path::Path;

use super::{Outputs, OutputsError, path};
use crate::fingerprint::{Memo, Seen};
use crate::model::{Digest, OutputFile};
use crate::plan::OutputsState;
use crate::store::{Store, StoreError};

/// What is at the place of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Glance {
    /// Nothing, or a link to nothing.
    Absent,
    /// A folder.
    Folder,
    /// Bytes that the store holds.
    Known { digest: Digest, size: u64, executable: bool },
    /// Bytes that the store does not hold.
    Unknown,
}

/// Looks at a path.
pub(super) fn glance(store: &Store, memo: &dyn Memo, path: &Path) -> Result<Glance, OutputsError> {
    let seen = match memo.look(path) {
        Ok(seen) => seen,
        Err(error) if path::is_absence(&error) => Seen::Absent,
        Err(error) => return Err(OutputsError::io("read", path, error)),
    };
    Ok(match seen {
        Seen::Absent => Glance::Absent,
        Seen::Folder => Glance::Folder,
        Seen::File { digest, size, executable } if store.has(&digest)? => {
            Glance::Known { digest, size, executable }
        }
        Seen::File { .. } => Glance::Unknown,
    })
}

impl Outputs<'_> {
    /// Looks where files are; changes nothing.
    pub fn look<'f>(
        &self,
        files: impl IntoIterator<Item = &'f OutputFile>,
    ) -> Result<OutputsState, OutputsError> {
        look(self.store, self.memo, self.folder, files)
    }
}

/// Looks where files are, without what changing them needs.
pub fn look<'f>(
    store: &Store,
    memo: &dyn Memo,
    folder: &super::Folder,
    files: impl IntoIterator<Item = &'f OutputFile>,
) -> Result<OutputsState, OutputsError> {
    let mut state = OutputsState::default();
    for file in files {
        let path = folder.path(&file.path);
        // What is as recorded is most, and needs no question to the store.
        match memo.look(&path) {
            Ok(Seen::File { digest, executable, .. })
                if digest == file.digest && executable == file.executable =>
            {
                continue;
            }
            _ => {}
        }
        let list = match glance(store, memo, &path)? {
            Glance::Unknown | Glance::Folder => &mut state.edited,
            // Another state's bytes are replaced freely.
            Glance::Absent | Glance::Known { .. } => match store.can_have(&file.digest) {
                Ok(true) => &mut state.absent,
                Ok(false) => &mut state.lost,
                Err(error) => return Err(StoreError::into(error)),
            },
        };
        list.push(file.path.clone());
    }
    Ok(state)
}
