//! A branch without a state gets that of another one.
//!
//! What `post-checkout` does for a new branch, and a run for a detached HEAD.
//! It never goes over a state that is there, and a protected branch takes none
//! of one that is not.

use crate::model::BranchName;
use crate::state::{BranchKey, LogEntry};
use crate::task::{is_protected, now_ms};

use super::{OpsError, Session};
use crate::process;

/// What became of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Inherited {
    /// The branch has the state now.
    Yes,
    /// It has one of its own, or the other has none.
    No,
    /// It is protected, and the other is not.
    Protected,
}

/// Gives `to` the state of `from`; a few rows, however large it is.
pub fn inherit(session: &Session, from: &BranchName, to: &BranchName) -> Result<Inherited, OpsError> {
    let protected = |branch: &BranchName| is_protected(&session.project.settings.protected, branch.as_str());
    if protected(to) && !protected(from) {
        return Ok(Inherited::Protected);
    }
    let key = BranchKey { project: session.key.project.clone(), branch: from.clone() };
    let user = process::user_name();
    let entry = LogEntry { verb: "clone", why: from.as_str(), user: &user, at_ms: now_ms() };
    let cloned = session.state()?.clone_state(&key, to, &entry)?;
    Ok(if cloned { Inherited::Yes } else { Inherited::No })
}
