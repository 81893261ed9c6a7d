//! `kptn run`: runs what is stale.

use std::path::Path;

use serde::Serialize;

use super::Context;
use super::engine::{self, EngineWord};
use super::follow;
use crate::cli::complete;
use crate::cli::error::CommandError;
use crate::cli::exit::Exit;
use crate::cli::printer::{Printer, Volume};
use crate::cli::terminal;
use crate::cli::transfer::Transfer;
use crate::cli::views::status::Fresh;
use crate::cli::views::{self, Document};
use crate::cli::watching::{self, Going, Watched};
use crate::model::{AfterFailure, CacheUse, Force, ItemChoice, ItemName, ItemSelector};
use crate::ops;
use crate::ops::choice::WhichItems;
use crate::ops::report::RunReport;
use crate::ops::run::{Events, RunRequest, Streaming};
use crate::state::Wait;

/// Run what is stale, in parallel, and skip what is fresh
///
/// The first word is a graph if one has that name. Tasks are selected as dbt does it: `A`, `+A`
/// (with what is before it), `A+` (with what depends on it), `A+2`, `clean_*`, `tag:x`,
/// `state:failed`. A selection whose dependencies are stale runs nothing, and says both ways on.
#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true, disable_help_subcommand = true)]
pub struct Args {
    /// For engines
    #[command(subcommand)]
    pub engine: Option<EngineWord>,
    /// What to run
    #[command(flatten)]
    pub selection: Selection,
    /// How to run it
    #[command(flatten)]
    pub manner: Manner,
    /// Have this engine carry it out: `prefect`, `slurm`, `stepfunctions`, or `NAME` for the template `NAME.jinja`
    ///
    /// Its file is rendered, it is started here and followed to its end; of `stepfunctions` an execution of what
    /// `kptn deploy aws` has deployed is started, and goes on if it is left.
    #[arg(long, value_name = "NAME")]
    pub runner: Option<String>,
    /// Follow the run of `--runner stepfunctions` that goes on already; where none does, one is started
    #[arg(long, requires = "runner")]
    pub follow: bool,
    /// Start the run of `--runner stepfunctions`, and leave it to itself
    #[arg(long, requires = "runner", conflicts_with = "follow")]
    pub detach: bool,
    /// Say what would be done, and do nothing
    #[arg(short = 'n', long)]
    pub dry_run: bool,
    /// Go on, and run again what an edit makes stale
    #[arg(short, long, conflicts_with_all = ["dry_run", "force"])]
    pub watch: bool,
}

/// Which tasks, of which graph.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Selection {
    /// A graph, then tasks; without tasks the whole graph
    #[arg(value_name = "GRAPH|TASK", add = complete::selection())]
    pub words: Vec<String>,
    /// Leave these out
    #[arg(long, value_name = "TASK")]
    pub exclude: Vec<String>,
    /// Take stale dependencies as they are
    #[arg(long)]
    pub no_deps: bool,
    /// Take stale dependencies as this remote has them; what is made of them never counts on a protected branch
    #[arg(long, value_name = "REMOTE", conflicts_with = "no_deps")]
    pub defer: Option<String>,
    /// Run fresh tasks too, and reuse nothing; with items, those alone
    #[arg(short, long)]
    pub force: bool,
    /// Items of the one mapped task that is named
    #[command(flatten)]
    pub items: Items,
}

impl Selection {
    /// Returns the words, split at commas as kptn 0.1 took them.
    pub fn words(&self) -> Vec<String> {
        let split = self.words.iter().flat_map(|word| word.split(','));
        split.map(str::trim).filter(|word| !word.is_empty()).map(str::to_owned).collect()
    }
}

/// Which items of a mapped task.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Items {
    /// This item of the mapped task alone: `NC`, `T1,27601`, or in JSON
    #[arg(long, value_name = "ITEM", allow_hyphen_values = true)]
    pub item: Vec<String>,
    /// These items alone: a pattern (`'N*'`), `failed`, or `@FILE` with an item a line
    #[arg(long, value_name = "ITEMS", allow_hyphen_values = true)]
    pub items: Vec<String>,
}

impl Items {
    /// Returns the choice; reads the files that it names.
    pub fn which(&self) -> Result<WhichItems, CommandError> {
        let mut all: Vec<_> = self.item.iter().map(|text| ItemSelector::Named(ItemName::new(text))).collect();
        for text in &self.items {
            match (text.as_str(), text.strip_prefix('@')) {
                ("failed", _) => all.push(ItemSelector::Failed),
                (_, Some(file)) => all.extend(read_names(Path::new(file))?.map(ItemSelector::Named)),
                (pattern, None) => all.push(ItemSelector::Matching(pattern.to_owned())),
            }
        }
        Ok(if all.is_empty() { WhichItems::All } else { WhichItems::Of(ItemChoice(all)) })
    }
}

fn read_names(file: &Path) -> Result<impl Iterator<Item = ItemName>, CommandError> {
    let text = std::fs::read_to_string(file).map_err(|error| {
        CommandError::usage(format!("cannot read items from `{}`", file.display())).because(&error)
    })?;
    let lines: Vec<_> = text.lines().filter(|line| !line.is_empty()).map(ItemName::new).collect();
    Ok(lines.into_iter())
}

