//! `gc`: puts aside what nothing needs, and deletes what was put aside long ago.
//!
//! ```text
//! who holds what -> mark -> log -> put aside what is not marked -> close the batch
//!                        -> of old batches: bring back what is marked, delete the rest
//! ```
//! The order is what makes it safe (`store/hold.rs` says why): who began to use
//! objects before a batch was whole keeps it from being deleted, and that is asked
//! before anything is marked. Nobody waits for a collection, also not for one that
//! is frozen in the middle; a killed one leaves what the next one goes on with.

mod choose;
mod mark;
mod undo;

use std::collections::{BTreeSet, HashSet};
use std::path::PathBuf;

use super::holding::holder;
use super::report::{GcReport, GoneBranch, TrashRow};
use super::{Footing, MovingError, OpsError};
use crate::model::{Digest, RunId};
use crate::state::{LockError, LockOn, RunLock, State, Wait};
use crate::store::{Amount, Batch, Store, StoreError, amount_of_runs};
use crate::task::now_ms;
pub use mark::{Marked, mark};
pub use undo::{can_undo, undo};

/// What is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GcRequest {
    /// Whether to do it, or only to say what would be done.
    pub earnest: Earnest,
    /// Operations of so many ms keep what `undo` would need.
    pub keep_ms: u64,
    /// So many ms lie between putting aside and deleting.
    pub grace_ms: u64,
    /// In bytes: as long as the store has no more, nothing is put aside.
    pub max_size: Option<u64>,
}

/// Whether something is done, or only told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Earnest {
    /// It is done.
    Yes,
    /// It is told.
    No,
}

/// A part of the work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Following what is needed; of so many records.
    Looking,
    /// Putting objects aside.
    PuttingAside,
    /// Deleting objects.
    Deleting,
}

/// Hears of a step, how many are done in it, and of how many.
pub type Progress<'a> = &'a dyn Fn(Step, u64, u64);

/// Collects, or says what a collection would do.
pub fn gc(footing: &Footing, request: &GcRequest, progress: Progress<'_>) -> Result<GcReport, OpsError> {
    let state = footing.state()?;
    let store = Store::open(&footing.store_root)?;
    let _lock = match request.earnest {
        Earnest::Yes => Some(lock(footing)?),
        Earnest::No => None,
    };
    let now = now_ms();
    let batches = close_all(&store, request.earnest)?;
    // Before anything is marked.
    let oldest = store.oldest_hold()?;
    let plan = plan(state, &store, request, now, &batches, progress)?;
    let mut report = GcReport {
        dry_run: request.earnest == Earnest::No,
        keep_ms: request.keep_ms,
        grace_ms: request.grace_ms,
        total: plan.total,
        needed: plan.needed,
        aside: plan.aside_amount,
        records: plan.records,
        runs: amount_of_runs(&store, &plan.runs),
        damaged: plan.damaged.iter().map(|(_, size)| *size).collect(),
        over_bytes: request.max_size.map(|most| plan.needed.bytes.saturating_sub(most)),
        gone: gone_branches(footing, state)?,
        ..GcReport::default()
    };
    let (due, waiting) = sort_out(&batches, request, now, oldest);
    report.held_back = waiting.iter().any(|batch| is_old(batch, request, now));
    let work = Work { state, store: &store, marked: &plan.marked, request, progress };
    if request.earnest == Earnest::Yes {
        store.delete_damaged(&plan.damaged)?;
    }
    if request.earnest == Earnest::Yes && (plan.puts_aside() || !due.is_empty()) {
        let batch = begin(&store, &plan, now)?;
        let why = batch.map(|batch| batch.number.to_string()).unwrap_or_default();
        report.operation = Some(state.note(&footing.key, &footing.entry("gc", &why, &footing.key))?);
        if let Some(batch) = batch {
            work.put_aside(&batch, &plan)?;
            report.trash.push(row(&batch, plan.aside_amount, request));
        }
    }
    for batch in waiting {
        let left = work.bring_back(&batch, &mut report.returned)?;
        report.trash.push(row(&batch, left.iter().map(|(_, size)| *size).collect(), request));
    }
    for batch in due {
        work.delete(&batch, &mut report)?;
    }
    if request.earnest == Earnest::Yes {
        // A pull that goes on has made its own a moment ago, and no branch leads to them yet.
        store.forget_promises(&plan.marked.needed, now.saturating_sub(request.grace_ms))?;
    }
    if report.deleted.objects > 0 && request.earnest == Earnest::Yes {
        store.shrink()?;
    }
    report.trash.retain(|row| row.amount.objects > 0);
    report.trash.sort_by_key(|row| row.batch);
    Ok(report)
}

