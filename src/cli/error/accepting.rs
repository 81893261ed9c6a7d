//! Why nothing was accepted: exit codes, and what to do about it.

use super::CommandError;
use crate::cli::exit::Exit;
use crate::ops::accept::NotAccepted;
use crate::task::accept::AcceptError;

impl From<NotAccepted> for CommandError {
    fn from(error: NotAccepted) -> Self {
        let told = Self::of(Exit::USAGE, &error);
        match error {
            NotAccepted::Task { task, source } => match *source {
                AcceptError::Missing { on_record: true, .. } | AcceptError::Nothing { on_record: true } => {
                    told.hint(format!("`kptn restore {task}` puts there what is on record"))
                }
                AcceptError::Missing { .. } | AcceptError::Nothing { .. } => {
                    told.hint(format!("put it there, or make it: `kptn run {task}`"))
                }
                AcceptError::NoResult { .. } => told.hint(format!("`kptn run {task}` makes one")),
                AcceptError::NeverFresh { .. } => told,
                AcceptError::Task(_) => Self { exit: Exit::FAILED, ..told },
            },
            NotAccepted::Dependencies { task, dependencies } => {
                let names: Vec<_> = dependencies.iter().map(ToString::to_string).collect();
                let names = names.join(" ");
                told.hint(format!(
                    "`kptn run {names}` runs it; `kptn accept {names} {task} -m WHY` accepts it too"
                ))
            }
            NotAccepted::Protected { .. } => Self { exit: Exit::CONFLICT, ..told }
                .hint("run it there, or accept it all the same with `--force`"),
            NotAccepted::NotKept { .. } => Self { exit: Exit::ENVIRONMENT, ..told }
                .hint("nothing was accepted; the same command tries again"),
            NotAccepted::NoReason => told.hint("`-m WHY` is for who meets it later"),
        }
    }
}
