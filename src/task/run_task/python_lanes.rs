//! Lanes of Python items: a thread each, with a process of its own.
//!
//! ```text
//! this thread (all tasks)          coordinator            lane, lane, lane
//! lanes lent, wanted back  -Desk-> starts threads  -----> bundle: prepare all, ask all,
//! lanes given back        <-Desk-  until all is done      then each: answer, capture, journal
//! ```
//! A lane works without an event loop and without another thread: what an item
//! costs is a message there and back, and one append to the journal.

use std::collections::VecDeque;
use std::path::Path;
use std::pin::pin;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use super::attempts::{Done, Goal, capture, clear, may_be_tried_again, of_item, roll_back};
use super::decide::Decided;
use super::items::{Mapped, Ran};
use super::prepare::{lane_log, log_file, prepare_outputs, results_of};
use super::{Bench, TaskError, TaskFailure, item};
use crate::model::Task;
use crate::plan::StaleItem;
use crate::task::Lanes;
use crate::task::environment;
use crate::task::execute::{Attempted, Call, Job, Lane};

/// Where the lender of lanes and those who use them meet.
struct Desk {
    counts: Mutex<Counts>,
    /// For the coordinator.
    changed: Condvar,
    /// For the lender.
    freed: Notify,
}

#[derive(Debug, Clone, Copy)]
struct Counts {
    allowed: u32,
    running: u32,
    /// How many the lender wants back.
    owed: u32,
    /// Given back, and the lender does not know yet.
    freed: u32,
}

impl Desk {
    fn new(allowed: u32) -> Self {
        let counts = Counts { allowed, running: 0, owed: 0, freed: 0 };
        Self { counts: Mutex::new(counts), changed: Condvar::new(), freed: Notify::new() }
    }

    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes note of what the lender says now: how many are lent, and how many of them it wants back.
    fn lent(&self, granted: u32, owed: u32) {
        let mut counts = self.counts();
        // Those that were given back and are not yet known to be are still among the granted.
        (counts.allowed, counts.owed) = (granted - counts.freed.min(granted - 1), owed);
        self.changed.notify_one();
    }

    /// Ends a lane where the lender wants one back and another goes on.
    fn gives_back(&self) -> bool {
        let mut counts = self.counts();
        let back = counts.owed > 0 && counts.allowed > 1;
        if back {
            counts.owed -= 1;
            self.free(&mut counts);
        }
        back
    }

    /// Takes note that a lane has ended for want of work.
    fn out_of_work(&self) {
        let mut counts = self.counts();
        if counts.allowed > 1 {
            self.free(&mut counts);
        }
    }

    fn free(&self, counts: &mut Counts) {
        counts.allowed -= 1;
        counts.freed += 1;
        self.freed.notify_one();
    }

    fn ended(&self) {
        self.counts().running -= 1;
        self.changed.notify_one();
    }

    /// Returns how many lanes were given back since this was asked last.
    fn take_freed(&self) -> u32 {
        std::mem::take(&mut self.counts().freed)
    }
}

/// Runs the items; comes back when no lane is left.
pub async fn run<'e>(
    bench: &Bench<'_, 'e>,
    task: &'e Task,
    decided: Arc<Decided<'e>>,
    stale: Vec<StaleItem>,
    lanes: &Lanes<'_>,
) -> Result<Ran, TaskFailure> {
    let (shared, workers) = (bench.shared, Arc::clone(&bench.workers));
    let desk = Arc::new(Desk::new(lanes.granted()));
    let wanted = Arc::new(Notify::new());
    let most = Arc::new(Mutex::new(0));
    let coordinate = {
        let (desk, wanted, most) = (Arc::clone(&desk), Arc::clone(&wanted), Arc::clone(&most));
        move || -> Result<Ran, TaskFailure> {
            let results = results_of(shared, &decided.dependencies)?;
            let circumstances = shared.circumstances(&results);
            let handed = environment::prepare(task, circumstances)?;
            let mapped = Mapped::new(shared, task, &workers, decided, circumstances, &handed, stale);
            *most.lock().unwrap_or_else(PoisonError::into_inner) = mapped.most_lanes();
            wanted.notify_one();
            run_lanes(&mapped, &desk);
            Ok(mapped.close())
        }
    };
    let mut coordinating = pin!(bench.threads.run(coordinate));
    let ran = loop {
        tokio::select! {
            ran = &mut coordinating => break ran,
            () = wanted.notified() => {
                let most = *most.lock().unwrap_or_else(PoisonError::into_inner);
                if most > 1 {
                    lanes.ask(most - 1);
                }
            }
            () = lanes.changed() => desk.lent(lanes.granted(), lanes.owed()),
            () = desk.freed.notified() => {
                for _ in 0..desk.take_freed() {
                    // One that was asked for, or one that nobody has work for.
                    let _ = lanes.give_back_if_owed() || lanes.release();
                }
                desk.lent(lanes.granted(), lanes.owed());
            }
        }
    };
    while lanes.release() {}
    ran
}

/// Keeps as many lanes going as are lent, until nothing is left to start and all have ended.
fn run_lanes(mapped: &Mapped<'_, '_>, desk: &Desk) {
    let most = mapped.most_lanes();
    // Numbers of lanes, and of their log files, are used again.
    let idle = Mutex::new(Vec::new());
    let mut next = 0;
    std::thread::scope(|scope| {
        loop {
            let mut counts = desk.counts();
            while counts.running > 0 && (mapped.is_over() || counts.running >= counts.allowed.min(most)) {
                counts = desk.changed.wait(counts).unwrap_or_else(PoisonError::into_inner);
            }
            if counts.running == 0 && mapped.is_over() {
                return;
            }
            counts.running += 1;
            drop(counts);
            let number = idle.lock().unwrap_or_else(PoisonError::into_inner).pop().unwrap_or_else(|| {
                next += 1;
                next - 1
            });
            let idle = &idle;
            scope.spawn(move || {
                // Also where it panics: who waits for its end must not wait for ever.
                let _ended = OnDrop(|| desk.ended());
                run_lane(mapped, desk, number);
                idle.lock().unwrap_or_else(PoisonError::into_inner).push(number);
            });
        }
    });
}

