//! `kptn output`: prints what a task printed.

use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::time::Duration;

use super::Context;
use crate::cli::complete;
use crate::cli::error::CommandError;
use crate::cli::exit::Exit;
use crate::cli::paint::harmless;
use crate::ops::report::ItemLines;
use crate::ops::{self, Session};

/// Print what a task printed when it last ran
///
/// While it runs, what it has printed so far. Of a mapped task, all that items printed that failed.
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
    print_items(&log.failed, context)?;
    Ok(Exit::FINE)
}

/// Prints the lines of items that failed, each beneath its name; of one that printed nothing, what went wrong.
fn print_items(items: &[ItemLines], context: &Context<'_>) -> Result<(), CommandError> {
    let printer = &context.printer;
    for ItemLines { item, error, part } in items {
        printer.bytes(format!("[{}]\n", harmless(item)).as_bytes());
        let bytes = match part {
            Some((path, offset, length)) => {
                ops::output::read_range(path, *offset, *length).map_err(|error| unreadable(path, &error))?
            }
            None => error.as_bytes().to_vec(),
        };
        printer.bytes(&bytes);
        if !bytes.ends_with(b"\n") {
            printer.bytes(b"\n");
        }
        if !printer.is_open() {
            break;
        }
    }
    Ok(())
}

fn unreadable(path: &Path, error: &std::io::Error) -> CommandError {
    CommandError::environment(format!("cannot read `{}`", path.display())).because(error)
}

fn runs(session: &Session, context: &Context<'_>, task: &str) -> bool {
    let log = ops::output::output(session, context.global.graph.clone(), task);
    log.is_ok_and(|log| log.running)
}

/// Prints a file to its end, and what is added for as long as it goes on.
fn print_file(path: &Path, context: &Context<'_>, goes_on: impl Fn() -> bool) -> Result<(), CommandError> {
    let printer = &context.printer;
    let failed = |error: std::io::Error| unreadable(path, &error);
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
