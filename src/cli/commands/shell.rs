//! `kptn shell`: a shell, or a command, where a task would run.

use std::ffi::OsString;

use super::Context;
use crate::cli::complete;
use crate::cli::error::CommandError;
use crate::cli::exit::Exit;
use crate::cli::paint::Tone;
use crate::ops::shoes;
use crate::process::{Launch, run_attached};

/// Open a shell in a task's shoes, or run a command there
///
/// Its inputs, working folder and environment are in place, as `kptn env` has them. Nothing is recorded,
/// and what you write into the output folder counts as an edit. Leaves with the exit code of the shell or command.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The task, or one of its items
    #[arg(value_name = "TASK[ITEM]", add = complete::tasks())]
    pub task: String,
    /// A command instead of `$SHELL`
    #[arg(value_name = "COMMAND", last = true)]
    pub command: Vec<OsString>,
}

/// Opens it.
pub fn run(args: &Args, context: &Context<'_>) -> Result<Exit, CommandError> {
    let session = context.open()?;
    let standing = shoes::stand(&session, context.global.graph.clone(), &args.task, &context.typed())?;
    let shell = || std::env::var_os("SHELL").filter(|shell| !shell.is_empty()).unwrap_or("/bin/sh".into());
    let (program, arguments) = match args.command.split_first() {
        Some((program, arguments)) => (program.clone(), arguments),
        None => (shell(), [].as_slice()),
    };
    for path in &standing.edited {
        context.printer.say(format!("{} `{path}` is as you edited it", Tone::Warn.paint("note:")));
    }
    if args.command.is_empty() {
        let (name, folder) = (standing.name(), standing.job.folder.display());
        context.printer.say(format!("in the shoes of `{name}`, in {folder}; `exit` leaves"));
    }
    let launch = Launch::new(program)
        .arguments(arguments)
        .environment(standing.environment(&session)?)
        .folder(&standing.job.folder);
    let ended = run_attached(&launch)?;
    // As shells do it: a signal counts from 128.
    let code = ended.code.unwrap_or_else(|| 128 + ended.signal.unwrap_or(0));
    Ok(Exit(u8::try_from(code).unwrap_or(Exit::FAILED.0)))
}
