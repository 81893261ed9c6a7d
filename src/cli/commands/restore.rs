//! `kptn restore`: puts files back.

use super::Context;
use crate::cli::complete;
use crate::cli::error::CommandError;
use crate::cli::exit::Exit;
use crate::cli::views::{self, Document};
use crate::ops;

/// Put files of finished tasks back into the output folder
///
/// Runs nothing. Without tasks: of all that have a record. A file with bytes that the store does
/// not know is left alone, and named.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Tasks whose files to put back
    #[arg(value_name = "GRAPH|TASK", add = complete::selection())]
    pub words: Vec<String>,
    /// Leave these out
    #[arg(long, value_name = "TASK")]
    pub exclude: Vec<String>,
}

/// Puts them back.
pub fn run(args: &Args, context: &Context<'_>) -> Result<Exit, CommandError> {
    let session = context.open()?;
    let words = context.words(&args.words, &args.exclude);
    let report = ops::restore::restore(&session, &words, &context.typed())?;
    let printer = &context.printer;
    if printer.json {
        printer.document(&Document::of(&report));
    } else {
        printer.say(views::files::restored(&report, &session.place().outputs_dir));
    }
    Ok(if report.lost.is_empty() { Exit::FINE } else { Exit::FAILED })
}
