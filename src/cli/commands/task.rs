//! `kptn task`: what runners and engines ask for.

use super::Context;
use crate::cli::error::CommandError;
use crate::cli::exit::Exit;
use crate::process;

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
    /// Run one task, if it is stale
    Run(Run),
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
    #[arg(value_name = "TASK")]
    pub task: String,
    /// The run it belongs to; without it, one is opened for this task alone
    #[arg(long, value_name = "ID")]
    pub run: Option<String>,
    /// Run it even where it is fresh
    #[arg(short, long)]
    pub force: bool,
}

/// Flags of `task serve`.
#[derive(Debug, clap::Args)]
pub struct Serve {
    /// The run that `kptn run` opened
    #[arg(long, value_name = "ID", hide = true)]
    pub run: Option<String>,
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
pub fn run(args: &Args, _context: &Context<'_>) -> Result<Exit, CommandError> {
    if let What::Reap = args.what {
        process::reaper::main_loop(std::io::stdin().lock());
        return Ok(Exit::FINE);
    }
    Err(CommandError::environment("`kptn task` is not in this build yet"))
}
