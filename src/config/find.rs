//! Which `kptn.yaml`, and what its project's root is.
//!
//! The root is the folder of the `pyproject.toml` whose `[tool.kptn]
//! tasks_conf_path` names this `kptn.yaml`, searched upwards to git's root;
//! else the folder of `kptn.yaml`. Nothing is parsed here but `pyproject.toml`.

use std::io;
use std::path::{Component, Path, PathBuf};

use super::ConfigError;
use super::pyproject::Pyproject;
use super::report::Report;

/// The name of the file that makes a folder a project.
const CONFIG_NAME: &str = "kptn.yaml";
/// What it is called by mistake.
const SHORT_NAME: &str = "kptn.yml";
const PYPROJECT_NAME: &str = "pyproject.toml";

/// Where a project is.
#[derive(Debug)]
pub(super) struct Found {
    /// The `kptn.yaml`, absolute.
    pub config_path: PathBuf,
    /// The project root, absolute.
    pub root: PathBuf,
    /// What `pyproject.toml` says, where there is one with a `[tool.kptn]`.
    pub pyproject: Option<Pyproject>,
    /// Files read, and places where nothing was.
    pub files: Vec<PathBuf>,
    pub absent: Vec<PathBuf>,
}

impl Found {
    /// Returns the place of a text that is no file.
    pub fn nowhere() -> Self {
        let root = PathBuf::from("/");
        let config_path = root.join(CONFIG_NAME);
        Self { config_path, root, pyproject: None, files: Vec::new(), absent: Vec::new() }
    }

    /// Returns the folder of `kptn.yaml`.
    pub fn folder(&self) -> &Path {
        self.config_path.parent().unwrap_or(&self.root)
    }
}

/// Looks for a `kptn.yaml`, or a `pyproject.toml` that names one, from `start` upwards.
pub(super) fn from_folder(start: &Path) -> Result<Found, ConfigError> {
    let start = canonical(start)?;
    for folder in upwards(&start) {
        let config = folder.join(CONFIG_NAME);
        if config.is_file() {
            return from_file(&config);
        }
        let short = folder.join(SHORT_NAME);
        if short.is_file() {
            let mut report = Report::new(&short);
            report.error(None, format!("a project's file is called `{CONFIG_NAME}`")).hint =
                Some(format!("mv {SHORT_NAME} {CONFIG_NAME}"));
            return Err(ConfigError::Invalid { diagnostics: report.into_found() });
        }
        if let Some(pyproject) = read_pyproject(&folder.join(PYPROJECT_NAME))?
            && let Some(named) = pyproject.tasks_conf_path()
        {
            return from_file(&named);
        }
    }
    Err(ConfigError::NotFound { start })
}

/// Looks for the `pyproject.toml` that belongs to this `kptn.yaml`.
pub(super) fn from_file(config_path: &Path) -> Result<Found, ConfigError> {
    let config_path = canonical_file(config_path)?;
    let folder = config_path.parent().unwrap_or(Path::new("/")).to_owned();
    let mut own = None;
    let (mut files, mut absent) = (vec![config_path.clone()], Vec::new());
    for above in upwards(&folder) {
        let path = above.join(PYPROJECT_NAME);
        let Some(pyproject) = read_pyproject(&path)? else {
            if path.exists() {
                files.push(path)
            } else {
                absent.push(path)
            }
            continue;
        };
        files.push(path);
        match pyproject.tasks_conf_path().map(|named| canonical_file(&named).unwrap_or(named)) {
            Some(named) if named == config_path => {
                let root = above.to_owned();
                return Ok(Found { config_path, root, pyproject: Some(pyproject), files, absent });
            }
            None if above == folder => own = Some(pyproject),
            _ => {}
        }
    }
    Ok(Found { config_path, root: folder, pyproject: own, files, absent })
}

/// Returns `start` and the folders above it, up to the root of the git work tree.
fn upwards(start: &Path) -> impl Iterator<Item = &Path> {
    let mut beyond = false;
    start.ancestors().take_while(move |folder| {
        let within = !beyond;
        beyond = beyond || folder.join(".git").exists();
        within
    })
}

/// Reads a `pyproject.toml`; absent where there is none or it says nothing about kptn.
fn read_pyproject(path: &Path) -> Result<Option<Pyproject>, ConfigError> {
    match std::fs::read(path) {
        Ok(bytes) => Pyproject::parse(path, &bytes),
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            Ok(None)
        }
        Err(source) => Err(ConfigError::Io { path: path.to_owned(), source }),
    }
}

fn canonical(folder: &Path) -> Result<PathBuf, ConfigError> {
    folder.canonicalize().map_err(|source| ConfigError::Io { path: folder.to_owned(), source })
}

/// Resolves links in the folder of a file, but not the file itself: a linked `kptn.yaml` belongs where its link is.
fn canonical_file(path: &Path) -> Result<PathBuf, ConfigError> {
    let folder = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    match path.file_name() {
        Some(name) => Ok(canonical(folder)?.join(name)),
        None => canonical(path).map(|folder| folder.join(CONFIG_NAME)),
    }
}

/// Returns `base` joined with `path`, without `.` components.
pub(super) fn join(base: &Path, path: impl AsRef<Path>) -> PathBuf {
    base.join(path).components().filter(|part| !matches!(part, Component::CurDir)).collect()
}
