//! `kptn.yaml` and `pyproject.toml` become a [`crate::model::Project`].
//!
//! The only folder that knows YAML and TOML. Reading goes in three steps:
//!
//! ```text
//! text -> node      yaml, scalar, stumbles, pyproject: a tree with the place of everything
//! node -> words     reader, misfit, words, given, shapes, older: serde structs, all misfits reported
//! words -> Project  project, settings, tasks, scripts, values, graphs, extends, checks, outputs
//! ```
//!
//! Whatever can be known from these files alone is checked here, and all that
//! is wrong is said at once. A script that is missing is not an error of the
//! file: `check` and `run` say so. Cycles are found by `graph::Dag`.
//!
//! A value of `config` that a function of the project computes reaches the
//! model as `{"$function": "package.module:function"}` ([`FUNCTION_KEY`]);
//! whoever starts the task has it called.

mod checks;
mod edit;
mod extends;
mod find;
mod given;
mod graphs;
mod misfit;
mod node;
mod older;
mod outputs;
mod project;
mod protected;
mod pyproject;
mod reader;
mod remotes;
mod report;
mod scalar;
mod scripts;
mod settings;
mod shapes;
mod stumbles;
mod tasks;
mod values;
mod words;
mod yaml;

#[cfg(test)]
mod tests;

use std::io;
use std::path::{Path, PathBuf};

use crate::model::{Diagnostic, Project, Severity};

pub use edit::{Added, add_remote, lines_of_remote, say_aws};
pub use protected::{protected_in, protected_in_pyproject};
pub use values::{FUNCTION_KEY, computed_by};

/// A project as its files describe it, and what else was learned on the way.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// The project.
    pub project: Project,
    /// Warnings and notes, which `check` shows.
    pub notes: Vec<Diagnostic>,
    /// Every file that was read: `kptn.yaml`, `pyproject.toml`, includes.
    pub files: Vec<PathBuf>,
    /// Places where nothing was, but where a new file would change the meaning.
    pub absent: Vec<PathBuf>,
}

/// Why there is no project to work with.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// No `kptn.yaml` in this folder or above it.
    #[error("no `kptn.yaml` in `{}` or any folder above it", start.display())]
    NotFound {
        /// The folder where the search began.
        start: PathBuf,
    },
    /// The files say something that cannot be; at least one of these is an error.
    #[error("{}", summary(diagnostics))]
    Invalid {
        /// All that was found.
        diagnostics: Vec<Diagnostic>,
    },
    /// A file cannot be read.
    #[error("cannot read `{}`", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

fn summary(diagnostics: &[Diagnostic]) -> String {
    let errors = || diagnostics.iter().filter(|found| found.severity == Severity::Error);
    match errors().count() {
        1 => errors().map(|found| found.message.clone()).collect(),
        many => format!("{many} errors in the project's files"),
    }
}

/// Where a project is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Located {
    /// The `kptn.yaml`, absolute.
    pub config_path: PathBuf,
    /// The project root, absolute.
    pub root: PathBuf,
}

/// Finds the project that `start`, a folder, belongs to, without reading its `kptn.yaml`.
pub fn locate(start: &Path) -> Result<Located, ConfigError> {
    let found = find::from_folder(start)?;
    Ok(Located { config_path: found.config_path, root: found.root })
}

/// Finds the project of the `kptn.yaml` at `config_path`, without reading it.
pub fn locate_file(config_path: &Path) -> Result<Located, ConfigError> {
    let found = find::from_file(config_path)?;
    Ok(Located { config_path: found.config_path, root: found.root })
}

/// Loads the project that `start`, a folder, belongs to.
pub fn load(start: &Path) -> Result<Loaded, ConfigError> {
    project::load(find::from_folder(start)?)
}

/// Loads the project of the `kptn.yaml` at `config_path`.
pub fn load_file(config_path: &Path) -> Result<Loaded, ConfigError> {
    project::load(find::from_file(config_path)?)
}

/// Where a project is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The project root, absolute.
    pub root: PathBuf,
    /// The `kptn.yaml`, absolute.
    pub config_path: PathBuf,
}

/// Finds the project that `start` is in; its `kptn.yaml` is not read.
pub fn place(start: &Path) -> Result<Place, ConfigError> {
    find::from_folder(start).map(|found| Place { root: found.root, config_path: found.config_path })
}

/// Finds the project of the `kptn.yaml` at `config_path`, which is not read.
pub fn place_of_file(config_path: &Path) -> Result<Place, ConfigError> {
    find::from_file(config_path).map(|found| Place { root: found.root, config_path: found.config_path })
}

/// Reads the text of a `kptn.yaml` as if it stood alone in an empty folder. Touches no disk.
pub fn parse_text(text: &[u8]) -> Result<Loaded, ConfigError> {
    project::assemble(text, find::Found::nowhere(), &project::Disk::EMPTY)
}

/// Returns the JSON Schema of `kptn.yaml`, for editors.
pub fn json_schema() -> serde_json::Value {
    let mut schema = schemars::schema_for!(words::ProjectWords).to_value();
    if let Some(object) = schema.as_object_mut() {
        object.insert("title".to_owned(), "kptn.yaml".into());
    }
    schema
}
