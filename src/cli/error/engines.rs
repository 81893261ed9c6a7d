//! Why a run of an engine could not go on, or its file not be rendered: exit codes, and what to do about it.

use super::CommandError;
use crate::cli::exit::Exit;
use crate::cli::words;
use crate::ops::EngineError;
use crate::ops::follow::elsewhere::ENGINE;
use crate::render::RenderError;

/// What is known to work together; `tests/engines/requirements/prefect.txt` has the same.
const PREFECT: &str = "'prefect==3.8.8' 'prefect-dask==0.3.7' 'prefect-ray==0.6.0' 'fastapi<0.151'";

impl From<EngineError> for CommandError {
    fn from(error: EngineError) -> Self {
        let conflict = Self::of(Exit::CONFLICT, &error);
        match error {
            EngineError::Open { run, engine, branch, remote: Some(remote), .. } if engine == ENGINE => {
                conflict.hint(format!(
                    "`kptn run --runner {ENGINE} --follow -b {branch}` follows it to its end, and ends it here where it is over there; `kptn run close --run {run} --remote {remote}` ends it without"
                ))
            }
            EngineError::Open { run, silent_ms, lease_ms, remote, .. } => {
                let remote = remote.map(|remote| format!(" --remote {remote}")).unwrap_or_default();
                let left = lease_ms.saturating_sub(silent_ms);
                conflict.hint(format!(
                    "it was last heard of {}; if it is gone, `kptn run close --run {run}{remote}` ends it; else it is given up after {} more of silence",
                    words::age(silent_ms),
                    words::rough_duration(left),
                ))
            }
            EngineError::Shared { ref remote, .. } => Self::of(Exit::USAGE, &error).hint(format!(
                "say so with `--remote {remote}`, or `KPTN_REMOTE`: other machines must hear of it"
            )),
            EngineError::Closed { .. } => conflict.hint("`kptn run open` opens another"),
            EngineError::GivenUp { .. } => {
                conflict.hint("what it finished is kept; `kptn log` shows what came")
            }
            EngineError::TooEarly { .. } => Self::of(Exit::USAGE, &error).hint(
                "start a task when what is before it has ended well; `kptn run open --json` names that",
            ),
            EngineError::NoPackage { ref python, .. } | EngineError::OtherPackage { ref python, .. } => {
                Self::of(Exit::ENVIRONMENT, &error).hint(format!(
                    "`{} -m pip install {PREFECT}`; `settings.python` names another Python",
                    python.display()
                ))
            }
            EngineError::NoServer => Self::of(Exit::ENVIRONMENT, &error)
                .hint("`prefect server start` says its address; `task_runner: threads` needs none"),
            EngineError::NoProgram { .. } => Self::of(Exit::ENVIRONMENT, &error)
                .hint("install its client, or do this on a machine that has it"),
            EngineError::NotStarted { engine } => Self::of(Exit::USAGE, &error)
                .hint(format!("`kptn render --runner {engine}` writes it; start it where it is deployed")),
            EngineError::NoSetting { .. } => {
                Self::of(Exit::USAGE, &error).hint("`kptn.yaml` names it; docs/guides/prefect.md shows how")
            }
            EngineError::NoStart { .. } => Self::of(Exit::USAGE, &error)
                .hint("a line `{# starts: COMMAND #}` in it says how: `make -f {{ command }} -k`"),
        }
    }
}

impl From<RenderError> for CommandError {
    fn from(error: RenderError) -> Self {
        let usage = Self::of(Exit::USAGE, &error);
        match error {
            RenderError::Own { .. } => Self::of(Exit::BUG, &error),
            RenderError::Template { .. } => {
                usage.hint("`kptn render --context` prints what templates are given")
            }
            RenderError::Unknown { known, .. } => usage.hint(format!(
                "there are {}; `settings.templates` names a folder of `NAME.jinja` files",
                known.join(", ")
            )),
            RenderError::TooLarge { .. } => usage
                .hint("put a task between it and some of what it waits for, and let it wait for that one"),
            RenderError::Outside { .. } => usage.hint("a line of it says where: `{# writes: PATH #}`"),
        }
    }
}
