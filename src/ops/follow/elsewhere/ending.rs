//! The execution has ended: the run is closed, and how it ended is told.

use std::collections::BTreeSet;

use super::following::Following;
use super::lost::{LostJob, lost_jobs};
use crate::aws::{Execution, ExecutionState};
use crate::model::{Event, Logged, RunCounts, TaskName, TaskOutcome, Teller};
use crate::ops::follow::{EngineEnd, Followed};
use crate::ops::report::RunReport;
use crate::ops::shared_run;
use crate::ops::{OpsError, Session};
use crate::state::Wait;
use crate::task::now_ms;
use crate::task::serve;

impl Following<'_> {
    /// Sees that the run is closed, here or there, and says how it ended.
    pub(super) fn over(&mut self, execution: &Execution, stopped: bool) -> Result<Followed, OpsError> {
        let plan = &self.begun.plan;
        let lost = match execution.state {
            ExecutionState::Succeeded => Vec::new(),
            // That it failed is known; what AWS says of it may be missing.
            _ => lost_jobs(self.deployed, &self.begun.execution, plan, &self.merge).unwrap_or_default(),
        };
        let remote = &self.deployed.remote;
        let closed =
            shared_run::close(self.start, plan.id.as_str(), remote, Wait::Yes, self.command, Vec::new())?;
        lost.iter().filter_map(LostJob::event).for_each(|event| self.tell(&event));
        let failed: BTreeSet<&TaskName> =
            lost.iter().filter(|job| !job.is_known).filter_map(|job| job.task.as_ref()).collect();
        // A job that died without a word was not started, as far as its run knows.
        let died = (failed.len() as u64).min(closed.counts.skipped);
        let (skipped, failures) = (closed.counts.skipped - died, closed.counts.failed + died);
        let counts = RunCounts { skipped, failed: failures, ..closed.counts };
        self.tell_the_end(&counts, &failed, stopped);
        let place = Session::open(self.start)?.place();
        let (run, notes) = (Some(self.begun.plan.id.clone()), self.begun.notes.clone());
        let report = RunReport { run, counts, notes, ..RunReport::nothing(place) };
        let end = EngineEnd { code: None, said: said(execution, &lost), log: None };
        let end = Some(end).filter(|_| !stopped && execution.state != ExecutionState::Succeeded);
        Ok(Followed { report, end, left_open: false })
    }

    /// Who closed the run has told that to nobody here.
    fn tell_the_end(&mut self, counts: &RunCounts, failed: &BTreeSet<&TaskName>, stopped: bool) {
        let plan = &self.begun.plan;
        let mut outcomes = self.merge.outcomes();
        outcomes.extend(failed.iter().map(|task| ((*task).clone(), TaskOutcome::Failed)));
        let stop = stopped.then_some(serve::Stop::Interrupted);
        let skipped = match counts.skipped {
            0 => Vec::new(),
            _ => serve::skipped(plan, &serve::Ending { outcomes, stop }),
        };
        let wall_ms = now_ms().saturating_sub(plan.id.made_ms());
        let finished = Event::run_finished(plan.id.clone(), counts, wall_ms);
        for event in skipped.into_iter().chain([finished]) {
            let told = self.merge.hear(Logged { event, teller: Teller::default() });
            told.iter().for_each(|event| self.tell(event));
        }
    }
}

/// What an execution that failed says of itself.
fn said(execution: &Execution, lost: &[LostJob]) -> Vec<String> {
    let jobs = lost.iter().filter(|job| job.task.is_none()).flat_map(LostJob::lines);
    jobs.chain(Some(execution.why.clone()).filter(|why| !why.is_empty())).collect()
}
