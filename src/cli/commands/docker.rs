//! `kptn docker`: the image that engines run tasks in.

use super::Context;
use super::deploy::carry_out;
use crate::cli::error::CommandError;
use crate::cli::exit::Exit;
use crate::ops::deploy;
use crate::ops::runner::Rendering;

/// Make the image that engines run tasks in, and push it
///
/// `settings.docker_image` names it. `Dockerfile` and `.dockerignore` are written where they are not there; once
/// edited, they stay as they are.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// What to do
    #[command(subcommand)]
    pub what: What,
}

/// What to do with it.
#[derive(Debug, clap::Subcommand)]
pub enum What {
    /// Build it, with the versions of R, Python and kptn that are used here
    Build(Dry),
    /// Push it to its registry
    Push(Dry),
}

/// Flags of both.
#[derive(Debug, clap::Args)]
pub struct Dry {
    /// Print what would be called, and write nothing
    #[arg(short = 'n', long)]
    pub dry_run: bool,
}

/// Calls the client.
pub fn run(args: &Args, context: &Context<'_>) -> Result<Exit, CommandError> {
    let session = context.open_quietly()?;
    let (call, dry) = match &args.what {
        What::Build(dry) => {
            let rendering = if dry.dry_run { Rendering::Check } else { Rendering::Write };
            (deploy::docker_build(&session, rendering)?, dry)
        }
        What::Push(dry) => (deploy::docker_push(&session)?, dry),
    };
    carry_out(&call, dry.dry_run, context)
}
