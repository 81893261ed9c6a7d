//! What interrupted writes left in a folder: no list of keys names it, and nobody reads it.

use std::path::Path;
use std::time::UNIX_EPOCH;
use std::{fs, io};

use super::bucket::Listed;
use super::layout;

/// Returns those of kptn's keys; their names are paths in the folder.
pub fn below(folder: &Path) -> io::Result<Vec<Listed>> {
    let mut found = Vec::new();
    walk(folder, "", &mut found)?;
    found.retain(|one| layout::is_ours(&one.key));
    Ok(found)
}

/// The client writes `<key>#<number>`, and renames it at the end.
fn is_leftover(name: &str) -> bool {
    let number = name.rsplit_once('#').map_or("", |(_, number)| number);
    !number.is_empty() && number.bytes().all(|digit| digit.is_ascii_digit())
}

fn walk(folder: &Path, before: &str, found: &mut Vec<Listed>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = format!("{before}{}", entry.file_name().display());
        // What is gone meanwhile was none.
        let Ok(metadata) = entry.metadata() else { continue };
        if metadata.is_dir() {
            walk(&entry.path(), &format!("{name}/"), found)?;
        } else if metadata.is_file() && is_leftover(&name) {
            let at = metadata.modified()?.duration_since(UNIX_EPOCH).unwrap_or_default();
            let at_ms = u64::try_from(at.as_millis()).unwrap_or(0);
            found.push(Listed { key: name, size: metadata.len(), at_ms });
        }
    }
    Ok(())
}
