//! What names an image: a digest of all that goes into it.
//!
//! Two deployments of the same files take the same image, and one that was pushed is not built again. Which files go to
//! Docker, `.dockerignore` says; its rules are Docker's, not git's: a pattern is anchored at the root.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use globset::{GlobBuilder, GlobMatcher};
use ignore::WalkBuilder;

use crate::model::{Digest, TaggedHasher};
use crate::ops::OpsError;

/// Files that count with other bytes than are there, or though they are not there yet.
pub type Instead = BTreeMap<PathBuf, Vec<u8>>;

/// Returns the tag of the image of a folder; `values` are the arguments of the build.
pub fn tag(root: &Path, values: &[String], instead: &Instead) -> Result<String, OpsError> {
    let mut hasher = TaggedHasher::new("kptn image 1");
    for value in values {
        hasher.field("value", value.as_bytes());
    }
    let ignored = Ignored::read(root)?;
    for name in ["Dockerfile", ".dockerignore"] {
        // They are ignored themselves, and decide what is in the image.
        if let Ok(bytes) = std::fs::read(root.join(name)) {
            hasher.field(name, &bytes);
        }
    }
    let mut files: BTreeMap<PathBuf, Option<&Vec<u8>>> = BTreeMap::new();
    for path in ignored.walk(root)? {
        files.insert(path, None);
    }
    for (path, bytes) in instead {
        if let Ok(inside) = path.strip_prefix(root).map(Path::to_owned)
            && !ignored.has(&inside)
        {
            files.insert(inside, Some(bytes));
        }
    }
    for (path, bytes) in files {
        let at = root.join(&path);
        let failed = |error| OpsError::io("read", &at, error);
        hasher.field("path", path.to_string_lossy().as_bytes());
        let link = std::fs::symlink_metadata(&at).is_ok_and(|found| found.is_symlink());
        let bytes = match bytes {
            Some(bytes) => Digest::of(bytes),
            None if link => {
                let target = std::fs::read_link(&at).map_err(failed)?;
                hasher.field("link", &[]);
                Digest::of(target.to_string_lossy().as_bytes())
            }
            None => {
                if is_program(&at) {
                    hasher.field("program", &[]);
                }
                digest_of_file(&at).map_err(failed)?
            }
        };
        hasher.field("bytes", bytes.as_bytes());
    }
    Ok(hasher.finish().to_string()[..16].to_owned())
}

/// Returns the files of a folder that go into its image.
pub fn files(root: &Path) -> Result<Vec<PathBuf>, OpsError> {
    let found = Ignored::read(root)?.walk(root)?;
    Ok(found.into_iter().map(|file| root.join(file)).collect())
}

fn digest_of_file(path: &Path) -> std::io::Result<Digest> {
    let mut hasher = blake3::Hasher::new();
    hasher.update_reader(std::fs::File::open(path)?)?;
    Ok(hasher.finalize().into())
}

#[cfg(unix)]
fn is_program(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    std::fs::metadata(path).is_ok_and(|found| found.permissions().mode() & 0o100 != 0)
}

#[cfg(not(unix))]
fn is_program(_: &Path) -> bool {
    false
}

/// What `.dockerignore` says, line by line: of those that fit, the last counts.
#[derive(Clone)]
struct Ignored {
    rules: Vec<(GlobMatcher, bool)>,
    /// Whether something in an ignored folder may be let in again.
    lets_in: bool,
}

impl Ignored {
    fn read(root: &Path) -> Result<Self, OpsError> {
        let path = root.join(".dockerignore");
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
            Err(error) => return Err(OpsError::io("read", &path, error)),
        };
        Ok(Self::of(&text))
    }

    fn of(text: &str) -> Self {
        let mut rules = Vec::new();
        for line in text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
            let (lets_in, pattern) = match line.strip_prefix('!') {
                Some(pattern) => (true, pattern.trim()),
                None => (false, line),
            };
            let pattern = pattern.trim_start_matches("./").trim_matches('/');
            // What is no pattern ignores nothing: rather one file too many than one too few.
            if let Ok(glob) = GlobBuilder::new(pattern).literal_separator(true).build() {
                rules.push((glob.compile_matcher(), lets_in));
            }
        }
        let lets_in = rules.iter().any(|(_, lets_in)| *lets_in);
        Self { rules, lets_in }
    }

    /// Tells whether a path is ignored: by itself, or as something below an ignored folder.
    fn has(&self, path: &Path) -> bool {
        let fits =
            |glob: &GlobMatcher| path.ancestors().any(|one| one != Path::new("") && glob.is_match(one));
        self.rules.iter().rev().find(|(glob, _)| fits(glob)).is_some_and(|(_, lets_in)| !lets_in)
    }

    fn walk(&self, root: &Path) -> Result<Vec<PathBuf>, OpsError> {
        let (ignored, base, prune) = (self.clone(), root.to_owned(), !self.lets_in);
        let inside = move |path: &Path| path.strip_prefix(&base).map(Path::to_owned).unwrap_or_default();
        let filter = {
            let inside = inside.clone();
            move |entry: &ignore::DirEntry| !prune || !ignored.has(&inside(entry.path()))
        };
        let mut found = Vec::new();
        for entry in WalkBuilder::new(root).standard_filters(false).filter_entry(filter).build() {
            let entry = entry.map_err(|error| OpsError::io("read", root, std::io::Error::other(error)))?;
            let path = inside(entry.path());
            let is_folder = entry.file_type().is_some_and(|kind| kind.is_dir());
            if !is_folder && !self.has(&path) {
                found.push(path);
            }
        }
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_are_those_of_docker() {
        let ignored = Ignored::of("# ours\n.git\nout/**\n**/*.pyc\nsecret*\n/data/\n!data/small.csv\n");
        for path in [".git/config", "out/a/b", "a/b.pyc", "b.pyc", "secret.txt", "data/large.csv"] {
            assert!(ignored.has(Path::new(path)), "{path}");
        }
        // Anchored at the root, unlike git's.
        for path in ["a/.git/config", "a/secret.txt", "a/data/x", "data/small.csv", "out.txt"] {
            assert!(!ignored.has(Path::new(path)), "{path}");
        }
    }

    #[test]
    fn the_tag_follows_what_goes_in_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        let write = |name: &str, text: &str| {
            std::fs::create_dir_all(root.join(name).parent().unwrap()).unwrap();
            std::fs::write(root.join(name), text).unwrap();
        };
        let tag = |values: &[&str], instead: &Instead| {
            let values: Vec<String> = values.iter().map(|value| (*value).to_owned()).collect();
            super::tag(root, &values, instead).unwrap()
        };
        write(".dockerignore", "scratch\nDockerfile\n.dockerignore\n");
        write("Dockerfile", "FROM scratch\n");
        write("a.py", "1");
        let (none, mut seen) = (Instead::new(), Vec::new());
        let first = tag(&[], &none);
        seen.push(first.clone());
        write("scratch/x", "made");
        assert_eq!(tag(&[], &none), first);
        write("b.py", "2");
        seen.push(tag(&[], &none));
        write("a.py", "3");
        seen.push(tag(&[], &none));
        write("Dockerfile", "FROM other\n");
        seen.push(tag(&[], &none));
        seen.push(tag(&["KPTN=1"], &none));
        let instead = Instead::from([(root.join("a.py"), b"4".to_vec())]);
        seen.push(tag(&[], &instead));
        write("a.py", "4");
        assert_eq!(tag(&[], &none), tag(&[], &instead));
        let count = seen.len();
        seen.sort();
        seen.dedup();
        assert_eq!(seen.len(), count, "{seen:?}");
    }
}
