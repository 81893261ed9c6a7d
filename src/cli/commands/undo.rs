//! `kptn undo`: takes an operation back.

use super::Context;
use super::branch::show;
use crate::cli::error::CommandError;
use crate::cli::exit::Exit;
use crate::cli::views;
use crate::ops;

/// Take back the latest operation on this branch, or one by its number
///
/// An undo is an operation too, and can be undone by its number. Of an older operation it gives
/// the tasks that it moved their records back, unless a later one moved them too. Files stay where
/// they are until something needs others.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The operation, as `kptn log` numbers it
    #[arg(value_name = "OPERATION")]
    pub operation: Option<u64>,
}

/// Does it.
pub fn run(args: &Args, context: &Context<'_>) -> Result<Exit, CommandError> {
    let report = ops::undo::undo(&context.footing()?, args.operation)?;
    show(context, &report, views::branch::undone(&report, context.now_ms()))
}
