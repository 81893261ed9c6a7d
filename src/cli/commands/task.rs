//! `kptn task`: what runners and engines ask for.

use std::fs::File;
use std::sync::Arc;

use super::Context;
use super::run::{self, Manner, Selection};
use crate::cli::error::CommandError;
use crate::cli::exit::Exit;
use crate::cli::live::{JsonLines, Live};
use crate::cli::views::Document;
use crate::model::{Bundle, ItemChoice, ItemSelector, TaskOutcome};
use crate::ops::bundles::AT_MOST;
use crate::ops::choice::WhichItems;
use crate::ops::run::{RunRequest, Streaming};
use crate::ops::shared_run::{self, Entering};
use crate::ops::tasks::{self, Joining, Part, Retrying};
use crate::ops::{self, Session};
use crate::process;
use crate::task::Listener;
use crate::task::serve::hello_line;

/// Run one task for a runner or an engine
///
/// People want `kptn run TASK`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// What to do
    #[command(subcommand)]
    pub what: What,
}

/// What a runner or an engine asks for.
#[derive(Debug, clap::Subcommand)]
pub enum What {
    /// Run one task, or one bundle of it, if it is stale
    Run(Run),
    /// Name the bundles of a mapped task that have to run
    Bundles(Bundles),
    /// Answer a runner over standard input and output
    #[command(hide = true)]
    Serve(Serve),
    /// End a task's processes when their starter dies
    #[command(hide = true)]
    Reap,
}

/// Flags of `task run`.
#[derive(Debug, clap::Args)]
pub struct Run {
    /// The task
    #[arg(value_name = "[GRAPH] TASK", required = true, num_args = 1..=2)]
    pub words: Vec<String>,
    /// The run it belongs to; without it, one is opened for this task alone
    #[arg(long, value_name = "ID")]
    pub run: Option<String>,
    /// The items of this bundle alone, as `kptn task bundles` names it
    #[arg(long, value_name = "BUNDLE", value_parser = Bundle::parse)]
    pub bundle: Option<Bundle>,
    /// Run it even where it is fresh
    #[arg(short, long)]
    pub force: bool,
    /// Try nothing again: who starts this does
    #[arg(long)]
    pub no_retries: bool,
    /// The remote by which the run's machines share state, by address or name; `KPTN_REMOTE` says it too
    #[arg(long, value_name = "REMOTE")]
    pub remote: Option<String>,
}

/// Flags of `task bundles`.
#[derive(Debug, clap::Args)]
pub struct Bundles {
    /// The mapped task; what is before it must be done
    #[arg(value_name = "[GRAPH] TASK", required = true, num_args = 1..=2)]
    pub words: Vec<String>,
    /// The run that the bundles are of; without it, what a run would do now
    #[arg(long, value_name = "ID")]
    pub run: Option<String>,
    /// Name no more than so many, each with more items
    #[arg(long, value_name = "N", default_value_t = AT_MOST, value_parser = clap::value_parser!(u64).range(1..))]
    pub at_most: u64,
    /// The remote by which the run's machines share state, by address or name; `KPTN_REMOTE` says it too
    #[arg(long, value_name = "REMOTE")]
    pub remote: Option<String>,
}

/// Flags of `task serve`.
#[derive(Debug, clap::Args)]
pub struct Serve {
    /// The run that `kptn run` opened
    #[arg(long, value_name = "ID", hide = true)]
    pub run: Option<String>,
    /// Say which version of the runner's protocol this is, and leave
    #[arg(long, hide = true)]
    pub hello: bool,
    /// Run fresh tasks too
    #[arg(short, long, hide = true)]
    pub force: bool,
    /// At most so many tasks at once
    #[arg(short, long, value_name = "N", hide = true)]
    pub jobs: Option<u32>,
    /// Go on after a failure
    #[arg(short, long, hide = true)]
    pub keep_going: bool,
    /// What to run
    #[arg(value_name = "TASK", hide = true)]
    pub tasks: Vec<String>,
}

/// Does it.
pub fn run(args: &Args, context: &Context<'_>) -> Result<Exit, CommandError> {
    match &args.what {
        What::Reap => {
            process::reaper::main_loop(std::io::stdin().lock());
            Ok(Exit::FINE)
        }
        What::Serve(serve) if serve.hello => {
            context.printer.data(hello_line());
            Ok(Exit::FINE)
        }
        What::Serve(serve) => serve_runner(serve, context),
        What::Run(run) => run_one(run, context),
        What::Bundles(bundles) => name_bundles(bundles, context),
    }
}

/// One name a line, or the whole report.
fn name_bundles(args: &Bundles, context: &Context<'_>) -> Result<Exit, CommandError> {
    let (task, graph) = (args.words.last(), args.words.first().filter(|_| args.words.len() > 1));
    let graph = context.global.graph.clone().or_else(|| graph.cloned());
    let task = task.map(String::as_str).unwrap_or_default();
    let report = match shared(args.remote.as_ref(), args.run.as_ref())? {
        Some((remote, run)) => {
            let entering = Entering { start: context.start()?, remote: &remote, run, task, bundle: None };
            shared_run::bundles(&entering, args.at_most)?
        }
        None => {
            let session = context.open()?;
            ops::bundles::bundles(&session, graph, task, args.run.as_deref(), args.at_most)?
        }
    };
    if context.printer.json {
        context.printer.document(&Document::of(&report));
    } else {
        let names = report.bundles.iter().map(|bundle| format!("{bundle}\n"));
        context.printer.data(names.collect::<String>());
    }
    Ok(Exit::FINE)
}

