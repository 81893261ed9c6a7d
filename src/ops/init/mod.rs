//! `init`: a small project that works, written without asking.
//!
//! The files beside this one are written as they are. Nothing is overwritten:
//! where one of them is there already, none is written.

use std::path::{Path, PathBuf};

use super::OpsError;

/// The languages of the new project's tasks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Python alone.
    Python,
    /// R alone.
    R,
    /// Python and R.
    Both,
}

type File = (&'static str, &'static str);

const PYTHON: &[File] = &[
    ("kptn.yaml", include_str!("python.yaml")),
    ("tasks/cars.py", include_str!("cars.py")),
    ("tasks/summary.py", include_str!("summary.py")),
];
const R: &[File] = &[
    ("kptn.yaml", include_str!("r.yaml")),
    ("R/cars.R", include_str!("cars.R")),
    ("R/model.R", include_str!("model.R")),
];
const BOTH: &[File] = &[
    ("kptn.yaml", include_str!("both.yaml")),
    ("R/cars.R", include_str!("cars.R")),
    ("R/model.R", include_str!("model.R")),
    ("tasks/summary.py", include_str!("summary.py")),
];

/// Writes a project into `folder`; returns the files, relative to it.
pub fn init(folder: &Path, kind: Kind) -> Result<Vec<PathBuf>, OpsError> {
    let files = match kind {
        Kind::Python => PYTHON,
        Kind::R => R,
        Kind::Both => BOTH,
    };
    let there: Vec<String> = files
        .iter()
        .filter(|(name, _)| folder.join(name).exists())
        .map(|(name, _)| (*name).to_owned())
        .collect();
    if !there.is_empty() {
        return Err(OpsError::Exists { paths: there });
    }
    for (name, text) in files {
        let path = folder.join(name);
        let parent = path.parent().unwrap_or(folder);
        std::fs::create_dir_all(parent).map_err(|source| OpsError::io("make", parent, source))?;
        std::fs::write(&path, text).map_err(|source| OpsError::io("write", &path, source))?;
    }
    Ok(files.iter().map(|(name, _)| PathBuf::from(name)).collect())
}
