//! Files that a project has once, for machines elsewhere: an image, and what Prefect deploys.
//!
//! Pure like the runners: which lock files there are is told by the caller.

use serde::Serialize;

use super::context::{identifier, slashed};
use super::{RenderError, Rendered, engine, file_stem, header};
use crate::model::{Language, PrefectRunner, PrefectSettings, Project};

/// What lock files and their like an image is made from, where they are in the project's root.
pub const FOR_IMAGES: [&str; 11] = [
    "renv.lock",
    ".Rprofile",
    "renv/activate.R",
    "renv/settings.json",
    "pyproject.toml",
    "uv.lock",
    "pylock.toml",
    "requirements.txt",
    "poetry.lock",
    "pdm.lock",
    "Pipfile.lock",
];

/// What every flow needs; `tests/engines/requirements/prefect.txt` has the same.
const PREFECT: [&str; 2] = ["prefect==3.8.8", "fastapi<0.151"];

/// A file that a project has once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProjectFile {
    /// How the image is made.
    Dockerfile,
    /// What does not go into it.
    Dockerignore,
    /// What Prefect deploys.
    PrefectYaml,
}

impl ProjectFile {
    fn name(self) -> &'static str {
        match self {
            Self::Dockerfile => "Dockerfile",
            Self::Dockerignore => ".dockerignore",
            Self::PrefectYaml => "prefect.yaml",
        }
    }

    fn template(self) -> &'static str {
        match self {
            Self::Dockerfile => "kptn/Dockerfile",
            Self::Dockerignore => "kptn/dockerignore",
            Self::PrefectYaml => "kptn/prefect.yaml",
        }
    }
}

/// What the templates are given.
#[derive(Serialize)]
struct Given<'a> {
    /// Which of [`FOR_IMAGES`] are there.
    files: &'a [&'a str],
    /// Whether a task is written in R.
    r: bool,
    /// Python packages that are installed beside kptn.
    packages: Vec<&'static str>,
    /// What in the project's folder is state or made by tasks, as patterns.
    state: Vec<String>,
    docker_image: Option<&'a str>,
    prefect: &'a PrefectSettings,
    /// The address of the first remote.
    remote: Option<&'a str>,
    graphs: Vec<Deployed<'a>>,
}

/// A graph as Prefect deploys it.
#[derive(Serialize)]
struct Deployed<'a> {
    name: &'a str,
    entrypoint: String,
    /// What its largest task claims; absent where tasks run elsewhere than the flow.
    cpu_units: Option<u32>,
    memory_mib: Option<u64>,
}

/// Renders one of them; `files` are those of [`FOR_IMAGES`] that are there.
pub fn of_project(project: &Project, file: ProjectFile, files: &[&str]) -> Result<Rendered, RenderError> {
    let given = given(project, files);
    let text = engine::render(file.template(), &[], &given)
        .map_err(|source| RenderError::Own { runner: file.name(), source })?;
    let text = header::in_place(&text, "kptn render --runner prefect");
    Ok(Rendered { path: project.root.join(file.name()), text })
}

fn given<'a>(project: &'a Project, files: &'a [&'a str]) -> Given<'a> {
    let settings = &project.settings;
    let mut tasks = project.graphs.values().flat_map(|graph| graph.tasks.values());
    let mut packages = PREFECT.to_vec();
    match settings.prefect.task_runner {
        PrefectRunner::Threads => {}
        PrefectRunner::Dask => packages.push("prefect-dask==0.3.7"),
        PrefectRunner::Ray => packages.extend(["prefect-ray==0.6.0", "ray==2.60.0"]),
    }
    Given {
        files,
        r: tasks.any(|task| task.script.language == Language::R),
        packages,
        state: state(project),
        docker_image: settings.docker_image.as_deref(),
        prefect: &settings.prefect,
        remote: project.remotes.values().next().map(|remote| remote.url.as_str()),
        graphs: graphs(project),
    }
}

/// The output folders of all branches, and a store that is not in git's folder.
fn state(project: &Project) -> Vec<String> {
    let outputs = project.settings.outputs_dir.as_deref().unwrap_or("scratch/<branch>");
    let outputs = outputs.replace("<branch>", "*").replace("${branch}", "*");
    let outputs = outputs.strip_suffix("/*").unwrap_or(&outputs).trim_start_matches("./").to_owned();
    let store = project.settings.store.as_ref().and_then(|store| store.strip_prefix(&project.root).ok());
    let outside = |path: &String| path.starts_with('/') || path.starts_with("..");
    [Some(outputs), store.map(slashed)].into_iter().flatten().filter(|path| !outside(path)).collect()
}

fn graphs(project: &Project) -> Vec<Deployed<'_>> {
    let folder =
        project.settings.flows_dir.strip_prefix(&project.root).unwrap_or(&project.settings.flows_dir);
    let prefect = &project.settings.prefect;
    let elsewhere = prefect.task_runner != PrefectRunner::Threads && prefect.address.is_some();
    let deployed = project.graphs.values().map(|graph| {
        let claims = || graph.tasks.values().map(|task| task.compute).filter(|_| !elsewhere);
        let path = slashed(&folder.join(format!("{}_flow.py", file_stem(project, graph))));
        Deployed {
            name: graph.name.as_str(),
            entrypoint: format!("{path}:{}_flow", identifier(graph.name.as_str())),
            cpu_units: claims().map(|claim| claim.cpu_units).max(),
            memory_mib: claims().filter_map(|claim| claim.memory_mib).max(),
        }
    });
    deployed.collect()
}
