//! What the processes of an engine tell of a run, as one process would tell it.
//!
//! ```text
//! bundles of a task    started once, items added up, ended by the task itself
//! tried again          a note, and a failure only if it was the last attempt
//! entered twice        told once
//! ```
//! Pure: lines of the log in, events for whoever watches out.

use std::collections::BTreeMap;

use crate::model::{Event, Logged, OutputComparison, RunPlan, TaskName, TaskOutcome, Teller};
use crate::task::serve::NOT_STARTED;

/// So many bundles of a task that failed get a line each.
const NOTED: usize = 3;

/// Puts together what the processes of one run tell.
#[derive(Debug, Default)]
pub struct Merge {
    retries: BTreeMap<TaskName, u32>,
    tasks: BTreeMap<TaskName, Told>,
    /// Whether a person has stopped the run.
    interrupted: bool,
}

/// What was heard of one task.
#[derive(Debug, Default)]
struct Told {
    running: bool,
    ended: Option<TaskOutcome>,
    /// How many items are to run, as far as known.
    total: u64,
    /// How many failures got a line.
    noted: usize,
    /// By bundle; what the whole task tells goes by an empty name.
    parts: BTreeMap<String, Part>,
}

#[derive(Debug, Default)]
struct Part {
    /// Items that earlier attempts have done, and what this one has.
    done_before: u64,
    done: u64,
    failed: u64,
    attempts: u32,
    outcome: Option<TaskOutcome>,
    outputs: Option<OutputComparison>,
    /// Its last attempt's, which may be tried again.
    failure: Option<Event>,
}

impl Merge {
    /// Begins with nothing heard.
    pub fn new(plan: &RunPlan) -> Self {
        let retries = plan.graph.tasks.values().map(|task| (task.name.clone(), task.retries.0)).collect();
        Self { retries, ..Self::default() }
    }

    /// From here on, what was not started was not because of a person.
    pub fn interrupt(&mut self) {
        self.interrupted = true;
    }

    /// Takes in what one process has told; returns what there is to tell.
    pub fn hear(&mut self, logged: Logged) -> Vec<Event> {
        let Logged { event, teller } = logged;
        match event {
            Event::TaskStarted { task, items, estimate_ms } => {
                let told = self.tasks.entry(task.clone()).or_default();
                told.part(&teller).begin();
                if teller.bundle.is_none() {
                    told.total = items.unwrap_or(0).max(told.total);
                }
                if std::mem::replace(&mut told.running, true) {
                    return Vec::new();
                }
                vec![Event::TaskStarted { task, items, estimate_ms }]
            }
            Event::Items { task, done, failed, total } => {
                let told = self.tasks.entry(task.clone()).or_default();
                let part = told.part(&teller);
                (part.done, part.failed) = (done, failed);
                vec![told.items(task, total)]
            }
            Event::ItemsLeft { .. } if teller.bundle.is_some() => Vec::new(),
            Event::TaskFinished { .. } if teller.bundle.is_some() => self.bundle_ended(event, &teller),
            Event::TaskFinished { .. } => self.task_ended(event, &teller),
            Event::RunFinished { .. } => {
                let mut all = self.failed_in_the_end();
                all.push(event);
                all
            }
            Event::RunStarted { .. }
            | Event::ExecutionStarted { .. }
            | Event::ItemsLeft { .. }
            | Event::Line { .. }
            | Event::Note { .. } => vec![event],
        }
    }

    /// Returns how tasks ended, as far as that was heard; one whose last try failed has failed.
    pub fn outcomes(&self) -> BTreeMap<TaskName, TaskOutcome> {
        let ended = |(task, told): (&TaskName, &Told)| {
            let failed = told.parts.values().any(|part| part.failure.is_some());
            Some((task.clone(), told.ended.or(failed.then_some(TaskOutcome::Failed))?))
        };
        self.tasks.iter().filter_map(ended).collect()
    }

    /// Returns the tasks that have begun and not ended.
    pub fn running(&self) -> impl Iterator<Item = &TaskName> {
        self.tasks.iter().filter(|(_, told)| told.running).map(|(task, _)| task)
    }

    /// A bundle does not end its task; that one failed is worth a line.
    fn bundle_ended(&mut self, event: Event, teller: &Teller) -> Vec<Event> {
        let Event::TaskFinished { task, outcome, outputs, error, .. } = &event else { return Vec::new() };
        let most = self.retries.get(task).copied().unwrap_or(0);
        let told = self.tasks.entry(task.clone()).or_default();
        let part = told.part(teller);
        part.outcome = Some(*outcome);
        part.outputs = outputs.clone().or(part.outputs.take());
        part.failure = None;
        if *outcome != TaskOutcome::Failed {
            return Vec::new();
        }
        let again = part.is_tried_again(teller, most);
        let note = failure_note(task, error.as_deref(), again);
        part.failure = Some(event);
        told.noted += 1;
        if told.noted > NOTED { Vec::new() } else { vec![note] }
    }

