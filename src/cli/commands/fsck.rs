//! `kptn fsck`: checks the store, and mends it.

use super::Context;
use crate::cli::error::CommandError;
use crate::cli::exit::Exit;
use crate::cli::transfer::Transfer;
use crate::cli::views::{self, Document};
use crate::ops::fsck::{Mend, fsck};
use crate::ops::remotes;
use crate::remote::Depth;

/// Check that every object in the store is whole, and that every record has its objects
///
/// Also the states of branches and tags, and that no two tasks of a branch own one file. Changes
/// nothing without `--repair`. Exit code 1 where something is not whole. With `--remote` all of a
/// remote is checked instead, and never written: that every branch of every project points at what
/// is there, and that what is there is as long as it should be.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Set damaged objects aside (they are never deleted), so that their tasks are stale and run again
    ///
    /// A file's bytes are taken from the output folder where they are still there. Branches forget
    /// records that cannot be read, as an operation.
    #[arg(long)]
    pub repair: bool,
    /// Check a remote instead: the one named in `kptn.yaml`, or the only one
    #[arg(long, value_name = "REMOTE", num_args = 0..=1, conflicts_with = "repair")]
    pub remote: Option<Option<String>>,
    /// Read and verify every byte there, too
    #[arg(long, requires = "remote")]
    pub full: bool,
}

/// Checks it.
pub fn run(args: &Args, context: &Context<'_>) -> Result<Exit, CommandError> {
    if let Some(remote) = &args.remote {
        return at_remote(args, remote.as_deref(), context);
    }
    let mend = if args.repair { Mend::Yes } else { Mend::No };
    let report = fsck(context.open()?, &context.typed(), mend)?;
    let printer = &context.printer;
    if printer.json {
        printer.document(&Document::of(&report));
    } else {
        printer.data(views::files::checked(&report));
    }
    Ok(if report.problems.is_empty() { Exit::FINE } else { Exit::FAILED })
}

fn at_remote(args: &Args, name: Option<&str>, context: &Context<'_>) -> Result<Exit, CommandError> {
    let depth = if args.full { Depth::Bytes } else { Depth::Sizes };
    let printer = &context.printer;
    let transfer = Transfer::new(printer);
    let checked = remotes::fsck(&context.open()?, name, depth, &transfer);
    transfer.end();
    let report = checked?;
    if printer.json {
        printer.document(&Document::of(&report));
    } else {
        printer.data(views::upkeep::checked(&report));
    }
    Ok(if report.problems.is_empty() { Exit::FINE } else { Exit::FAILED })
}
