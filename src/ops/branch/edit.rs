//! `branch rename` and `branch delete`: the state's name changes, or the state goes.
//!
//! git's own branch is left alone, and so are files. Both are operations.

use super::lost::{Unkept, refuse_loss};
use crate::ops::mover::Mover;
use crate::ops::report::{DeleteReport, RenameReport};
use crate::ops::{Footing, OpsError};
use crate::state::Target;

/// Gives a branch's state another name.
pub fn rename(footing: &Footing, from: &str, to: &str) -> Result<RenameReport, OpsError> {
    let (from, to) = (footing.branch_with_state(from)?, footing.branch(to)?);
    let entry = footing.entry("rename", from.branch.as_str(), &to);
    let operation = Mover::of(footing, &from)?.rename(&to, &entry)?;
    Ok(RenameReport { from: from.branch, to: to.branch, operation })
}

/// Lets a branch's state go.
pub fn delete(footing: &Footing, name: &str, unkept: Unkept) -> Result<DeleteReport, OpsError> {
    let key = footing.branch_with_state(name)?;
    let mover = Mover::of(footing, &key)?;
    let from = mover.from().unwrap_or_default();
    let given_up = refuse_loss(footing, &key, &from, None, unkept)?;
    let operation = mover.go(Target::Gone, &footing.entry("delete", "", &key))?.operation;
    Ok(DeleteReport { branch: key.branch.clone(), operation, given_up })
}
