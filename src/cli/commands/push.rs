//! `kptn push`: the current branch's state goes to a remote.

use super::Context;
use crate::cli::error::CommandError;
use crate::cli::exit::Exit;
use crate::cli::transfer::Transfer;
use crate::cli::views::{self, Document};
use crate::ops::remotes::{self, PushRequest};
use crate::remote::{Earnest, Theirs, Trust};

/// Push the state of the current branch to a remote
///
/// Sends the records, results, logs and outputs that the remote does not have, then moves the branch
/// there. Tasks that only others moved are kept; where both sides moved the same task nothing is
/// written, and the exit code is 3.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The remote's name in `kptn.yaml`; the only one where nothing is said
    pub remote: Option<String>,
    /// The branch there; the same as here where nothing is said
    #[arg(long, value_name = "BRANCH")]
    pub to: Option<String>,
    /// Replace what others pushed, where it is what was last seen here
    #[arg(long)]
    pub force_with_lease: bool,
    /// Read what this branch needs there, send again what is lost or damaged, and put right what the remote is found by
    #[arg(long)]
    pub repair: bool,
    /// Only say what would go, and how much
    #[arg(short = 'n', long)]
    pub dry_run: bool,
}

/// Pushes.
pub fn run(args: &Args, context: &Context<'_>) -> Result<Exit, CommandError> {
    let request = PushRequest {
        remote: args.remote.clone(),
        to: args.to.clone(),
        theirs: if args.force_with_lease { Theirs::ReplaceAsSeen } else { Theirs::Keep },
        trust: if args.repair { Trust::Nothing } else { Trust::Index },
        earnest: if args.dry_run { Earnest::No } else { Earnest::Yes },
    };
    let transfer = Transfer::new(&context.printer);
    let pushed = remotes::push(context.open()?, &request, &context.typed(), &transfer);
    transfer.end();
    let report = pushed?;
    let printer = &context.printer;
    if printer.json {
        printer.document(&Document::of(&report));
    } else {
        printer.say(views::remotes::pushed(&report));
    }
    Ok(Exit::FINE)
}
