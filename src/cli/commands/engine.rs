//! `kptn run open` and `kptn run close`: the two ends of a run that an engine carries out.
//!
//! A graph or task may bear these names: where one does, the words mean that,
//! unless a flag says that an engine speaks.

use std::time::Duration;

use super::Context;
use super::gc::parse_time;
use super::run::{self, Manner, Selection};
use super::task::{listeners, shared_by};
use crate::cli::error::CommandError;
use crate::cli::exit::Exit;
use crate::cli::views::{self, Document};
use crate::model::{RunId, TaskName};
use crate::ops::holding::{EngineOpening, TakeOver};
use crate::ops::run::{RunRequest, Streaming};
use crate::ops::{Session, engines, shared_run};
use crate::state::{Engine, Wait};

const HOUR: Duration = Duration::from_secs(60 * 60);
const WEEK: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// What an engine says of a run.
#[derive(Debug, clap::Subcommand)]
pub enum EngineWord {
    /// Open a run that an engine carries out, and print its id
    ///
    /// With `--json` also what may run. The tasks are run by `kptn task run --run ID`, in any process, and
    /// the run is ended by `kptn run close --run ID`. Until then it has its branch to itself.
    Open(Open),
    /// Close a run of an engine, and leave with the exit code of the same run on this machine
    ///
    /// Closing twice is harmless. It ends a run whose engine is gone, too.
    Close(Close),
}

/// Flags of `run open`.
#[derive(Debug, clap::Args)]
pub struct Open {
    /// What to run
    #[command(flatten)]
    pub selection: Selection,
    /// How to run it
    #[command(flatten)]
    pub manner: Manner,
    /// What the engine is called, for people
    #[arg(long, value_name = "NAME")]
    pub engine: Option<String>,
    /// The engine's own name for this execution: opening again with it finds the same run
    #[arg(long, value_name = "KEY")]
    pub key: Option<String>,
    /// Give the run up when a newer one comes, if it has been silent for this long and none of its tasks runs
    ///
    /// An hour unless said, and a week for a run of several machines.
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    pub lease: Option<Duration>,
    /// Give up an earlier run of an engine of which no task runs, however young
    #[arg(long)]
    pub take_over: bool,
    /// The remote by which the run's machines share state, by address or name; `KPTN_REMOTE` says it too
    #[arg(long, value_name = "REMOTE")]
    pub remote: Option<String>,
}

/// Flags of `run close`.
#[derive(Debug, clap::Args)]
pub struct Close {
    /// The run
    #[arg(long, value_name = "ID")]
    pub run: Option<String>,
    /// Wait for its tasks that still run
    #[arg(long)]
    pub wait: bool,
    /// The remote by which the run's machines share state, by address or name; `KPTN_REMOTE` says it too
    #[arg(long, value_name = "REMOTE")]
    pub remote: Option<String>,
    /// Of a graph or task called `close`
    #[arg(value_name = "TASK", hide = true)]
    pub words: Vec<String>,
}

/// Opens or closes.
pub fn run(word: &EngineWord, context: &Context<'_>) -> Result<Exit, CommandError> {
    let session = context.open_quietly()?;
    match word {
        EngineWord::Open(args) if !is_by_engine(args) && has(&session, "open") => {
            run::start(&with_first("open", &args.selection), &args.manner, context)
        }
        EngineWord::Open(args) => open(args, &session, context),
        EngineWord::Close(args) => match &args.run {
            Some(run) => close(run, args, &session, context),
            None if has(&session, "close") => {
                let selection = Selection { words: args.words.clone(), ..Selection::default() };
                run::start(&with_first("close", &selection), &Manner::default(), context)
            }
            None => Err(CommandError::usage("which run is to be closed is not said")
                .hint("`--run ID` names it, as `kptn run open` printed it")),
        },
    }
}

fn is_by_engine(args: &Open) -> bool {
    args.engine.is_some() || args.key.is_some() || args.take_over || args.remote.is_some()
}

fn has(session: &Session, name: &str) -> bool {
    let mut graphs = session.project.graphs.iter();
    let task = TaskName::parse(name).ok();
    graphs.any(|(graph, all)| {
        graph.as_str() == name || task.as_ref().is_some_and(|task| all.tasks.contains_key(task))
    })
}

fn with_first(word: &str, selection: &Selection) -> Selection {
    let words = std::iter::once(word.to_owned()).chain(selection.words.iter().cloned());
    Selection { words: words.collect(), ..selection.clone() }
}

fn open(args: &Open, session: &Session, context: &Context<'_>) -> Result<Exit, CommandError> {
    let remote = shared_by(args.remote.as_ref());
    let lease = args.lease.unwrap_or(if remote.is_some() { WEEK } else { HOUR });
    let engine = Engine {
        name: args.engine.clone().unwrap_or_else(|| "an engine".to_owned()),
        key: args.key.clone(),
        lease_ms: u64::try_from(lease.as_millis()).unwrap_or(u64::MAX / 2),
        remote: remote.clone(),
    };
    let take_over = if args.take_over { TakeOver::Any } else { TakeOver::Silent };
    let request = RunRequest {
        engine: Some(EngineOpening { engine, take_over, opened: opened_before() }),
        streaming: Streaming::Nobody,
        ..run::request(&args.selection, &args.manner, context)?
    };
    let listeners = listeners(context, session, None);
    let report = match remote {
        Some(remote) => shared_run::open(&context.start()?, &request, &remote, listeners)?,
        None => engines::open(session, &request, listeners)?,
    };
    let printer = &context.printer;
    printer.say(views::findings(&report.notes, printer.width()));
    if printer.json {
        printer.document(&Document::of(&report));
    } else {
        printer.data(format!("{}\n", report.run));
    }
    Ok(Exit::FINE)
}

/// The run that `kptn run --runner` has opened for the engine that calls us.
fn opened_before() -> Option<RunId> {
    std::env::var("KPTN_RUN").ok().and_then(|run| RunId::parse(&run))
}

fn close(run: &str, args: &Close, session: &Session, context: &Context<'_>) -> Result<Exit, CommandError> {
    let wait = if args.wait { Wait::Yes } else { Wait::No };
    let (command, listeners) = (context.typed(), listeners(context, session, None));
    let report = match shared_by(args.remote.as_ref()) {
        Some(remote) => shared_run::close(&context.start()?, run, &remote, wait, &command, listeners, &[])?,
        None => engines::close(session, run, wait, &command, listeners)?,
    };
    if context.printer.json {
        context.printer.document(&Document::of(&report));
    }
    Ok(Exit(u8::try_from(report.exit).unwrap_or(Exit::BUG.0)))
}
