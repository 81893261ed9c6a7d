//! `kptn plan`: says what a run would do.

use super::Context;
use crate::cli::error::CommandError;
use crate::cli::exit::Exit;

/// Show what `kptn run` would do, in order, with times from earlier runs
#[derive(Debug, clap::Args)]
pub struct Args {
    /// What to run, as for `kptn run`
    #[command(flatten)]
    pub selection: super::run::Selection,
}

/// Does it.
pub fn run(_args: &Args, _context: &Context<'_>) -> Result<Exit, CommandError> {
    Err(CommandError::environment("`kptn plan` is not in this build yet"))
}
