//! Why a branch was not moved: exit codes, and what to do about it.

use super::CommandError;
use crate::cli::exit::Exit;
use crate::ops::MovingError;

impl From<MovingError> for CommandError {
    fn from(error: MovingError) -> Self {
        let usage = Self::of(Exit::USAGE, &error);
        let conflict = Self::of(Exit::CONFLICT, &error);
        match error {
            MovingError::NoState { near: Some(near), .. } | MovingError::UnknownTag { near: Some(near), .. } => {
                usage.hint(format!("did you mean `{near}`?"))
            }
            MovingError::NoState { known, .. } if known.is_empty() => usage.hint("`kptn run` makes one"),
            MovingError::NoState { known, .. } => {
                usage.hint(format!("these have one: {}", known.join(", ")))
            }
            MovingError::UnknownTag { .. } => usage.hint("`kptn tag` lists them"),
            MovingError::UnknownOperation { .. } => usage.hint("`kptn log` shows their numbers"),
            MovingError::NothingToTag { .. } => usage.hint("`kptn run` makes something"),
            MovingError::NothingToUndo { .. } => usage,
            MovingError::NothingToClone { branch } => {
                usage.hint(format!("`kptn status -b {branch}` shows whether a run goes on there"))
            }
            MovingError::UnknownState { .. } => {
                usage.hint("`kptn branch list`, `kptn tag` and `kptn log` show what there is")
            }
            MovingError::NotOnBranch { branch, .. } => usage.hint(format!("`kptn log` on `{branch}` shows it")),
            MovingError::TagOfOther { tag, branch } => {
                usage.hint(format!("`kptn branch clone {branch} DST --at {tag}` takes it"))
            }
            MovingError::NothingThen { branch, .. } => {
                usage.hint(format!("`kptn log -b {branch}` shows what there was, and when"))
            }
            MovingError::DiffWithWhat { .. } => usage.hint("`kptn diff A..B` says with what"),
            MovingError::CloneOntoItself { .. } => {
                usage.hint("`kptn branch clone SRC DST` names the branch that is to have it")
            }
            MovingError::Busy { .. } => conflict.hint("try again when it has ended"),
            MovingError::AlreadyUndone { by, .. } => conflict.hint(format!("`kptn undo {by}` does it again")),
            MovingError::MovedSince { by: Some(by), .. } => {
                conflict.hint(format!("`kptn undo {}` goes first", by.operation))
            }
            MovingError::MovedSince { .. } => conflict.hint("`kptn run` ends it"),
            MovingError::CannotUndo { .. } | MovingError::GraceIsOver { .. } => conflict,
            MovingError::TrashInUse { .. } => conflict.hint("try again when it has ended"),
            MovingError::NotWhole { .. } => {
                Self::of(Exit::ENVIRONMENT, &error).hint("`kptn fsck --repair` sets aside what is damaged")
            }
            MovingError::Collected { .. } => conflict.hint("`kptn gc` has collected it; `kptn log` shows when"),
            MovingError::NameTaken { branch } => {
                conflict.hint(format!("`kptn branch delete {branch}` makes room"))
            }
            MovingError::TagExists { tag } => conflict.hint(format!("`kptn tag --delete {tag}` makes room")),
            MovingError::TagMoved { .. } => conflict.hint("`kptn tag` lists them"),
            MovingError::BranchMoved { .. } => {
                conflict.hint("look at `kptn log`, and try again if it still is what you want")
            }
            MovingError::OnlyThere { .. } => conflict.hint(
                "`kptn tag NAME` keeps them; with `--force` they are given up, and `kptn undo` brings them back",
            ),
        }
    }
}