/// Returns the remote and the run where several machines carry it out.
fn shared<'a>(
    remote: Option<&String>,
    run: Option<&'a String>,
) -> Result<Option<(String, &'a str)>, CommandError> {
    match (shared_by(remote), run) {
        (Some(remote), Some(run)) => Ok(Some((remote, run))),
        (Some(_), None) if remote.is_some() => Err(CommandError::usage("`--remote` is for a task of a run")
            .hint("`--run ID` names it, as `kptn run open --remote` printed it")),
        _ => Ok(None),
    }
}

/// Returns the remote by which the machines of a run share state; absent where this one does it alone.
pub(super) fn shared_by(flag: Option<&String>) -> Option<String> {
    let said = || std::env::var("KPTN_REMOTE").ok().filter(|text| !text.is_empty());
    flag.cloned().or_else(said)
}

fn serve_runner(args: &Serve, context: &Context<'_>) -> Result<Exit, CommandError> {
    let handed_on = tasks::adopt_handed_on();
    let session = context.open_quietly()?;
    let joining = match &args.run {
        Some(run) => Joining::Opened { run: run.clone() },
        None => Joining::ByHand(Box::new(by_hand(args, context)?)),
    };
    let listeners = listeners(context, &session, handed_on.events);
    let input = std::io::BufReader::new(std::io::stdin());
    let served = tasks::serve(&session, &joining, handed_on.held, listeners, input, std::io::stdout())?;
    Ok(Exit(u8::try_from(served.exit).unwrap_or(Exit::BUG.0)))
}

/// A runner that was started by hand streams what its tasks print.
fn by_hand(args: &Serve, context: &Context<'_>) -> Result<RunRequest, CommandError> {
    let selection = Selection { words: args.tasks.clone(), force: args.force, ..Selection::default() };
    let manner = Manner { jobs: args.jobs, keep_going: args.keep_going, ..Manner::default() };
    Ok(RunRequest { streaming: Streaming::Everybody, ..run::request(&selection, &manner, context)? })
}

fn run_one(args: &Run, context: &Context<'_>) -> Result<Exit, CommandError> {
    let handed_on = tasks::adopt_handed_on();
    if let Some((remote, run)) = shared(args.remote.as_ref(), args.run.as_ref())? {
        return run_shared(args, &remote, run, handed_on.events, context);
    }
    let session = context.open_quietly()?;
    let selection = Selection { words: args.words.clone(), force: args.force, ..Selection::default() };
    let mut request = run::request(&selection, &Manner::default(), context)?;
    if let Some(bundle) = &args.bundle {
        request.items = WhichItems::Of(ItemChoice(vec![ItemSelector::Bundle(bundle.clone())]));
    }
    let joining = match &args.run {
        Some(run) => Joining::Opened { run: run.clone() },
        None => Joining::ByHand(Box::new(RunRequest { streaming: Streaming::Everybody, ..request })),
    };
    let task = args.words.last().map(String::as_str).unwrap_or_default();
    let listeners = listeners(context, &session, handed_on.events);
    let part = Part { task, bundle: args.bundle.as_ref(), retrying: retrying(args) };
    Ok(exit_of(tasks::run_one(&session, &joining, &part, handed_on.held, listeners)?))
}

/// Runs it for a run of which other machines run other tasks.
fn run_shared(
    args: &Run,
    remote: &str,
    run: &str,
    events: Option<File>,
    context: &Context<'_>,
) -> Result<Exit, CommandError> {
    let task = args.words.last().map(String::as_str).unwrap_or_default();
    let start = context.start()?;
    let mut listeners: Vec<Arc<dyn Listener>> = Vec::new();
    listeners.push(Arc::new(Live::new(
        Arc::clone(&context.printer),
        start.folder.clone(),
        std::iter::empty(),
    )));
    listeners.extend(events.map(|file| Arc::new(JsonLines::new(file)) as Arc<dyn Listener>));
    let entering = Entering { start, remote, run, task, bundle: args.bundle.as_ref() };
    Ok(exit_of(shared_run::run_one(&entering, retrying(args), listeners)?))
}

fn retrying(args: &Run) -> Retrying {
    if args.no_retries { Retrying::Elsewhere } else { Retrying::Here }
}

fn exit_of(outcome: TaskOutcome) -> Exit {
    // What was stopped is not done, and who started it must not go on.
    let done = !matches!(outcome, TaskOutcome::Failed | TaskOutcome::Skipped);
    if done { Exit::FINE } else { Exit::FAILED }
}

/// Returns what shows a run to people.
pub(super) fn live(context: &Context<'_>, session: &Session) -> Live {
    let base = std::env::current_dir().unwrap_or_else(|_| session.project.root.clone());
    let graph = context.global.graph.as_ref().and_then(|name| session.graph(name).ok());
    Live::new(Arc::clone(&context.printer), base, graph.into_iter().flat_map(|graph| graph.tasks.keys()))
}

/// Returns who hears of what tasks do: people, and whoever asked for events.
pub(super) fn listeners(
    context: &Context<'_>,
    session: &Session,
    events: Option<File>,
) -> Vec<Arc<dyn Listener>> {
    let mut all: Vec<Arc<dyn Listener>> = vec![Arc::new(live(context, session))];
    all.extend(events.map(|file| Arc::new(JsonLines::new(file)) as Arc<dyn Listener>));
    all
}
