//! `kptn env`: prints what a task's process is given, for a process of one's own.

use super::Context;
use crate::cli::complete;
use crate::cli::error::CommandError;
use crate::cli::exit::Exit;
use crate::cli::views::env::{self, Format};
use crate::ops::shoes;

/// Print the environment that a task runs in
///
/// What kptn sets beside your own environment, for `eval "$(kptn env TASK)"`, an editor or a notebook.
/// The files of what it depends on are put there. `KPTN_INPUTS` names a JSON file with all values: arguments,
/// results, config, the item.
#[derive(Debug, clap::Args)]
#[group(id = "env")]
pub struct Args {
    /// The task, or one of its items
    #[arg(value_name = "TASK[ITEM]", add = complete::tasks())]
    pub task: String,
    /// How it is written
    #[arg(short, long, value_name = "FORMAT", value_enum, default_value_t)]
    pub format: Format,
}

/// Prints it.
pub fn run(args: &Args, context: &Context<'_>) -> Result<Exit, CommandError> {
    let session = context.open()?;
    let standing = shoes::stand(&session, context.global.graph.clone(), &args.task, &context.typed())?;
    let format = if context.printer.json { Format::Json } else { args.format };
    context.printer.data(env::text(&standing.changes(&session)?, format));
    Ok(Exit::FINE)
}
