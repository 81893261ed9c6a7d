//! `kptn graph`: draws a graph.

use super::Context;
use crate::cli::error::CommandError;
use crate::cli::exit::Exit;

/// Draw a graph: in the terminal, or for other programs
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The graph; not needed where there is one
    #[arg(value_name = "GRAPH")]
    pub name: Option<String>,
    /// How to draw it
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
    /// Leave out how tasks stand
    #[arg(long)]
    pub no_status: bool,
}

/// A way to draw a graph.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum Format {
    /// For the terminal (the default).
    #[default]
    Text,
    /// For Markdown.
    Mermaid,
    /// For Graphviz.
    Dot,
    /// A picture.
    Svg,
}

/// Does it.
pub fn run(_args: &Args, _context: &Context<'_>) -> Result<Exit, CommandError> {
    Err(CommandError::environment("`kptn graph` is not in this build yet"))
}
