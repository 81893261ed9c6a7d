//! How this layer reads the disk, and how it may remember what it read.
//!
//! [`Plain`] reads every time; `state` has a memo that answers from stats of
//! files that did not change. Both see the same: [`find_matches`] is the one
//! meaning of a glob. A memo never guesses: what it cannot read is an error.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use globset::GlobBuilder;

use crate::model::Digest;

/// What is at a path; links are followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Seen {
    /// Nothing.
    Absent,
    /// A folder.
    Folder,
    /// A file.
    File {
        /// Of its bytes.
        digest: Digest,
        /// In bytes.
        size: u64,
        /// Whether its owner may execute it.
        executable: bool,
    },
}

/// The disk, and facts about sources that were parsed before.
pub trait Memo: Sync {
    /// Looks at what is at `path`.
    fn look(&self, path: &Path) -> Result<Seen, io::Error>;

    /// Returns the bytes of a file; remembered as looked at.
    fn read(&self, path: &Path) -> Result<Vec<u8>, io::Error>;

    /// Returns what matches a glob below `base`, as [`find_matches`] does; remembered as looked at.
    fn list(&self, base: &Path, pattern: &str) -> Result<Vec<PathBuf>, io::Error>;

    /// Returns the facts kept under the digest of the source they came from.
    fn facts(&self, kind: &'static str, key: Digest) -> Option<Arc<[u8]>>;

    /// Keeps facts for another time; `kind` carries the version of their format.
    fn keep_facts(&self, kind: &'static str, key: Digest, facts: &[u8]);
}

/// Reads the disk every time and keeps nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct Plain;

impl Memo for Plain {
    fn look(&self, path: &Path) -> Result<Seen, io::Error> {
        let metadata = match fs::metadata(path) {
            Ok(metadata) => metadata,
            Err(error) if is_absence(&error) => return Ok(Seen::Absent),
            Err(error) => return Err(error),
        };
        if metadata.is_dir() {
            return Ok(Seen::Folder);
        }
        if !metadata.is_file() {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "neither a file nor a folder"));
        }
        let mut hasher = blake3::Hasher::new();
        hasher.update_reader(fs::File::open(path)?)?;
        Ok(Seen::File {
            digest: hasher.finalize().into(),
            size: hasher.count(),
            executable: is_executable(&metadata),
        })
    }

    fn read(&self, path: &Path) -> Result<Vec<u8>, io::Error> {
        fs::read(path)
    }

    fn list(&self, base: &Path, pattern: &str) -> Result<Vec<PathBuf>, io::Error> {
        find_matches(base, pattern)
    }

    fn facts(&self, _kind: &'static str, _key: Digest) -> Option<Arc<[u8]>> {
        None
    }

    fn keep_facts(&self, _kind: &'static str, _key: Digest, _facts: &[u8]) {}
}

#[cfg(unix)]
fn is_executable(metadata: &fs::Metadata) -> bool {
    use std::os::unix::fs::PermissionsExt;
    metadata.permissions().mode() & 0o100 != 0
}

/// Other systems have no such bit: a file is never executable there.
#[cfg(not(unix))]
fn is_executable(_metadata: &fs::Metadata) -> bool {
    false
}

/// Tells whether an error means that nothing is there: a part of the path is missing or no folder.
pub(super) fn is_absence(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory | io::ErrorKind::InvalidFilename
    )
}

/// Returns the files and folders below `base` that match a glob, sorted.
///
/// `*` and `?` stop at `/`, `**` does not. As in a shell, a name that begins
/// with a dot is matched only by a part of the pattern that does so too. Links
/// to folders are followed, each real folder once. An absent `base` has no matches.
pub fn find_matches(base: &Path, pattern: &str) -> Result<Vec<PathBuf>, io::Error> {
    find_matches_noting(base, pattern, &mut |_| ())
}

/// Does the same, and calls `note` with each folder before its entries are read, absent ones too.
///
/// As long as none of these folders gets or loses an entry, the matches stay what they are.
pub fn find_matches_noting(
    base: &Path,
    pattern: &str,
    note: &mut dyn FnMut(&Path),
) -> Result<Vec<PathBuf>, io::Error> {
    let glob = GlobBuilder::new(pattern)
        .literal_separator(true)
        .backslash_escape(true)
        .build()
        .map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))?
        .compile_matcher();
    let parts: Vec<&str> = pattern.split('/').collect();
    let literal = parts.iter().take(parts.len() - 1).take_while(|part| !is_glob(part)).count();
    let deepest = if parts.contains(&"**") { usize::MAX } else { parts.len() };
    let hidden = parts.iter().any(|part| part.starts_with('.'));

    let start = parts[..literal].iter().fold(base.to_path_buf(), |path, part| path.join(part));
    let mut found = Vec::new();
    let mut visited = BTreeSet::new();
    let mut folders = vec![(start, literal)];
    while let Some((folder, depth)) = folders.pop() {
        note(&folder);
        let entries = match fs::read_dir(&folder) {
            Ok(entries) => entries,
            Err(error) if is_absence(&error) => continue,
            Err(error) => return Err(error),
        };
        for entry in entries {
            let entry = entry?;
            if !hidden && entry.file_name().as_encoded_bytes().starts_with(b".") {
                continue;
            }
            let path = entry.path();
            if path.strip_prefix(base).is_ok_and(|relative| glob.is_match(relative)) {
                found.push(path.clone());
            }
            if depth + 1 < deepest && is_new_folder(&entry, &path, &mut visited)? {
                folders.push((path, depth + 1));
            }
        }
    }
    if hidden {
        found.retain(|path| path.strip_prefix(base).is_ok_and(|relative| dots_agree(relative, &parts)));
    }
    found.sort();
    Ok(found)
}

