//! `kptn log`: lists what was done to the branch, what became of a task, or who made a file.

use serde::Serialize;

use super::Context;
use crate::cli::complete;
use crate::cli::error::CommandError;
use crate::cli::exit::Exit;
use crate::cli::views::{self, Document};
use crate::ops;
use crate::ops::history::Logged;
use crate::ops::report::LogEntry;

/// List what was done to this branch, newest first; the records that a task has had; or who made a file
///
/// Every line is an operation with a number: `kptn undo NUMBER` takes it back, and
/// `kptn branch clone BRANCH --at NUMBER` takes the state after it.
///
/// Of a file in an output folder it says which task, item, run and commit made it, and whether it was edited since.
/// A word that is a task's name is the task; write `./NAME` for a file of that name.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The task whose records to list, of all branches; or a file, relative to this folder or to the output folder
    #[arg(value_name = "TASK|FILE", add = complete::tasks_and_files())]
    pub about: Option<String>,
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
    if let Some(word) = &args.about {
        let graph = context.global.graph.as_deref();
        let found = ops::history::of_word(&session, &context.folder()?, word, graph, args.limit)?;
        match &found {
            Logged::Task(history) if printer.json => printer.document(&Document::of(history)),
            Logged::File(report) if printer.json => printer.document(&Document::of(report)),
            Logged::Task(history) => {
                printer.data(views::log::of_task(history, printer.data_width(), context.now_ms()));
            }
            Logged::File(report) => {
                printer.data(views::maker::text(report, printer.data_width(), context.now_ms()));
            }
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
