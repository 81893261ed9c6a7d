//! Why a remote did not do what was asked of it.
//!
//! Each says which remote, by the address that people gave it, without
//! anything secret that might stand in it.

use super::At;
use crate::aws::AwsError;
use crate::model::{BranchName, Digest, TaskName};
use crate::process::ProcessError;
use crate::state::Hidden;
use crate::store::StoreError;

/// One task that both sides moved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BothMoved {
    /// The task.
    pub task: TaskName,
    /// The record that this side has; absent where it removed the task.
    pub ours: Option<Digest>,
    /// The record that the other side has; absent where it removed the task.
    pub theirs: Option<Digest>,
}

/// Why a remote did not do what was asked of it.
#[derive(Debug, thiserror::Error)]
pub enum RemoteError {
    /// An address that cannot be understood.
    #[error("`{url}` is no address of a remote: {problem}")]
    Address {
        /// Without a password.
        url: String,
        /// As the end of a sentence.
        problem: String,
    },
    /// The folder or bucket is not there.
    #[error("there is nothing at `{url}`")]
    Nothing {
        /// The remote.
        url: String,
    },
    /// Something is lost, or not understood, so nothing may be deleted.
    #[error("`{url}` is not whole, and nothing was collected: {first}{}", and_more(*.more))]
    NotWhole {
        /// The remote.
        url: String,
        /// What is wrong.
        first: String,
        /// How many more such things there are.
        more: u64,
    },
    /// Of two collections one goes on.
    #[error("another collection of `{url}` began meanwhile")]
    Collecting {
        /// The remote.
        url: String,
    },
    /// Credentials are missing, wrong, or not enough.
    #[error("`{url}` does not allow to {action}")]
    Denied {
        /// The remote.
        url: String,
        /// What was tried.
        action: &'static str,
        /// What it said.
        source: Box<object_store::Error>,
    },
    /// Credentials that were good once.
    #[error("the credentials for `{url}` have expired")]
    Expired {
        /// The remote.
        url: String,
        /// What it said.
        source: Box<object_store::Error>,
    },
    /// The bucket is in another region.
    #[error("the bucket of `{url}` is in {}", .region.as_deref().map_or("another region".to_owned(), |region| format!("the region `{region}`")))]
    OtherRegion {
        /// The remote.
        url: String,
        /// Absent where it was not named.
        region: Option<String>,
    },
    /// The clock of this machine is wrong.
    #[error("`{url}` does not take requests from this machine, whose clock is wrong")]
    Clock {
        /// The remote.
        url: String,
        /// What it said.
        source: Box<object_store::Error>,
    },
    /// Any other failure of a request, after it was tried again.
    #[error("cannot {action} `{key}` at `{url}`")]
    Request {
        /// The remote.
        url: String,
        /// What was tried.
        action: &'static str,
        /// The key.
        key: String,
        /// What was said.
        source: Box<object_store::Error>,
    },
    /// A file system's failure, where the remote is a folder.
    #[error("cannot {action} `{key}` at `{url}`")]
    Folder {
        /// The remote.
        url: String,
        /// What was tried.
        action: &'static str,
        /// The key.
        key: String,
        /// What the system says.
        source: std::io::Error,
    },
    /// A newer kptn made it in a way that this one does not know.
    #[error("`{url}` was written by a newer kptn (format {found}; this one knows up to {known})")]
    NewerFormat {
        /// The remote.
        url: String,
        /// What it needs.
        found: u32,
        /// What this kptn knows.
        known: u32,
    },
    /// Its branches are not where `kptn.yaml` says.
    #[error("`{url}` has its branches in {}, and not in {}", refs_place(.there.as_deref()), refs_place(.here.as_deref()))]
    Refs {
        /// The remote.
        url: String,
        /// As it says itself; absent means the bucket.
        there: Option<String>,
        /// As `kptn.yaml` says.
        here: Option<String>,
    },
    /// It has files, but was not made by kptn.
    #[error("`{url}` is no remote of kptn's: it has no `kptn.json`")]
    NotOurs {
        /// The remote.
        url: String,
    },
    /// Bytes at the remote are not what they should be.
    #[error("`{key}` at `{url}` is damaged: {problem}")]
    Damaged {
        /// The remote.
        url: String,
        /// The key.
        key: String,
        /// What is wrong.
        problem: String,
    },
    /// A person was asked, and said no.
    #[error("nothing was pulled from `{url}`")]
    Declined {
        /// The remote.
        url: String,
    },
    /// An object that a snapshot needs and that the remote does not have.
    #[error("`{url}` has no object {digest}, which `{needed_by}` needs")]
    Missing {
        /// The remote.
        url: String,
        /// The object.
        digest: Digest,
        /// What for.
        needed_by: String,
    },
    /// An object that is there only as what changed since another one, which cannot be had.
    #[error("`{url}` has the object {} only as a delta against {base}, which {problem}", digest.short())]
    Base {
        /// The remote.
        url: String,
        /// The object.
        digest: Digest,
        /// The other one.
        base: Digest,
        /// As the end of a sentence.
        problem: String,
    },
    /// There is no memory for a delta.
    #[error("there is no memory for the object {}, which `{needed_by}` needs and `{url}` has as a delta: it takes {} MB", digest.short(), bytes.div_ceil(1_000_000))]
    Memory {
        /// The remote.
        url: String,
        /// The object.
        digest: Digest,
        /// What for.
        needed_by: String,
        /// How much it takes.
        bytes: u64,
    },
    /// A folder with files that are not kptn's.
    #[error("`{url}` is no remote of kptn's, and is not empty: it has `{found}`")]
    NotEmpty {
        /// The remote.
        url: String,
        /// One of the files.
        found: String,
    },
    /// The remote has no such branch.
    #[error("`{url}` has no state of the branch `{branch}`")]
    NoBranch {
        /// The remote.
        url: String,
        /// The branch.
        branch: BranchName,
        /// Those that it has.
        known: Vec<String>,
    },
    /// The branch was never moved like that.
    #[error("`{branch}` at `{url}` {}", never(at))]
    NoMove {
        /// The remote.
        url: String,
        /// The branch.
        branch: BranchName,
        /// What was asked for.
        at: At,
    },
    /// Both sides moved the same tasks since they last agreed.
    #[error("`{branch}` at `{url}` {}", both(.tasks))]
    Conflict {
        /// The remote.
        url: String,
        /// The branch.
        branch: BranchName,
        /// What both moved.
        tasks: Vec<BothMoved>,
    },
    /// Somebody moved the branch each time that it was tried.
    #[error("`{branch}` at `{url}` is being moved by others; it was tried {tries} times")]
    Busy {
        /// The remote.
        url: String,
        /// The branch.
        branch: BranchName,
        /// How often.
        tries: u32,
    },
    /// Who has the credentials could not be asked.
    #[error("cannot get credentials for the profile `{profile}`")]
    Credentials {
        /// The profile.
        profile: String,
        /// Why.
        source: ProcessError,
    },
    /// The AWS command line said no.
    #[error("cannot get credentials for the profile `{profile}`: {problem}")]
    NoCredentials {
        /// The profile.
        profile: String,
        /// Its last line.
        problem: String,
    },
    /// A record there names an output that no task can have left.
    #[error("`{task}` at {url} has the output `{path}`, which {problem}: nothing is taken of it")]
    NoOutput {
        /// The remote.
        url: String,
        /// The task.
        task: TaskName,
        /// The path.
        path: String,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// An object here that names others cannot be read.
    #[error("what `{task}` needs cannot be told")]
    Hidden {
        /// The task.
        task: TaskName,
        /// What cannot be read.
        source: Hidden,
    },
    /// The store here.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A service of AWS besides the bucket.
    #[error(transparent)]
    Aws(#[from] AwsError),
    /// The system refused what every process gets.
    #[error("cannot begin to speak with a remote")]
    System {
        /// Why.
        source: std::io::Error,
    },
}

fn refs_place(refs: Option<&str>) -> String {
    refs.map_or_else(|| "the bucket".to_owned(), |address| format!("`{address}`"))
}

fn and_more(more: u64) -> String {
    if more == 0 { String::new() } else { format!(", and {more} more") }
}

fn never(at: &At) -> String {
    match at {
        At::Commit(commit) => format!("was never pushed from the commit {commit}"),
        At::Time(_) => "had no state then yet".to_owned(),
    }
}

fn both(tasks: &[BothMoved]) -> String {
    match tasks {
        [] => "is not as it was last seen here".to_owned(),
        tasks => format!("moved since it was last seen, and both sides changed {}", list(tasks)),
    }
}

fn list(tasks: &[BothMoved]) -> String {
    tasks.iter().map(|one| format!("`{}`", one.task)).collect::<Vec<_>>().join(", ")
}
