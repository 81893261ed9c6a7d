//! Why a run of an engine could not begin or go on.

use std::path::PathBuf;

use crate::model::{BranchName, RunId, TaskName};

/// Why a run of an engine could not go on.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// Another one is open, and may go on.
    #[error("a run of {engine} is open on `{branch}`: `{run}`")]
    Open {
        /// That run.
        run: RunId,
        /// Who opened it.
        engine: String,
        /// Its branch; not ours where they share an output folder.
        branch: BranchName,
        /// How long it has been silent, in ms.
        silent_ms: u64,
        /// How long it may be, in ms.
        lease_ms: u64,
        /// The remote by which its machines share state; absent where this one alone carries it out.
        remote: Option<String>,
    },
    /// Other machines carry out a part of it.
    #[error("the run `{run}` is shared by `{remote}`")]
    Shared {
        /// The run.
        run: RunId,
        /// The remote, as it was named.
        remote: String,
    },
    /// It was closed.
    #[error("the run `{run}` is closed")]
    Closed {
        /// The run.
        run: RunId,
    },
    /// Another run came in its place.
    #[error("the run `{run}` was given up: another one has come since")]
    GivenUp {
        /// The run.
        run: RunId,
    },
    /// A task that an engine starts before its turn.
    #[error("`{task}` depends on `{dep}`, which {} in this run", if *.failed { "failed" } else { "is not done yet" })]
    TooEarly {
        /// The task.
        task: TaskName,
        /// What is before it.
        dep: TaskName,
        /// Whether that failed.
        failed: bool,
    },
    /// A Python package that the engine is made of.
    #[error("`{package}` is not installed in `{}`", python.display())]
    NoPackage {
        /// The package.
        package: &'static str,
        /// The Python that would run the flow.
        python: PathBuf,
    },
    /// The same in a version that cannot be used.
    #[error("`{package}` in `{}` is version {version}, and flows are written for {wanted}", python.display())]
    OtherPackage {
        /// The package.
        package: &'static str,
        /// Its version.
        version: String,
        /// The major version that is needed.
        wanted: &'static str,
        /// The Python that would run the flow.
        python: PathBuf,
    },
    /// Workers that would each start a server of their own.
    #[error("workers need one Prefect server, and PREFECT_API_URL names none")]
    NoServer,
    /// A program that the engine is reached by.
    #[error("{engine} is not here: there is no `{program}` on PATH")]
    NoProgram {
        /// The engine.
        engine: &'static str,
        /// The program.
        program: &'static str,
    },
    /// One that is started where it was deployed to, or not from here.
    #[error("`kptn run --runner` cannot start {engine}")]
    NotStarted {
        /// The engine.
        engine: &'static str,
    },
    /// A setting without which it cannot be told what to do.
    #[error("`settings.{setting}` is not set")]
    NoSetting {
        /// Its name.
        setting: &'static str,
    },
    /// A runner that nobody has said how to start.
    #[error("the template `{engine}` does not say how what it writes is started")]
    NoStart {
        /// The template.
        engine: String,
    },
}
