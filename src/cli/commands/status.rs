//! `kptn status`: says which tasks are fresh, stale or failed.

use super::Context;
use crate::cli::complete;
use crate::cli::error::CommandError;
use crate::cli::exit::Exit;
use crate::cli::views::comment::{self, Format};
use crate::cli::views::status::{self, Fresh};
use crate::cli::views::why::Hunks;
use crate::cli::views::{self, Document};
use crate::cli::watching::{self, Watched};
use crate::model::Status;
use crate::ops::remotes::unsent;
use crate::ops::report::WhyReport;
use crate::ops::scope::Words;
use crate::ops::{self, Probing};

/// Show which tasks are fresh, stale or failed, and why in brief
///
/// Writes nothing and runs nothing. `maybe` means that something before the task is stale, so
/// that it may turn out fresh once that has run.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Tasks to show: names, `a+`, `+b`, `tag:x`, `state:stale`, `clean_*`; or one item, `'B[NC]'`
    #[arg(value_name = "GRAPH|TASK", add = complete::selection())]
    pub words: Vec<String>,
    /// Leave these out
    #[arg(long, value_name = "TASK")]
    pub exclude: Vec<String>,
    /// Show fresh tasks one by one, however many there are
    #[arg(short, long)]
    pub all: bool,
    /// Ask probes again instead of believing their last answers
    #[arg(long)]
    pub probe: bool,
    /// Only tasks that this branch changes, and what depends on them
    #[arg(long, requires = "base")]
    pub affected: bool,
    /// What `--affected` compares with: a branch, a tag, a commit
    #[arg(long, value_name = "REF", requires = "affected")]
    pub base: Option<String>,
    /// Only tasks whose results no remote had when it was last seen; asks none
    #[arg(long, conflicts_with_all = ["affected", "watch", "format"])]
    pub not_in_remote: bool,
    /// How it is written
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t)]
    pub format: Format,
    /// Leave with 1 where a task that is shown is not fresh
    #[arg(long)]
    pub exit_code: bool,
    /// Go on, and show it again when something changed
    #[arg(short, long, conflicts_with_all = ["affected", "format", "exit_code", "probe"])]
    pub watch: bool,
}

/// Explains the item that a word names; absent where it names none: `clean_[ab]` is a pattern.
fn of_item(word: &str, context: &Context<'_>) -> Result<Option<WhyReport>, CommandError> {
    let Some((task, _)) = word.split_once('[').filter(|_| word.ends_with(']')) else { return Ok(None) };
    let session = context.open()?;
    if !session.project.graphs.values().any(|graph| graph.tasks.contains_key(task)) {
        return Ok(None);
    }
    Ok(Some(ops::why::why(&session, context.global.graph.clone(), word)?))
}

/// Shows it.
pub fn run(args: &Args, context: &Context<'_>) -> Result<Exit, CommandError> {
    let printer = &context.printer;
    let words = context.words(&args.words, &args.exclude);
    let fresh = if args.all { Fresh::Listed } else { Fresh::Counted };
    if args.watch {
        return watching::status(&Watched { words, fresh }, context);
    }
    if let Some(base) = &args.base {
        return affected(args, base, &words, context);
    }
    let probing = if args.probe { Probing::Ask } else { Probing::Believe };
    if let [item] = args.words.as_slice()
        && let Some(report) = of_item(item, context)?
    {
        let stale = report.row.status != Status::Fresh;
        super::why::show(&report, Hunks::Beginnings, context)?;
        return Ok(if args.exit_code && stale { Exit::FAILED } else { Exit::FINE });
    }
    if args.not_in_remote {
        return not_in_remote(args, &words, probing, context);
    }
    let all = words == Words::default() && probing == Probing::Believe;
    let remembered = if all { ops::quick::remembered(&context.start()?) } else { None };
    let report = match remembered {
        Some(report) => report,
        None => ops::status::status(&context.open()?, &words, probing)?,
    };
    if printer.json {
        printer.document(&Document::of(&report));
    } else {
        printer.say(views::findings(&report.notes, printer.width()));
        printer.data(match args.format {
            Format::Text => status::text(&report, fresh, printer.data_width(), context.now_ms()),
            format => comment::status(&report, format),
        });
    }
    Ok(leave(args, report.rows.iter().map(|row| row.status)))
}

fn not_in_remote(
    args: &Args,
    words: &Words,
    probing: Probing,
    context: &Context<'_>,
) -> Result<Exit, CommandError> {
    let session = context.open()?;
    let report = unsent::not_in_remote(&session, ops::status::status(&session, words, probing)?)?;
    let printer = &context.printer;
    if printer.json {
        printer.document(&Document::of(&report));
    } else {
        printer.data(views::remotes::not_in_remote(&report, printer.data_width(), context.now_ms()));
    }
    Ok(leave(args, report.status.rows.iter().map(|row| row.status)))
}

fn affected(args: &Args, base: &str, words: &Words, context: &Context<'_>) -> Result<Exit, CommandError> {
    let report = ops::affected::affected(&context.open()?, words, base)?;
    let printer = &context.printer;
    if printer.json {
        printer.document(&Document::of(&report));
    } else {
        printer.data(match args.format {
            Format::Text => status::affected(&report, printer.data_width()),
            format => comment::affected(&report, format),
        });
    }
    Ok(leave(args, report.rows.iter().map(|row| row.row.status)))
}

fn leave(args: &Args, statuses: impl Iterator<Item = Status>) -> Exit {
    let mut stale = statuses.filter(|status| *status != Status::Fresh);
    if args.exit_code && stale.next().is_some() { Exit::FAILED } else { Exit::FINE }
}
