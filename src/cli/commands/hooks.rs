//! `kptn hooks`: puts git hooks in place, takes them away, shows how they stand.

use super::Context;
use crate::cli::error::CommandError;
use crate::cli::exit::Exit;
use crate::cli::views::{self, Document};
use crate::ops::hooks;

/// Have git tell kptn of new branches, merges, commits and pushes
///
/// A new branch then starts with its parent's finished work, at once and at no cost. Hooks that
/// are there already are kept and run first. pre-commit, husky and lefthook are left alone.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// What to do
    #[command(subcommand)]
    pub what: What,
}

/// What to do with hooks.
#[derive(Debug, clap::Subcommand)]
pub enum What {
    /// Put the hooks in place, or bring them up to date
    Install,
    /// Take them away, and put back what was there before
    Uninstall,
    /// Show how they stand
    Status,
}

/// Does it.
pub fn run(args: &Args, context: &Context<'_>) -> Result<Exit, CommandError> {
    let session = context.open()?;
    let report = match args.what {
        What::Install => hooks::install(&session)?,
        What::Uninstall => hooks::uninstall(&session)?,
        What::Status => hooks::status(&session)?,
    };
    let printer = &context.printer;
    if printer.json {
        printer.document(&Document::of(&report));
    } else {
        printer.data(views::hooks::text(&report, printer.data_width()));
    }
    let managed = views::hooks::managed(&report);
    if !managed.is_empty() && !matches!(args.what, What::Uninstall) {
        printer.hint(managed);
    }
    Ok(Exit::FINE)
}
