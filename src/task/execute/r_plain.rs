//! Where the system has no forks that kptn could follow, each item is a plain `Rscript`.

use super::{Attempt, Attempted, Job, RScript, Warm, Workers, r};
use crate::model::TaskName;

/// No sessions.
#[derive(Default)]
pub(super) struct Parents;

impl Parents {
    /// Ends nothing.
    pub async fn finish(&self, _: &Workers, _: &TaskName) {}
}

/// Returns no package.
pub fn packages_to_load<S: AsRef<str>>(_: &[S], _: Option<&[String]>) -> Vec<String> {
    Vec::new()
}

/// Runs an item's script once.
pub(super) async fn run(
    workers: &Workers,
    job: &Job,
    script: &RScript,
    _: &Warm,
    attempt: Attempt,
) -> Attempted {
    r::run(workers, job, script, attempt).await
}
