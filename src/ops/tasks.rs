//! `task serve` and `task run`: the side of a run that runner and engines start.

use super::run::{Opening, RunRequest, open};
use super::{OpsError, Session};
use crate::model::{RunId, RunPlan};

/// Returns the plan of a run that `kptn run` opened.
pub fn plan_of_run(session: &Session, run: &str) -> Result<RunPlan, OpsError> {
    let id = RunId::parse(run).ok_or_else(|| OpsError::UnknownRun { run: run.to_owned() })?;
    Ok(session.state()?.load_plan(&id)?)
}

/// Opens a run for a runner that was started by hand; absent where nothing has to run.
pub fn open_by_hand(session: &Session, request: &RunRequest) -> Result<Option<super::run::Opened>, OpsError> {
    match open(session, request)? {
        Opening::Nothing { .. } => Ok(None),
        Opening::Opened(opened) => Ok(Some(*opened)),
    }
}