/// How tasks are run.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Manner {
    /// At most so many tasks (or items) at once; one a core otherwise
    #[arg(short, long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub jobs: Option<u32>,
    /// Go on with what does not depend on a failed task
    #[arg(short, long)]
    pub keep_going: bool,
    /// Whether records made on other branches are taken (read) and its own offered to them (write); both otherwise
    #[arg(long, value_name = "USE", value_enum)]
    pub cache: Option<Cache>,
    /// Wait for a run that holds the branch or the output folder
    #[arg(long)]
    pub wait: bool,
}

/// What of the cache is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Cache {
    /// Take, and offer nothing
    Read,
    /// Offer, and take nothing
    Write,
    /// Neither
    None,
}

/// The one line of `--json` where there is nothing to do.
#[derive(Serialize)]
struct Nothing<'a> {
    event: &'static str,
    #[serde(flatten)]
    report: &'a RunReport,
}

/// Runs it, or says what it would do.
pub fn run(args: &Args, context: &Context<'_>) -> Result<Exit, CommandError> {
    if let Some(word) = &args.engine {
        return engine::run(word, context);
    }
    if args.dry_run {
        return super::plan::show(&args.selection, context);
    }
    if let Some(name) = &args.runner {
        return follow::run(name, args, context);
    }
    if args.watch {
        return watch(args, context);
    }
    start(&args.selection, &args.manner, context)
}

fn watch(args: &Args, context: &Context<'_>) -> Result<Exit, CommandError> {
    let words = context.words(&args.selection.words(), &args.selection.exclude);
    let watched = Watched { words, fresh: Fresh::Counted };
    let manner = Manner { wait: true, ..args.manner.clone() };
    watching::run(&watched, context, || {
        let session = context.open()?;
        let request = request(&args.selection, &manner, context)?;
        let transfer = Transfer::new(&context.printer);
        let report = ops::run::run(&session, &request, &transfer)?;
        let stopped =
            report.runner_exit.is_some() || (report.counts.skipped > 0 && report.counts.failed == 0);
        Ok(if stopped { Going::Stopped } else { Going::On })
    })
}

/// Runs a selection and returns how it ended.
pub fn start(selection: &Selection, manner: &Manner, context: &Context<'_>) -> Result<Exit, CommandError> {
    carry_out(&request(selection, manner, context)?, context)
}

/// Carries a request out and returns how it ended.
pub fn carry_out(request: &RunRequest, context: &Context<'_>) -> Result<Exit, CommandError> {
    let session = context.open()?;
    let printer = &context.printer;
    let transfer = Transfer::new(printer);
    let report = ops::run::run(&session, request, &transfer)?;
    show(&report, printer);
    if let Some(code) = report.runner_exit {
        return Err(CommandError::new(Exit::FAILED, views::run::cut_off(code))
            .hint("what finished is recorded: `kptn run` goes on from there"));
    }
    Ok(exit_of(&report))
}

/// Says what the display has not said: what was found, and that there was nothing to do.
pub(super) fn show(report: &RunReport, printer: &Printer) {
    printer.say(views::findings(&report.notes, printer.width()));
    if report.run.is_none() {
        if printer.json {
            printer.line(&Document::of(Nothing { event: "nothing_to_do", report }));
        }
        printer.say(views::run::nothing(report, printer.width()));
    }
}

/// Returns how a run ended that was closed.
pub(super) fn exit_of(report: &RunReport) -> Exit {
    // What was skipped without a failure was left undone by Ctrl-C, or by another branch.
    let undone = report.counts.failed + report.counts.skipped;
    if undone > 0 { Exit::FAILED } else { Exit::FINE }
}

/// Returns the request for what was typed.
pub fn request(
    selection: &Selection,
    manner: &Manner,
    context: &Context<'_>,
) -> Result<RunRequest, CommandError> {
    Ok(RunRequest {
        words: context.words(&selection.words(), &selection.exclude),
        items: selection.items.which()?,
        force: if selection.force { Force::Yes } else { Force::No },
        cache: match manner.cache {
            None => CacheUse::Both,
            Some(Cache::Read) => CacheUse::Read,
            Some(Cache::Write) => CacheUse::Write,
            Some(Cache::None) => CacheUse::None,
        },
        after_failure: if manner.keep_going { AfterFailure::KeepGoing } else { AfterFailure::Stop },
        ignore_stale_deps: selection.no_deps,
        defer: selection.defer.clone(),
        jobs: manner.jobs,
        streaming: match context.printer.volume {
            Volume::Verbose => Streaming::Everybody,
            Volume::Normal if terminal::stderr_is_terminal() => Streaming::WhoRunsAlone,
            Volume::Normal | Volume::Quiet => Streaming::Nobody,
        },
        wait: if manner.wait { Wait::Yes } else { Wait::No },
        events: if context.printer.json { Events::Stdout } else { Events::Off },
        engine: None,
        command: context.typed(),
        display: context.global.display_flags(),
    })
}
