//! `kptn log`: lists what moved the branch.

use super::Context;
use crate::cli::error::CommandError;
use crate::cli::exit::Exit;

/// List what happened to this branch, newest first
#[derive(Debug, clap::Args)]
pub struct Args {
    /// At most so many
    #[arg(short = 'n', long, value_name = "N", default_value_t = 20)]
    pub limit: usize,
}

/// Does it.
pub fn run(_args: &Args, _context: &Context<'_>) -> Result<Exit, CommandError> {
    Err(CommandError::environment("`kptn log` is not in this build yet"))
}
