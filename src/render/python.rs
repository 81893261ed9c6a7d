//! kptn's own runners, both in Python: the plain one, `flows_dir/<graph>.py`, and Prefect's,
//! `flows_dir/<graph>_flow.py`.
//!
//! Everything of the model that a runner needs is written into it as Python
//! literals. How it looks for `kptn.yaml` is relative, so the text is the same
//! wherever the project lies.

use super::{RenderError, Rendered, context, engine, file_stem, header};
use crate::model::{Graph, Project};

/// Renders the plain runner of one graph.
pub fn python(project: &Project, graph: &Graph) -> Result<Rendered, RenderError> {
    own(project, graph, "Python", "runner.py", ".py", "`kptn render`. `kptn run` keeps it up to date")
}

/// Renders the Prefect flow of one graph.
pub fn prefect(project: &Project, graph: &Graph) -> Result<Rendered, RenderError> {
    own(project, graph, "Prefect", "prefect.py", "_flow.py", "`kptn render --runner prefect`")
}

fn own(
    project: &Project,
    graph: &Graph,
    runner: &'static str,
    template: &str,
    ending: &str,
    made_by: &str,
) -> Result<Rendered, RenderError> {
    let path = project.settings.flows_dir.join(file_stem(project, graph) + ending);
    let context = context(project, graph, &path);
    let body = engine::render(&format!("kptn/{template}"), &[], &context)
        .map_err(|source| RenderError::Own { runner, source })?;
    Ok(Rendered { path, text: header::with_header(made_by, &body) })
}

#[cfg(unix)]
#[cfg(test)]
#[path = "python_tests.rs"]
mod tests;
