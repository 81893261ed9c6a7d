//! `kptn config`: shows the configuration.

use super::Context;
use crate::cli::error::CommandError;
use crate::cli::exit::Exit;

/// Show the configuration as it was understood
#[derive(Debug, clap::Args)]
pub struct Args {
    /// What to show
    #[command(subcommand)]
    pub what: Option<What>,
}

/// What to show of the configuration.
#[derive(Debug, clap::Subcommand)]
pub enum What {
    /// Show settings, graphs and values with defaults filled in (the default)
    Show,
    /// Print the JSON Schema of `kptn.yaml`, for editors
    Schema,
}

/// Does it.
pub fn run(_args: &Args, _context: &Context<'_>) -> Result<Exit, CommandError> {
    Err(CommandError::environment("`kptn config` is not in this build yet"))
}
