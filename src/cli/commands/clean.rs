//! `kptn clean`: empties the output folder.

use super::Context;
use crate::cli::error::CommandError;
use crate::cli::exit::Exit;
use crate::cli::views::{self, Document};
use crate::ops;
use crate::task::outputs::Removing;

/// Remove files from the output folder that the store can give back
///
/// A file goes only where it is, byte for byte, what a record of the branch lists, and the store has
/// those bytes. What was edited, what no record lists and what git tracks stays, and is named.
/// Everything stays fresh: files come back when a task needs them, or by `kptn restore`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The branch; the current one where nothing is said
    #[arg(value_name = "BRANCH")]
    pub of: Option<String>,
    /// Only say what would go
    #[arg(short = 'n', long)]
    pub dry_run: bool,
}

/// Cleans.
pub fn run(args: &Args, context: &Context<'_>) -> Result<Exit, CommandError> {
    let removing = if args.dry_run { Removing::No } else { Removing::Yes };
    let session = context.open()?;
    let report = ops::clean::clean(&session, args.of.as_deref(), removing, &context.typed())?;
    let printer = &context.printer;
    if printer.json {
        printer.document(&Document::of(&report));
    } else {
        printer.say(views::room::cleaned(&report));
    }
    Ok(Exit::FINE)
}
