//! `kptn retry`: runs what failed last.

use super::Context;
use crate::cli::error::CommandError;
use crate::cli::exit::Exit;

/// Run again what failed in the last run, and what was skipped for it
///
/// Of a mapped task the failed items alone.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// How to run
    #[command(flatten)]
    pub manner: super::run::Manner,
    /// Only these of them
    #[arg(value_name = "TASK")]
    pub tasks: Vec<String>,
}

/// Does it.
pub fn run(_args: &Args, _context: &Context<'_>) -> Result<Exit, CommandError> {
    Err(CommandError::environment("`kptn retry` is not in this build yet"))
}
