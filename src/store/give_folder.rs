//! Gives many files into a folder that is not there yet: they are made in one beside it, which then gets its name.
//!
//! Nobody sees a part of a file, nor a part of the folder, and each file costs what making it costs.

use std::fs;
use std::io;
use std::path::Path;

use super::give::{self, Giving, mode};
use super::{Store, StoreError, temporary};
use crate::model::LinkMode;

/// What became of each file, in their order; absent where the folder is there after all: then nothing was done.
pub(super) fn give_folder(
    store: &Store,
    folder: &Path,
    files: &[Giving<'_>],
    link: LinkMode,
) -> Result<Option<Vec<Result<(), StoreError>>>, StoreError> {
    let Some(parent) = folder.parent() else { return Ok(None) };
    if fs::create_dir_all(parent).is_err() {
        return Ok(None);
    }
    store.tidied.tidy(parent);
    let beside = temporary::beside(parent);
    fs::create_dir(&beside).map_err(|error| StoreError::writing("make", &beside, error))?;
    let placed = fill_all(store, &beside, files, link).and_then(|given| {
        store.hit("store.give.written")?;
        match fs::rename(&beside, folder) {
            Ok(()) => Ok(Some(given)),
            // Somebody made it meanwhile.
            Err(error) if is_there(&error) => Ok(None),
            Err(error) => Err(StoreError::writing("write", folder, error)),
        }
    });
    if !matches!(placed, Ok(Some(_))) {
        let _ = fs::remove_dir_all(&beside);
    }
    placed
}

fn is_there(error: &io::Error) -> bool {
    use io::ErrorKind::{AlreadyExists, DirectoryNotEmpty, NotADirectory};
    matches!(error.kind(), AlreadyExists | DirectoryNotEmpty | NotADirectory)
}

/// Fails where the disk does: what one object lacks is its own.
fn fill_all(
    store: &Store,
    beside: &Path,
    files: &[Giving<'_>],
    link: LinkMode,
) -> Result<Vec<Result<(), StoreError>>, StoreError> {
    give::each(store, files, |file, small| {
        let to = beside.join(file.to.file_name().unwrap_or_default());
        let filled = match small {
            Some(bytes) => give::fill_small(store, &file.digest, &bytes, &to, mode(file.executable, link)),
            None => give::fill(store, &file.digest, &to, file.executable, link),
        };
        match filled {
            Err(error @ (StoreError::Absent { .. } | StoreError::Damaged { .. })) => Ok(Err(error)),
            filled => filled.map(Ok),
        }
    })
}
