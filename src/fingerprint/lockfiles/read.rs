//! One lock file: its packages, their versions and what they need.
//!
//! A format that is not known, or a file that is broken, counts by its bytes.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::fingerprint::memo::Memo;
use crate::fingerprint::recipe::shorten;
use crate::fingerprint::source;
use crate::model::{Digest, canonical_json};

/// Whether a lock file says enough to leave packages out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Narrow {
    /// It names what each package needs.
    ByNeeds,
    /// All of it counts.
    Never,
}

/// One lock file as read.
#[derive(Debug)]
pub(super) struct Lock {
    pub path: PathBuf,
    /// Relative to the project root.
    pub name: String,
    /// Of the whole file, without regard to line ends.
    pub digest: Digest,
    /// By name; empty where the format is not known.
    pub packages: BTreeMap<Box<str>, Package>,
    pub narrow: Narrow,
    /// Files that it includes, as written.
    pub includes: Vec<String>,
    /// Why it could not be read.
    pub problem: Option<String>,
}

/// One package of a lock file.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Package {
    pub version: String,
    /// Of everything that is said of it, but for what it needs.
    pub digest: Digest,
    pub needs: Vec<Box<str>>,
}

type Packages = BTreeMap<Box<str>, Package>;

impl Lock {
    pub(super) fn read(path: &Path, name: String, memo: &dyn Memo) -> Self {
        let mut lock = Self {
            path: path.to_path_buf(),
            name,
            digest: Digest::of(b""),
            packages: Packages::new(),
            narrow: Narrow::Never,
            includes: Vec::new(),
            problem: None,
        };
        let bytes = match memo.read(path) {
            Ok(bytes) => bytes,
            Err(error) => {
                lock.problem = Some(format!("`{}` cannot be read: {error}", path.display()));
                return lock;
            }
        };
        let bytes = source::normalised(&bytes);
        lock.digest = Digest::of(&bytes);
        let Ok(text) = std::str::from_utf8(&bytes) else { return lock };
        lock.packages = match path.file_name().and_then(|name| name.to_str()).unwrap_or_default() {
            "renv.lock" => {
                lock.narrow = Narrow::ByNeeds;
                renv(text).unwrap_or_default()
            }
            "uv.lock" => {
                lock.narrow = Narrow::ByNeeds;
                toml_packages(text, "package").unwrap_or_default()
            }
            "poetry.lock" | "pdm.lock" => toml_packages(text, "package").unwrap_or_default(),
            "pylock.toml" => toml_packages(text, "packages").unwrap_or_default(),
            "Pipfile.lock" => pipfile(text).unwrap_or_default(),
            name if name.ends_with(".txt") => {
                let (packages, includes) = requirements(text);
                lock.includes = includes;
                packages
            }
            _ => Packages::new(),
        };
        lock
    }
}

/// Returns a Python package's name in its one spelling: `Foo_Bar.x` -> `foo-bar-x`.
pub(super) fn normal_name(name: &str) -> String {
    let mut normal = String::with_capacity(name.len());
    for c in name.chars() {
        match c {
            '-' | '_' | '.' if normal.ends_with('-') => {}
            '-' | '_' | '.' => normal.push('-'),
            c => normal.extend(c.to_lowercase()),
        }
    }
    normal
}

fn text_field(value: &Value, field: &str) -> Option<String> {
    value.get(field).and_then(Value::as_str).map(str::to_owned)
}

fn add(to: &mut Packages, name: &str, package: Package) {
    match to.get_mut(name) {
        None => {
            to.insert(name.into(), package);
        }
        // One name with several versions, for several systems: all of them count.
        Some(known) => {
            known.version = format!("{}, {}", known.version, package.version);
            known.digest =
                Digest::of(&[known.digest.as_bytes().as_slice(), package.digest.as_bytes()].concat());
            known.needs.extend(package.needs);
        }
    }
}

fn renv(text: &str) -> Option<Packages> {
    let lock: Value = serde_json::from_str(text).ok()?;
    let mut packages = Packages::new();
    if let Some(version) = lock.get("R").and_then(|r| text_field(r, "Version")) {
        let digest = Digest::of(version.as_bytes());
        add(&mut packages, "R", Package { version, digest, needs: Vec::new() });
    }
    for (name, package) in lock.get("Packages")?.as_object()? {
        let version = text_field(package, "Version").unwrap_or_default();
        let fields = ["Requirements", "Depends", "Imports", "LinkingTo"];
        let needs = fields.iter().flat_map(|field| r_names(package.get(*field)));
        let needs = needs.filter(|need| need.as_ref() != "R").collect();
        add(&mut packages, name, Package { version, digest: Digest::of(&canonical_json(package)), needs });
    }
    Some(packages)
}

/// Reads `["R (>= 3.5)", "cli"]` or `"R (>= 3.5), cli"`.
fn r_names(value: Option<&Value>) -> Vec<Box<str>> {
    let texts: Vec<&str> = match value {
        Some(Value::Array(values)) => values.iter().filter_map(Value::as_str).collect(),
        Some(Value::String(text)) => text.split(',').collect(),
        _ => Vec::new(),
    };
    let name = |text: &str| text.trim().split([' ', '(', '\n']).next().unwrap_or_default().into();
    texts.into_iter().map(name).collect()
}

