//! What can go wrong with a task's files, with the facts.
//!
//! The paths of outputs are relative to the output folder, as people write
//! them; those of the file system are absolute.

use std::io;
use std::path::{Path, PathBuf};

use crate::model::TaskName;
use crate::store::StoreError;

/// Why outputs could not be made ready, taken in or put back.
#[derive(Debug, thiserror::Error)]
pub enum OutputsError {
    /// The file system refused.
    #[error("cannot {action} `{}`", path.display())]
    Io { action: &'static str, path: PathBuf, source: io::Error },
    /// The store refused.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A path leads out of the output folder, or to what is not for tasks.
    #[error("output `{path}` {problem}; outputs are paths inside the output folder")]
    Outside { path: String, problem: &'static str },
    /// A pattern that is none.
    #[error("output `{pattern}` is no pattern")]
    Glob { pattern: String, source: globset::Error },
    /// Declared files were not written.
    #[error("{}", not_written(paths, wrote))]
    NotWritten {
        /// Those that are missing.
        paths: Vec<String>,
        /// What was written instead, the latest first; at most a few.
        wrote: Vec<String>,
    },
    /// A file that another task declares or has on record.
    #[error("`{path}` belongs to the task `{owner}`, but this task wrote or declares it too")]
    TwoOwners { path: String, owner: TaskName },
    /// Two items have one output.
    #[error("the items {first} and {second} both write `{path}`")]
    TwoItems { path: String, first: String, second: String },
    /// An output is a link out of the output folder, or to nothing.
    #[error("output `{path}` is a link to `{}`, which is not in the output folder", target.display())]
    LinkOutside { path: String, target: PathBuf },
    /// A folder on the way to an output is a link.
    #[error("output `{path}` lies behind the link `{link}`")]
    BehindLink { path: String, link: String },
    /// A pipe, a socket or a device.
    #[error("output `{path}` is neither a file nor a folder")]
    Special { path: String },
    /// A folder is where a file has to go.
    #[error("`{path}` is a folder, but a file of that name has to go there")]
    FolderInTheWay { path: String },
    /// A file name that is no text.
    #[error("`{}` has a name that is not UTF-8", path.display())]
    NameIsNoText { path: PathBuf },
}

impl OutputsError {
    pub(super) fn io(action: &'static str, path: &Path, source: io::Error) -> Self {
        Self::Io { action, path: path.to_owned(), source }
    }
}

fn not_written(paths: &[String], wrote: &[String]) -> String {
    let listed = |paths: &[String]| paths.iter().map(|p| format!("`{p}`")).collect::<Vec<_>>().join(", ");
    let missing = match paths {
        [path] => format!("output `{path}` was not written"),
        paths if paths.len() <= 5 => format!("outputs {} were not written", listed(paths)),
        paths => format!("{} outputs were not written, first {}", paths.len(), listed(&paths[..5])),
    };
    if wrote.is_empty() {
        format!("{missing}; nothing was written to the output folder")
    } else {
        format!("{missing}; written were {}", listed(wrote))
    }
}
