//! `kptn deploy`: hands graphs to an engine that runs them elsewhere.

use super::Context;
use crate::cli::error::CommandError;
use crate::cli::exit::Exit;
use crate::cli::views;
use crate::ops::deploy::{self, Call};
use crate::ops::runner::Rendering;
use crate::process::run_attached;

/// Hand graphs to an engine that runs them elsewhere
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The engine
    #[command(subcommand)]
    pub to: To,
}

/// An engine.
#[derive(Debug, clap::Subcommand)]
pub enum To {
    /// Write `prefect.yaml` beside the flows, and call `prefect deploy`
    ///
    /// `settings.prefect` names the work pool, and a schedule where there is to be one.
    Prefect(Prefect),
    /// Make or change the stack of AWS that runs the graphs, with an image of the project
    ///
    /// Renders the state machines and `flows/aws/template.yaml`, shows what would change there and in `kptn.yaml`, and
    /// asks. Then it builds and pushes the image, and follows the stack. Given again, it goes on where it was cut off,
    /// and does nothing where all is up to date. docs/guides/aws.md tells the rest.
    Aws(super::deploy_aws::Aws),
}

/// Flags of `deploy prefect`.
#[derive(Debug, clap::Args)]
pub struct Prefect {
    /// The graphs; all where none is named
    #[arg(value_name = "GRAPH")]
    pub graphs: Vec<String>,
    /// Print what would be called, and write nothing
    #[arg(short = 'n', long)]
    pub dry_run: bool,
}

/// Deploys.
pub fn run(args: &Args, context: &Context<'_>) -> Result<Exit, CommandError> {
    let args = match &args.to {
        To::Prefect(args) => args,
        To::Aws(args) => return super::deploy_aws::run(args, context),
    };
    let session = context.open_quietly()?;
    let graphs: Vec<String> = args.graphs.iter().chain(&context.global.graph).cloned().collect();
    let rendering = if args.dry_run { Rendering::Check } else { Rendering::Write };
    carry_out(&deploy::prefect(&session, &graphs, rendering)?, args.dry_run, context)
}

/// Says which files there are and calls the program, or only says what it would call.
pub(super) fn carry_out(call: &Call, dry_run: bool, context: &Context<'_>) -> Result<Exit, CommandError> {
    let printer = &context.printer;
    let here = std::env::current_dir().unwrap_or_default();
    printer.say(views::files::rendered(&call.files, &here));
    let command = views::files::command(&call.launch);
    if dry_run {
        printer.data(command + "\n");
        return Ok(Exit::FINE);
    }
    let ended = run_attached(&call.launch)?;
    if ended.is_success() {
        return Ok(Exit::FINE);
    }
    let how = match ended.code {
        Some(code) => format!("left with exit code {code}"),
        None => "was stopped".to_owned(),
    };
    Err(CommandError::environment(format!("`{command}` {how}")))
}
