//! kptn's own runners: the plain Python one, `flows_dir/<graph>.py`; Prefect's, `flows_dir/<graph>_flow.py`;
//! Slurm's, `flows_dir/<graph>_slurm.sh`.
//!
//! Everything of the model that a runner needs is written into it as literals of
//! its language. How it looks for `kptn.yaml` is relative, so the text is the same
//! wherever the project lies.

use super::{RenderError, Rendered, context, engine, file_stem, header};
use crate::model::{Graph, Project};

/// One of kptn's own runners.
struct Own {
    /// What people call it.
    runner: &'static str,
    template: &'static str,
    interpreter: &'static str,
    /// What follows the graph's name in the file's.
    ending: &'static str,
    /// How the file is made again.
    made_by: &'static str,
}

/// Renders the plain runner of one graph.
pub fn python(project: &Project, graph: &Graph) -> Result<Rendered, RenderError> {
    let made_by = "`kptn render`. `kptn run` keeps it up to date";
    let own =
        Own { runner: "Python", template: "kptn/runner.py", interpreter: "python3", ending: ".py", made_by };
    render(project, graph, &own)
}

/// Renders the Prefect flow of one graph.
pub fn prefect(project: &Project, graph: &Graph) -> Result<Rendered, RenderError> {
    let (ending, made_by) = ("_flow.py", "`kptn render --runner prefect`");
    let own = Own { runner: "Prefect", template: "kptn/prefect.py", interpreter: "python3", ending, made_by };
    render(project, graph, &own)
}

/// Renders the script that submits one graph to Slurm.
pub fn slurm(project: &Project, graph: &Graph) -> Result<Rendered, RenderError> {
    let (ending, made_by) = ("_slurm.sh", "`kptn render --runner slurm`");
    let own = Own { runner: "Slurm", template: "kptn/slurm.sh", interpreter: "sh", ending, made_by };
    render(project, graph, &own)
}

fn render(project: &Project, graph: &Graph, own: &Own) -> Result<Rendered, RenderError> {
    let path = project.settings.flows_dir.join(file_stem(project, graph) + own.ending);
    let context = context(project, graph, &path);
    let body = engine::render(own.template, &[], &context)
        .map_err(|source| RenderError::Own { runner: own.runner, source })?;
    Ok(Rendered { path, text: header::with_header(own.interpreter, own.made_by, &body) })
}

#[cfg(unix)]
#[cfg(test)]
#[path = "own_tests.rs"]
mod tests;
