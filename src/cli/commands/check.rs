//! `kptn check`: finds what can be known without running.

use serde::Serialize;

use super::Context;
use crate::cli::error::CommandError;
use crate::cli::exit::Exit;
use crate::cli::views::{self, Document};
use crate::model::{Diagnostic, Severity};
use crate::ops;

/// Find what is wrong with the project, without running anything
///
/// Reads `kptn.yaml`, `pyproject.toml` and the scripts. Exit code 2 where something has to be mended.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Graphs or tasks to look at; all where none is named
    #[arg(value_name = "GRAPH|TASK")]
    pub words: Vec<String>,
    /// Fail for warnings too
    #[arg(long)]
    pub strict: bool,
}

#[derive(Serialize)]
struct Findings<'a> {
    findings: &'a [Diagnostic],
}

/// Finds it.
pub fn run(args: &Args, context: &Context<'_>) -> Result<Exit, CommandError> {
    let printer = &context.printer;
    let (found, closing) = match look(args, context) {
        Ok(found) => found,
        // What stands in the way of loading is a finding like any other.
        Err(error) if printer.json && !error.diagnostics.is_empty() => (error.diagnostics, String::new()),
        Err(error) => return Err(error),
    };
    if printer.json {
        printer.document(&Document::of(Findings { findings: &found }));
    } else {
        printer.say(views::findings(&found, printer.width()));
        printer.say(closing);
    }
    let bad = |found: &Diagnostic| match found.severity {
        Severity::Error => true,
        Severity::Warning => args.strict,
        Severity::Note => false,
    };
    Ok(if found.iter().any(bad) { Exit::USAGE } else { Exit::FINE })
}

fn look(args: &Args, context: &Context<'_>) -> Result<(Vec<Diagnostic>, String), CommandError> {
    let session = context.open()?;
    let found = ops::check::check(&session, &context.words(&args.words, &[]))?;
    let graphs = &session.project.graphs;
    let tasks = graphs.values().map(|graph| graph.tasks.len() as u64).sum();
    let closing = views::check::closing(&found, graphs.len() as u64, tasks);
    Ok((found, closing))
}