/// Takes the right to change the trash.
fn lock(footing: &Footing) -> Result<RunLock, OpsError> {
    match RunLock::acquire(&footing.store_root, LockOn::Trash, Wait::No, &holder(&footing.command)) {
        Err(LockError::Held { holder }) => {
            Err(MovingError::TrashInUse { holder: holder.map(|one| Box::new(one.into())) }.into())
        }
        other => Ok(other?),
    }
}

/// Returns the batches; those that a killed collection left open are closed.
fn close_all(store: &Store, earnest: Earnest) -> Result<Vec<Batch>, StoreError> {
    let mut batches = store.batches()?;
    if earnest == Earnest::Yes {
        for batch in &mut batches {
            store.close_batch(batch)?;
            batch.closed = true;
        }
    }
    Ok(batches)
}

fn begin(store: &Store, plan: &Plan, now: u64) -> Result<Option<Batch>, StoreError> {
    plan.puts_aside().then(|| store.begin_batch(now)).transpose()
}

/// What is needed, and what would go.
struct Plan {
    marked: Marked,
    total: Amount,
    needed: Amount,
    aside: Vec<Digest>,
    aside_amount: Amount,
    records: u64,
    /// Folders of runs that go too.
    runs: Vec<RunId>,
    /// Damaged objects that were set aside long ago, and their sizes.
    damaged: Vec<(PathBuf, u64)>,
}

impl Plan {
    fn puts_aside(&self) -> bool {
        !(self.aside.is_empty() && self.runs.is_empty())
    }
}

fn plan(
    state: &State,
    store: &Store,
    request: &GcRequest,
    now: u64,
    batches: &[Batch],
    progress: Progress<'_>,
) -> Result<Plan, OpsError> {
    let mut marked = mark(state, store, Some(now.saturating_sub(request.keep_ms)), progress)?;
    let mut all = Vec::new();
    store.each_object(&mut |digest, size| all.push((digest, size)))?;
    let amount = |wanted: &dyn Fn(&Digest) -> bool| -> Amount {
        all.iter().filter(|(digest, _)| wanted(digest)).map(|(_, size)| *size).collect()
    };
    let needed = amount(&|digest| marked.needed.contains(digest));
    let total = amount(&|_| true);
    if let Some(most) = request.max_size {
        let mut trashed = HashSet::new();
        for batch in batches {
            trashed.extend(store.batch_objects(batch)?.into_iter().map(|(digest, _)| digest));
        }
        let room = if total.bytes <= most { u64::MAX } else { most.saturating_sub(needed.bytes) };
        if room == u64::MAX {
            marked.needed.extend(all.iter().map(|(digest, _)| *digest));
        } else {
            choose::keep_latest(state, store, room, &all, &trashed, &mut marked)?;
        }
    }
    let unneeded = |digest: &Digest| !marked.needed.contains(digest);
    let aside_amount = amount(&unneeded);
    let aside: Vec<Digest> = all.iter().map(|(digest, _)| *digest).filter(unneeded).collect();
    let going: HashSet<&Digest> = aside.iter().collect();
    let records = state.indexed_records()?.iter().filter(|record| going.contains(record)).count() as u64;
    let runs = old_runs(store, &marked, now.saturating_sub(request.keep_ms))?;
    let damaged = store.damaged_before(now.saturating_sub(request.grace_ms))?;
    Ok(Plan { marked, total, needed, aside, aside_amount, records, runs, damaged })
}

