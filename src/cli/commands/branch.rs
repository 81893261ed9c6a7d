//! `kptn branch`: lists branches' states, and moves them.

use serde::Serialize;

use super::Context;
use crate::cli::error::CommandError;
use crate::cli::exit::Exit;
use crate::cli::transfer::Transfer;
use crate::cli::views::{self, Document};
use crate::ops;
use crate::ops::branch::{CloneRequest, Unkept};
use crate::ops::report::{BranchRow, Brought};

/// List the branches that have a state, or clone, rename and delete it
///
/// A branch's state is which record each task has. Moving it copies no data: files come back when
/// something needs them. Every move is an operation, which `kptn undo` takes back.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// What to do; `list` where nothing is said
    #[command(subcommand)]
    pub action: Option<Action>,
}

/// What to do.
#[derive(Debug, clap::Subcommand)]
pub enum Action {
    /// List the branches that have a state
    List,
    Clone(CloneArgs),
    Rename(RenameArgs),
    Delete(DeleteArgs),
}

/// Have a branch start with what another one has finished
///
/// Costs the same however many tasks, items and bytes there are, also while a run goes on. Both
/// branches go their own ways afterwards.
#[derive(Debug, clap::Args)]
pub struct CloneArgs {
    /// The branch whose state is taken
    #[arg(value_name = "SRC")]
    pub source: String,
    /// The branch that gets it; the current one where nothing is said
    #[arg(value_name = "DST")]
    pub target: Option<String>,
    /// Take what SRC had then: after an operation or a run, at a tag, a commit or a time (`2026-11-25`, `3 days ago`)
    #[arg(long, value_name = "STATE")]
    pub at: Option<String>,
    /// Put the files there too, where DST has its output folder here
    #[arg(long)]
    pub restore: bool,
    /// Give up results that DST alone has; `kptn undo` brings them back
    #[arg(short, long)]
    pub force: bool,
}

/// Give a branch's state another name
///
/// git's own branch keeps its name: that is for `git branch -m`.
#[derive(Debug, clap::Args)]
pub struct RenameArgs {
    /// As it is called
    #[arg(value_name = "OLD")]
    pub old: String,
    /// As it is to be called
    #[arg(value_name = "NEW")]
    pub new: String,
}

/// Let the state of a branch go
///
/// git's own branch and files in the output folder stay.
#[derive(Debug, clap::Args)]
pub struct DeleteArgs {
    /// The branch
    #[arg(value_name = "NAME")]
    pub name: String,
    /// Give up results that it alone has; `kptn undo` brings them back
    #[arg(short, long)]
    pub force: bool,
}

#[derive(Serialize)]
struct Branches<'a> {
    branches: &'a [BranchRow],
}

/// Does it.
pub fn run(args: &Args, context: &Context<'_>) -> Result<Exit, CommandError> {
    match &args.action {
        None | Some(Action::List) => list(context),
        Some(Action::Clone(args)) => clone(args, context),
        Some(Action::Rename(args)) => {
            let report = ops::branch::rename(&context.footing()?, &args.old, &args.new)?;
            show(context, &report, views::branch::renamed(&report))
        }
        Some(Action::Delete(args)) => {
            let report = ops::branch::delete(&context.footing()?, &args.name, unkept(args.force))?;
            show(context, &report, views::branch::deleted(&report))
        }
    }
}

/// Shows what was done: a document, or a text for people.
pub fn show<T: Serialize>(context: &Context<'_>, report: &T, text: String) -> Result<Exit, CommandError> {
    let printer = &context.printer;
    if printer.json {
        printer.document(&Document::of(report));
    } else {
        printer.say(text);
    }
    Ok(Exit::FINE)
}

fn list(context: &Context<'_>) -> Result<Exit, CommandError> {
    let rows = ops::branch::list(&context.footing()?)?;
    let printer = &context.printer;
    if printer.json {
        printer.document(&Document::of(Branches { branches: &rows }));
    } else {
        printer.data(views::branch::list(&rows, printer.data_width(), context.now_ms()));
    }
    Ok(Exit::FINE)
}

fn clone(args: &CloneArgs, context: &Context<'_>) -> Result<Exit, CommandError> {
    let request = CloneRequest {
        source: args.source.clone(),
        target: args.target.clone(),
        at: args.at.clone(),
        unkept: unkept(args.force),
    };
    let mut report = ops::branch::clone(&context.footing()?, &request)?;
    if args.restore {
        let bar = Transfer::new(&context.printer);
        let brought = ops::branch::bring(&context.start()?, &report.branch, &context.typed(), &bar);
        bar.end();
        match brought {
            Ok(files) => report.files = Some(files),
            Err(error) => {
                // The branch has the state all the same.
                show(context, &report, views::branch::cloned(&report, context.now_ms()))?;
                return Err(error.into());
            }
        }
    }
    let shown = show(context, &report, views::branch::cloned(&report, context.now_ms()))?;
    let is_whole = !matches!(&report.files, Some(Brought::Here { report, .. }) if !report.is_whole());
    Ok(if is_whole { shown } else { Exit::FAILED })
}

fn unkept(force: bool) -> Unkept {
    if force { Unkept::GiveUp } else { Unkept::Refuse }
}
