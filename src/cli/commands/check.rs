//! `kptn check`: finds what can be known without running.

use super::Context;
use crate::cli::error::CommandError;
use crate::cli::exit::Exit;

/// Find what is wrong with the project, without running anything
///
/// Reads `kptn.yaml`, `pyproject.toml` and the scripts. Exit code 2 where something has to be mended.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Fail for warnings too
    #[arg(long)]
    pub strict: bool,
}

/// Does it.
pub fn run(_args: &Args, _context: &Context<'_>) -> Result<Exit, CommandError> {
    Err(CommandError::environment("`kptn check` is not in this build yet"))
}
