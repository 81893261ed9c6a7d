//! `kptn why`: says why a task has its status.

use super::Context;
use crate::cli::error::CommandError;
use crate::cli::exit::Exit;

/// Say why a task is stale, against the nearest earlier record
///
/// Names each ingredient that changed, old -> new: code, arguments, inputs, packages, what is
/// before the task. For a fresh task it says what its record belongs to.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The task
    #[arg(value_name = "TASK")]
    pub task: String,
    /// Show changed code in full, not only its first lines
    #[arg(long)]
    pub diff: bool,
}

/// Does it.
pub fn run(_args: &Args, _context: &Context<'_>) -> Result<Exit, CommandError> {
    Err(CommandError::environment("`kptn why` is not in this build yet"))
}
