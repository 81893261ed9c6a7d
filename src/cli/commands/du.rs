//! `kptn du`: what takes room in the store.

use super::Context;
use crate::cli::error::CommandError;
use crate::cli::exit::Exit;
use crate::cli::views::{self, Document};
use crate::ops;

/// Show what takes room in the store: by branch, by task, and what `gc` could put aside
///
/// `own` is what nobody else has: it would be gone with the branch or the task. `shared` is what
/// others have too. Everything counts that a record leads to, as it is stored.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The branch whose tasks are listed; the current one where nothing is said
    #[arg(value_name = "BRANCH")]
    pub of: Option<String>,
}

/// Measures.
pub fn run(args: &Args, context: &Context<'_>) -> Result<Exit, CommandError> {
    let report = ops::du::du(&context.footing()?, args.of.as_deref())?;
    let printer = &context.printer;
    if printer.json {
        printer.document(&Document::of(&report));
    } else {
        printer.data(views::room::measured(&report, printer.data_width()));
    }
    Ok(Exit::FINE)
}
