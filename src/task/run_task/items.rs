//! Runs the stale items of a mapped task, as many at once as lanes are lent.
//!
//! ```text
//! queue -> bundle -> lane: prepare, call, capture -> ledger, journal -> table
//! ```
//! A lane of Python items is a thread with a process of its own
//! (`python_lanes.rs`); R items run side by side on the thread of all tasks (`r_lanes.rs`).
//! Each finished item is kept as it ends, so a failure or a kill loses only
//! what was running. The task itself is recorded when all its items are done;
//! with a failed one it has failed, and the next run does the rest.

use std::collections::{BTreeSet, VecDeque};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::attempts::{Goal, capture, roll_back};
use super::decide::Decided;
use super::ledger::{Failures, Ledger};
use super::prepare::{prepare_dependencies, prepare_outputs, results_of};
use super::reported::Reported;
use super::subset::{Part, leave_rest};
use super::table::{self, Finished};
use super::{Bench, Ended, TaskError, TaskFailure, in_one_line};
use super::{item, python_lanes, r_lanes, unseen};
use crate::fingerprint::variables;
use crate::model::{Event, FailedItem, Item, ItemKey, ItemRecord, Language, OutputFile, Task, Variables};
use crate::plan::{ItemPlan, StaleItem};
use crate::state::{Journal, JournalScope};
use crate::task::Lanes;
use crate::task::environment::{self, Circumstances};
use crate::task::execute::{Failure, Workers};
use crate::task::outputs::Declared;
use crate::task::work::Shared;

/// How often progress is told.
const TELL_EVERY: Duration = Duration::from_millis(200);

/// The work on one mapped task: what its lanes share.
pub struct Mapped<'m, 'e> {
    pub shared: &'e Shared<'e>,
    pub task: &'e Task,
    pub workers: &'m Workers,
    pub decided: Arc<Decided<'e>>,
    pub circumstances: Circumstances<'m>,
    pub handed: &'m environment::Prepared<'m>,
    /// What outputs may use that is the same for all items.
    variables: Variables,
    total: u64,
    queue: Mutex<VecDeque<StaleItem>>,
    ledger: Mutex<Ledger>,
    stopped: AtomicBool,
    told: Mutex<Instant>,
}

/// Runs what is stale, and records the whole.
pub async fn run<'e>(
    bench: &Bench<'_, 'e>,
    task: &'e Task,
    mut decided: Decided<'e>,
    lanes: &Lanes<'_>,
) -> Result<Ended, TaskFailure> {
    let shared = bench.shared;
    let mut plan = decided.decision.items.take().unwrap_or_default();
    let decided = Arc::new(decided);
    let results = results_of(shared, &decided.dependencies)?;
    let circumstances = shared.circumstances(&results);
    let handed = environment::prepare(task, circumstances)?.with_packages(&decided.gathered.packages);
    let items = table::items_of(&plan);
    let reported = Reported::take_over(shared, task, &mut plan);
    if plan.stale.is_empty()
        && let Some(failure) = reported.failure(shared, Failures::default())
    {
        return Err(failure);
    }
    let whole = {
        let decided = Arc::clone(&decided);
        let stale: BTreeSet<ItemKey> = plan.stale.iter().map(|stale| stale.key).collect();
        bench.threads.run(move || prepare_whole(shared, task, &decided, &items, &stale)).await?
    };
    let whole = Arc::new(whole);
    let stale = std::mem::take(&mut plan.stale);
    let total = stale.len() as u64;
    shared.run.tell(&Event::TaskStarted {
        task: task.name.clone(),
        items: Some(total),
        estimate_ms: shared.run.plan.base.get(&task.name).and_then(|base| base.estimate_ms),
    });
    let ran = match task.script.language {
        Language::Python => python_lanes::run(bench, task, Arc::clone(&decided), stale, lanes).await,
        Language::R => {
            let mapped = Mapped::new(
                shared,
                task,
                &bench.workers,
                Arc::clone(&decided),
                circumstances,
                &handed,
                stale,
            );
            r_lanes::run(&mapped, bench, lanes).await;
            bench.workers.finish(&task.name).await;
            Ok(mapped.close())
        }
    };
    let ended = match ran {
        Ok(ran) => {
            let (ledger, captured) = ran.all_done(bench, task, &decided, &whole, &reported).await;
            finish(bench, task, decided, plan, ledger, captured).await
        }
        Err(failure) => Err(failure),
    };
    if ended.is_err() {
        bench.threads.run(move || roll_back(shared, &whole)).await;
    }
    ended
}

