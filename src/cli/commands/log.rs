//! `kptn log`: lists what happened to the branch.

use serde::Serialize;

use super::Context;
use crate::cli::error::CommandError;
use crate::cli::exit::Exit;
use crate::cli::views::{self, Document};
use crate::ops;
use crate::ops::report::LogEntry;

/// List what happened to this branch, newest first
#[derive(Debug, clap::Args)]
pub struct Args {
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
    let entries = ops::history::history(&session, args.limit)?;
    let printer = &context.printer;
    if printer.json {
        printer.document(&Document::of(Entries { entries: &entries }));
    } else {
        printer.data(views::log::text(&entries, printer.data_width(), context.now_ms()));
    }
    Ok(Exit::FINE)
}