struct OnDrop<F: FnMut()>(F);

impl<F: FnMut()> Drop for OnDrop<F> {
    fn drop(&mut self) {
        self.0();
    }
}

/// Takes one bundle after another.
fn run_lane(mapped: &Mapped<'_, '_>, desk: &Desk, number: u32) {
    let mut calls = Calls { mapped, number, lane: mapped.workers.lane(), base: None };
    loop {
        let bundle = mapped.next_bundle();
        if bundle.is_empty() {
            desk.out_of_work();
            break;
        }
        calls.run(bundle);
        if !mapped.is_over() && desk.gives_back() {
            break;
        }
    }
    calls.lane.leave();
}

/// The calls of one lane.
struct Calls<'c, 'm, 'e> {
    mapped: &'c Mapped<'m, 'e>,
    number: u32,
    lane: Lane,
    /// What all its calls have in common.
    base: Option<Arc<Job>>,
}

/// An item that was asked for.
struct Asked<'e> {
    stale: StaleItem,
    label: String,
    goal: Goal<'e>,
    call: Call,
    attempt: u32,
}

impl<'e> Calls<'_, '_, 'e> {
    /// Runs the items of a bundle; each fails or is kept by itself.
    fn run(&mut self, bundle: Vec<StaleItem>) {
        let mut waiting = VecDeque::with_capacity(bundle.len());
        for stale in bundle {
            let label = stale.item.label(&self.mapped.task.map_over);
            match self.prepare(&stale, &label) {
                Ok((goal, call)) => {
                    self.lane.ask(call.clone());
                    waiting.push_back(Asked { stale, label, goal, call, attempt: 1 });
                }
                Err(error) => self.mapped.failed(&stale, &label, error.into()),
            }
        }
        while let (Some(asked), Some(attempted)) = (waiting.pop_front(), self.lane.answer()) {
            waiting.extend(self.answered(asked, attempted));
        }
    }

    fn prepare(&mut self, stale: &StaleItem, label: &str) -> Result<(Goal<'e>, Call), TaskError> {
        let Mapped { shared, task, handed, .. } = *self.mapped;
        let declared = self.mapped.declared(&stale.item)?;
        let own_log = match &task.logs {
            Some(_) => {
                Some(log_file(shared, task, Some(&stale.item), self.number, self.mapped.circumstances)?)
            }
            None => None,
        };
        let job = match &self.base {
            Some(base) => Arc::clone(base),
            None => {
                let job =
                    Arc::new(handed.job(Some(&stale.item), &lane_log(shared, task, self.number), None)?);
                if task.script.path.is_some() {
                    self.base = Some(Arc::clone(&job));
                }
                job
            }
        };
        let call = Call {
            job,
            item: Some(stale.item.clone()),
            seed: Some(handed.seed(Some(&stale.item)).to_string()),
            log: own_log,
            lines: shared.run.line_sink(task, Some(label)),
        };
        let previous = stale.before.as_ref().map(|record| record.outputs.as_slice()).unwrap_or_default();
        let goal = prepare_outputs(shared, task, Some(label.to_owned()), declared, previous)?;
        Ok((goal, call))
    }

    /// Deals with an answer; returns the item where it is to be tried again.
    fn answered(&mut self, asked: Asked<'e>, mut attempted: Attempted) -> Option<Asked<'e>> {
        let Mapped { shared, task, .. } = *self.mapped;
        for note in &attempted.notes {
            shared.run.note(Some(task), of_item(&asked.goal, note.clone()));
        }
        let imported = std::mem::take(&mut attempted.imported);
        let (range, tail) = (attempted.log_range, attempted.log_tail.clone());
        let log = asked.call.log.as_ref().unwrap_or(&asked.call.job.log).clone();
        let failure = match self.record(&asked, attempted, &log) {
            Ok(record) => {
                self.mapped.finished(record, imported);
                return None;
            }
            Err(error) => TaskFailure { log_tail: tail, log: Some(log), log_range: range, ..error.into() },
        };
        let most = task.retries.0.saturating_add(1);
        if asked.attempt < most && may_be_tried_again(&failure.error) {
            let number = asked.attempt;
            let error = failure.in_one_line();
            let message = format!("attempt {number} of {most} failed: {error}; trying again");
            shared.run.note(Some(task), of_item(&asked.goal, message));
            clear(shared, &asked.goal);
            self.lane.ask(asked.call.clone());
            return Some(Asked { attempt: asked.attempt + 1, ..asked });
        }
        roll_back(shared, &asked.goal);
        self.mapped.failed(&asked.stale, &asked.label, failure);
        None
    }

    fn record(
        &self,
        asked: &Asked<'e>,
        attempted: Attempted,
        log: &Path,
    ) -> Result<crate::model::ItemRecord, TaskError> {
        let Mapped { shared, task, .. } = *self.mapped;
        attempted.outcome.clone()?;
        let captured = capture(shared, &asked.goal)?;
        for note in &captured.notes {
            shared.run.note(Some(task), of_item(&asked.goal, note.message()));
        }
        item::record_of(shared, &asked.stale, Done { attempted, captured }, log)
    }
}
