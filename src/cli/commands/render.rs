//! `kptn render`: writes the runners.

use serde::Serialize;

use super::Context;
use crate::cli::error::CommandError;
use crate::cli::exit::Exit;
use crate::cli::views::{self, Document};
use crate::ops::report::{RenderedFile, RenderedState};
use crate::ops::runner::{self, Rendering};

/// Write the runners of graphs: plain Python, and what `flow_type` names
///
/// A runner that a person has edited is left alone, and that is said.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The graphs; all where none is named
    #[arg(value_name = "GRAPH")]
    pub graphs: Vec<String>,
    /// Write nothing; leave with 1 where a runner is not up to date
    #[arg(long, conflicts_with = "replace")]
    pub check: bool,
    /// Write even over a runner that was edited, which is moved aside first
    #[arg(long)]
    pub replace: bool,
}

#[derive(Serialize)]
struct Files<'a> {
    files: &'a [RenderedFile],
}

/// Writes or checks them.
pub fn run(args: &Args, context: &Context<'_>) -> Result<Exit, CommandError> {
    let session = context.open()?;
    let rendering = match (args.check, args.replace) {
        (true, _) => Rendering::Check,
        (_, true) => Rendering::Replace,
        _ => Rendering::Write,
    };
    let named: Vec<&String> = args.graphs.iter().chain(&context.global.graph).collect();
    let graphs = match named.as_slice() {
        [] => session.project.graphs.values().collect(),
        names => names.iter().map(|name| session.graph(name)).collect::<Result<Vec<_>, _>>()?,
    };
    let files = graphs
        .into_iter()
        .map(|graph| runner::render_graph(&session, graph, rendering))
        .collect::<Result<Vec<_>, _>>()?;
    let printer = &context.printer;
    if printer.json {
        printer.document(&Document::of(Files { files: &files }));
    } else {
        let here = std::env::current_dir().unwrap_or_default();
        printer.say(views::files::rendered(&files, &here));
    }
    let outdated = files.iter().any(|file| file.state == RenderedState::Outdated);
    Ok(if outdated { Exit::FAILED } else { Exit::FINE })
}
