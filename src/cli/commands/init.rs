//! `kptn init`: writes a small project that works.

use super::Context;
use crate::cli::error::CommandError;
use crate::cli::exit::Exit;

/// Write a small working project, in R, Python or both
///
/// Asks nothing. Without a language: R where `Rscript` is on PATH, Python otherwise.
/// Nothing that exists is overwritten.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Tasks in R
    #[arg(long, group = "language")]
    pub r: bool,
    /// Tasks in Python
    #[arg(long, group = "language")]
    pub python: bool,
    /// Tasks in both
    #[arg(long, group = "language")]
    pub both: bool,
    /// The folder; made where it is not there
    #[arg(value_name = "DIR")]
    pub folder: Option<std::path::PathBuf>,
}

/// Does it.
pub fn run(_args: &Args, _context: &Context<'_>) -> Result<Exit, CommandError> {
    Err(CommandError::environment("`kptn init` is not in this build yet"))
}
