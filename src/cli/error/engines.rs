//! Why a run of an engine could not go on: exit codes, and what to do about it.

use super::CommandError;
use crate::cli::exit::Exit;
use crate::cli::words;
use crate::ops::EngineError;

impl From<EngineError> for CommandError {
    fn from(error: EngineError) -> Self {
        let conflict = Self::of(Exit::CONFLICT, &error);
        match error {
            EngineError::Open { run, silent_ms, lease_ms, .. } => {
                let left = lease_ms.saturating_sub(silent_ms);
                conflict.hint(format!(
                    "it was last heard of {}; if it is gone, `kptn run close --run {run}` ends it; else it is given up after {} more of silence",
                    words::age(silent_ms),
                    words::rough_duration(left),
                ))
            }
            EngineError::Closed { .. } => conflict.hint("`kptn run open` opens another"),
            EngineError::GivenUp { .. } => {
                conflict.hint("what it finished is kept; `kptn log` shows what came")
            }
            EngineError::TooEarly { .. } => Self::of(Exit::USAGE, &error).hint(
                "start a task when what is before it has ended well; `kptn run open --json` names that",
            ),
        }
    }
}
