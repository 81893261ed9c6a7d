//! `kptn restore`: puts files back.

use super::Context;
use crate::cli::error::CommandError;
use crate::cli::exit::Exit;

/// Put files of fresh tasks back into the output folder
///
/// Runs nothing. Without tasks: of all that are fresh. A file with bytes that the store does
/// not know is kept aside first, and named.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Tasks whose files to put back
    #[arg(value_name = "TASK")]
    pub tasks: Vec<String>,
    /// Leave these out
    #[arg(long, value_name = "TASK")]
    pub exclude: Vec<String>,
}

/// Does it.
pub fn run(_args: &Args, _context: &Context<'_>) -> Result<Exit, CommandError> {
    Err(CommandError::environment("`kptn restore` is not in this build yet"))
}
