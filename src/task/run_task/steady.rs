//! Whether the files that a task was decided by held still while it ran.
//!
//! Digests alone would miss a file that was changed and changed back: the code
//! may have been read in between. So their stats are compared, which no edit
//! leaves as they were. A file that was only touched counts as changed: too
//! much is fine. What a task read that is not what its dependencies made counts, too.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use crate::store::FileStat;

/// With more files than this, looking at them all after each item would cost more than the items.
const FEW: usize = 64;
/// How often many files are looked at.
const OFTEN: Duration = Duration::from_millis(500);

/// Files, and how they were.
#[derive(Debug, Clone)]
pub struct Steady {
    files: Vec<(PathBuf, Option<FileStat>)>,
    root: PathBuf,
    edited: OnceLock<Vec<String>>,
}

impl Steady {
    /// Takes note of how files are now.
    pub fn now(files: &[PathBuf], root: &Path) -> Self {
        let files = files.iter().map(|path| (path.clone(), FileStat::at(path))).collect();
        Self { files, root: root.to_owned(), edited: OnceLock::new() }
    }

    /// Takes note of files that the task reads and that are not as their records say.
    pub fn reads_edited(&self, files: Vec<String>) {
        drop(self.edited.set(files));
    }

    /// Returns the files, and how they were.
    pub fn files(&self) -> &[(PathBuf, Option<FileStat>)] {
        &self.files
    }

    /// Tells whether it is time to look again, after `last`.
    pub fn is_due(&self, last: Instant) -> bool {
        self.files.len() <= FEW || last.elapsed() >= OFTEN
    }

    /// Returns the files that are not as they were, named from the project's root.
    pub fn changed(&self) -> Vec<String> {
        let changed = self.files.iter().filter(|(path, before)| FileStat::at(path) != *before);
        let changed =
            changed.map(|(path, _)| path.strip_prefix(&self.root).unwrap_or(path).display().to_string());
        changed.chain(self.edited.get().into_iter().flatten().cloned()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn a_file_that_was_changed_and_changed_back_did_not_hold_still() {
        let folder = tempfile::tempdir().unwrap();
        let (one, other) = (folder.path().join("a.py"), folder.path().join("b.py"));
        fs::write(&one, "1").unwrap();
        let steady = Steady::now(&[one.clone(), other.clone()], folder.path());
        assert_eq!(steady.changed(), Vec::<String>::new());
        fs::write(folder.path().join("new"), "1").unwrap();
        fs::rename(folder.path().join("new"), &one).unwrap();
        assert_eq!(steady.changed(), ["a.py"]);
        fs::write(&other, "").unwrap();
        assert_eq!(steady.changed(), ["a.py", "b.py"]);
    }
}
