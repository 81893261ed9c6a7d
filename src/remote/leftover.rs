//! What interrupted writes left in a folder or a table: no list of keys names it, and nobody reads it.

use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};
use std::{fs, io};

use super::bucket::{Bucket, Listed};
use super::survey::roots::ANNOUNCED_MS;
use super::{Earnest, RemoteError, layout, lock};
use crate::store::Amount;

/// What is in no folder's way: locks, and where a disk is mounted.
const NOBODYS: [&str; 2] = ["locks", "lost+found"];

/// Returns those of kptn's keys; their names are paths in the folder.
pub fn leftovers(bucket: &Bucket) -> Result<Vec<Listed>, RemoteError> {
    let mut found = Vec::new();
    if let Some(folder) = bucket.folder() {
        walk(folder, "", &mut found).map_err(|source| bucket.folder_failed("list", "", source))?;
    }
    found.retain(|one| layout::is_ours(&one.key));
    Ok(found)
}

/// Removes what was left at least so long ago, in a folder and in a table; returns how much that is.
pub async fn tidy(bucket: &Bucket, least_ms: u64, earnest: Earnest) -> Result<Amount, RemoteError> {
    let tidied = tidy_folder(bucket, least_ms, earnest)?;
    let Some(table) = &bucket.table else { return Ok(tidied.into_iter().collect()) };
    let pieces = table.tidy(least_ms.max(ANNOUNCED_MS), earnest).await?;
    Ok(tidied.into_iter().chain(pieces).collect())
}

/// Nothing where somebody writes.
fn tidy_folder(bucket: &Bucket, least_ms: u64, earnest: Earnest) -> Result<Vec<u64>, RemoteError> {
    let Some(folder) = bucket.folder() else { return Ok(Vec::new()) };
    let now_ms = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
    let now_ms = u64::try_from(now_ms).unwrap_or(u64::MAX);
    let work = || {
        let mut all = leftovers(bucket)?;
        all.retain(|one| now_ms.saturating_sub(one.at_ms) >= least_ms);
        if earnest == Earnest::Yes {
            all.iter().try_for_each(|one| remove(bucket, folder, one))?;
        }
        Ok(all.iter().map(|one| one.size).collect())
    };
    lock::while_nobody_writes(folder, work).unwrap_or(Ok(Vec::new()))
}

fn remove(bucket: &Bucket, folder: &Path, one: &Listed) -> Result<(), RemoteError> {
    match fs::remove_file(folder.join(&one.key)) {
        Err(source) if source.kind() != io::ErrorKind::NotFound => {
            Err(bucket.folder_failed("remove", &one.key, source))
        }
        _ => Ok(()),
    }
}

/// Returns the name of something in a folder that is none of kptn's; absent where there is nothing, and for a bucket.
pub fn foreign(bucket: &Bucket) -> Result<Option<String>, RemoteError> {
    let Some(folder) = bucket.folder() else { return Ok(None) };
    let names = names(folder).map_err(|source| bucket.folder_failed("list", "", source))?;
    let is_ours = |name: &str| layout::is_ours(&format!("{name}/")) || name.starts_with(layout::FORMAT);
    Ok(names
        .into_iter()
        .find(|name| !is_ours(name) && !NOBODYS.contains(&name.as_str()) && !name.starts_with('.')))
}

fn names(folder: &Path) -> io::Result<Vec<String>> {
    fs::read_dir(folder)?.map(|entry| Ok(entry?.file_name().display().to_string())).collect()
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
