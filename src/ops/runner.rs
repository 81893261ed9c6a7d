//! `render`: the runner files of graphs, written, checked, or left to their editors.

use std::path::{Path, PathBuf};

use super::report::{RenderedFile, RenderedState};
use super::{EngineError, OpsError, Session};
use crate::model::{FlowType, Graph, Project};
use crate::render::{self, ProjectFile, Rendered, RunnerState, Template};

/// Which file of a graph.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Runner {
    /// The plain one, which `kptn run` starts.
    Python,
    /// Prefect's flow.
    Prefect,
    /// What submits to Slurm.
    Slurm,
    /// The machines of AWS Step Functions.
    StepFunctions,
    /// What those need on AWS; one file for all graphs.
    Aws,
    /// What a template of the user's makes.
    Template(String),
}

impl Runner {
    /// Returns the one of a name.
    pub fn named(name: &str) -> Self {
        match name {
            "python" | "vanilla" => Self::Python,
            "prefect" => Self::Prefect,
            "slurm" => Self::Slurm,
            "stepfunctions" => Self::StepFunctions,
            "aws" => Self::Aws,
            other => Self::Template(other.strip_suffix(".jinja").unwrap_or(other).to_owned()),
        }
    }

    /// Returns those that a project wants: the plain one, and what `flow_type` names.
    pub fn wanted(project: &Project) -> Vec<Self> {
        match project.settings.flow_type {
            FlowType::Prefect => vec![Self::Python, Self::Prefect],
            FlowType::Slurm => vec![Self::Python, Self::Slurm],
            FlowType::StepFunctions => vec![Self::Python, Self::StepFunctions],
            FlowType::Python => vec![Self::Python],
        }
    }
}

/// What to do with a runner that is not as it should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rendering {
    /// Write what is missing or outdated; leave what a person edited, move aside what kptn did not write.
    Write,
    /// Write nothing, and tell.
    Check,
    /// Write even over an edited one, which is moved aside first.
    Replace,
}

/// Renders the files of one runner of one graph; most have one.
pub fn render_graph(
    session: &Session,
    graph: &Graph,
    runner: &Runner,
    rendering: Rendering,
) -> Result<Vec<RenderedFile>, OpsError> {
    let (files, mut notes) = render(session, graph, runner)?;
    let mut rendered = Vec::new();
    for file in files {
        let state = settle(&file, rendering)?;
        let (graph, notes) = (Some(graph.name.clone()), std::mem::take(&mut notes));
        rendered.push(RenderedFile { graph, path: file.path, state, notes });
    }
    if rendering != Rendering::Check {
        note_program(session);
    }
    Ok(rendered)
}

/// Brings the plain runner of one graph up to date.
pub fn render_plain(session: &Session, graph: &Graph) -> Result<RenderedFile, OpsError> {
    let rendered = render::python(&session.project, graph)?;
    let state = settle(&rendered, Rendering::Write)?;
    note_program(session);
    Ok(RenderedFile { graph: Some(graph.name.clone()), path: rendered.path, state, notes: Vec::new() })
}

/// Renders one file that a project has once. One that a person wrote is left alone like one that was edited.
pub fn render_of_project(
    session: &Session,
    file: ProjectFile,
    rendering: Rendering,
) -> Result<RenderedFile, OpsError> {
    let root = &session.project.root;
    let there: Vec<&str> =
        render::FOR_IMAGES.iter().copied().filter(|name| root.join(name).is_file()).collect();
    let rendered = render::of_project(&session.project, file, &there)?;
    let existing = read_if_there(&rendered.path)?;
    let own = render::state_of(existing.as_deref(), &rendered.text) == RunnerState::Foreign;
    let state = match rendering {
        Rendering::Write | Rendering::Check if own => RenderedState::Edited,
        _ => settle(&rendered, rendering)?,
    };
    Ok(RenderedFile { graph: None, path: rendered.path, state, notes: Vec::new() })
}

/// Renders what the project wants beside its flows: an image's files, and what Prefect deploys.
pub fn beside_prefect(session: &Session, rendering: Rendering) -> Result<Vec<RenderedFile>, OpsError> {
    let settings = &session.project.settings;
    let image =
        settings.docker_image.iter().flat_map(|_| [ProjectFile::Dockerfile, ProjectFile::Dockerignore]);
    let pool = settings.prefect.work_pool.iter().map(|_| ProjectFile::PrefectYaml);
    image.chain(pool).map(|file| render_of_project(session, file, rendering)).collect()
}