/// Records the task where all its items are done, else keeps what is.
async fn finish<'e>(
    bench: &Bench<'_, 'e>,
    task: &'e Task,
    decided: Arc<Decided<'e>>,
    plan: ItemPlan,
    mut ledger: Ledger,
    captured: Result<Vec<OutputFile>, TaskFailure>,
) -> Result<Ended, TaskFailure> {
    let (done, changed) = (std::mem::take(&mut ledger.done), ledger.changed.clone());
    let ended = match captured {
        Ok(_) if !plan.left.is_empty() => {
            let part = Part { done, changed, left: plan.left.len() as u64, total: plan.order.len() as u64 };
            leave_rest(bench.shared, task, &part)
        }
        Ok(whole) => {
            let ItemPlan { order, fresh, removed, .. } = plan;
            let finished = Finished { whole, order, fresh, done, removed, changed };
            let recorded = table::record(bench, task, Arc::clone(&decided), finished).await;
            if recorded.is_ok() {
                // The table has all that the journal has.
                ledger.forget();
                return recorded;
            }
            recorded
        }
        Err(failure) => Err(failure),
    };
    let Some(segment) = ledger.cut(&decided.steady) else { return ended };
    let run = bench.shared.run;
    let kept = bench.threads.run(move || run.state.take_in(&run.store, segment)).await;
    match (kept, ended) {
        (Err(error), Ok(_)) => Err(error.into()),
        (Err(error), Err(failure)) => {
            let message = format!("its items stay in the journal: {}", in_one_line(&error));
            run.note(Some(task), message);
            Err(failure)
        }
        (Ok(()), ended) => ended,
    }
}

/// What is left of the work when its lanes are done.
pub struct Ran {
    ledger: Ledger,
    total: u64,
    stopped: bool,
}

impl Ran {
    /// Looks how it went; returns the files that belong to no item.
    async fn all_done<'e>(
        self,
        bench: &Bench<'_, 'e>,
        task: &'e Task,
        decided: &Arc<Decided<'e>>,
        whole: &Arc<Goal<'e>>,
        reported: &Reported,
    ) -> (Ledger, Result<Vec<OutputFile>, TaskFailure>) {
        let Self { mut ledger, total, stopped } = self;
        let shared = bench.shared;
        ledger.close(&decided.steady);
        let (done, failed) = ledger.counts();
        shared.run.tell(&Event::Items { task: task.name.clone(), done, failed, total });
        unseen::tell(shared, task, &decided.gathered, ledger.imported.iter());
        let failure = match (ledger.take_broken(), stopped) {
            (Some(error), _) => Some(error.into()),
            (None, true) => Some(TaskError::Stopped.into()),
            (None, false) => reported.failure(shared, ledger.take_failures()),
        };
        if let Some(failure) = failure {
            return (ledger, Err(failure));
        }
        let goal = Arc::clone(whole);
        let captured = bench.threads.run(move || capture(shared, &goal)).await;
        let files = captured.map_err(TaskFailure::from).map(|captured| {
            for note in &captured.notes {
                shared.run.note(Some(task), note.message());
            }
            captured.files
        });
        (ledger, files)
    }
}

/// What belongs to no item is made ready once, before the first of them.
fn prepare_whole<'e>(
    shared: &Shared<'_>,
    task: &'e Task,
    decided: &Decided<'_>,
    items: &[Item],
    stale: &BTreeSet<ItemKey>,
) -> Result<Goal<'e>, TaskError> {
    table::refuse_shared_paths(shared, task, items)?;
    prepare_dependencies(shared, task, &decided.dependencies, Some(stale), &decided.steady)?;
    let outputs = task.outputs.iter().filter(|output| !task.is_item_output(output));
    let declared = Declared::expand(outputs, &variables(task, &shared.run.plan.graph))?;
    prepare_outputs(shared, task, None, declared, &shared.known.own_files(&task.name).to_vec())
}

