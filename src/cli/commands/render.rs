//! `kptn render`: writes the runners.

use super::Context;
use crate::cli::error::CommandError;
use crate::cli::exit::Exit;

/// Write the runners of graphs: plain Python, and what `flow_type` names
///
/// A runner that a person has edited is left alone, and that is said.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The graphs; all where none is named
    #[arg(value_name = "GRAPH")]
    pub graphs: Vec<String>,
    /// Write nothing; leave with 1 where a runner is not up to date
    #[arg(long)]
    pub check: bool,
}

/// Does it.
pub fn run(_args: &Args, _context: &Context<'_>) -> Result<Exit, CommandError> {
    Err(CommandError::environment("`kptn render` is not in this build yet"))
}
