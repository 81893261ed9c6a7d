//! Why what a task left cannot be read.

use crate::model::{BranchName, TaskName};
use crate::state::LockError;

/// Why what a task left cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadingError {
    /// It never finished on the branch.
    #[error("`{task}` has never finished on branch `{branch}`")]
    NoRecord {
        /// The task.
        task: TaskName,
        /// The branch.
        branch: BranchName,
        /// Whether it is the branch that is checked out.
        own: bool,
    },
    /// It left no file, and no result either where that was looked for.
    #[error("`{task}` left no file")]
    NoFiles {
        /// The task, or an item of it.
        task: String,
    },
    /// It left no file of that name.
    #[error("`{task}` left no file `{file}`")]
    NoFile {
        /// The task, or an item of it.
        task: String,
        /// What was typed.
        file: String,
        /// What it left.
        known: Vec<String>,
        /// The nearest name; absent where none is near.
        near: Option<String>,
    },
    /// Several files, and one is needed.
    #[error("`{task}` left {} files", .files.len())]
    WhichFile {
        /// The task, or an item of it.
        task: String,
        /// What it left, or what fits the name that was typed.
        files: Vec<String>,
    },
    /// A folder where a file is needed.
    #[error("`{folder}` is a folder")]
    Folder {
        /// What was typed.
        folder: String,
        /// The files in it.
        files: Vec<String>,
    },
    /// The bytes exist nowhere.
    #[error("neither this machine nor a remote that it knows has the bytes of {}", .paths.iter().map(|path| format!("`{path}`")).collect::<Vec<_>>().join(", "))]
    Lost {
        /// The task, or an item of it.
        task: String,
        /// The files.
        paths: Vec<String>,
    },
    /// All branches write to one folder, so another one's file would replace this one's.
    #[error(
        "`outputs_dir` is the same folder for all branches: a file of `{branch}` would take the place of this branch's"
    )]
    OneFolder {
        /// The branch that was asked for.
        branch: BranchName,
        /// Whether it is a remote's.
        there: bool,
    },
    /// A run may be about to write where an absent file belongs.
    #[error("the file is not here, and cannot be put back while a run writes to the output folder")]
    Busy {
        /// Who runs.
        source: LockError,
    },
}
