//! `kptn status`: says which tasks are fresh, stale or failed.

use super::Context;
use crate::cli::error::CommandError;
use crate::cli::exit::Exit;

/// Show which tasks are fresh, stale or failed, and why in brief
///
/// Writes nothing and runs nothing. `maybe` means that something before the task is stale, so
/// that it may turn out fresh once that has run.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Tasks to show: names, `a+`, `+b`, `tag:x`, `state:stale`, `clean_*`
    #[arg(value_name = "TASK")]
    pub tasks: Vec<String>,
    /// Leave these out
    #[arg(long, value_name = "TASK")]
    pub exclude: Vec<String>,
    /// Show fresh tasks one by one, however many there are
    #[arg(short, long)]
    pub all: bool,
    /// Leave with 1 where a task is not fresh
    #[arg(long)]
    pub exit_code: bool,
}

/// Does it.
pub fn run(_args: &Args, _context: &Context<'_>) -> Result<Exit, CommandError> {
    Err(CommandError::environment("`kptn status` is not in this build yet"))
}
