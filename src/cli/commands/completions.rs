//! `kptn completions`: prints completions for a shell.

use clap::CommandFactory;

use super::Context;
use crate::cli::args::Arguments;
use crate::cli::error::CommandError;
use crate::cli::exit::Exit;

/// Print completions for a shell
///
/// For bash: `kptn completions bash > ~/.local/share/bash-completion/completions/kptn`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The shell
    #[arg(value_enum, value_name = "SHELL")]
    pub shell: clap_complete::Shell,
}

/// Prints them.
pub fn run(args: &Args, context: &Context<'_>) -> Result<Exit, CommandError> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Arguments::command(), "kptn", &mut script);
    context.printer.bytes(&script);
    Ok(Exit::FINE)
}