/// Writes a file where that may be done; tells what was found or done.
fn settle(rendered: &Rendered, rendering: Rendering) -> Result<RenderedState, OpsError> {
    let existing = read_if_there(&rendered.path)?;
    Ok(match (render::state_of(existing.as_deref(), &rendered.text), rendering) {
        (RunnerState::Current, _) => RenderedState::Current,
        (RunnerState::Edited, Rendering::Write | Rendering::Check) => RenderedState::Edited,
        (RunnerState::Missing | RunnerState::Outdated | RunnerState::Foreign, Rendering::Check) => {
            RenderedState::Outdated
        }
        // What an older kptn wrote cannot run here; a person may still want it.
        (RunnerState::Edited, Rendering::Replace) | (RunnerState::Foreign, _) => {
            let aside = free_name_beside(&rendered.path);
            std::fs::rename(&rendered.path, &aside)
                .map_err(|source| OpsError::io("move aside", &rendered.path, source))?;
            write(&rendered.path, &rendered.text)?;
            RenderedState::Replaced { aside }
        }
        (RunnerState::Missing | RunnerState::Outdated, _) => {
            write(&rendered.path, &rendered.text)?;
            RenderedState::Written
        }
    })
}

/// Returns the files, the main one first, and what a person should know of them.
fn render(
    session: &Session,
    graph: &Graph,
    runner: &Runner,
) -> Result<(Vec<Rendered>, Vec<String>), OpsError> {
    let project = &session.project;
    let one = match runner {
        Runner::Python => render::python(project, graph)?,
        Runner::Prefect => render::prefect(project, graph)?,
        Runner::Slurm => render::slurm(project, graph)?,
        Runner::Template(name) => render::of_template(project, graph, &templates(project)?, name)?,
        Runner::Aws => render::aws(project, &session.key.project)?,
        Runner::StepFunctions => {
            let machines = render::stepfunctions(project, &session.key.project, graph)?;
            return Ok((machines.files, machines.notes));
        }
    };
    Ok((vec![one], Vec::new()))
}

/// Returns the files of a runner as they would be written.
pub(super) fn texts(session: &Session, graph: &Graph, runner: &Runner) -> Result<Vec<Rendered>, OpsError> {
    Ok(render(session, graph, runner)?.0)
}

/// Returns where the file of a runner goes.
pub fn place(session: &Session, graph: &Graph, runner: &Runner) -> Result<PathBuf, OpsError> {
    Ok(match runner {
        Runner::Template(name) => {
            render::path_of(&session.project, graph, &templates(&session.project)?, name)?
        }
        own => render(session, graph, own)?.0.into_iter().next().map(|file| file.path).unwrap_or_default(),
    })
}

/// Returns the command that starts what a template makes, in the project's root.
pub(super) fn start_command(
    session: &Session,
    graph: &Graph,
    name: &str,
    python: Option<&Path>,
) -> Result<String, OpsError> {
    let project = &session.project;
    let command = render::start_of(project, graph, &templates(project)?, name, python)?;
    Ok(command.ok_or_else(|| EngineError::NoStart { engine: name.to_owned() })?)
}

/// Reads the user's templates: the files of `settings.templates` that end in `.jinja`.
fn templates(project: &Project) -> Result<Vec<Template>, OpsError> {
    let Some(folder) = &project.settings.templates else { return Ok(Vec::new()) };
    let entries = std::fs::read_dir(folder).map_err(|source| OpsError::io("read", folder, source))?;
    let mut templates = Vec::new();
    for path in entries.flatten().map(|entry| entry.path()) {
        let name =
            path.file_name().and_then(|name| name.to_str()).and_then(|name| name.strip_suffix(".jinja"));
        if let Some(name) = name {
            let text =
                std::fs::read_to_string(&path).map_err(|source| OpsError::io("read", &path, source))?;
            templates.push(Template { name: name.to_owned(), text: text.replace("\r\n", "\n") });
        }
    }
    templates.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(templates)
}

/// Leaves word beside the store of where this program is, for runners that are started by hand.
fn note_program(session: &Session) {
    let Ok(program) = std::env::current_exe() else { return };
    let path = session.store_root().join(render::PROGRAM_NOTE);
    let text = program.to_string_lossy();
    if !std::fs::read_to_string(&path).is_ok_and(|noted| noted == text) {
        // Without it the runner looks on PATH.
        drop(write(&path, &text));
    }
}

fn read_if_there(path: &Path) -> Result<Option<String>, OpsError> {
    match std::fs::read(path) {
        Ok(bytes) => Ok(Some(String::from_utf8_lossy(&bytes).into_owned())),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(OpsError::io("read", path, source)),
    }
}

/// Writes a file at once or not at all.
fn write(path: &Path, text: &str) -> Result<(), OpsError> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let error = |source| OpsError::io("write", path, source);
    std::fs::create_dir_all(folder).map_err(error)?;
    let file = tempfile::NamedTempFile::new_in(folder).map_err(error)?;
    std::fs::write(file.path(), text).map_err(error)?;
    make_readable(file.path()).map_err(error)?;
    file.persist(path).map_err(|failed| error(failed.error))?;
    Ok(())
}

#[cfg(unix)]
fn make_readable(path: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o644))
}

#[cfg(not(unix))]
fn make_readable(_: &Path) -> std::io::Result<()> {
    Ok(())
}

fn free_name_beside(path: &Path) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let candidate =
        |n: u32| path.with_file_name(if n == 0 { format!("{name}.kept") } else { format!("{name}.kept{n}") });
    (0..).map(candidate).find(|path| !path.exists()).unwrap_or_else(|| candidate(0))
}
