//! `kptn render`: writes the runners.

use serde::Serialize;

use super::Context;
use crate::cli::error::CommandError;
use crate::cli::exit::Exit;
use crate::cli::views::{self, Document};
use crate::model::Graph;
use crate::ops::Session;
use crate::ops::report::{RenderedFile, RenderedState};
use crate::ops::runner::{self, Rendering, Runner};
use crate::render;

/// Write the runners of graphs: plain Python, and what `flow_type` names
///
/// Any engine can have one by a template of yours in `settings.templates`. A runner that a person has
/// edited is left alone, and that is said.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The graphs; all where none is named
    #[arg(value_name = "GRAPH")]
    pub graphs: Vec<String>,
    /// This runner alone: `python`, `prefect`, `slurm`, `stepfunctions`, `aws`, or `NAME` for the template `NAME.jinja`
    #[arg(long, value_name = "NAME")]
    pub runner: Vec<String>,
    /// Print what templates are given, as JSON, and write nothing
    #[arg(long, conflicts_with_all = ["check", "replace"])]
    pub context: bool,
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
        [] => session.project.graphs.values().collect::<Vec<_>>(),
        names => names.iter().map(|name| session.graph(name)).collect::<Result<Vec<_>, _>>()?,
    };
    let runners = match args.runner.as_slice() {
        [] => Runner::wanted(&session.project),
        names => names.iter().map(|name| Runner::named(name)).collect(),
    };
    if args.context {
        return print_contexts(&session, &graphs, &runners, context);
    }
    let mut files = Vec::new();
    for (at, graph) in graphs.into_iter().enumerate() {
        // What is one file for all graphs is rendered once.
        for runner in runners.iter().filter(|runner| at == 0 || **runner != Runner::Aws) {
            files.extend(runner::render_graph(&session, graph, runner, rendering)?);
        }
    }
    if runners.contains(&Runner::Prefect) {
        files.extend(runner::beside_prefect(&session, rendering)?);
    }
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

/// One document a graph: paths in it are relative to where the first runner's file goes.
fn print_contexts(
    session: &Session,
    graphs: &[&Graph],
    runners: &[Runner],
    context: &Context<'_>,
) -> Result<Exit, CommandError> {
    let first = runners.first().unwrap_or(&Runner::Python);
    for graph in graphs {
        let path = runner::place(session, graph, first)?;
        let given = render::context(&session.project, graph, &path);
        let text = if context.printer.json {
            serde_json::to_string(&given)
        } else {
            serde_json::to_string_pretty(&given)
        };
        let text = text.map_err(|error| CommandError::new(Exit::BUG, error.to_string()))?;
        context.printer.data(text + "\n");
    }
    Ok(Exit::FINE)
}
