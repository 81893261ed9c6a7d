//! `kptn path`: puts what a task left where it belongs, and says where that is.

use super::Context;
use crate::cli::complete;
use crate::cli::error::CommandError;
use crate::cli::exit::Exit;
use crate::cli::transfer::Transfer;
use crate::cli::views::{self, Document};
use crate::ops::reading::{self, Wanted};

/// Print where a task's files are, putting them there first
///
/// A line a file, absolute; without FILE, all that the task left when it last finished. A folder is
/// one line. What it left counts, whether or not it is stale by now.
#[derive(Debug, clap::Args)]
#[group(id = "reading")]
pub struct Args {
    /// The task, or one of its items
    #[arg(value_name = "TASK[ITEM]", add = complete::tasks())]
    pub task: String,
    /// A file or folder that it left: its path, or the end of it
    #[arg(value_name = "FILE")]
    pub file: Option<String>,
    /// As this remote's branch has it; `--branch` names the branch there
    #[arg(long, value_name = "REMOTE")]
    pub from: Option<String>,
}

impl Args {
    pub(super) fn wanted(&self, context: &Context<'_>) -> Wanted {
        Wanted {
            graph: context.global.graph.clone(),
            task: self.task.clone(),
            file: self.file.clone(),
            from: self.from.clone(),
        }
    }
}

/// Prints it.
pub fn run(args: &Args, context: &Context<'_>) -> Result<Exit, CommandError> {
    let transfer = Transfer::new(&context.printer);
    let found = reading::path(&context.start()?, &args.wanted(context), &context.typed(), &transfer);
    transfer.end();
    let report = found?;
    let printer = &context.printer;
    if printer.json {
        printer.document(&Document::of(&report));
        return Ok(Exit::FINE);
    }
    printer.say(views::files::edited_where_read(&report));
    for path in &report.paths {
        printer.bytes(path.as_os_str().as_encoded_bytes());
        printer.bytes(b"\n");
    }
    Ok(Exit::FINE)
}
