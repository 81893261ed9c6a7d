//! What became of the items of a mapped task so far, and its journal.
//!
//! An item goes into the journal before the lane that ran it takes the next one,
//! so a kill loses what was running and no more. Now and then, and where the
//! task does not end well, the journal goes into the databases. Once the task is
//! recorded its table has all that the journal had.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use super::steady::Steady;
use super::table;
use super::{TaskError, TaskFailure};
use crate::model::{FailedItem, ItemRecord};
use crate::state::{Journal, Segment, StateError};
use crate::task::work::Shared;

/// How many failed items are told of by name.
const NAMED: usize = 3;
/// How many last lines of each are shown, where several failed.
const LINES_OF_EACH: usize = 6;
/// A journal of that size goes into the databases.
const LARGE: u64 = 32 * 1024 * 1024;
/// So does one whose first entry is that old: `status` looks there.
const OLD: Duration = Duration::from_secs(5);
/// How often it is noted that the files held still.
const NOTE_EVERY: Duration = Duration::from_millis(200);

/// What became of the items so far.
pub struct Ledger {
    journal: Journal,
    /// When the first entry came that the databases do not have.
    begun: Option<Instant>,
    noted: Instant,
    verified: Instant,
    /// Ended, and their files held still.
    pub done: Vec<ItemRecord>,
    /// Ended, but not yet looked whether the files held still.
    unverified: Vec<ItemRecord>,
    /// What did not hold still; from then on no item can be trusted.
    pub changed: Vec<String>,
    failures: Failures,
    /// Why items cannot be kept any more.
    broken: Option<TaskError>,
    /// The project's files that were really imported.
    pub imported: BTreeSet<PathBuf>,
}

impl Ledger {
    /// Begins with nothing.
    pub fn new(journal: Journal) -> Self {
        let now = Instant::now();
        Self {
            journal,
            begun: None,
            noted: now,
            verified: now,
            done: Vec::new(),
            unverified: Vec::new(),
            changed: Vec::new(),
            failures: Failures::default(),
            broken: None,
            imported: BTreeSet::new(),
        }
    }

    /// Returns how many items ended, and how many of them failed.
    pub fn counts(&self) -> (u64, u64) {
        let failed = self.failures.count;
        ((self.done.len() + self.unverified.len()) as u64 + failed, failed)
    }

    /// Tells whether items cannot be kept any more.
    pub fn is_broken(&self) -> bool {
        self.broken.is_some()
    }

    /// Takes a finished item in. When this returns, it outlives a kill.
    pub fn finished(&mut self, shared: &Shared<'_>, steady: &Steady, mut record: ItemRecord) {
        let looked = steady.is_due(self.verified);
        if looked {
            self.look(steady);
        }
        if !self.changed.is_empty() {
            record.fingerprint = table::unsettled(record.fingerprint);
            self.done.push(record);
            return;
        }
        let digests = record.outputs.iter().map(|file| file.digest).chain(record.result);
        let objects: Vec<_> = digests.filter_map(|digest| shared.run.store.waiting(&digest)).collect();
        let written = self.journal.item(&record, &objects);
        self.note(written);
        if looked {
            self.done.push(record);
        } else {
            self.unverified.push(record);
        }
        if looked && self.noted.elapsed() >= NOTE_EVERY {
            self.noted = Instant::now();
            let noted = self.journal.held();
            self.note(noted);
        }
    }

    /// Takes a failed item in.
    pub fn failed(&mut self, item: &FailedItem, failure: TaskFailure) {
        let written = self.journal.failed(item);
        self.note(written);
        self.failures.add(&item.label, || failure);
    }

    fn note(&mut self, written: Result<(), StateError>) {
        self.begun.get_or_insert_with(Instant::now);
        if let Err(error) = written {
            self.broken.get_or_insert(error.into());
        }
    }

    /// Looks whether the files held still; items of before that they did not are never taken for fresh.
    fn look(&mut self, steady: &Steady) {
        self.verified = Instant::now();
        let held = self.changed.is_empty();
        for name in steady.changed() {
            if !self.changed.contains(&name) {
                self.changed.push(name);
            }
        }
        if held && !self.changed.is_empty() {
            let noted = self.journal.changed();
            self.note(noted);
        }
        for mut record in self.unverified.drain(..) {
            if !self.changed.is_empty() {
                record.fingerprint = table::unsettled(record.fingerprint);
            }
            self.done.push(record);
        }
    }

    /// Returns the part of the journal that is to go into the databases now, if it is time.
    pub fn due(&mut self, steady: &Steady) -> Option<Segment> {
        let old = self.begun.is_some_and(|begun| begun.elapsed() >= OLD);
        (old || self.journal.length() >= LARGE).then(|| self.cut(steady)).flatten()
    }

    /// Closes the journal; what it has is to go into the databases.
    pub fn cut(&mut self, steady: &Steady) -> Option<Segment> {
        self.look(steady);
        if self.changed.is_empty() && self.journal.length() > 0 {
            let noted = self.journal.held();
            self.note(noted);
        }
        self.begun = None;
        self.journal.cut()
    }

    /// Takes a last look at the files.
    pub fn close(&mut self, steady: &Steady) {
        self.look(steady);
    }

    /// Lets the journal go: the task is recorded.
    pub fn forget(mut self) {
        self.journal.remove();
    }

    /// Takes note that a part of the journal did not get into the databases.
    pub fn batched(&mut self, batched: Result<(), StateError>) {
        if let Err(error) = batched {
            self.broken.get_or_insert(error.into());
        }
    }

    /// Returns why items could not be kept; absent where they were.
    pub fn take_broken(&mut self) -> Option<TaskError> {
        self.broken.take()
    }

    /// Returns the items that failed.
    pub fn take_failures(&mut self) -> Failures {
        std::mem::take(&mut self.failures)
    }
}

/// Items of a task that failed: how many, and what is told of the first few.
#[derive(Default)]
pub struct Failures {
    count: u64,
    first: Vec<(String, TaskFailure)>,
}

impl Failures {
    /// Adds one; `failure` is asked where it is among the first.
    pub fn add(&mut self, label: &str, failure: impl FnOnce() -> TaskFailure) {
        self.count += 1;
        if self.first.len() < NAMED {
            self.first.push((label.to_owned(), failure()));
        }
    }

    /// Returns why the task failed; absent where all its items are done.
    pub fn of_task(self, total: u64) -> Option<TaskFailure> {
        let Self { count, first } = self;
        let errors = first.iter().map(|(label, failure)| (label.clone(), failure.in_one_line())).collect();
        let error = TaskError::Items { failed: count, total, errors };
        let log = first.first().map(|(_, failure)| failure.log.clone())?;
        Some(TaskFailure { log_tail: tails(first), log, ..error.into() })
    }
}

/// The last lines of one failed item, or of each of a few.
fn tails(mut failures: Vec<(String, TaskFailure)>) -> Vec<String> {
    if let [(_, only)] = &mut failures[..] {
        return std::mem::take(&mut only.log_tail);
    }
    let mut lines = Vec::new();
    for (label, failure) in failures {
        lines.push(format!("[{label}]"));
        let skip = failure.log_tail.len().saturating_sub(LINES_OF_EACH);
        lines.extend(failure.log_tail.into_iter().skip(skip).map(|line| format!("  {line}")));
    }
    lines
}
