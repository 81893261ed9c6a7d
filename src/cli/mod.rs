//! Words, flags, tables, progress and exit codes: the only layer that prints.
//!
//! [`main`] reads as the whole story: words become [`args::Arguments`], a file
//! under `commands/` asks `ops` for a report, a file under `views/` turns it
//! into text, `printer.rs` prints it, and an [`exit::Exit`] is left with.
//! Nothing below this folder knows that there is a terminal.

use std::panic::AssertUnwindSafe;
use std::process::ExitCode;
use std::sync::Arc;

pub mod args;
mod collecting;
mod commands;
mod complete;
mod error;
pub mod exit;
mod gone;
pub mod live;
mod paint;
mod printer;
mod reasons;
#[cfg(test)]
mod reference;
mod snippet;
mod stack_events;
mod table;
mod terminal;
mod transfer;
mod views;
mod watching;
mod width;
mod words;

use args::{Global, Parsed};
use commands::Context;
use error::CommandError;
use exit::Exit;
use printer::Printer;

/// Runs the program and returns what it leaves with.
pub fn main() -> ExitCode {
    error::install_panic_hook();
    crate::store::bring_by(crate::remote::bring);
    if complete::answered() {
        return Exit::FINE.into();
    }
    let exit = match args::parse(std::env::args_os()) {
        Parsed::Command(arguments) => {
            let global = &arguments.global;
            let printer = Arc::new(Printer::new(global.color, global.volume(), global.json));
            let context = Context { printer: Arc::clone(&printer), global };
            finish(&printer, || commands::run(&arguments.command, &context))
        }
        Parsed::Text(text) => {
            let printer = plain_printer();
            finish(&printer, || {
                printer.data(text);
                Ok(Exit::FINE)
            })
        }
        Parsed::Refused(text) => {
            plain_printer().insist(text);
            Exit::USAGE
        }
    };
    exit.into()
}

/// Does the work, tells of its error, and turns a panic into the exit code of a bug.
fn finish(printer: &Printer, work: impl FnOnce() -> Result<Exit, CommandError>) -> Exit {
    let done = std::panic::catch_unwind(AssertUnwindSafe(work));
    let exit = match done {
        Ok(Ok(exit)) => exit,
        Ok(Err(error)) => error.report(printer),
        Err(_) => Exit::BUG,
    };
    let exit = match printer.finish() {
        Err(error) if exit == Exit::FINE => error.report(printer),
        _ => exit,
    };
    if error::panicked() { Exit::BUG } else { exit }
}

/// The printer for what is said before the flags are known.
fn plain_printer() -> Printer {
    let global = Global::default();
    Printer::new(global.color, global.volume(), false)
}
