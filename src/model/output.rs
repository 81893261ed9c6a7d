//! Files that a task made, and how they compare with those before.

use serde::{Deserialize, Serialize};

use super::{Digest, TaggedHasher};

/// One file that a task left in the output folder.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct OutputFile {
    /// Relative to the output folder, with `/` between its parts on every system.
    pub path: String,
    /// Of its bytes.
    pub digest: Digest,
    /// In bytes.
    pub size: u64,
    /// Whether its owner may execute it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub executable: bool,
}

/// Returns one digest over all files; their order does not matter.
pub fn outputs_digest<'a>(files: impl IntoIterator<Item = &'a OutputFile>) -> Digest {
    let mut files: Vec<_> = files.into_iter().collect();
    files.sort();
    let mut hasher = TaggedHasher::new("kptn outputs 1");
    for file in files {
        hasher
            .field("path", file.path.as_bytes())
            .field("digest", file.digest.as_bytes())
            .field("executable", &[file.executable.into()]);
    }
    hasher.finish()
}

/// What happened to one output file between two records.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutputChange {
    /// Relative to the output folder.
    pub path: String,
    /// Its size before, in bytes; absent where it is new.
    pub before: Option<u64>,
    /// Its size now, in bytes; absent where it is gone.
    pub after: Option<u64>,
}

/// How the outputs of a task compare with those of its record before.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct OutputComparison {
    /// Files now.
    pub files: u64,
    /// Files that are new, gone or have other bytes.
    pub changed: Vec<OutputChange>,
    /// Whether there was a record before.
    pub had_before: bool,
    /// Whether the result is not the same as before; absent where there is none to compare.
    pub result_changed: Option<bool>,
}

impl OutputComparison {
    /// Compares two lists of files, in any order; `before` is absent for a task that never finished.
    pub fn between<'f>(
        before: Option<impl Iterator<Item = &'f OutputFile>>,
        after: impl Iterator<Item = &'f OutputFile>,
    ) -> Self {
        let had_before = before.is_some();
        let mut old = by_path(before.into_iter().flatten()).into_iter().peekable();
        let new = by_path(after);
        let files = new.len() as u64;
        let mut changed = Vec::new();
        let change = |was: Option<&OutputFile>, is: Option<&OutputFile>| OutputChange {
            path: is.or(was).map(|file| file.path.clone()).unwrap_or_default(),
            before: was.map(|file| file.size),
            after: is.map(|file| file.size),
        };
        for is in new {
            while let Some(gone) = old.next_if(|was| was.path < is.path) {
                changed.push(change(Some(gone), None));
            }
            let was = old.next_if(|was| was.path == is.path);
            if was != Some(is) {
                changed.push(change(was, Some(is)));
            }
        }
        changed.extend(old.map(|gone| change(Some(gone), None)));
        Self { files, changed, had_before, result_changed: None }
    }
}

fn by_path<'f>(files: impl Iterator<Item = &'f OutputFile>) -> Vec<&'f OutputFile> {
    let mut files: Vec<_> = files.collect();
    files.sort_by(|one, other| one.path.cmp(&other.path));
    files.dedup_by(|one, other| one.path == other.path);
    files
}
