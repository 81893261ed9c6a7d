//! Files below a folder of the outputs, with their metadata; links are never followed.
//!
//! kptn's own files (`.kept/`, `.gitignore`, what it is about to put in place)
//! are nobody's outputs and are left out.

use std::fs::{self, Metadata};

use super::path::{Folder, is_absence};
use super::{OutputsError, Pattern, path};
use crate::model::KEPT;

/// What a walk finds.
#[derive(Debug)]
pub struct Entry {
    /// Relative to the output folder.
    pub path: String,
    /// Of the entry itself, also where it is a link.
    pub metadata: Metadata,
}

/// What a walk does with a name that is not UTF-8.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OddNames {
    /// Fails: the file would have to be taken in.
    Refuse,
    /// Passes over it: no pattern means it.
    Skip,
}

/// Returns everything below `base` that is no folder, sorted; nothing where `base` is absent.
///
/// kptn's own files are left out.
pub fn walk(folder: &Folder, base: &str, odd_names: OddNames) -> Result<Vec<Entry>, OutputsError> {
    walk_where(folder, base, odd_names, |_| true, |_| true)
}

/// Returns what a pattern matches, sorted. Of the others nothing but their names is asked for: fifty thousand
/// items may each look for their own in one folder.
pub fn matching(folder: &Folder, pattern: &Pattern) -> Result<Vec<Entry>, OutputsError> {
    walk_where(
        folder,
        &pattern.base,
        OddNames::Skip,
        |path| pattern.may_match_in(path),
        |path| pattern.matches(path),
    )
}

fn walk_where(
    folder: &Folder,
    base: &str,
    odd_names: OddNames,
    descend: impl Fn(&str) -> bool,
    wanted: impl Fn(&str) -> bool,
) -> Result<Vec<Entry>, OutputsError> {
    let mut found = Vec::new();
    let mut open = vec![base.to_owned()];
    while let Some(relative) = open.pop() {
        let path = if relative.is_empty() { folder.root().to_owned() } else { folder.path(&relative) };
        let error = |error| OutputsError::io("list", &path, error);
        let entries = match fs::read_dir(&path) {
            Ok(entries) => entries,
            Err(absent) if path::is_absence(&absent) => continue,
            Err(other) => return Err(error(other)),
        };
        let mut child = if relative.is_empty() { String::new() } else { format!("{relative}/") };
        let before_name = child.len();
        for entry in entries {
            let entry = entry.map_err(error)?;
            let name = entry.file_name();
            let Some(name) = name.to_str() else {
                if odd_names == OddNames::Refuse {
                    return Err(OutputsError::NameIsNoText { path: entry.path() });
                }
                continue;
            };
            child.truncate(before_name);
            child.push_str(name);
            if child == KEPT || child == ".gitignore" || crate::store::is_temporary(name.as_ref()) {
                continue;
            }
            let looked = match entry.file_type() {
                Ok(kind) if kind.is_dir() => {
                    if descend(&child) {
                        open.push(child.clone());
                    }
                    continue;
                }
                Ok(_) if !wanted(&child) => continue,
                Ok(_) => entry.metadata(),
                Err(error) => Err(error),
            };
            match looked {
                Ok(metadata) => found.push(Entry { path: child.clone(), metadata }),
                // Gone since it was listed: it is nobody's output.
                Err(gone) if is_absence(&gone) => {}
                Err(other) => return Err(OutputsError::io("look at", &entry.path(), other)),
            }
        }
    }
    found.sort_by(|one, other| one.path.cmp(&other.path));
    Ok(found)
}
