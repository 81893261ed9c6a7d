//! `kptn status`: says which tasks are fresh, stale or failed.

use super::Context;
use crate::cli::error::CommandError;
use crate::cli::exit::Exit;
use crate::cli::views::status::{self, Fresh};
use crate::cli::views::{self, Document};
use crate::model::Status;
use crate::ops::scope::Words;
use crate::ops::{self, Probing};

/// Show which tasks are fresh, stale or failed, and why in brief
///
/// Writes nothing and runs nothing. `maybe` means that something before the task is stale, so
/// that it may turn out fresh once that has run.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Tasks to show: names, `a+`, `+b`, `tag:x`, `state:stale`, `clean_*`
    #[arg(value_name = "GRAPH|TASK")]
    pub words: Vec<String>,
    /// Leave these out
    #[arg(long, value_name = "TASK")]
    pub exclude: Vec<String>,
    /// Show fresh tasks one by one, however many there are
    #[arg(short, long)]
    pub all: bool,
    /// Ask probes again instead of believing their last answers
    #[arg(long)]
    pub probe: bool,
    /// Leave with 1 where a task is not fresh
    #[arg(long)]
    pub exit_code: bool,
}

/// Shows it.
pub fn run(args: &Args, context: &Context<'_>) -> Result<Exit, CommandError> {
    let printer = &context.printer;
    let probing = if args.probe { Probing::Ask } else { Probing::Believe };
    let words = context.words(&args.words, &args.exclude);
    let all = words == Words::default() && probing == Probing::Believe;
    let remembered = if all { ops::quick::remembered(&context.start()?) } else { None };
    let report = match remembered {
        Some(report) => report,
        None => ops::status::status(&context.open()?, &words, probing)?,
    };
    if printer.json {
        printer.document(&Document::of(&report));
    } else {
        let fresh = if args.all { Fresh::Listed } else { Fresh::Counted };
        printer.say(views::findings(&report.notes, printer.width()));
        printer.data(status::text(&report, fresh, printer.data_width(), context.now_ms()));
    }
    let stale = report.rows.iter().any(|row| row.status != Status::Fresh);
    Ok(if args.exit_code && stale { Exit::FAILED } else { Exit::FINE })
}
