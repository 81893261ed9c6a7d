//! What a protected branch could have without running, were it let in: records made on branches that are not.
//!
//! The plan is folded once more over a past in which such records may be taken.
//! `status` says of a task that is stale where one is; `promote` lets it in.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;

use super::survey::Survey;
use super::{OpsError, Session};
use crate::model::{
    Attempt, BranchName, Digest, FailedItem, Fingerprint, GraphName, ItemRecord, ItemTable, Mark, Record,
    Reuse, Settled, Status, TaskName,
};
use crate::plan::{Decision, Known, OutputsState};
use crate::state::{BranchKey, LocalMemo, Protection};
use crate::task::StateKnown;

/// A record that a protected branch has not been given.
#[derive(Debug, Clone)]
pub struct Offer {
    /// The branch that has it.
    pub branch: BranchName,
    /// Its digest.
    pub digest: Digest,
    /// The record.
    pub record: Arc<Record>,
}

/// A branch, and which records it has.
#[derive(Debug, Clone)]
pub struct Source {
    branch: BranchName,
    records: BTreeMap<TaskName, Digest>,
}

impl Source {
    /// Reads which records a branch has.
    pub fn of(session: &Session, branch: &BranchKey, graph: &GraphName) -> Result<Self, OpsError> {
        let records = session.state()?.records(branch, graph)?;
        Ok(Self { branch: branch.branch.clone(), records })
    }

    /// Returns the branch.
    pub fn branch(&self) -> &BranchName {
        &self.branch
    }

    /// Tells whether a record was made there, or is there now.
    pub fn made(&self, record: &Record, digest: &Digest) -> bool {
        record.provenance.branch == self.branch.as_str() || self.records.get(&record.task) == Some(digest)
    }
}

/// A past in which records that were made elsewhere may be taken: of one branch, or of any.
pub struct Lifted<'a, 's> {
    known: &'a StateKnown<'s>,
    source: Option<Source>,
    offered: RefCell<BTreeMap<TaskName, Offer>>,
}

impl<'a, 's> Lifted<'a, 's> {
    /// Wraps a past; absent means of any branch.
    pub fn new(known: &'a StateKnown<'s>, source: Option<Source>) -> Self {
        Self { known, source, offered: RefCell::default() }
    }

    /// Returns what was taken that protection does not let in.
    pub fn offered(self) -> BTreeMap<TaskName, Offer> {
        self.offered.into_inner()
    }

    /// Returns what a task could have, were it let in: what the source has now goes before what was made there.
    fn offer(&self, task: &TaskName, fingerprint: Fingerprint) -> Option<Offer> {
        let mut made = self.known.not_admitted(task, fingerprint);
        let Some(source) = &self.source else {
            return made.next().map(|(branch, digest, record)| Offer { branch, digest, record });
        };
        let held = || {
            // What a task does elsewhere, another branch has not done for this one.
            if self.known.reuse(task) != Reuse::Any {
                return None;
            }
            let digest = *source.records.get(task)?;
            let record = self.known.record(digest)?;
            let fits = record.fingerprint == fingerprint
                && record.settled == Settled::Yes
                && self.known.is_whole(&record);
            fits.then(|| Offer { branch: source.branch.clone(), digest, record })
        };
        held().or_else(|| {
            let (branch, digest, record) = made.find(|(branch, ..)| *branch == source.branch)?;
            Some(Offer { branch, digest, record })
        })
    }
}

impl Known for Lifted<'_, '_> {
    fn current(&self, task: &TaskName) -> Option<Arc<Record>> {
        self.known.current(task)
    }

    fn failed_attempt(&self, task: &TaskName) -> Option<Attempt> {
        self.known.failed_attempt(task)
    }

    fn reusable(&self, task: &TaskName, fingerprint: Fingerprint) -> Option<Arc<Record>> {
        if let Some(admitted) = self.known.reusable(task, fingerprint) {
            return Some(admitted);
        }
        let offer = self.offer(task, fingerprint)?;
        let record = Arc::clone(&offer.record);
        self.offered.borrow_mut().insert(task.clone(), offer);
        Some(record)
    }

    fn outputs(&self, record: &Record) -> OutputsState {
        self.known.outputs(record)
    }

    fn result(&self, record: &Record) -> Option<Arc<Value>> {
        self.known.result(record)
    }

    fn items(&self, record: &Record) -> Option<Arc<ItemTable>> {
        self.known.items(record)
    }

    fn readable_items(&self, record: &Record) -> Arc<ItemTable> {
        self.known.readable_items(record)
    }

    fn finished_items(&self, task: &TaskName) -> Vec<Arc<ItemRecord>> {
        self.known.finished_items(task)
    }

    fn failed_items(&self, task: &TaskName) -> Vec<FailedItem> {
        self.known.failed_items(task)
    }

    fn invalidated(&self, task: &TaskName) -> Vec<Mark> {
        self.known.invalidated(task)
    }

    fn is_bad(&self, item: &ItemRecord) -> bool {
        self.known.is_bad(item)
    }

    fn now_ms(&self) -> u64 {
        self.known.now_ms()
    }
}

/// Returns the tasks of a protected branch that are not fresh and could be by a promotion, and from where.
pub fn find(
    session: &Session,
    memo: &LocalMemo,
    survey: &Survey<'_>,
) -> Result<BTreeMap<TaskName, BranchName>, OpsError> {
    let protection = Protection::new(session.project.settings.protected.iter().cloned());
    if !protection.covers(session.key.branch.as_str()) {
        return Ok(BTreeMap::new());
    }
    let stale = |decision: &Decision| decision.status != Status::Fresh;
    let lifted = Lifted::new(&survey.known, None);
    // What follows depends on what is before it: where the first ones have nothing, nobody has.
    let of_first = |(task, one): (&TaskName, &Decision)| Some((task.clone(), one.fingerprint?));
    let mut first = survey.decisions.iter().filter(|(_, one)| stale(one)).filter_map(of_first);
    if !first.any(|(task, fingerprint)| lifted.offer(&task, fingerprint).is_some()) {
        return Ok(BTreeMap::new());
    }
    survey.decide_as(session, memo, &lifted);
    Ok(lifted.offered().into_iter().map(|(task, offer)| (task, offer.branch)).collect())
}
