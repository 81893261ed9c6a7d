//! `kptn output`: prints what a task printed.

use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::time::Duration;

use super::Context;
use crate::cli::complete;
use crate::cli::error::CommandError;
use crate::cli::exit::Exit;
use crate::ops::{self, Session};

/// Print what a task printed when it last ran
///
/// While it runs, what it has printed so far.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The task, or one item of it: `'B[NC]'`
    #[arg(value_name = "TASK[ITEM]", add = complete::tasks())]
    pub task: String,
    /// Go on for as long as it runs
    #[arg(short, long)]
    pub follow: bool,
}

/// How long to wait for more, between two looks.
const PAUSE: Duration = Duration::from_millis(200);

/// Prints it.
pub fn run(args: &Args, context: &Context<'_>) -> Result<Exit, CommandError> {
    let session = context.open()?;
    let log = ops::output::output(&session, context.global.graph.clone(), &args.task)?;
    if let Some(bytes) = &log.bytes {
        context.printer.bytes(bytes);
    }
    if let Some(path) = &log.path {
        let goes_on = || args.follow && runs(&session, context, &args.task);
        print_file(path, context, goes_on)?;
    }
    Ok(Exit::FINE)
}

fn runs(session: &Session, context: &Context<'_>, task: &str) -> bool {
    let log = ops::output::output(session, context.global.graph.clone(), task);
    log.is_ok_and(|log| log.running)
}

/// Prints a file to its end, and what is added for as long as it goes on.
fn print_file(path: &Path, context: &Context<'_>, goes_on: impl Fn() -> bool) -> Result<(), CommandError> {
    let printer = &context.printer;
    let failed = |error: std::io::Error| {
        CommandError::environment(format!("cannot read `{}`", path.display())).because(&error)
    };
    let mut file = File::open(path).map_err(failed)?;
    let mut buffer = vec![0; 64 * 1024];
    loop {
        // Asked before the read, so that what came before the end is printed.
        let more = goes_on();
        loop {
            let length = file.read(&mut buffer).map_err(failed)?;
            if length == 0 || !printer.is_open() {
                break;
            }
            printer.bytes(&buffer[..length]);
        }
        if !more || !printer.is_open() {
            return Ok(());
        }
        std::thread::sleep(PAUSE);
    }
}
