//! `kptn pull` and `kptn fetch`: a remote's state comes here.

use super::Context;
use crate::cli::error::CommandError;
use crate::cli::exit::Exit;
use crate::cli::transfer::Transfer;
use crate::cli::views::{self, Document};
use crate::model::ASK_ABOVE;
use crate::ops::branch::Unkept;
use crate::ops::remotes::{self, PullRequest, Want};
use crate::remote::Take;

/// Pull a remote's state onto the current branch, or another one
///
/// Brings records, results, logs and outputs into the store; files come to the output folder when a
/// task needs them, or by `kptn restore`. A task that only this branch moved keeps its record. Results
/// that exist on this branch alone are never dropped without `--force`, and `kptn undo` takes a pull back.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The remote's name in `kptn.yaml`; the only one where nothing is said
    pub remote: Option<String>,
    /// Only these tasks or items and what each reads, with its log where it failed: `B`, `'B[NC]'`
    #[arg(value_name = "TASK[ITEM]", conflicts_with_all = ["select", "reader", "items"])]
    pub addresses: Vec<String>,
    /// The branch there; what `kptn.yaml` says of the remote, else the current one
    #[arg(long, value_name = "BRANCH")]
    pub from: Option<String>,
    /// As it was then: a commit that was pushed from, a tag of it, or a time
    #[arg(long, value_name = "COMMIT|TIME|TAG")]
    pub at: Option<String>,
    /// The branch here that gets it; the current one where nothing is said
    #[arg(long, value_name = "BRANCH")]
    pub into: Option<String>,
    /// Only what TASK reads: its dependencies' outputs and results
    #[arg(long = "for", value_name = "TASK", conflicts_with = "select")]
    pub reader: Option<String>,
    /// Only these tasks: names and selectors, as `kptn run` takes them
    #[arg(short, long, value_name = "TASK")]
    pub select: Vec<String>,
    /// Only the items that failed there, with what each reads and its log; of all tasks, or of those that `-s` names
    #[arg(long, value_name = "failed", value_parser = ["failed"])]
    pub items: Option<String>,
    /// Bring records and results alone: outputs and logs come when a task, `restore`, `path` or `cat` needs them
    #[arg(long)]
    pub lazy: bool,
    /// Do not ask, however much comes
    #[arg(short, long)]
    pub yes: bool,
    /// Give up results that the branch here alone has; `kptn undo` brings them back
    #[arg(short, long)]
    pub force: bool,
}

/// Fetch a remote's state without outputs and logs, and move no branch
#[derive(Debug, clap::Args)]
pub struct FetchArgs {
    /// The remote's name in `kptn.yaml`; the only one where nothing is said
    pub remote: Option<String>,
    /// The branch there; what `kptn.yaml` says of the remote, else the current one
    #[arg(long, value_name = "BRANCH")]
    pub from: Option<String>,
}

/// Pulls.
pub fn run(args: &Args, context: &Context<'_>) -> Result<Exit, CommandError> {
    // `kptn pull 'B[NC]'`: no remote's name has a bracket.
    let is_address = |text: &&String| text.contains('[');
    let first = args.remote.iter().filter(is_address);
    let addresses: Vec<String> = first.chain(&args.addresses).cloned().collect();
    let words = context.words(&args.select, &[]);
    let want = match &args.reader {
        Some(task) => Want::ReadBy(task.clone()),
        None if args.items.is_some() => Want::FailedItems(words),
        None if !addresses.is_empty() => Want::Items(addresses),
        None if args.select.is_empty() => Want::All,
        None => Want::Tasks(words),
    };
    // Of what an item does not read, the records alone: its list may have 50,000.
    let lazy = args.lazy || matches!(want, Want::Items(_) | Want::FailedItems(_));
    let request = PullRequest {
        remote: args.remote.clone().filter(|text| !is_address(&text)),
        from: args.from.clone(),
        into: args.into.clone(),
        want,
        at: args.at.clone(),
        take: if lazy { Take::Lazy } else { Take::All },
        unkept: if args.force { Unkept::GiveUp } else { Unkept::Refuse },
        moves: true,
    };
    let asking = if args.yes { Asking::Never } else { Asking::Above };
    transfer(&request, asking, context)
}

/// Fetches.
pub fn fetch(args: &FetchArgs, context: &Context<'_>) -> Result<Exit, CommandError> {
    let request = PullRequest {
        remote: args.remote.clone(),
        from: args.from.clone(),
        into: None,
        want: Want::All,
        at: None,
        take: Take::State,
        unkept: Unkept::Refuse,
        moves: false,
    };
    transfer(&request, Asking::Never, context)
}

/// Whether a person is asked where much comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Asking {
    /// Above what `settings.pull.ask_above` says.
    Above,
    /// Never.
    Never,
}

fn transfer(request: &PullRequest, asking: Asking, context: &Context<'_>) -> Result<Exit, CommandError> {
    let (session, start) = (context.open()?, context.start()?);
    let most = session.project.settings.ask_above.unwrap_or(ASK_ABOVE);
    let transfer = match asking {
        Asking::Above => Transfer::new(&context.printer).asking_above(most),
        Asking::Never => Transfer::new(&context.printer),
    };
    let pulled = remotes::pull(session, &start, request, &context.typed(), &transfer);
    transfer.end();
    let report = pulled?;
    let printer = &context.printer;
    if printer.json {
        printer.document(&Document::of(&report));
    } else {
        printer.say(views::remotes::pulled(&report, context.now_ms()));
    }
    Ok(Exit::FINE)
}
