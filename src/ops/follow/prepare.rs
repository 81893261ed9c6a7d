//! What has to be there before a run is opened for an engine: the engine, and its file.

use std::ffi::OsStr;
use std::path::PathBuf;
use std::time::Duration;

use super::execution::Start;
use crate::model::{Graph, PrefectRunner};
use crate::ops::report::RenderedFile;
use crate::ops::runner::{self, Rendering, Runner, render_graph};
use crate::ops::scope::{self, Words};
use crate::ops::survey::{environment, find_interpreters};
use crate::ops::{EngineError, OpsError, Session, memo};
use crate::process::{self, Launch, find_program};

/// How long a Python may take to say which packages it has.
const PATIENCE: Duration = Duration::from_secs(60);

/// Prints a line a package: its version, or `-`.
const VERSIONS: &str = "\
import importlib.metadata, sys
for name in sys.argv[1:]:
    try:
        print(importlib.metadata.version(name))
    except importlib.metadata.PackageNotFoundError:
        print('-')
";

/// Prints the address of Prefect's server, or `-`; a profile may name it.
const SERVER: &str = "from prefect.settings import PREFECT_API_URL; print(PREFECT_API_URL.value() or '-')";

/// The version of Prefect that flows are written for.
const PREFECT: &str = "3";

/// An engine that can carry a run out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prepared {
    /// The files that it reads, the main one first.
    pub files: Vec<RenderedFile>,
    /// What it is called, for people.
    pub engine: String,
    /// How it is started.
    pub(super) start: Start,
    /// Whether what it does ends with the process that follows it.
    pub(super) ends_with_us: bool,
    /// Whether it can stop starting tasks after a failure.
    pub(super) can_stop: bool,
}

/// Looks whether the engine is there, and writes its file for the graph that the words name.
pub fn prepare(session: &Session, words: &Words, runner: &Runner) -> Result<Prepared, OpsError> {
    let graph = scope::one_graph(session, words)?.graph;
    match runner {
        Runner::Python => Err(EngineError::NotStarted { engine: "python" }.into()),
        Runner::StepFunctions => Err(EngineError::NotStarted { engine: "stepfunctions" }.into()),
        Runner::Aws => Err(EngineError::NotStarted { engine: "aws" }.into()),
        Runner::Prefect => prefect(session, graph),
        Runner::Slurm => slurm(session, graph),
        Runner::Template(name) => template(session, graph, name),
    }
}

/// Returns the project's Python, which has what the flow needs.
pub(in crate::ops) fn prefect_python(session: &Session, graph: &Graph) -> Result<PathBuf, OpsError> {
    let python = python(session, graph)?;
    let wanted: &[&'static str] = match session.project.settings.prefect.task_runner {
        PrefectRunner::Threads => &["prefect"],
        PrefectRunner::Dask => &["prefect", "prefect-dask"],
        PrefectRunner::Ray => &["prefect", "prefect-ray"],
    };
    let ask =
        Launch::new(&python).arguments(["-c", VERSIONS]).arguments(wanted).folder(&session.project.root);
    let said = process::run_captured(&ask, PATIENCE)?.text();
    let mut versions = said.lines();
    for package in wanted {
        match versions.next() {
            None | Some("-") => {
                return Err(EngineError::NoPackage { package, python: python.clone() }.into());
            }
            Some(version) if *package == "prefect" && version.split('.').next() != Some(PREFECT) => {
                let version = version.to_owned();
                return Err(EngineError::OtherPackage { package, version, wanted: PREFECT, python }.into());
            }
            Some(_) => {}
        }
    }
    Ok(python)
}

fn prefect(session: &Session, graph: &Graph) -> Result<Prepared, OpsError> {
    let python = prefect_python(session, graph)?;
    let one_server = session.project.settings.prefect.task_runner != PrefectRunner::Threads;
    let ask = Launch::new(&python).arguments(["-c", SERVER]).folder(&session.project.root);
    if one_server && process::run_captured(&ask, PATIENCE)?.text() == "-" {
        return Err(EngineError::NoServer.into());
    }
    let files = render_graph(session, graph, &Runner::Prefect, Rendering::Write)?;
    let start = Launch::new(python).arguments([main(&files)]).folder(&session.project.root);
    Ok(Prepared {
        files,
        engine: "prefect".to_owned(),
        start: Start::Program(start),
        ends_with_us: true,
        can_stop: true,
    })
}

fn slurm(session: &Session, graph: &Graph) -> Result<Prepared, OpsError> {
    let path = environment("PATH").unwrap_or_default();
    for program in ["sbatch", "scancel"] {
        if find_program(program, &path).is_none() {
            return Err(EngineError::NoProgram { engine: "Slurm", program }.into());
        }
    }
    let files = render_graph(session, graph, &Runner::Slurm, Rendering::Write)?;
    let submit = Launch::new("/bin/sh").arguments([main(&files), "--wait".as_ref()]);
    let root = &session.project.root;
    let start = Start::Jobs { submit: submit.folder(root), folder: root.join(".kptn-slurm") };
    Ok(Prepared { files, engine: "slurm".to_owned(), start, ends_with_us: false, can_stop: false })
}

fn template(session: &Session, graph: &Graph, name: &str) -> Result<Prepared, OpsError> {
    let python = python(session, graph).ok();
    let command = runner::start_command(session, graph, name, python.as_deref())?;
    let files = render_graph(session, graph, &Runner::Template(name.to_owned()), Rendering::Write)?;
    let start = Start::Program(Launch::shell(&command).folder(&session.project.root));
    Ok(Prepared { files, engine: name.to_owned(), start, ends_with_us: true, can_stop: false })
}

/// Returns the file that is started.
fn main(files: &[RenderedFile]) -> &OsStr {
    files.first().map_or(OsStr::new(""), |file| file.path.as_os_str())
}

fn python(session: &Session, graph: &Graph) -> Result<PathBuf, OpsError> {
    let memo = memo::open(session)?;
    let found = find_interpreters(session, &memo, graph).python;
    let no_python = || OpsError::NoPython { named: session.project.settings.python.clone() };
    Ok(found.ok_or_else(no_python)?.path)
}
