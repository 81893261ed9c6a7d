//! The execution has ended: the run is closed, and how it ended is told.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use super::following::Following;
use super::lost::{LostJob, lost_jobs};
use crate::aws::{Execution, ExecutionState};
use crate::model::{Attempt, Event, Logged, RunCounts, TaskName, TaskOutcome, Teller};
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
        let mut events: Vec<Event> = lost.iter().filter_map(LostJob::event).collect();
        let mut ended = self.merge.outcomes();
        ended.extend(failures.into_iter().map(|lost| (lost.task, TaskOutcome::Failed)));
        let session = Session::open(self.start)?;
        // AWS may not say all that the machine has caught.
        let attempts = session.state()?.failed_attempts(&session.key, &plan.graph.namespace)?;
        for (task, attempt) in attempts.into_iter().filter(|(_, attempt)| attempt.run == plan.id) {
            if let Entry::Vacant(unheard) = ended.entry(task) {
                events.push(failed(unheard.key(), attempt));
                unheard.insert(TaskOutcome::Failed);
            }
        }
        events.iter().for_each(|event| self.tell(event));
        self.tell_the_end(&counts, ended, stopped);
        let place = session.place();
        let (run, notes) = (Some(self.begun.plan.id.clone()), self.begun.notes.clone());
        let report = RunReport { run, counts, notes, ..RunReport::nothing(place) };
        let end = EngineEnd { code: None, said: said(execution, &lost), log: None };
        let is_ended = matches!(execution.state, ExecutionState::Failed | ExecutionState::Stopped);
        let end = Some(end).filter(|_| !stopped && is_ended);
        Ok(Followed { report, end, left_open: false })
    }

    /// Who closed the run has told that to nobody here.
    fn tell_the_end(&mut self, counts: &RunCounts, outcomes: BTreeMap<TaskName, TaskOutcome>, stopped: bool) {
        let plan = &self.begun.plan;
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

/// How a task ended, as it is written down.
fn failed(task: &TaskName, attempt: Attempt) -> Event {
    Event::TaskFinished {
        task: task.clone(),
        outcome: TaskOutcome::Failed,
        timing: None,
        outputs: None,
        error: Some(attempt.error),
        log_tail: Vec::new(),
        log: attempt.log,
    }
}

/// What an execution that failed says of itself.
fn said(execution: &Execution, lost: &[LostJob]) -> Vec<String> {
    let jobs = lost.iter().filter(|job| job.task.is_none()).flat_map(LostJob::lines);
    jobs.chain(Some(execution.why.clone()).filter(|why| !why.is_empty())).collect()
}
