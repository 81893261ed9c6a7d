//! `kptn retry`: runs what failed last.

use super::Context;
use super::run::{Manner, Selection, carry_out, request};
use crate::cli::error::CommandError;
use crate::cli::exit::Exit;
use crate::ops::choice::WhichItems;
use crate::ops::run::RunRequest;

/// Run again what failed
///
/// Of a mapped task the failed items alone. What was skipped for a failed task is run by `kptn run`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// How to run
    #[command(flatten)]
    pub manner: Manner,
}

/// Runs it.
pub fn run(args: &Args, context: &Context<'_>) -> Result<Exit, CommandError> {
    let request = request(&Selection::default(), &args.manner, context)?;
    carry_out(&RunRequest { items: WhichItems::Failed, ..request }, context)
}
