//! `kptn invalidate`: a result is bad, for everybody.

use super::Context;
use super::branch::show;
use crate::cli::complete;
use crate::cli::error::CommandError;
use crate::cli::exit::Exit;
use crate::cli::transfer::Transfer;
use crate::cli::views;
use crate::ops::remotes::{self, InvalidateRequest};

/// Say that a result is bad, so that nobody takes it any more
///
/// The record that the branch has of a task, or of an item, is marked: the task is stale here and wherever the
/// mark goes, and no branch takes that record by its fingerprint. `kptn push` carries marks along, also without any new
/// result; whoever pulls has them. Running the task makes another record, which is not marked. `kptn undo` takes a
/// mark back, and the next push says so.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// What is bad: tasks, or items of mapped tasks
    #[arg(value_name = "TASK[ITEM]", required = true, add = complete::tasks())]
    pub words: Vec<String>,
    /// Mark what this remote's branch has, there at once; nothing else is pushed
    #[arg(long, value_name = "REMOTE")]
    pub remote: Option<String>,
    /// The branch there; the remote's own where nothing is said
    #[arg(long, value_name = "BRANCH", requires = "remote")]
    pub to: Option<String>,
    /// Why, for who meets it later
    #[arg(short = 'm', long, visible_alias = "message", value_name = "TEXT", default_value = "")]
    pub why: String,
}

/// Marks it.
pub fn run(args: &Args, context: &Context<'_>) -> Result<Exit, CommandError> {
    let request = InvalidateRequest {
        graph: context.global.graph.clone(),
        words: args.words.clone(),
        remote: args.remote.clone(),
        to: args.to.clone(),
        why: args.why.trim().to_owned(),
    };
    let transfer = Transfer::new(&context.printer);
    let marked = remotes::invalidate(context.open()?, &request, &context.typed(), &transfer);
    transfer.end();
    let report = marked?;
    show(context, &report, views::invalidate::text(&report, context.now_ms()))
}
