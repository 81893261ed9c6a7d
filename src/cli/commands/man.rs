//! `kptn man`: manual pages, made of what the commands say.

use std::path::{Path, PathBuf};

use clap::CommandFactory;

use super::Context;
use crate::cli::args::Arguments;
use crate::cli::error::CommandError;
use crate::cli::exit::Exit;

/// Print a manual page, or write all of them
///
/// `kptn man run | man -l -` shows one; `kptn man --dir ~/.local/share/man/man1` makes `man kptn-run` work.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The command; without it, kptn itself
    #[arg(value_name = "COMMAND")]
    pub command: Option<String>,
    /// Write the pages of all commands into this folder
    #[arg(long, value_name = "DIR", conflicts_with = "command")]
    pub dir: Option<PathBuf>,
}

/// Prints or writes.
pub fn run(args: &Args, context: &Context<'_>) -> Result<Exit, CommandError> {
    let mut all = Arguments::command();
    all.build();
    match (&args.dir, &args.command) {
        (Some(folder), _) => write_all(&all, folder)?,
        (None, None) => context.printer.bytes(&page(all)?),
        (None, Some(name)) => {
            let found = all.get_subcommands().find(|one| one.get_name() == name).cloned();
            let missing = || CommandError::usage(format!("there is no command `{name}`"));
            context.printer.bytes(&page(found.ok_or_else(missing)?)?);
        }
    }
    Ok(Exit::FINE)
}

fn write_all(all: &clap::Command, folder: &Path) -> Result<(), CommandError> {
    let failed = |error: std::io::Error| {
        CommandError::environment(format!("cannot write to `{}`", folder.display())).because(&error)
    };
    std::fs::create_dir_all(folder).map_err(failed)?;
    for command in std::iter::once(all).chain(all.get_subcommands()) {
        let name = command.get_display_name().unwrap_or(command.get_name()).replace(' ', "-");
        std::fs::write(folder.join(format!("{name}.1")), page(command.clone())?).map_err(failed)?;
    }
    Ok(())
}

fn page(command: clap::Command) -> Result<Vec<u8>, CommandError> {
    let mut text = Vec::new();
    let written = clap_mangen::Man::new(command.styles(clap::builder::Styles::plain())).render(&mut text);
    written.map_err(|error| CommandError::environment("cannot make the page").because(&error))?;
    Ok(text)
}
