//! `kptn accept`: what lies there counts, because a person says so.

use super::Context;
use super::branch::show;
use crate::cli::complete;
use crate::cli::error::CommandError;
use crate::cli::exit::Exit;
use crate::cli::views;
use crate::ops::accept::{self, AcceptRequest, OnProtected};

/// Say that what lies in the output folder counts as made by today's code
///
/// For a variable that was renamed, a file that was mended by hand, days of outputs from before kptn. Nothing runs:
/// the declared outputs that are there go into the store, and the tasks get records that are marked `accepted`, with
/// the reason. What a task depends on has to be fresh, or accepted as well. A result is kept from the record before;
/// a task that has none has to run. `kptn undo` takes it back.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// What to accept: tasks, items of mapped tasks, or all tasks of a graph
    #[arg(value_name = "GRAPH|TASK[ITEM]", required = true, add = complete::selection())]
    pub words: Vec<String>,
    /// Why it counts, for who meets it later
    #[arg(short = 'm', long = "message", value_name = "WHY", required = true)]
    pub why: String,
    /// Leave these out
    #[arg(long, value_name = "TASK")]
    pub exclude: Vec<String>,
    /// Accept on a protected branch too
    #[arg(long)]
    pub force: bool,
}

/// Does it.
pub fn run(args: &Args, context: &Context<'_>) -> Result<Exit, CommandError> {
    let session = context.open()?;
    let request = AcceptRequest {
        words: context.words(&args.words, &args.exclude),
        why: args.why.clone(),
        on_protected: if args.force { OnProtected::Accept } else { OnProtected::Refuse },
    };
    let report = accept::accept(&session, &context.footing()?, &request)?;
    show(context, &report, views::accept::text(&report))
}
