//! `docker build`, `docker push` and `deploy prefect`: files are brought up to date, and another program is called.
//!
//! What is called is a value, so that a dry run shows it and nothing else happens. `deploy aws` is in [`aws`].

pub mod aws;

use super::follow::prefect_python;
use super::report::RenderedFile;
use super::runner::{self, Rendering, Runner, render_graph, render_of_project};
use super::survey::environment;
use super::{EngineError, OpsError, Session};
use crate::model::Graph;
use crate::process::{self, Launch, find_program};
use crate::render::ProjectFile;

/// A program that is about to be called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// The files that it reads.
    pub files: Vec<RenderedFile>,
    /// The program.
    pub launch: Launch,
}

/// Prepares `docker build`: the versions in the image are those that are used here.
pub fn docker_build(session: &Session, rendering: Rendering) -> Result<Call, OpsError> {
    let image = image(session)?;
    let files = [ProjectFile::Dockerfile, ProjectFile::Dockerignore];
    let files = files.map(|file| render_of_project(session, file, rendering));
    let files = files.into_iter().collect::<Result<Vec<_>, _>>()?;
    let values = image_values(session);
    let values = values.iter().flat_map(|value| ["--build-arg", value]);
    let launch = docker(session)?.arguments(["build", "--tag", &image]).arguments(values).arguments(["."]);
    Ok(Call { files, launch })
}

/// Prepares `docker push`.
pub fn docker_push(session: &Session) -> Result<Call, OpsError> {
    let image = image(session)?;
    Ok(Call { files: Vec::new(), launch: docker(session)?.arguments(["push", &image]) })
}

/// Prepares `prefect deploy` of these graphs; of all, where none is named.
pub fn prefect(session: &Session, names: &[String], rendering: Rendering) -> Result<Call, OpsError> {
    if session.project.settings.prefect.work_pool.is_none() {
        return Err(EngineError::NoSetting { setting: "prefect.work_pool" }.into());
    }
    let named = names.iter().map(|name| session.graph(name)).collect::<Result<Vec<&Graph>, _>>()?;
    let graphs: Vec<&Graph> =
        if names.is_empty() { session.project.graphs.values().collect() } else { named };
    let Some(first) = graphs.first() else {
        return Err(OpsError::NoGraph { path: session.project.config_path.clone() });
    };
    let python = prefect_python(session, first)?;
    let mut files = Vec::new();
    for graph in &graphs {
        files.extend(render_graph(session, graph, &Runner::Prefect, rendering)?);
    }
    files.extend(runner::beside_prefect(session, rendering)?);
    let which: Vec<&str> = match names {
        [] => vec!["--all"],
        names => names.iter().flat_map(|name| ["--name", name.as_str()]).collect(),
    };
    let launch = Launch::new(python)
        .arguments(["-m", "prefect", "deploy", "--no-prompt", "--prefect-file", "prefect.yaml"])
        .arguments(which)
        .folder(&session.project.root);
    Ok(Call { files, launch })
}

fn image(session: &Session) -> Result<String, OpsError> {
    let image = session.project.settings.docker_image.clone();
    Ok(image.ok_or(EngineError::NoSetting { setting: "docker_image" })?)
}

/// Returns what an image is built with: `NAME=VALUE` of kptn, Python and R as they are here.
fn image_values(session: &Session) -> Vec<String> {
    let found = process::find_interpreters(&session.project, &environment, &process::AlwaysAsk).interpreters;
    let mut values = vec![format!("KPTN=kptn=={}", env!("CARGO_PKG_VERSION"))];
    values.extend(found.python.map(|python| format!("PYTHON_VERSION={}", python.version)));
    values.extend(found.r.map(|r| format!("R_VERSION={}", r.version)));
    values
}

fn docker(session: &Session) -> Result<Launch, OpsError> {
    let path = environment("PATH").unwrap_or_default();
    let program = find_program("docker", &path);
    let program = program.ok_or(EngineError::NoProgram { engine: "Docker", program: "docker" })?;
    Ok(Launch::new(program).folder(&session.project.root))
}
