//! `kptn log`: lists what was done to the branch, or what became of a task.

use serde::Serialize;

use super::Context;
use crate::cli::error::CommandError;
use crate::cli::exit::Exit;
use crate::cli::views::{self, Document};
use crate::ops;
use crate::ops::report::LogEntry;

/// List what was done to this branch, newest first; or the records that a task has had
///
/// Every line is an operation with a number: `kptn undo NUMBER` takes it back, and
/// `kptn branch clone BRANCH --at NUMBER` takes the state after it.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The task whose records to list, of all branches
    #[arg(value_name = "TASK")]
    pub task: Option<String>,
    /// At most so many
    #[arg(short = 'n', long, value_name = "N", default_value_t = 20)]
    pub limit: u32,
}

#[derive(Serialize)]
struct Entries<'a> {
    entries: &'a [LogEntry],
}

/// Lists it.
pub fn run(args: &Args, context: &Context<'_>) -> Result<Exit, CommandError> {
    let session = context.open()?;
    let printer = &context.printer;
    if let Some(task) = &args.task {
        let history = ops::history::of_task(&session, task, context.global.graph.as_deref(), args.limit)?;
        if printer.json {
            printer.document(&Document::of(&history));
        } else {
            printer.data(views::log::of_task(&history, printer.data_width(), context.now_ms()));
        }
        return Ok(Exit::FINE);
    }
    let entries = ops::history::history(&session, args.limit)?;
    if printer.json {
        printer.document(&Document::of(Entries { entries: &entries }));
    } else {
        printer.data(views::log::text(&entries, printer.data_width(), context.now_ms()));
    }
    Ok(Exit::FINE)
}
