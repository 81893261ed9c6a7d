//! Where a path in R code may lead.
//!
//! R looks from the working folder, which is the script's own unless the task
//! says otherwise; code also changes it, or looks from the file that is sourced
//! (`chdir`) or from the `here` root. All files that exist at one of these
//! places count: one too many does no harm.

use std::path::{Component, Path, PathBuf};

use crate::fingerprint::memo::{Seen, split_glob};
use crate::fingerprint::surroundings::Surroundings;

use super::facts::Written;

/// Returns the folders whose start-up files R reads: the project root and the script's own.
pub(super) fn start_folders(script: &Path, s: &Surroundings) -> Vec<PathBuf> {
    let mut folders = vec![s.project.root.clone()];
    folders.extend(script.parent().filter(|folder| *folder != s.project.root).map(Path::to_path_buf));
    folders
}

/// Returns the files that a path written in `from` may mean, in order, each once. `folders` are those
/// that the code goes to.
pub(super) fn find(
    written: &Written,
    from: &Path,
    folders: &[Written],
    script: &Path,
    s: &Surroundings,
) -> Vec<PathBuf> {
    let mut found = Vec::new();
    if let Some(below_home) = written.text.strip_prefix("~/") {
        let home = (s.env)("HOME").map(PathBuf::from);
        found.extend(home.into_iter().flat_map(|home| files_at(&home, below_home, written.glob, s)));
        return found;
    }
    let own = script.parent().unwrap_or(script);
    let mut bases = vec![own.to_path_buf()];
    if written.here {
        bases = between(own, &s.project.root);
    } else {
        bases.extend(from.parent().map(Path::to_path_buf));
    }
    bases.push(s.project.root.clone());
    let gone_to =
        |base: &PathBuf| folders.iter().map(|to| tidied(&base.join(to.text.as_ref()))).collect::<Vec<_>>();
    let further: Vec<PathBuf> = bases.iter().flat_map(gone_to).collect();
    bases.extend(further);
    let mut looked = Vec::new();
    for base in bases {
        if looked.contains(&base) {
            continue;
        }
        let files = files_at(&base, &written.text, written.glob, s);
        found.extend(files.into_iter().filter(|file| !found.contains(file)).collect::<Vec<_>>());
        looked.push(base);
    }
    if found.is_empty() && written.here {
        // The root that `here` finds may lie above the project: a repository with several.
        let above = s.project.root.ancestors().skip(1).take(3);
        found = above
            .map(|base| files_at(base, &written.text, written.glob, s))
            .find(|files| !files.is_empty())
            .unwrap_or_default();
    }
    found
}

fn files_at(base: &Path, text: &str, glob: bool, s: &Surroundings) -> Vec<PathBuf> {
    if glob {
        let (folder, pattern) = split_glob(text);
        let base = tidied(&base.join(folder));
        let matches = s.memo.list(&base, pattern).unwrap_or_default();
        return matches.into_iter().filter(|path| is_file(path, s)).collect();
    }
    let path = tidied(&base.join(text));
    if is_file(&path, s) { vec![path] } else { Vec::new() }
}

fn is_file(path: &Path, s: &Surroundings) -> bool {
    // What is there but can't be read is found, and then said to be unreadable.
    !matches!(s.memo.look(path), Ok(Seen::Absent | Seen::Folder))
}

/// Returns the folders from `inner` up to `outer`; `inner` alone where it is not inside.
fn between(inner: &Path, outer: &Path) -> Vec<PathBuf> {
    if !inner.starts_with(outer) {
        return vec![inner.to_path_buf()];
    }
    inner.ancestors().take_while(|folder| folder.starts_with(outer)).map(Path::to_path_buf).collect()
}

/// Returns a path without `.` and `..`, so that one file has one name.
fn tidied(path: &Path) -> PathBuf {
    let mut tidy = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir if matches!(tidy.components().next_back(), Some(Component::Normal(_))) => {
                tidy.pop();
            }
            other => tidy.push(other),
        }
    }
    tidy
}
