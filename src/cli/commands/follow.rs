//! `kptn run --runner NAME`: an engine of this machine carries the run out, and it looks like a run of this machine.

use std::sync::Arc;

use super::Context;
use super::elsewhere;
use super::run::{self, Args};
use super::task::live;
use crate::cli::error::CommandError;
use crate::cli::exit::Exit;
use crate::cli::live::JsonLines;
use crate::cli::transfer::Transfer;
use crate::cli::views;
use crate::ops::follow::{self, Followed};
use crate::ops::runner::Runner;
use crate::task::Listener;

/// Renders, starts, follows.
pub fn run(name: &str, args: &Args, context: &Context<'_>) -> Result<Exit, CommandError> {
    let runner = Runner::named(name);
    if runner == Runner::Python {
        return run::start(&args.selection, &args.manner, context);
    }
    refuse(args)?;
    if runner == Runner::StepFunctions {
        return elsewhere::run(args, context);
    }
    if args.follow || args.detach {
        let flag = if args.follow { "--follow" } else { "--detach" };
        return Err(CommandError::usage(format!("`{flag}` cannot be used with `--runner {name}`"))
            .hint("what it does ends with this process; only `--runner stepfunctions` goes on by itself"));
    }
    let session = context.open()?;
    let request = run::request(&args.selection, &args.manner, context)?;
    let prepared = follow::prepare(&session, &request.words, &runner)?;
    let printer = &context.printer;
    let here = std::env::current_dir().unwrap_or_default();
    printer.say(views::files::rendered(&prepared.files, &here));
    let transfer = Transfer::new(printer);
    let watching = || {
        let mut all: Vec<Arc<dyn Listener>> = vec![Arc::new(live(context, &session).of_runner(name))];
        if printer.json {
            all.push(Arc::new(JsonLines::new(std::io::stdout())));
        }
        all
    };
    let followed = follow::run(&session, &request, &prepared, &transfer, watching)?;
    run::show(&followed.report, printer);
    ended(&followed, &prepared.engine, context)
}

/// What only a run of this machine can do.
fn refuse(args: &Args) -> Result<(), CommandError> {
    if args.watch {
        return Err(CommandError::usage("`--watch` cannot be used with `--runner`")
            .hint("starting an engine takes longer than an edit: `kptn run --watch` runs here"));
    }
    if args.manner.jobs.is_some() {
        return Err(CommandError::usage("`--jobs` cannot be used with `--runner`").hint(
            "the engine knows what it has: `group_size`, `compute` and `settings.concurrency` limit it",
        ));
    }
    if std::env::var_os("KPTN_REMOTE").is_some_and(|remote| !remote.is_empty()) {
        return Err(CommandError::usage("what machines share by `KPTN_REMOTE` cannot be followed from here")
            .hint("start what `kptn render` writes, or take `KPTN_REMOTE` away for this call"));
    }
    Ok(())
}

/// Returns how the run ended; an engine that gave up is an error.
pub(super) fn ended(followed: &Followed, engine: &str, context: &Context<'_>) -> Result<Exit, CommandError> {
    let Followed { report, end, left_open } = followed;
    if let (true, Some(run)) = (left_open, &report.run) {
        let message = format!("tasks of the run `{run}` did not end, and it is open");
        return Err(CommandError::conflict(message)
            .hint(format!("`kptn run close --wait --run {run}` ends it when they have")));
    }
    let counts = &report.counts;
    let (Some(end), true) = (end, counts.failed == 0 && counts.skipped > 0) else {
        return Ok(run::exit_of(report));
    };
    context.printer.insist(views::run::said(&end.said));
    let begun = counts.ran + counts.reused + counts.spared > 0;
    let exit = if begun { Exit::FAILED } else { Exit::ENVIRONMENT };
    let error = CommandError::new(exit, views::run::gave_up(engine, end.code, begun));
    Err(match &end.log {
        Some(log) => error.hint(format!("all that it said is in {}", log.display())),
        None => error,
    })
}
