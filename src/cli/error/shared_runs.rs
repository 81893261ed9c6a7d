//! Why a run cannot be shared with other machines: exit codes, and what to do about it.

use super::CommandError;
use crate::cli::exit::Exit;
use crate::ops::shared_run::SharedRunError;

impl From<SharedRunError> for CommandError {
    fn from(error: SharedRunError) -> Self {
        let usage = Self::of(Exit::USAGE, &error);
        let conflict = Self::of(Exit::CONFLICT, &error);
        match error {
            SharedRunError::LocalOnly { task, .. } => {
                usage.hint(format!("`kptn run {task}` runs it here; the others need `--exclude {task}`"))
            }
            SharedRunError::Deferred => usage.hint("leave one of the two out"),
            SharedRunError::NoRun { .. } => {
                usage.hint("`kptn run open --remote` prints a run's id; the remote must be the same")
            }
            SharedRunError::NoTask { near, .. } => match near {
                Some(near) => usage.hint(format!("did you mean `{near}`?")),
                None => usage.hint("`kptn run open --json` names the tasks of the run"),
            },
            SharedRunError::OtherCode { .. } => conflict.hint(
                "this machine has other code, packages or input files; build the image anew (`kptn deploy aws` does), or open a run from this code",
            ),
            SharedRunError::OtherBranch { .. } => conflict.hint("workers get both from the machine that opens the run"),
            SharedRunError::OtherProject { there, .. } => conflict.hint(format!(
                "without git, `KPTN_PROJECT={there}` says which it is; `settings.project` names it for good"
            )),
            SharedRunError::NoBundle { .. } => {
                usage.hint("`kptn task bundles --run ID --remote REMOTE` names them, and must be done first")
            }
            SharedRunError::Busy { .. } => conflict.hint("close it again; what it finished is kept"),
        }
    }
}