    fn task_ended(&mut self, event: Event, teller: &Teller) -> Vec<Event> {
        let Event::TaskFinished { task, outcome, timing, outputs, error, log_tail, log } = event else {
            return Vec::new();
        };
        let most = self.retries.get(&task).copied().unwrap_or(0);
        let told = self.tasks.entry(task.clone()).or_default();
        let mut outcome = outcome;
        let mut outputs = outputs;
        match outcome {
            // Entered once more, or already told by who closes the run.
            TaskOutcome::Spared | TaskOutcome::Skipped if told.ended.is_some() => return Vec::new(),
            TaskOutcome::Skipped if told.parts.values().any(|part| part.failure.is_some()) => {
                return Vec::new();
            }
            TaskOutcome::Spared => {
                if let Some(by_bundles) = told.by_bundles() {
                    outcome = by_bundles;
                    outputs = outputs.or_else(|| told.parts.values().find_map(|part| part.outputs.clone()));
                }
            }
            _ => {}
        }
        let error = match error {
            Some(error) if self.interrupted && error == NOT_STARTED => Some("interrupted".to_owned()),
            error => error,
        };
        let event = Event::TaskFinished {
            task: task.clone(),
            outcome,
            timing,
            outputs,
            error: error.clone(),
            log_tail,
            log,
        };
        if outcome == TaskOutcome::Failed && told.part(teller).is_tried_again(teller, most) {
            told.part(teller).failure = Some(event);
            return vec![failure_note(&task, error.as_deref(), true)];
        }
        told.parts.values_mut().for_each(|part| part.failure = None);
        (told.running, told.ended) = (false, Some(outcome));
        vec![event]
    }

    /// Where the run is over, what failed last has failed.
    fn failed_in_the_end(&mut self) -> Vec<Event> {
        let mut all = Vec::new();
        for told in self.tasks.values_mut() {
            let failed: u64 = told.parts.values().map(|part| part.failed).sum();
            let first = told.parts.iter_mut().find_map(|(name, part)| Some((name, part.failure.take()?)));
            let Some((bundle, mut failure)) = first else { continue };
            if let Event::TaskFinished { error: Some(error), .. } = &mut failure
                && let Some((_, which)) = error.split_once(';').filter(|_| !bundle.is_empty())
            {
                *error = format!("{failed} of {} items failed;{which}", told.total);
            }
            (told.running, told.ended) = (false, Some(TaskOutcome::Failed));
            all.push(failure);
        }
        all
    }
}

impl Told {
    fn part(&mut self, teller: &Teller) -> &mut Part {
        self.parts.entry(teller.bundle.clone().unwrap_or_default()).or_default()
    }

    fn items(&mut self, task: TaskName, total: u64) -> Event {
        let done = self.parts.values().map(|part| part.done_before + part.done).sum();
        let failed = self.parts.values().map(|part| part.failed).sum();
        self.total = self.total.max(total).max(done + failed);
        Event::Items { task, done, failed, total: self.total }
    }

    /// Returns what the bundles came to; absent where there were none.
    fn by_bundles(&self) -> Option<TaskOutcome> {
        let bundles = || self.parts.iter().filter(|(name, _)| !name.is_empty()).map(|(_, part)| part.outcome);
        let first = bundles().flatten().next()?;
        Some(if bundles().any(|outcome| outcome == Some(TaskOutcome::Ran)) {
            TaskOutcome::Ran
        } else {
            first
        })
    }
}

impl Part {
    fn begin(&mut self) {
        self.done_before += std::mem::take(&mut self.done);
        self.failed = 0;
    }

    /// Tells of a failure whether its engine tries it again.
    fn is_tried_again(&mut self, teller: &Teller, most: u32) -> bool {
        self.attempts += 1;
        teller.tried_again && self.attempts <= most
    }
}

fn failure_note(task: &TaskName, error: Option<&str>, again: bool) -> Event {
    let error = error.unwrap_or("it failed");
    let message = if again { format!("{error}; it is tried again") } else { error.to_owned() };
    Event::Note { task: Some(task.clone()), message }
}

#[cfg(test)]
#[path = "merge_tests.rs"]
mod tests;
