//! Why nothing goes to a remote or comes from one, as far as this project and this machine tell.

use crate::model::{BranchName, TaskName};
use crate::ops::error::list;

/// Why nothing went or came.
#[derive(Debug, thiserror::Error)]
pub enum PeerError {
    /// A remote that `kptn.yaml` does not name.
    #[error("no remote is called `{name}`")]
    UnknownRemote {
        /// What was typed.
        name: String,
        /// The nearest name; absent where none is near.
        near: Option<String>,
        /// All that there are.
        known: Vec<String>,
    },
    /// No remote at all.
    #[error("the project has no remotes")]
    NoRemote,
    /// Several, and none was named.
    #[error("the project has several remotes: {}", .known.join(", "))]
    WhichRemote {
        /// All that there are.
        known: Vec<String>,
    },
    /// `writable: false`.
    #[error("`{remote}` is not to be written: `kptn.yaml` says `writable: false`")]
    NotWritable {
        /// The remote.
        remote: String,
    },
    /// A branch on which nothing ever finished.
    #[error("`{branch}` has no state to push")]
    NothingToPush {
        /// The branch.
        branch: BranchName,
    },
    /// `--at` with a word that means no moment.
    #[error("`{word}` is no time, and no commit, branch or tag of this repository")]
    NoMoment {
        /// What was typed.
        word: String,
    },
    /// A pull that would drop results that exist nowhere else.
    #[error("pulling from `{remote}` would drop results that only `{branch}` has: {}", list(.tasks))]
    PullWouldLose {
        /// The remote.
        remote: String,
        /// The branch here.
        branch: BranchName,
        /// Their tasks.
        tasks: Vec<TaskName>,
    },
    /// A protected branch takes nothing that was made of another state.
    #[error("`{branch}` is protected: it takes nothing that was made with what `{remote}` has")]
    DeferOnProtected {
        /// The branch here.
        branch: BranchName,
        /// The remote.
        remote: String,
    },
    /// The remote has no results of these tasks either.
    #[error("`{remote}` ({branch}) has no result of {}", list(.tasks))]
    NotThere {
        /// The remote.
        remote: String,
        /// Its branch.
        branch: BranchName,
        /// The tasks.
        tasks: Vec<TaskName>,
    },
    /// An item that has no record.
    #[error("`{name}` has never finished on this branch")]
    NeverFinished {
        /// As it was typed.
        name: String,
    },
    /// What the remote has is marked as bad.
    #[error("what `{remote}` ({branch}) has of {} is invalidated, and there is none here that is fresh", list(.tasks))]
    Bad {
        /// The remote.
        remote: String,
        /// Its branch.
        branch: BranchName,
        /// The tasks.
        tasks: Vec<TaskName>,
    },
    /// Their files are not at the remote.
    #[error("`{remote}` ({branch}) does not have the files of {}: `local_only` keeps them where they were made", list(.tasks))]
    LocalOnly {
        /// The remote.
        remote: String,
        /// Its branch.
        branch: BranchName,
        /// The tasks.
        tasks: Vec<TaskName>,
    },
    /// A remote of that name is there.
    #[error("there is a remote `{name}` already")]
    NameTaken {
        /// The name.
        name: String,
    },
    /// A text that is no name.
    #[error("`{name}` is no name of a remote")]
    NoName {
        /// What was typed.
        name: String,
    },
    /// An address with credentials in it.
    #[error("credentials do not belong in the address of a remote: `{url}`")]
    SecretInUrl {
        /// The address, without them.
        url: String,
    },
    /// A `kptn.yaml` into which nothing can be put safely.
    #[error("`{}` is written in a way that nothing can be put into safely", path.display())]
    NotAdded {
        /// The file.
        path: std::path::PathBuf,
        /// What a person would write.
        lines: String,
    },
}
