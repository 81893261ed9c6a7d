//! `kptn why`: says why a task has its status.

use super::Context;
use crate::cli::complete;
use crate::cli::error::CommandError;
use crate::cli::exit::Exit;
use crate::cli::printer::Volume;
use crate::cli::views::Document;
use crate::cli::views::why::{self, Hunks, Ingredients};
use crate::ops;
use crate::ops::report::WhyReport;

/// Say why a task is stale, against the nearest earlier record
///
/// Names each ingredient that changed, old -> new: code, arguments, inputs, packages, what is
/// before the task. With `-v`, everything that counts is listed.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The task, or one item of it: `'B[NC]'`
    #[arg(value_name = "TASK[ITEM]", add = complete::tasks())]
    pub task: String,
    /// Show changed code in full, not only its first lines
    #[arg(long)]
    pub diff: bool,
}

/// Says it.
pub fn run(args: &Args, context: &Context<'_>) -> Result<Exit, CommandError> {
    let session = context.open()?;
    let report = ops::why::why(&session, context.global.graph.clone(), &args.task)?;
    show(&report, if args.diff { Hunks::Whole } else { Hunks::Beginnings }, context)
}

/// Shows what was found.
pub fn show(report: &WhyReport, hunks: Hunks, context: &Context<'_>) -> Result<Exit, CommandError> {
    let printer = &context.printer;
    if printer.json {
        printer.document(&Document::of(report));
        return Ok(Exit::FINE);
    }
    let ingredients = if printer.volume == Volume::Verbose { Ingredients::All } else { Ingredients::Changed };
    printer.data(why::text(report, hunks, ingredients, printer.data_width(), context.now_ms()));
    Ok(Exit::FINE)
}
