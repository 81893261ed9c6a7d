//! Runs the stale items of a mapped task, as many at once as lanes are lent.
//!
//! Each finished item is kept as it ends, so a failure or a kill loses only
//! what was running. The task itself is recorded when all its items are done;
//! with a failed one it has failed, and the next run does the rest.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeSet, VecDeque};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;

use super::attempts::{Goal, capture, roll_back};
use super::decide::Decided;
use super::item;
use super::prepare::{prepare_dependencies, prepare_outputs, results_of};
use super::subset::{Part, leave_rest};
use super::table::{self, Finished};
use super::unseen;
use super::{Bench, Ended, TaskError, TaskFailure};
use crate::fingerprint::variables;
use crate::model::{Event, Item, ItemRecord, OutputFile, Task};
use crate::plan::StaleItem;
use crate::task::Lanes;
use crate::task::environment::{self, Circumstances};
use crate::task::execute::Failure;
use crate::task::outputs::Declared;
use crate::task::work::Shared;

/// How many failed items are told of by name.
const NAMED: usize = 3;
/// How often progress is told.
const TELL_EVERY: Duration = Duration::from_millis(200);

/// The work on one mapped task.
pub struct Mapped<'b, 's, 'e> {
    pub bench: &'b Bench<'s, 'e>,
    pub task: &'e Task,
    pub decided: Arc<Decided<'e>>,
    pub circumstances: Circumstances<'b>,
    pub handed: &'b environment::Prepared<'b>,
    total: u64,
    queue: RefCell<VecDeque<StaleItem>>,
    done: RefCell<Vec<ItemRecord>>,
    /// Ended, but not yet looked whether the code held still.
    unverified: RefCell<Vec<ItemRecord>>,
    /// What did not hold still; from then on no item can be trusted.
    changed: RefCell<Vec<String>>,
    failures: RefCell<Vec<ItemFailure>>,
    /// The project's files that were really imported.
    pub imported: RefCell<BTreeSet<PathBuf>>,
    stopped: Cell<bool>,
    told: Cell<Instant>,
    verified: Cell<Instant>,
}

struct ItemFailure {
    label: String,
    failure: TaskFailure,
}

/// Runs what is stale, and records the whole.
pub async fn run<'e>(
    bench: &Bench<'_, 'e>,
    task: &'e Task,
    mut decided: Decided<'e>,
    lanes: &Lanes<'_>,
) -> Result<Ended, TaskFailure> {
    let shared = bench.shared;
    let plan = decided.decision.items.take().unwrap_or_default();
    let decided = Arc::new(decided);
    let results = results_of(shared, &decided.dependencies)?;
    let circumstances = shared.circumstances(&results);
    let handed = environment::prepare(task, circumstances)?.with_packages(&decided.gathered.packages);
    let whole = {
        let (decided, items) = (Arc::clone(&decided), table::items_of(&plan));
        bench.threads.run(move || prepare_whole(shared, task, &decided, &items)).await?
    };
    let whole = Arc::new(whole);
    shared.run.tell(&Event::TaskStarted {
        task: task.name.clone(),
        items: Some(plan.stale.len() as u64),
        estimate_ms: shared.run.plan.base.get(&task.name).and_then(|base| base.estimate_ms),
    });
    let mapped = Mapped {
        bench,
        task,
        circumstances,
        handed: &handed,
        decided: Arc::clone(&decided),
        total: plan.stale.len() as u64,
        queue: RefCell::new(plan.stale.into()),
        done: RefCell::default(),
        unverified: RefCell::default(),
        changed: RefCell::default(),
        failures: RefCell::default(),
        imported: RefCell::default(),
        stopped: Cell::new(false),
        told: Cell::new(Instant::now()),
        verified: Cell::new(Instant::now()),
    };
    let ended = match mapped.all_items(lanes, &whole).await {
        Ok(_) if !plan.left.is_empty() => {
            let (done, changed) = (mapped.done.take(), mapped.changed.take());
            let part = Part { done, changed, left: plan.left.len() as u64, total: plan.order.len() as u64 };
            leave_rest(shared, task, &part)
        }
        Ok(whole) => {
            let (order, fresh, removed) = (plan.order, plan.fresh, plan.removed);
            let (done, changed) = (mapped.done.take(), mapped.changed.take());
            let finished = Finished { whole, order, fresh, done, removed, changed };
            table::record(bench, task, decided, finished).await
        }
        Err(failure) => Err(failure),
    };
    if ended.is_err() {
        bench.threads.run(move || roll_back(shared, &whole)).await;
    }
    ended
}

/// What belongs to no item is made ready once, before the first of them.
fn prepare_whole<'e>(
    shared: &Shared<'_>,
    task: &'e Task,
    decided: &Decided<'_>,
    items: &[Item],
) -> Result<Goal<'e>, TaskError> {
    table::refuse_shared_paths(shared, task, items)?;
    prepare_dependencies(shared, task, &decided.dependencies)?;
    let outputs = task.outputs.iter().filter(|output| !task.is_item_output(output));
    let declared = Declared::expand(outputs, &variables(task, &shared.run.plan.graph))?;
    prepare_outputs(shared, task, None, declared, &shared.known.own_files(&task.name).to_vec())
}

