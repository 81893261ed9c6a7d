//! Why nothing was promoted: exit codes, and what to do about it.

use super::CommandError;
use crate::cli::exit::Exit;
use crate::ops::promote::NotPromoted;

impl From<NotPromoted> for CommandError {
    fn from(error: NotPromoted) -> Self {
        let told = Self::of(Exit::USAGE, &error);
        match error {
            NotPromoted::NotProtected { .. } => {
                told.hint("`kptn run` takes what another branch has finished by itself")
            }
            NotPromoted::OntoItself { .. } => {
                told.hint("name the branch that made them: `kptn promote BRANCH`")
            }
            NotPromoted::NoCommit => told.hint("`git commit` first"),
            NotPromoted::Uncommitted { .. } => {
                told.hint("commit or stash them: what counts is what the branch has")
            }
        }
    }
}
