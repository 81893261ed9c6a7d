//! `kptn fsck`: checks the store, and mends it.

use super::Context;
use crate::cli::error::CommandError;
use crate::cli::exit::Exit;
use crate::cli::views::{self, Document};
use crate::ops::fsck::{Mend, fsck};

/// Check that every object in the store is whole, and that every record has its objects
///
/// Also the states of branches and tags, and that no two tasks of a branch own one file. Changes
/// nothing without `--repair`. Exit code 1 where something is not whole.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Set damaged objects aside (they are never deleted), so that their tasks are stale and run again
    ///
    /// A file's bytes are taken from the output folder where they are still there. Branches forget
    /// records that cannot be read, as an operation.
    #[arg(long)]
    pub repair: bool,
}

/// Checks it.
pub fn run(args: &Args, context: &Context<'_>) -> Result<Exit, CommandError> {
    let mend = if args.repair { Mend::Yes } else { Mend::No };
    let report = fsck(context.open()?, &context.typed(), mend)?;
    let printer = &context.printer;
    if printer.json {
        printer.document(&Document::of(&report));
    } else {
        printer.data(views::files::checked(&report));
    }
    Ok(if report.problems.is_empty() { Exit::FINE } else { Exit::FAILED })
}
