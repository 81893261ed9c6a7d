//! `kptn graph`: draws a graph.

use std::collections::BTreeMap;

use super::Context;
use crate::cli::error::CommandError;
use crate::cli::exit::Exit;
use crate::cli::views::{self, Document};
use crate::graph::draw;
use crate::model::{Graph, Status, TaskName};
use crate::ops::scope;
use crate::ops::{self, Probing, Session};

/// Draw a graph: in the terminal, or for other programs
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The graph; not needed where there is one
    #[arg(value_name = "GRAPH")]
    pub name: Option<String>,
    /// How to draw it
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
    /// Leave out how tasks stand
    #[arg(long)]
    pub no_status: bool,
}

/// A way to draw a graph.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum Format {
    /// For the terminal (the default).
    #[default]
    Text,
    /// For Markdown.
    Mermaid,
    /// For Graphviz.
    Dot,
    /// A picture.
    Svg,
}

/// Draws it.
pub fn run(args: &Args, context: &Context<'_>) -> Result<Exit, CommandError> {
    let session = context.open()?;
    let graph = match &args.name {
        Some(name) => session.graph(name)?,
        None => scope::one_graph(&session, &context.words(&[], &[]))?.graph,
    };
    let statuses = if args.no_status { BTreeMap::new() } else { statuses(&session, graph, context)? };
    let status = |task: &TaskName| statuses.get(task).copied();
    let dag = session.dag(graph);
    let printer = &context.printer;
    if printer.json {
        printer.document(&Document::of(views::graph::drawing(graph, dag, &status)));
        return Ok(Exit::FINE);
    }
    printer.data(match args.format {
        Format::Text if args.no_status => draw::text(graph, dag, &status),
        Format::Text => views::graph::painted(&draw::text(graph, dag, &status)),
        Format::Mermaid => draw::mermaid(graph, dag, &status),
        Format::Dot => draw::dot(graph, dag, &status),
        Format::Svg => draw::svg(graph, dag, &status),
    });
    Ok(Exit::FINE)
}

fn statuses(
    session: &Session,
    graph: &Graph,
    context: &Context<'_>,
) -> Result<BTreeMap<TaskName, Status>, CommandError> {
    let mut words = context.words(&[], &[]);
    words.graph = Some(graph.name.to_string());
    let report = ops::status::status(session, &words, Probing::Believe)?;
    Ok(report.rows.into_iter().map(|row| (row.task, row.status)).collect())
}
