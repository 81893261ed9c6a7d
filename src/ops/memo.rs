//! The memo of what files hold, opened and saved around a verb.
//!
//! It only saves time: one that cannot be read is begun anew, one that cannot
//! be written (a read-only store) is let go.

use super::{OpsError, Session};
use crate::state::LocalMemo;

/// Opens the memo of this worktree.
pub fn open(session: &Session) -> Result<LocalMemo, OpsError> {
    session.store()?;
    Ok(LocalMemo::open(session.store_root(), &session.project.root))
}

/// Saves what was learned.
pub fn save(memo: &LocalMemo) {
    // Nothing is lost with it but time.
    drop(memo.save());
}
