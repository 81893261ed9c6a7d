//! `kptn fsck`: checks the store.

use super::Context;
use crate::cli::error::CommandError;
use crate::cli::exit::Exit;
use crate::cli::views::{self, Document};
use crate::ops;

/// Check that every object in the store is whole, and that every record has its objects
///
/// Changes nothing. Exit code 1 where something is not whole.
#[derive(Debug, clap::Args)]
pub struct Args {}

/// Checks it.
pub fn run(_args: &Args, context: &Context<'_>) -> Result<Exit, CommandError> {
    let session = context.open()?;
    let report = ops::fsck::fsck(&session)?;
    let printer = &context.printer;
    if printer.json {
        printer.document(&Document::of(&report));
    } else {
        printer.data(views::files::checked(&report));
    }
    Ok(if report.problems.is_empty() { Exit::FINE } else { Exit::FAILED })
}
