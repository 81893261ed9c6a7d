//! `kptn fsck`: checks the store.

use super::Context;
use crate::cli::error::CommandError;
use crate::cli::exit::Exit;

/// Check that every object in the store is whole, and that every record has its objects
#[derive(Debug, clap::Args)]
pub struct Args {}

/// Does it.
pub fn run(_args: &Args, _context: &Context<'_>) -> Result<Exit, CommandError> {
    Err(CommandError::environment("`kptn fsck` is not in this build yet"))
}
