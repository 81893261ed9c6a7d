//! `kptn tag`: keeps states for ever.

use serde::Serialize;

use super::Context;
use super::branch::show;
use crate::cli::error::CommandError;
use crate::cli::exit::Exit;
use crate::cli::views::{self, Document};
use crate::ops;
use crate::ops::report::TagRow;

/// Keep the state of a branch for ever, under a name; or list the names
///
/// What a tag names stays in the store, whatever becomes of the branch. `kptn diff NAME..` compares
/// with it, `kptn branch clone NAME` starts from it.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The tag to make; all are listed where none is named
    #[arg(value_name = "NAME")]
    pub name: Option<String>,
    /// The branch whose state is kept; the current one where nothing is said
    #[arg(value_name = "BRANCH")]
    pub of: Option<String>,
    /// Let the state go again
    #[arg(short, long, requires = "name", conflicts_with = "of")]
    pub delete: bool,
}

#[derive(Serialize)]
struct Tags<'a> {
    tags: &'a [TagRow],
}

/// Does it.
pub fn run(args: &Args, context: &Context<'_>) -> Result<Exit, CommandError> {
    let footing = context.footing()?;
    let Some(name) = &args.name else {
        let rows = ops::tag::list(&footing)?;
        let printer = &context.printer;
        if printer.json {
            printer.document(&Document::of(Tags { tags: &rows }));
        } else {
            printer.data(views::branch::tags(&rows, printer.data_width(), context.now_ms()));
        }
        return Ok(Exit::FINE);
    };
    if args.delete {
        let tag = ops::tag::remove(&footing, name)?;
        let text = format!("the tag {} is gone; `kptn undo` brings it back\n", tag.tag);
        return show(context, &tag, text);
    }
    let tag = ops::tag::add(&footing, name, args.of.as_deref())?;
    let text = format!("{} keeps what {} has now\n", tag.tag, tag.branch);
    show(context, &tag, text)
}