/// Tells whether a part of a pattern is more than a name.
pub(super) fn is_glob(part: &str) -> bool {
    part.contains(['*', '?', '[', ']', '{', '}', '\\'])
}

/// Splits a pattern before its first part that is more than a name: `/data/x/*.csv` -> `/data/x`, `*.csv`.
pub(super) fn split_glob(written: &str) -> (&str, &str) {
    let mut at = 0;
    for part in written.split_inclusive('/') {
        if is_glob(part) {
            break;
        }
        at += part.len();
    }
    written.split_at(at)
}

fn is_new_folder(
    entry: &fs::DirEntry,
    path: &Path,
    visited: &mut BTreeSet<PathBuf>,
) -> Result<bool, io::Error> {
    let kind = entry.file_type()?;
    if kind.is_dir() {
        return Ok(true);
    }
    // Only links can lead in a circle, so only where they lead has to be remembered.
    Ok(kind.is_symlink() && path.is_dir() && visited.insert(fs::canonicalize(path)?))
}

/// Each hidden name must be matched by a part of the pattern that begins with a dot.
fn dots_agree(relative: &Path, parts: &[&str]) -> bool {
    relative.iter().enumerate().all(|(at, name)| {
        let hidden = name.as_encoded_bytes().starts_with(b".");
        let asked = match parts.iter().position(|part| *part == "**") {
            Some(star) if at >= star => parts[star..].iter().any(|part| part.starts_with('.')),
            _ => parts.get(at).is_some_and(|part| part.starts_with('.')),
        };
        !hidden || asked
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder_with(files: &[&str]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for file in files {
            let path = folder.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, file).unwrap();
        }
        folder
    }

    fn matches(folder: &tempfile::TempDir, pattern: &str) -> Vec<String> {
        let names = find_matches(folder.path(), pattern).unwrap();
        names.iter().map(|path| path.strip_prefix(folder.path()).unwrap().display().to_string()).collect()
    }

    #[test]
    fn globs_match_as_in_a_shell() {
        let folder = folder_with(&["a.csv", "b.txt", ".c.csv", "d/e.csv", "d/.f/g.csv", "d/h/i.csv"]);
        assert_eq!(matches(&folder, "*.csv"), ["a.csv"]);
        assert_eq!(matches(&folder, "**/*.csv"), ["a.csv", "d/e.csv", "d/h/i.csv"]);
        assert_eq!(matches(&folder, "d/*"), ["d/e.csv", "d/h"]);
        assert_eq!(matches(&folder, "d/h/**"), ["d/h/i.csv"]);
        assert_eq!(matches(&folder, ".*.csv"), [".c.csv"]);
        assert_eq!(matches(&folder, "d/.f/*"), ["d/.f/g.csv"]);
        assert_eq!(matches(&folder, "[ab].*"), ["a.csv", "b.txt"]);
        assert_eq!(matches(&folder, "nowhere/*"), [""; 0]);
        assert!(find_matches(folder.path(), "[").is_err());
    }

    #[cfg(unix)]
    #[test]
    fn links_that_lead_in_a_circle_end() {
        let folder = folder_with(&["d/a.csv"]);
        std::os::unix::fs::symlink(folder.path(), folder.path().join("d/up")).unwrap();
        assert!(matches(&folder, "**/*.csv").contains(&"d/a.csv".to_owned()));
    }

    #[test]
    fn looking_tells_absence_from_trouble() {
        let folder = folder_with(&["a"]);
        assert_eq!(Plain.look(&folder.path().join("b")).unwrap(), Seen::Absent);
        assert_eq!(Plain.look(&folder.path().join("a/b")).unwrap(), Seen::Absent);
        assert_eq!(Plain.look(folder.path()).unwrap(), Seen::Folder);
        let Seen::File { digest, size, executable } = Plain.look(&folder.path().join("a")).unwrap() else {
            panic!("a file was expected");
        };
        assert_eq!((digest, size, executable), (Digest::of(b"a"), 1, false));
    }
}