fn toml_packages(text: &str, field: &str) -> Option<Packages> {
    let lock: toml::Table = toml::from_str(text).ok()?;
    let mut packages = Packages::new();
    for package in lock.get(field)?.as_array()? {
        let mut package = serde_json::to_value(package).ok()?;
        let name = normal_name(&text_field(&package, "name")?);
        let version = text_field(&package, "version").unwrap_or_default();
        let is_project = package.get("source").is_some_and(|source| {
            ["virtual", "editable", "directory"].iter().any(|kind| source.get(kind) == Some(&".".into()))
        });
        let mut needs = Vec::new();
        for field in ["dependencies", "optional-dependencies", "dev-dependencies", "metadata", "extras"] {
            let removed = package.as_object_mut().and_then(|package| package.remove(field));
            if field != "metadata" && field != "dev-dependencies" {
                needs.extend(removed.iter().flat_map(toml_names));
            }
        }
        if !is_project {
            add(
                &mut packages,
                &name,
                Package { version, digest: Digest::of(&canonical_json(&package)), needs },
            );
        }
    }
    Some(packages)
}

/// Reads the names of `[{ name = "a" }]` and of `{ extra = [{ name = "a" }] }`.
fn toml_names(value: &Value) -> Vec<Box<str>> {
    let mut names = Vec::new();
    let mut open = vec![value];
    while let Some(value) = open.pop() {
        match value {
            Value::Array(values) => open.extend(values),
            Value::Object(fields) => match fields.get("name").and_then(Value::as_str) {
                Some(name) => names.push(normal_name(name).into()),
                None => open.extend(fields.values()),
            },
            _ => {}
        }
    }
    names
}

fn pipfile(text: &str) -> Option<Packages> {
    let lock: Value = serde_json::from_str(text).ok()?;
    let mut packages = Packages::new();
    for section in
        lock.as_object()?.iter().filter(|(name, _)| !name.starts_with('_')).map(|(_, section)| section)
    {
        for (name, package) in section.as_object()? {
            let version = text_field(package, "version").unwrap_or_default();
            let digest = Digest::of(&canonical_json(package));
            add(&mut packages, &normal_name(name), Package { version, digest, needs: Vec::new() });
        }
    }
    Some(packages)
}

/// Reads `requirements.txt`: one package a line, and the files it includes.
fn requirements(text: &str) -> (Packages, Vec<String>) {
    let mut packages = Packages::new();
    let mut includes = Vec::new();
    for line in text.replace("\\\n", " ").lines() {
        let line = line.split(" #").next().unwrap_or_default();
        let words: Vec<&str> = line.split_whitespace().collect();
        let line = words.join(" ");
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        if let ["-r" | "--requirement" | "-c" | "--constraint", file] = words.as_slice() {
            includes.push((*file).to_owned());
        }
        let end = line.find(|c: char| !(c.is_alphanumeric() || "-_.".contains(c))).unwrap_or(line.len());
        let (name, version) = match line.starts_with('-') {
            true => (line.clone(), String::new()),
            false => (normal_name(&line[..end]), shorten(line[end..].trim())),
        };
        add(
            &mut packages,
            &name,
            Package { version, digest: Digest::of(line.as_bytes()), needs: Vec::new() },
        );
    }
    (packages, includes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(packages: &Packages) -> Vec<String> {
        packages
            .iter()
            .map(|(name, one)| format!("{name} {} [{}]", one.version, one.needs.join(" ")))
            .collect()
    }

    #[test]
    fn renv_lock_of_both_formats() {
        let text = r#"{"R": {"Version": "4.3.1"}, "Packages": {
            "dplyr": {"Package": "dplyr", "Version": "1.1.2", "Requirements": ["R", "cli"]},
            "cli": {"Package": "cli", "Version": "3.6.1", "Imports": ["utils", "rlang (>= 1.0)"]},
            "rlang": {"Package": "rlang", "Version": "1.1.1", "Depends": "R (>= 3.5)"}}}"#;
        let packages = renv(text).unwrap();
        assert_eq!(
            told(&packages),
            ["R 4.3.1 []", "cli 3.6.1 [utils rlang]", "dplyr 1.1.2 [cli]", "rlang 1.1.1 []"]
        );
    }

    #[test]
    fn uv_lock_without_the_project_itself() {
        let text = "version = 1\n[[package]]\nname = \"me\"\nsource = { virtual = \".\" }\ndependencies = [{ name = \"pandas\" }]\n\
            [[package]]\nname = \"Pandas\"\nversion = \"2.2.0\"\ndependencies = [{ name = \"numpy\", marker = \"x\" }]\n\
            [package.optional-dependencies]\nparquet = [{ name = \"pyarrow\" }]\n\
            [[package]]\nname = \"numpy\"\nversion = \"1.26\"\n[[package]]\nname = \"numpy\"\nversion = \"2.0\"\n";
        let packages = toml_packages(text, "package").unwrap();
        assert_eq!(told(&packages), ["numpy 1.26, 2.0 []", "pandas 2.2.0 [numpy pyarrow]"]);
    }

    #[test]
    fn requirements_line_by_line() {
        let text =
            "# all\npandas==2.2.0  # the one\nScikit_Learn[x]>=1 \\\n  --hash=sha256:ab\n-r base.txt\n\n";
        let (packages, includes) = requirements(text);
        assert_eq!(
            told(&packages),
            ["-r base.txt  []", "pandas ==2.2.0 []", "scikit-learn [x]>=1 --hash=sha256:ab []"]
        );
        assert_eq!(includes, ["base.txt"]);
    }

    #[test]
    fn what_is_broken_counts_by_its_bytes() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["renv.lock", "uv.lock", "Pipfile.lock", "pixi.lock"] {
            let path = folder.path().join(name);
            std::fs::write(&path, "{{{").unwrap();
            let lock = Lock::read(&path, name.to_owned(), &crate::fingerprint::Plain);
            assert_eq!((lock.packages.len(), lock.digest), (0, Digest::of(b"{{{")), "{name}");
        }
    }
}
