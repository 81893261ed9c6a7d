//! `kptn restore`: puts files back.

use super::Context;
use crate::cli::complete;
use crate::cli::error::CommandError;
use crate::cli::exit::Exit;
use crate::cli::transfer::Transfer;
use crate::cli::views::{self, Document};
use crate::ops;
use crate::ops::restore::{RestoreRequest, Writing};

/// Put files of finished tasks back into the output folder
///
/// Runs nothing. Without tasks: of all that have a record; where all branches share one output
/// folder, other branches' files leave it then. What was edited by hand is moved to `.kept/`, and
/// named.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Tasks whose files to put back
    #[arg(value_name = "GRAPH|TASK", add = complete::selection())]
    pub words: Vec<String>,
    /// Leave these out
    #[arg(long, value_name = "TASK")]
    pub exclude: Vec<String>,
    /// Only say which files would change
    #[arg(short = 'n', long)]
    pub dry_run: bool,
}

/// Puts them back.
pub fn run(args: &Args, context: &Context<'_>) -> Result<Exit, CommandError> {
    let session = context.open()?;
    let words = context.words(&args.words, &args.exclude);
    let printer = &context.printer;
    let request = RestoreRequest {
        words: &words,
        writing: if args.dry_run { Writing::No } else { Writing::Yes },
        command: &context.typed(),
    };
    let bar = Transfer::new(printer);
    let report = ops::restore::restore(&session, &request, &bar);
    bar.end();
    let report = report?;
    if printer.json {
        printer.document(&Document::of(&report));
    } else {
        printer.say(views::files::restored(&report, &session.place().outputs_dir));
    }
    Ok(if report.is_whole() { Exit::FINE } else { Exit::FAILED })
}
