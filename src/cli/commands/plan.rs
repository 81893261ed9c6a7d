//! `kptn plan`, and `kptn run --dry-run`: says what a run would do.

use super::Context;
use super::run::Selection;
use crate::cli::error::CommandError;
use crate::cli::exit::Exit;
use crate::cli::transfer::Transfer;
use crate::cli::views::{self, Document};
use crate::model::{Force, Progress};
use crate::ops;

/// Show what `kptn run` would do, in order, with times from earlier runs
#[derive(Debug, clap::Args)]
pub struct Args {
    /// What to run, as for `kptn run`
    #[command(flatten)]
    pub selection: Selection,
}

/// Shows it.
pub fn run(args: &Args, context: &Context<'_>) -> Result<Exit, CommandError> {
    show(&args.selection, context)
}

/// Shows what a run of `selection` would do; asks probes, as the run would.
pub fn show(selection: &Selection, context: &Context<'_>) -> Result<Exit, CommandError> {
    let session = context.open()?;
    let printer = &context.printer;
    let words = context.words(&selection.words(), &selection.exclude);
    let force = if selection.force { Force::Yes } else { Force::No };
    let transfer = Transfer::new(printer);
    let defer = selection.defer.as_deref().map(|remote| (remote, &transfer as &dyn Progress));
    let report = ops::plan::plan(&session, &words, &selection.items.which()?, force, defer);
    transfer.end();
    let report = report?;
    if printer.json {
        printer.document(&Document::of(&report));
    } else {
        printer.say(views::findings(&report.notes, printer.width()));
        printer.data(views::plan::text(&report, printer.data_width()));
    }
    Ok(Exit::FINE)
}
