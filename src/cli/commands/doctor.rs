//! `kptn doctor`: looks at what is around the project.

use super::Context;
use crate::cli::error::CommandError;
use crate::cli::exit::Exit;

/// Look at what the project needs on this machine, and say what to do about it
#[derive(Debug, clap::Args)]
pub struct Args {}

/// Does it.
pub fn run(_args: &Args, _context: &Context<'_>) -> Result<Exit, CommandError> {
    Err(CommandError::environment("`kptn doctor` is not in this build yet"))
}
