//! The execution has ended: the run is closed, and how it ended is told.

use std::collections::BTreeMap;

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
        // Of a mapped task that died for several reasons the last one counts.
        let failures = lost.iter().filter_map(LostJob::failure).map(|one| (one.task.clone(), one));
        let failures: Vec<_> = failures.collect::<BTreeMap<_, _>>().into_values().collect();
        let (run, command, nobody) = (plan.id.as_str(), self.command, Vec::new());
        let counts =
            shared_run::close(self.start, run, remote, Wait::Yes, command, nobody, &failures)?.counts;
        lost.iter().filter_map(LostJob::event).for_each(|event| self.tell(&event));
        self.tell_the_end(&counts, failures.iter().map(|lost| &lost.task), stopped);
        let place = Session::open(self.start)?.place();
        let (run, notes) = (Some(self.begun.plan.id.clone()), self.begun.notes.clone());
        let report = RunReport { run, counts, notes, ..RunReport::nothing(place) };
        let end = EngineEnd { code: None, said: said(execution, &lost), log: None };
        let is_ended = matches!(execution.state, ExecutionState::Failed | ExecutionState::Stopped);
        let end = Some(end).filter(|_| !stopped && is_ended);
        Ok(Followed { report, end, left_open: false })
    }

    /// Who closed the run has told that to nobody here.
    fn tell_the_end<'t>(
        &mut self,
        counts: &RunCounts,
        failed: impl Iterator<Item = &'t TaskName>,
        stopped: bool,
    ) {
        let plan = &self.begun.plan;
        let mut outcomes = self.merge.outcomes();
        outcomes.extend(failed.map(|task| (task.clone(), TaskOutcome::Failed)));
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
