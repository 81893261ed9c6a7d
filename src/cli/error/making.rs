//! Why nobody knows who made a file: exit codes, and what to do about it.

use super::CommandError;
use crate::cli::exit::Exit;
use crate::ops::maker::NotMade;

impl From<NotMade> for CommandError {
    fn from(error: NotMade) -> Self {
        let told = Self::of(Exit::USAGE, &error);
        match error {
            NotMade::Outside { outputs_dir, .. } => told.hint(format!(
                "this branch's outputs are in `{}`; `kptn log TASK` lists what a task left",
                outputs_dir.display()
            )),
            NotMade::Folder { .. } => told.hint("name one of its files; `kptn path TASK` lists what a task left"),
            NotMade::Unrecorded { exists: true, .. } => told.hint(
                "where a task makes it, name it among its `outputs`, then `kptn accept TASK -m WHY`, or `kptn run TASK`",
            ),
            NotMade::Unrecorded { .. } => told.hint("`kptn path TASK` lists what a task left"),
        }
    }
}
