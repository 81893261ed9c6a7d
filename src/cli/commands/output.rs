//! `kptn output`: prints what a task printed.

use super::Context;
use crate::cli::error::CommandError;
use crate::cli::exit::Exit;

/// Print what a task printed when it last ran
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The task, or `TASK[ITEM]`
    #[arg(value_name = "TASK")]
    pub task: String,
    /// Go on while it runs
    #[arg(short, long)]
    pub follow: bool,
}

/// Does it.
pub fn run(_args: &Args, _context: &Context<'_>) -> Result<Exit, CommandError> {
    Err(CommandError::environment("`kptn output` is not in this build yet"))
}
