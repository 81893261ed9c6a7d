//! `kptn debug`: one task or item in the foreground, with the terminal.

use super::Context;
use crate::cli::complete;
use crate::cli::error::CommandError;
use crate::cli::exit::Exit;
use crate::cli::paint::Tone;
use crate::cli::views::Document;
use crate::cli::words;
use crate::ops::debug::{self, DebugReport, RecordedAttempt};

/// Run one task or item in the foreground, in a debugger
///
/// Python stops in pdb where an error was raised, and `breakpoint()` works. R runs interactively, so that
/// `browser()` works, and offers its frames at an error. It runs whether or not it is stale, without retries and
/// timeout. Nothing is recorded: the outputs on record are there again afterwards, and what was written instead is
/// kept in `.kept/`. With `--record` an attempt that succeeds counts as one of a run, and `kptn undo` takes it back.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The task, or one of its items
    #[arg(value_name = "TASK[ITEM]", add = complete::tasks())]
    pub task: String,
    /// Record what it leaves, if it succeeds
    #[arg(long)]
    pub record: bool,
}

/// Runs it.
pub fn run(args: &Args, context: &Context<'_>) -> Result<Exit, CommandError> {
    let session = context.open()?;
    let printer = &context.printer;
    let ready = debug::ready(&session, context.global.graph.clone(), &args.task, &context.typed())?;
    for path in &ready.standing.edited {
        printer.say(format!("{} `{path}` is used as you edited it", Tone::Warn.paint("note:")));
    }
    let report = if args.record { ready.run_and_record()? } else { ready.run()? };
    if printer.json {
        printer.document(&Document::of(&report));
    }
    printer.say(ending(&report, &session.place().outputs_dir));
    Ok(if report.failure.is_some() { Exit::FAILED } else { Exit::FINE })
}

fn ending(report: &DebugReport, outputs_dir: &std::path::Path) -> String {
    let name = &report.name;
    let came = || format!("{} `{name}` came to its end", Tone::Good.paint("done:"));
    let how = match (&report.failure, &report.recorded) {
        (Some(error), _) => {
            format!("{} `{name}`: {error}; nothing was recorded\n", Tone::Bad.paint("failed"))
        }
        (None, None) => format!("{}; nothing was recorded\n", came()),
        (None, Some(recorded)) => format!("{}; {}\n", came(), what(recorded)),
    };
    let aside = match report.recorded {
        None => "it wrote",
        Some(_) => "an edit was in its way, and is kept in",
    };
    let files = report.aside.iter();
    how + &files.map(|path| format!("  {aside} {}\n", outputs_dir.join(path).display())).collect::<String>()
}

fn what(recorded: &RecordedAttempt) -> String {
    let RecordedAttempt { record, left, changed } = recorded;
    let stale = || format!("{} changed meanwhile, so it stays stale", changed.join(", "));
    match record {
        Some(record) if changed.is_empty() => {
            format!("recorded as {}; `kptn undo` takes that back", record.short())
        }
        Some(record) => format!("recorded as {}, but {}", record.short(), stale()),
        None if !changed.is_empty() => format!("nothing was recorded: {}", stale()),
        None => format!("it is kept; {} not fresh", words::count(*left, "item is", "items are")),
    }
}
