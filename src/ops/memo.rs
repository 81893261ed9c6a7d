//! The memo of what files hold, opened and saved around a verb.
//!
//! It only saves time: one that cannot be read is begun anew, one that cannot
//! be written (a read-only store) is let go. For now every file is read anew.

use super::{OpsError, Session};
use crate::fingerprint::Plain;

/// What remembers.
pub type LocalMemo = Plain;

/// Opens the memo of this worktree.
pub fn open(session: &Session) -> Result<LocalMemo, OpsError> {
    session.store()?;
    Ok(Plain)
}

/// Saves what was learned.
pub fn save(_: &LocalMemo) {}
