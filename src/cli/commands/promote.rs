//! `kptn promote`: a protected branch takes what another one has made.

use super::Context;
use super::branch::show;
use crate::cli::complete;
use crate::cli::error::CommandError;
use crate::cli::exit::Exit;
use crate::cli::views;
use crate::ops::promote::{self, PromoteRequest};
use crate::ops::report::Outcome;

/// Have a protected branch take results that were made on another branch
///
/// On the protected branch, after the merge in git: takes SRC's records of tasks whose fingerprint is the same here
/// today, instead of running them. Of each, a commit in the history must have exactly what it ran: its own, where
/// nothing was uncommitted then; one that was found to have it later; or the one that is checked out. Other tasks are
/// refused, with a reason. Who, when, from where and why is kept: `kptn log`, `kptn why TASK`. `kptn undo` takes it back.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The branch whose results are taken
    #[arg(value_name = "SRC", add = complete::branches())]
    pub source: String,
    /// Tasks: names, `a+`, `+b`, `tag:x`, `clean_*`; all that fit where none is named
    #[arg(value_name = "GRAPH|TASK", add = complete::selection())]
    pub words: Vec<String>,
    /// Leave these out
    #[arg(long, value_name = "TASK")]
    pub exclude: Vec<String>,
    /// Why, for who meets it later
    #[arg(short = 'm', long = "message", value_name = "WHY", default_value = "", hide_default_value = true)]
    pub why: String,
    /// Only say what would be promoted
    #[arg(short = 'n', long)]
    pub dry_run: bool,
}

/// Does it; leaves with 1 where a record was refused, or a task that was named got none.
pub fn run(args: &Args, context: &Context<'_>) -> Result<Exit, CommandError> {
    let session = context.open()?;
    let request = PromoteRequest {
        source: args.source.clone(),
        words: context.words(&args.words, &args.exclude),
        why: args.why.trim().to_owned(),
        dry_run: args.dry_run,
    };
    let report = promote::promote(&session, &context.footing()?, &request)?;
    let failed = report.tasks.iter().any(|task| match task.outcome {
        Outcome::Refused { .. } => true,
        Outcome::None | Outcome::RunsHere => !args.words.is_empty(),
        Outcome::Promoted { .. } | Outcome::Taken { .. } | Outcome::Fresh => false,
    });
    show(context, &report, views::promote::text(&report, context.now_ms()))?;
    Ok(if failed { Exit::FAILED } else { Exit::FINE })
}