impl<'m, 'e> Mapped<'m, 'e> {
    /// Puts together what lanes share.
    pub fn new(
        shared: &'e Shared<'e>,
        task: &'e Task,
        workers: &'m Workers,
        decided: Arc<Decided<'e>>,
        circumstances: Circumstances<'m>,
        handed: &'m environment::Prepared<'m>,
        stale: Vec<StaleItem>,
    ) -> Self {
        let plan = &shared.run.plan;
        let scope = JournalScope {
            project: plan.project.clone(),
            branch: plan.branch.clone(),
            graph: plan.graph.namespace.clone(),
            task: task.name.clone(),
            run: plan.id.clone(),
            watched: decided.steady.files().to_vec(),
        };
        Self {
            variables: variables(task, &plan.graph),
            total: stale.len() as u64,
            queue: Mutex::new(stale.into()),
            ledger: Mutex::new(Ledger::new(Journal::new(shared.run.store.layout(), scope))),
            stopped: AtomicBool::new(false),
            told: Mutex::new(Instant::now()),
            shared,
            task,
            workers,
            decided,
            circumstances,
            handed,
        }
    }

    /// Ends the work; what is in the ledger is what came of it.
    pub fn close(self) -> Ran {
        let ledger = self.ledger.into_inner().unwrap_or_else(PoisonError::into_inner);
        Ran { ledger, total: self.total, stopped: self.stopped.into_inner() }
    }

    fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn queue(&self) -> MutexGuard<'_, VecDeque<StaleItem>> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Bundles in flight at most: a sliding window of `group_size` items, and never more than there are.
    pub fn most_lanes(&self) -> u32 {
        let bundle = self.task.bundle_size.max(1);
        let window = self.task.group_size.map_or(u32::MAX, |group| (group / bundle).max(1));
        let bundles = self.total.div_ceil(bundle.into()).min(u32::MAX.into()) as u32;
        window.min(bundles).max(1)
    }

    /// Tells whether nothing is left to start.
    pub fn is_over(&self) -> bool {
        self.is_stopped() || self.queue().is_empty()
    }

    /// Tells whether nothing more is to start, whatever is left.
    pub fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::Relaxed)
    }

    /// Takes the items of the next bundle from the queue; none where nothing is to start any more.
    pub fn next_bundle(&self) -> Vec<StaleItem> {
        if self.is_stopped() {
            return Vec::new();
        }
        let mut queue = self.queue();
        let count = queue.len().min(self.task.bundle_size.max(1) as usize);
        queue.drain(..count).collect()
    }

    /// Returns the outputs that belong to an item.
    pub fn declared(&self, item: &Item) -> Result<Declared, TaskError> {
        let mut outputs =
            self.task.outputs.iter().filter(|output| self.task.is_item_output(output)).peekable();
        if outputs.peek().is_none() {
            return Ok(Declared::default());
        }
        let mut all = self.variables.clone();
        all.extend(item.variables());
        Ok(Declared::expand(outputs, &all)?)
    }

    /// Takes a finished item in, and the journal into the databases where that is due.
    pub fn finished(&self, record: ItemRecord, imported: impl IntoIterator<Item = PathBuf>) {
        let due = {
            let mut ledger = self.ledger();
            ledger.imported.extend(imported);
            ledger.finished(self.shared, &self.decided.steady, record);
            if ledger.is_broken() {
                self.stopped.store(true, Ordering::Relaxed);
            }
            ledger.due(&self.decided.steady)
        };
        if let Some(segment) = due {
            let run = self.shared.run;
            let taken = run.state.take_in(&run.store, segment);
            self.ledger().batched(taken);
        }
        self.after_item();
    }

    /// Takes a failed item in; one that was stopped has not failed.
    pub fn failed(&self, stale: &StaleItem, label: &str, failure: TaskFailure) {
        if matches!(*failure.error, TaskError::Code(Failure::Stopped) | TaskError::Stopped) {
            self.stopped.store(true, Ordering::Relaxed);
            return;
        }
        let failed = FailedItem {
            key: stale.key,
            label: label.to_owned(),
            fingerprint: stale.fingerprint,
            run: self.shared.run.plan.id.clone(),
            ended_ms: crate::task::now_ms(),
            error: failure.in_one_line(),
            log: failure.log.as_deref().and_then(|file| item::log_of(self.shared, file, failure.log_range)),
            in_bundle: self.shared.run.plan.bundle_of(&self.task.name).is_some(),
        };
        self.ledger().failed(&failed, failure);
        self.after_item();
    }

    fn after_item(&self) {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if told.elapsed() < TELL_EVERY {
            return;
        }
        *told = Instant::now();
        let (done, failed) = self.ledger().counts();
        let task = self.task.name.clone();
        self.shared.run.tell(&Event::Items { task, done, failed, total: self.total });
    }
}
