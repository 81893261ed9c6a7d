//! `kptn debug`: one task or item in the foreground, with the terminal.

use super::Context;
use crate::cli::complete;
use crate::cli::error::CommandError;
use crate::cli::exit::Exit;
use crate::cli::paint::Tone;
use crate::cli::views::Document;
use crate::ops::debug::{self, DebugReport};

/// Run one task or item in the foreground, in a debugger
///
/// Python stops in pdb where an error was raised, and `breakpoint()` works. R runs interactively, so that
/// `browser()` works, and offers its frames at an error. It runs whether or not it is stale, without retries and
/// timeout. Nothing is recorded: the outputs on record are there again afterwards, and what was written instead is
/// kept in `.kept/`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The task, or one of its items
    #[arg(value_name = "TASK[ITEM]", add = complete::tasks())]
    pub task: String,
}

/// Runs it.
pub fn run(args: &Args, context: &Context<'_>) -> Result<Exit, CommandError> {
    let session = context.open()?;
    let printer = &context.printer;
    let ready = debug::ready(&session, context.global.graph.clone(), &args.task, &context.typed())?;
    for path in &ready.standing.edited {
        printer.say(format!("{} `{path}` is used as you edited it", Tone::Warn.paint("note:")));
    }
    let report = ready.run()?;
    if printer.json {
        printer.document(&Document::of(&report));
    }
    printer.say(ending(&report, &session.place().outputs_dir));
    Ok(if report.failure.is_some() { Exit::FAILED } else { Exit::FINE })
}

fn ending(report: &DebugReport, outputs_dir: &std::path::Path) -> String {
    let name = &report.name;
    let how = match &report.failure {
        Some(error) => format!("{} `{name}`: {error}; nothing was recorded\n", Tone::Bad.paint("failed")),
        None => format!("{} `{name}` came to its end; nothing was recorded\n", Tone::Good.paint("done:")),
    };
    let aside = report.aside.iter().map(|path| format!("  it wrote {}\n", outputs_dir.join(path).display()));
    how + &aside.collect::<String>()
}
