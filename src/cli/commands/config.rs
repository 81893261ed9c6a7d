//! `kptn config`: shows the configuration.

use super::Context;
use crate::cli::error::CommandError;
use crate::cli::exit::Exit;
use crate::cli::views;
use crate::config;

/// Show the configuration as it was understood
#[derive(Debug, clap::Args)]
pub struct Args {
    /// What to show
    #[command(subcommand)]
    pub what: Option<What>,
}

/// What to show of the configuration.
#[derive(Debug, clap::Subcommand)]
pub enum What {
    /// Show settings, graphs and values with defaults filled in (the default)
    Show,
    /// Print the JSON Schema of `kptn.yaml`, for editors
    Schema,
}

/// Shows it.
pub fn run(args: &Args, context: &Context<'_>) -> Result<Exit, CommandError> {
    let printer = &context.printer;
    if let Some(What::Schema) = args.what {
        printer.document(&config::json_schema());
        return Ok(Exit::FINE);
    }
    let loaded = match &context.global.config {
        Some(path) => config::load_file(path)?,
        None => config::load(&context.folder()?)?,
    };
    if printer.json {
        printer.document(&views::config::document(&loaded.project));
    } else {
        printer.data(views::config::text(&loaded.project, printer.data_width()));
    }
    Ok(Exit::FINE)
}
