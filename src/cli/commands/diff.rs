//! `kptn diff`: shows what differs between two states.

use super::Context;
use crate::cli::error::CommandError;
use crate::cli::exit::Exit;
use crate::cli::views::diff::Detail;
use crate::cli::views::{self, Document};
use crate::ops;

/// Show which outputs, results and ingredients differ between two states
///
/// A state is that of a branch, a tag, an operation's number (see `kptn log`), a run, a commit or
/// a time. Without words: what this branch has beside the one it was cloned from.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Two states; `A..` compares with this branch
    #[arg(value_name = "A..B", default_value = "", hide_default_value = true)]
    pub range: String,
    /// Only count files and bytes
    #[arg(long)]
    pub stat: bool,
    /// Leave with 1 where something differs
    #[arg(long)]
    pub exit_code: bool,
}

/// Shows it.
pub fn run(args: &Args, context: &Context<'_>) -> Result<Exit, CommandError> {
    let report = ops::diff::diff(&context.footing()?, &args.range)?;
    let printer = &context.printer;
    if printer.json {
        printer.document(&Document::of(&report));
    } else {
        let detail = if args.stat { Detail::Counts } else { Detail::Files };
        printer.data(views::diff::text(&report, detail));
    }
    Ok(if args.exit_code && !report.tasks.is_empty() { Exit::FAILED } else { Exit::FINE })
}
