//! Runners from the model: what decides the order in which tasks start.
//!
//! Rendering is pure: a project, a graph and templates in, a path and a text out.
//! It sees no state, so the same `kptn.yaml` gives the same text on every machine
//! and with every later kptn that has the same templates. Whether a file that is
//! there may be replaced is told by its header (see [`state_of`]); reading
//! templates and writing the file is the caller's work.
//!
//! ```text
//! Project, Graph -> context -> engine (templates/, or the user's) -> header -> Rendered
//! ```

mod context;
mod engine;
mod header;
mod own;
mod project_files;
mod stepfunctions;
mod template;

pub use context::{CONTEXT_VERSION, Context, context};
pub use engine::Template;
pub use header::{RunnerState, made_alike, state_of};
pub use own::{prefect, python, slurm};
pub use project_files::{FOR_IMAGES, ProjectFile, of_project};
pub use stepfunctions::{
    Machines, USUAL_PREFIX, aws, job_name, machine_key, machine_name, stepfunctions, tag_value,
};
pub use template::{of_template, path_of, start_of};

use std::path::PathBuf;

use crate::model::{Digest, Graph, Project};

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

/// Why a runner could not be rendered.
#[derive(Debug, thiserror::Error)]
pub enum RenderError {
    /// A template of kptn's own that does not render: a bug.
    #[error("cannot render the {runner} runner")]
    Own {
        /// Which runner.
        runner: &'static str,
        /// What the template engine says.
        source: minijinja::Error,
    },
    /// A template of the user's that does not render.
    #[error("cannot render the template `{name}`")]
    Template {
        /// Its name.
        name: String,
        /// What the template engine says.
        source: minijinja::Error,
    },
    /// No template of that name.
    #[error("no runner or template is called `{name}`")]
    Unknown {
        /// What was typed.
        name: String,
        /// All there are.
        known: Vec<String>,
    },
    /// A task that waits for more than a state machine holds.
    #[error("`{task}` waits for {waits} others, which is more than one state machine holds")]
    TooLarge {
        /// The task, or the first of the branch.
        task: String,
        /// How many it waits for.
        waits: usize,
    },
    /// A template that writes outside the project.
    #[error("the template `{name}` writes `{path}`, which is not in the project")]
    Outside {
        /// Its name.
        name: String,
        /// Where it would write.
        path: String,
    },
}

/// Returns the name of a graph's files: its own, which already is fit for file systems,
/// unless Windows reserves it or another graph of the project has it in other letters' case.
fn file_stem(project: &Project, graph: &Graph) -> String {
    let name = graph.name.as_str();
    let folded = name.to_lowercase();
    let shared =
        project.graphs.keys().any(|other| *other != graph.name && other.as_str().to_lowercase() == folded);
    let stem = folded.split('.').next().unwrap_or_default().trim_end_matches(|c: char| c.is_ascii_digit());
    if shared || ["con", "prn", "aux", "nul", "com", "lpt"].contains(&stem) {
        let digest = Digest::of(name.as_bytes()).to_string();
        return format!("{name}~{}", &digest[..6]);
    }
    name.to_owned()
}