/// Returns the runs whose folders nobody needs: what they told is older than what `undo` reaches back to, and no
/// item that counts has its lines there.
fn old_runs(store: &Store, marked: &Marked, since_ms: u64) -> Result<Vec<RunId>, StoreError> {
    let goes = |run: &RunId| {
        run.made_ms() < since_ms && !marked.runs.contains(run) && !store.layout().run_items(run).exists()
    };
    Ok(store.run_folders()?.into_iter().filter(goes).collect())
}

/// Parts batches into those to delete and those that wait.
fn sort_out(
    batches: &[Batch],
    request: &GcRequest,
    now: u64,
    oldest: Option<u64>,
) -> (Vec<Batch>, Vec<Batch>) {
    let unseen = |batch: &Batch| oldest.is_none_or(|hold| hold >= batch.number);
    batches.iter().partition(|batch| is_old(batch, request, now) && batch.closed && unseen(batch))
}

/// A clock that was put back makes nothing old.
fn is_old(batch: &Batch, request: &GcRequest, now: u64) -> bool {
    batch.deleting || now.checked_sub(batch.began_ms).is_some_and(|age| age >= request.grace_ms)
}

fn row(batch: &Batch, amount: Amount, request: &GcRequest) -> TrashRow {
    TrashRow { batch: batch.number, amount, until_ms: batch.began_ms.saturating_add(request.grace_ms) }
}

/// Branches that git has no more, of this project.
fn gone_branches(footing: &Footing, state: &State) -> Result<Vec<GoneBranch>, OpsError> {
    let Some(repository) = &footing.repository else { return Ok(Vec::new()) };
    let seen = state.seen_branches(&footing.key.project, repository.common_folder())?;
    let gone = |seen: crate::state::Seen| Some(GoneBranch { branch: seen.branch, gone_ms: seen.gone_ms? });
    Ok(seen.into_iter().filter_map(gone).collect())
}

/// What does the work once it is decided.
struct Work<'a> {
    state: &'a State,
    store: &'a Store,
    marked: &'a Marked,
    request: &'a GcRequest,
    progress: Progress<'a>,
}

impl Work<'_> {
    fn put_aside(&self, batch: &Batch, plan: &Plan) -> Result<(), OpsError> {
        self.store.hit("gc.begun")?;
        let objects = &plan.aside;
        self.store.put_runs_aside(batch, &plan.runs)?;
        let mut done = 0;
        self.store.put_aside(batch, objects, &mut |more| {
            done += more;
            (self.progress)(Step::PuttingAside, done, objects.len() as u64);
        })?;
        self.store.hit("gc.moved")?;
        self.store.close_batch(batch)?;
        Ok(self.store.hit("gc.closed")?)
    }

    /// Brings back what is needed after all; returns what stays in the batch.
    fn bring_back(&self, batch: &Batch, returned: &mut Amount) -> Result<Vec<(Digest, u64)>, OpsError> {
        let has = self.store.batch_objects(batch)?;
        let (back, left): (Vec<_>, Vec<_>) =
            has.into_iter().partition(|(digest, _)| self.marked.needed.contains(digest));
        returned.add_all(back.iter().map(|(_, size)| *size).collect());
        if self.request.earnest == Earnest::Yes {
            let back: Vec<Digest> = back.into_iter().map(|(digest, _)| digest).collect();
            self.store.bring_back(&back)?;
        }
        Ok(left)
    }

    fn delete(&self, batch: &Batch, report: &mut GcReport) -> Result<(), OpsError> {
        let left = self.bring_back(batch, &mut report.returned)?;
        report.deleted.add_all(left.iter().map(|(_, size)| *size).collect());
        if self.request.earnest == Earnest::No {
            return Ok(());
        }
        // Nobody finds them by their fingerprints any more.
        self.state.forget_records(&left.iter().map(|(digest, _)| *digest).collect::<BTreeSet<_>>())?;
        let mut done = 0;
        self.store.delete_batch(batch, &mut |more| {
            done += more;
            (self.progress)(Step::Deleting, done, left.len() as u64);
        })?;
        Ok(())
    }
}