impl<'e> Mapped<'_, '_, 'e> {
    /// Runs every item; returns the files that belong to none of them.
    async fn all_items(
        &self,
        lanes: &Lanes<'_>,
        whole: &Arc<Goal<'e>>,
    ) -> Result<Vec<OutputFile>, TaskFailure> {
        let bench = self.bench;
        self.run_lanes(lanes).await;
        bench.workers.finish(&self.task.name).await;
        self.verify();
        self.tell_progress();
        unseen::tell(bench.shared, self.task, &self.decided.gathered, self.imported.borrow().iter());
        bench.recorder.barrier().await.map_err(TaskError::Record)?;
        if let Some(failure) = self.failure() {
            return Err(failure);
        }
        let (shared, whole) = (bench.shared, Arc::clone(whole));
        let captured = bench.threads.run(move || capture(shared, &whole)).await?;
        for note in &captured.notes {
            shared.run.note(Some(self.task), note.message());
        }
        Ok(captured.files)
    }

    /// Runs lanes side by side until nothing is left to start.
    async fn run_lanes(&self, lanes: &Lanes<'_>) {
        let mut running = FuturesUnordered::new();
        // Numbers of lanes, and of their log files, are used again.
        let (mut idle, mut next_lane) = (Vec::new(), 0);
        let wanted = self.most_lanes();
        if wanted > 1 {
            lanes.ask(wanted - 1);
        }
        loop {
            while (running.len() as u32) < lanes.granted().min(wanted) && !self.is_over() {
                let lane = idle.pop().unwrap_or(next_lane);
                next_lane = next_lane.max(lane + 1);
                running.push(self.run_lane(lanes, lane));
            }
            tokio::select! {
                ended = running.next() => match ended {
                    Some(lane) => idle.push(lane),
                    None => break,
                },
                () = lanes.changed() => {
                    // Lent when there was nothing left to do with it.
                    while self.is_over() && lanes.granted() as usize > running.len().max(1) && lanes.release() {}
                }
            }
        }
    }

    /// Bundles in flight at most: a sliding window of `group_size` items, and never more than there are.
    fn most_lanes(&self) -> u32 {
        let bundle = self.task.bundle_size.max(1);
        let window = self.task.group_size.map_or(u32::MAX, |group| (group / bundle).max(1));
        let bundles = self.total.div_ceil(bundle.into()).min(u32::MAX.into()) as u32;
        window.min(bundles).max(1)
    }

    fn is_over(&self) -> bool {
        self.stopped.get() || self.queue.borrow().is_empty()
    }

    /// Takes one bundle after another; returns its number.
    async fn run_lane(&self, lanes: &Lanes<'_>, lane: u32) -> u32 {
        loop {
            let bundle = self.next_bundle();
            if bundle.is_empty() {
                lanes.release();
                return lane;
            }
            for stale in bundle {
                if self.stopped.get() {
                    return lane;
                }
                self.run_item(stale, lane).await;
            }
            if !self.is_over() && lanes.give_back_if_owed() {
                return lane;
            }
        }
    }

    fn next_bundle(&self) -> Vec<StaleItem> {
        let mut queue = self.queue.borrow_mut();
        let count = queue.len().min(self.task.bundle_size.max(1) as usize);
        if self.stopped.get() { Vec::new() } else { queue.drain(..count).collect() }
    }

    async fn run_item(&self, stale: StaleItem, lane: u32) {
        let label = stale.item.label(&self.task.map_over);
        match item::run(self, stale, &label, lane).await {
            Ok(record) => {
                self.unverified.borrow_mut().push(record);
                if self.decided.steady.is_due(self.verified.get()) {
                    self.verify();
                }
            }
            Err(failure) => {
                if matches!(*failure.error, TaskError::Code(Failure::Stopped) | TaskError::Stopped) {
                    self.stopped.set(true);
                }
                self.failures.borrow_mut().push(ItemFailure { label, failure });
            }
        }
        if self.told.get().elapsed() >= TELL_EVERY {
            self.tell_progress();
        }
    }

    /// Hands items over whose code held still; those that it did not for are never taken for fresh.
    fn verify(&self) {
        self.verified.set(Instant::now());
        let mut known = self.changed.borrow_mut();
        for name in self.decided.steady.changed() {
            if !known.contains(&name) {
                known.push(name);
            }
        }
        for mut record in self.unverified.take() {
            if known.is_empty() {
                self.bench.recorder.item(&self.task.name, record.clone());
            } else {
                record.fingerprint = table::unsettled(record.fingerprint);
            }
            self.done.borrow_mut().push(record);
        }
    }

    fn tell_progress(&self) {
        self.told.set(Instant::now());
        let failed = self.failures.borrow().len() as u64;
        let done = (self.done.borrow().len() + self.unverified.borrow().len()) as u64 + failed;
        let task = self.task.name.clone();
        self.bench.shared.run.tell(&Event::Items { task, done, failed, total: self.total });
    }

    /// Returns why the task failed; absent where all items are done.
    fn failure(&self) -> Option<TaskFailure> {
        if self.stopped.get() {
            return Some(TaskError::Stopped.into());
        }
        let failures = self.failures.take();
        let failed = failures.len() as u64;
        let errors: Vec<_> =
            failures.iter().take(NAMED).map(|one| (one.label.clone(), one.failure.in_one_line())).collect();
        let first = failures.into_iter().next()?;
        let error = TaskError::Items { failed, total: self.total, errors };
        Some(TaskFailure { log_tail: first.failure.log_tail, log: first.failure.log, ..error.into() })
    }
}
