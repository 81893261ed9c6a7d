//! `format.json`: which kptn may read this store, and which may write it.
//!
//! Checked before anything else is touched. A newer kptn may add fields and
//! files; it raises `min_reader` or `min_writer` where an older one would do harm.

use std::fs;
use std::io;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::StoreError;
use super::layout::Layout;
use super::temporary;

/// The format that this kptn writes.
const FORMAT: u32 = 1;

/// What the file holds; later versions may add fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Format {
    format: u32,
    min_reader: u32,
    min_writer: u32,
}

/// Makes a new store's folder, or checks that this kptn may use the one that is there.
pub(super) fn check_or_make(layout: &Layout) -> Result<(), StoreError> {
    let path = layout.format();
    match fs::read(&path) {
        Ok(bytes) => check(&path, &bytes),
        Err(error) if error.kind() == io::ErrorKind::NotFound => make(layout, &path),
        Err(error) => Err(StoreError::reading(&path, error)),
    }
}

fn check(path: &Path, bytes: &[u8]) -> Result<(), StoreError> {
    let format: Format = serde_json::from_slice(bytes)
        .map_err(|source| StoreError::UnknownFormat { path: path.to_owned(), source })?;
    let needed = format.min_reader.max(format.min_writer);
    if needed > FORMAT {
        return Err(StoreError::NewerFormat { path: path.to_owned(), found: needed, known: FORMAT });
    }
    Ok(())
}

/// Two processes may do this at once: both write the same bytes.
fn make(layout: &Layout, path: &Path) -> Result<(), StoreError> {
    let root = layout.root();
    fs::create_dir_all(layout.objects()).map_err(|error| StoreError::writing("make", root, error))?;
    let format = Format { format: FORMAT, min_reader: FORMAT, min_writer: FORMAT };
    let beside = temporary::beside(root);
    fs::write(&beside, crate::model::canonical_json(&format))
        .and_then(|()| fs::rename(&beside, path))
        .map_err(|error| StoreError::writing("write", path, error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_store_for_newer_writers_is_refused_and_left_alone() {
        let root = tempfile::tempdir().unwrap();
        let layout = Layout::new(root.path());
        check_or_make(&layout).unwrap();
        check_or_make(&layout).unwrap();
        fs::write(layout.format(), r#"{"format":9,"min_reader":1,"min_writer":7,"more":true}"#).unwrap();
        let refused = check_or_make(&layout);
        assert!(matches!(refused, Err(StoreError::NewerFormat { found: 7, known: 1, .. })), "{refused:?}");
        fs::write(layout.format(), r#"{"format":9,"min_reader":1,"min_writer":1,"more":true}"#).unwrap();
        check_or_make(&layout).unwrap();
        fs::write(layout.format(), "").unwrap();
        assert!(matches!(check_or_make(&layout), Err(StoreError::UnknownFormat { .. })));
    }
}
