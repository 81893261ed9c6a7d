//! Paths below the output folder: relative, with `/`, never outside, never
//! through a link.
//!
//! Everything that kptn reads from, writes to or removes in the output folder
//! goes through [`Folder::place`], also what a record from elsewhere names.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::OutputsError;
use crate::model::output_path;

/// Returns a path in its one spelling; fails where it is not inside the output folder.
pub fn checked(text: &str) -> Result<String, OutputsError> {
    output_path(text)
        .map_err(|problem| OutputsError::Outside { path: text.escape_debug().to_string(), problem })
}

/// The output folder of a branch.
#[derive(Debug, Clone)]
pub struct Folder {
    root: PathBuf,
}

impl Folder {
    /// Names a folder that need not be there yet.
    pub fn at(root: &Path) -> Self {
        Self { root: root.to_owned() }
    }

    /// Makes the folder where it is absent, with a `.gitignore` of `*`.
    pub fn make(root: &Path) -> Result<Self, OutputsError> {
        if !root.is_dir() {
            fs::create_dir_all(root).map_err(|error| OutputsError::io("make", root, error))?;
            let ignore = root.join(".gitignore");
            fs::write(&ignore, "*\n").map_err(|error| OutputsError::io("write", &ignore, error))?;
        }
        Ok(Self::at(root))
    }

    /// Returns the folder itself.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Returns where a path is, without looking.
    pub fn path(&self, relative: &str) -> PathBuf {
        let mut path = PathBuf::with_capacity(self.root.as_os_str().len() + relative.len() + 1);
        path.push(&self.root);
        // Part by part, so that Windows gets its own separators.
        path.extend(relative.split('/'));
        path
    }

    /// Returns where a path is, after making sure that no folder on the way is a link.
    pub fn place(&self, relative: &str) -> Result<PathBuf, OutputsError> {
        self.place_with(relative, &mut BTreeSet::new())
    }

    /// As [`Folder::place`], for many paths: folders in `seen` are not looked at again.
    pub fn place_with(&self, relative: &str, seen: &mut BTreeSet<String>) -> Result<PathBuf, OutputsError> {
        let relative = checked(relative)?;
        let ends = relative.match_indices('/').map(|(at, _)| &relative[..at]);
        for folder in ends {
            if seen.contains(folder) {
                continue;
            }
            let path = self.path(folder);
            match fs::symlink_metadata(&path) {
                Ok(found) if found.is_symlink() => {
                    return Err(OutputsError::BehindLink { path: relative.clone(), link: folder.to_owned() });
                }
                Ok(_) => seen.insert(folder.to_owned()),
                Err(error) if is_absence(&error) => break,
                Err(error) => return Err(OutputsError::io("look at", &path, error)),
            };
        }
        Ok(self.path(&relative))
    }

    /// Returns a path's spelling below the folder; absent where it is outside or not UTF-8.
    pub fn relative(&self, path: &Path) -> Option<String> {
        let inside = path.strip_prefix(&self.root).ok()?;
        let parts: Option<Vec<_>> = inside.iter().map(|part| part.to_str()).collect();
        Some(parts?.join("/"))
    }
}

/// Tells whether an error means that nothing is there.
pub fn is_absence(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_has_one_spelling_and_stays_inside() {
        assert_eq!(checked("./a//b/").unwrap(), "a/b");
        for bad in ["", "/", ".", "/etc/passwd", "..", "a/../b", "../x", "a\0", ".kept/x", ".gitignore"] {
            assert!(checked(bad).is_err(), "{bad:?}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_link_on_the_way_is_refused_but_the_folder_itself_may_be_one() {
        let outside = tempfile::tempdir().unwrap();
        let real = outside.path().join("real");
        let folder = Folder::make(&real).unwrap();
        std::os::unix::fs::symlink("/", real.join("link")).unwrap();
        assert!(matches!(folder.place("link/etc/passwd"), Err(OutputsError::BehindLink { .. })));
        std::os::unix::fs::symlink(&real, outside.path().join("alias")).unwrap();
        let alias = Folder::make(&outside.path().join("alias")).unwrap();
        assert!(alias.place("a/b").is_ok());
        assert_eq!(std::fs::read_to_string(real.join(".gitignore")).unwrap(), "*\n");
    }
}
