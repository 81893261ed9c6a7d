//! `kptn doctor`: looks at what is around the project.

use serde::Serialize;

use super::Context;
use crate::cli::error::CommandError;
use crate::cli::exit::Exit;
use crate::cli::views::{self, Document};
use crate::ops;
use crate::ops::report::{Finding, Health};

/// Look at what the project needs on this machine, and say what to do about it
///
/// Exit code 4 where something will fail.
#[derive(Debug, clap::Args)]
pub struct Args {}

#[derive(Serialize)]
struct Findings<'a> {
    findings: &'a [Finding],
}

/// Looks at it.
pub fn run(_args: &Args, context: &Context<'_>) -> Result<Exit, CommandError> {
    let session = context.open()?;
    let findings = ops::doctor::doctor(&session);
    let printer = &context.printer;
    if printer.json {
        printer.document(&Document::of(Findings { findings: &findings }));
    } else {
        printer.data(views::doctor::text(&findings, printer.data_width()));
    }
    let bad = findings.iter().any(|finding| finding.health == Health::Bad);
    Ok(if bad { Exit::ENVIRONMENT } else { Exit::FINE })
}
