//! `kptn completions`: prints what a shell needs to complete kptn's words.

use super::Context;
use crate::cli::complete;
use crate::cli::error::CommandError;
use crate::cli::exit::Exit;

/// Print completions for a shell
///
/// They know this project's tasks and this repository's branches: the shell asks kptn.
/// For bash, in `~/.bashrc`: `source <(kptn completions bash)`. For zsh, in `~/.zshrc`:
/// `source <(kptn completions zsh)`. For fish: `kptn completions fish > ~/.config/fish/completions/kptn.fish`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The shell
    #[arg(value_enum, value_name = "SHELL")]
    pub shell: clap_complete::Shell,
}

/// Prints them.
pub fn run(args: &Args, context: &Context<'_>) -> Result<Exit, CommandError> {
    let name = args.shell.to_string();
    let script = complete::registration(&name);
    let script =
        script.ok_or_else(|| CommandError::usage(format!("there are no completions for `{name}`")))?;
    context.printer.bytes(&script);
    Ok(Exit::FINE)
}
