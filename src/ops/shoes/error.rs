//! Why nobody can stand in a task's shoes.

use crate::model::TaskName;
use crate::process::ProcessError;
use crate::task::attached::AttachedError;
use crate::task::environment::EnvironmentError;
use crate::task::execute::ExecuteError;

/// Why nobody can stand in a task's shoes.
#[derive(Debug, thiserror::Error)]
pub enum ShoesError {
    /// A mapped task, and no item.
    #[error("`{task}` is mapped: one of its items is needed")]
    WhichItem {
        /// The task.
        task: TaskName,
        /// Its items; empty where the list is not known.
        items: Vec<String>,
    },
    /// A dependency that never finished.
    #[error("`{dependency}`, which `{task}` needs, has never finished on this branch")]
    NoDependency {
        /// The task.
        task: TaskName,
        /// The dependency.
        dependency: TaskName,
    },
    /// Files of dependencies whose bytes exist nowhere.
    #[error("neither this machine nor a remote that it knows has the bytes of {}", .paths.iter().map(|path| format!("`{path}`")).collect::<Vec<_>>().join(", "))]
    Lost {
        /// The files.
        paths: Vec<String>,
    },
    /// A value that cannot be handed over.
    #[error("`{task}` cannot be handed what it needs")]
    NotHanded {
        /// The task.
        task: TaskName,
        /// Why.
        source: EnvironmentError,
    },
    /// A file that hands values over.
    #[error(transparent)]
    Handing(#[from] ExecuteError),
    /// An attempt that was to be recorded.
    #[error("`{task}` cannot be recorded")]
    NotRecorded {
        /// The task or item.
        task: String,
        /// Why.
        source: Box<AttachedError>,
    },
    /// The program.
    #[error(transparent)]
    Process(#[from] ProcessError),
}
