//! Runners from the model: what decides the order in which tasks start.
//!
//! Rendering is pure: a project and a graph in, a path and a text out. It sees
//! no state, so the same `kptn.yaml` gives the same text on every machine and
//! with every later kptn that has the same templates. Whether a file that is
//! there may be replaced is told by its header (see [`state_of`]); writing it
//! is the caller's work.

mod header;
mod python;

pub use header::{RunnerState, state_of};
pub use python::python;

use std::path::PathBuf;

/// The file below the store's root that names the program which rendered last.
///
/// A runner that is started by hand looks there before it looks on `PATH`. It is
/// beside the store, not in the runner, so that a committed runner is the same
/// for everybody.
pub const PROGRAM_NOTE: &str = "program";

/// A runner as it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rendered {
    /// Where it belongs, absolute.
    pub path: PathBuf,
    /// The whole file.
    pub text: String,
}

/// A template of kptn's own that does not render: a bug.
#[derive(Debug, thiserror::Error)]
#[error("cannot render the {runner} runner")]
pub struct RenderError {
    /// Which runner.
    pub runner: &'static str,
    /// What the template engine says.
    pub source: minijinja::Error,
}
