//! Damaged objects go out of the way and are kept: somebody may want what is left of them.
//!
//! Another process may put the right bytes again at any moment. So a row goes only
//! with the bytes that were found wrong, and a file is looked at once more when it
//! has been moved.

use std::fs;
use std::path::PathBuf;

use rusqlite::OptionalExtension;

use super::layout::Layout;
use super::small::Small;
use super::{StoreError, digest_file, large, sync};
use crate::model::Digest;

/// Sets a small object aside; absent where it is whole or not there.
pub(super) fn small(small: &Small, layout: &Layout, digest: &Digest) -> Result<Option<PathBuf>, StoreError> {
    let bytes: Option<Vec<u8>> = small.query(|connection| {
        let query = "SELECT bytes FROM objects WHERE digest = ?1";
        connection.query_row(query, [digest.as_bytes()], |row| row.get(0)).optional()
    })?;
    let Some(bytes) = bytes.filter(|bytes| Digest::of(bytes) != *digest) else { return Ok(None) };
    let place = free_place(layout, digest)?;
    fs::write(&place, &bytes).map_err(|error| StoreError::writing("write", &place, error))?;
    sync::files(&[&place])?;
    large::hit("fsck.copied", layout)?;
    small.query(|connection| {
        connection.execute(
            "DELETE FROM objects WHERE digest = ?1 AND bytes = ?2",
            (digest.as_bytes(), bytes.as_slice()),
        )
    })?;
    Ok(Some(place))
}

/// Sets a large object aside; absent where it is whole or not there.
pub(super) fn large(layout: &Layout, digest: &Digest) -> Result<Option<PathBuf>, StoreError> {
    let object = layout.object(digest);
    let is_whole = |path: &std::path::Path| digest_file(path).is_ok_and(|(found, _)| found == *digest);
    if !object.exists() || is_whole(&object) {
        return Ok(None);
    }
    let place = free_place(layout, digest)?;
    fs::rename(&object, &place).map_err(|error| StoreError::writing("move", &object, error))?;
    if is_whole(&place) {
        // Somebody had put it again, between the look and the move.
        fs::rename(&place, &object).map_err(|error| StoreError::writing("move", &place, error))?;
        return Ok(None);
    }
    Ok(Some(place))
}

/// Tells whether an object of this digest was set aside, and nothing took its place since.
pub(super) fn has(layout: &Layout, digest: &Digest) -> bool {
    layout.damaged(digest, 0).exists()
}

/// Returns a path at which nothing is: what was set aside before stays too.
fn free_place(layout: &Layout, digest: &Digest) -> Result<PathBuf, StoreError> {
    let first = layout.damaged(digest, 0);
    let folder = first.parent().unwrap_or(&first);
    fs::create_dir_all(folder).map_err(|error| StoreError::writing("make", folder, error))?;
    let free = (0..u32::MAX).map(|nth| layout.damaged(digest, nth)).find(|place| !place.exists());
    Ok(free.unwrap_or(first))
}
