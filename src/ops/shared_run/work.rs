//! `task run --remote`: the same task code as everywhere, then what it made goes, and a report.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use super::enter::{Entered, Entering, Way, enter, over};
use super::{needed, spare};
use crate::model::{
    Bundle, Digest, Event, ItemRecord, ItemTable, Logged, Provenance, Record, Retries, SHARED_RUN_FORMAT,
    Silent, SnapshotEntry, TaskOutcome, Teller, UnfinishedTask, WorkerReport,
};
use crate::ops::OpsError;
use crate::ops::remotes;
use crate::ops::tasks::Retrying;
use crate::remote::{Report, block_on, new_id};
use crate::state::{BranchKey, Reach, put_item_table};
use crate::task::serve;
use crate::task::{Listener, now_ms};

/// Runs a task of a run, or one bundle of it, and says at the remote what came of it.
pub fn run_one(
    entering: &Entering<'_>,
    retrying: Retrying,
    listeners: Vec<Arc<dyn Listener>>,
) -> Result<TaskOutcome, OpsError> {
    let heard = Arc::new(Heard::new(entering, retrying));
    let listeners = listeners.into_iter().chain([heard.clone() as Arc<dyn Listener>]).collect();
    let mut entered = match enter(entering, listeners)? {
        Way::In(entered) => *entered,
        // Entering twice does nothing.
        Way::NotMeant(_) | Way::Done(_) => return Ok(TaskOutcome::Spared),
    };
    let name = entered.task.name.clone();
    if let (Retrying::Elsewhere, Some(task)) = (retrying, entered.run.plan.graph.tasks.get_mut(&name)) {
        task.retries = Retries(0);
    }
    if entered.marks && entering.bundle.is_none() && !entered.task.is_mapped() {
        // Nothing is decided by it.
        drop(block_on(entered.shared.write_start(&name, &entered.run.host, None, now_ms())));
    }
    if entered.task.keep {
        serve::put_own_files(&entered.run, &name)?;
    }
    let outcome = serve::run_one(&entered.run, &name)?;
    // Nothing is lost with it but time.
    drop(entered.run.memo.save());
    let made = made(&entered, outcome, entering.bundle)?;
    let which = match outcome {
        TaskOutcome::Failed | TaskOutcome::Skipped => Report::Failed,
        _ => Report::Done,
    };
    if which == Report::Failed && made.unfinished.is_none() {
        // It was stopped before anything came of it.
        return Ok(outcome);
    }
    let Entered { shared, places, run, .. } = &entered;
    let (bundle, store) = (entering.bundle, &run.store);
    let unchanged = spare::is_unchanged(&entered, made.entry.as_ref())?;
    let (counts, id, late) = block_on(async {
        let objects = shared.send(store, &made.objects, places, &Silent).await?;
        let report = WorkerReport {
            format: SHARED_RUN_FORMAT,
            id: new_id(),
            outcome,
            entry: made.entry,
            reusable: made.reusable,
            unfinished: made.unfinished,
            unchanged,
            objects,
            host: run.host.clone(),
            ended_ms: now_ms(),
            told: heard.take(),
        };
        store.hit("remote.run.reported")?;
        let id = report.id.clone();
        let counts = shared.write_report(which, &name, bundle, report).await?;
        store.hit("remote.run.told")?;
        // Whoever closes reads the reports first, and then says so.
        let end = shared.end().await?;
        let late = end.filter(|end| end.given_up || !end.done.contains(&name));
        Ok((Some(counts).filter(|_| which == Report::Done), id, late))
    })?;
    if let Some(end) = late {
        return Err(over(end).into());
    }
    if let Some(first) = counts.as_ref().filter(|counts| counts.id != id) {
        let message = format!("{} had done it already: what it made counts", first.host);
        run.note(run.task(name.as_str()), message);
    }
    let marked = counts.filter(|_| entered.marks && bundle.is_none());
    if let Some(Err(error)) = marked.map(|counts| spare::mark(&entered, &counts)) {
        // Those start a container, which finds nothing to do.
        run.note(run.task(name.as_str()), format!("what has nothing to do after it was not marked: {error}"));
    }
    let own = entered.own.clone();
    drop(entered);
    if which == Report::Done {
        // All that counts of it is at the remote; what cannot go now goes with what is old.
        drop(std::fs::remove_dir_all(own));
    }
    Ok(outcome)
}

/// What is told of a task, but for the lines that it prints.
struct Heard {
    teller: Teller,
    told: Mutex<Vec<Logged>>,
}

impl Heard {
    fn new(entering: &Entering<'_>, retrying: Retrying) -> Self {
        let bundle = entering.bundle.map(ToString::to_string);
        let teller = Teller { bundle, tried_again: retrying == Retrying::Elsewhere };
        Self { teller, told: Mutex::default() }
    }

    fn take(&self) -> Vec<Logged> {
        std::mem::take(&mut *self.told.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Listener for Heard {
    fn hear(&self, event: &Event) {
        if matches!(event, Event::Line { .. }) {
            return;
        }
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        // Of counts the latest is enough.
        if matches!(
            (told.last(), event),
            (Some(Logged { event: Event::Items { .. }, .. }), Event::Items { .. })
        ) {
            told.pop();
        }
        told.push(Logged { event: event.clone(), teller: self.teller.clone() });
    }
}

/// What a worker made.
struct Made {
    entry: Option<SnapshotEntry>,
    reusable: bool,
    unfinished: Option<UnfinishedTask>,
    objects: BTreeSet<Digest>,
}

fn made(entered: &Entered, outcome: TaskOutcome, bundle: Option<&Bundle>) -> Result<Made, OpsError> {
    let Entered { run, task, .. } = entered;
    let (state, store, key, graph) = (&run.state, &run.store, run.key(), &run.plan.graph.namespace);
    let mut made = Made { entry: None, reusable: false, unfinished: None, objects: BTreeSet::new() };
    if matches!(outcome, TaskOutcome::Failed | TaskOutcome::Skipped) {
        let (project, outputs) = (&run.project, &run.plan.outputs_dir);
        let open = remotes::gather_unfinished(project, outputs, state, store, &key)?;
        let open = open.into_iter().find(|one| one.task == task.name);
        made.unfinished = open.map(|mut open| {
            if bundle.is_none() {
                // What failed in bundles is in their reports.
                open.failed.retain(|item| !(item.in_bundle && item.run == run.plan.id));
            }
            UnfinishedTask { provenance: provenance(entered), ..open }
        });
    } else {
        let digest = state.record_of(&key, graph, &task.name)?;
        let record = digest.map(|digest| store.load_json::<Record>(&digest)).transpose()?;
        let items = match record.as_ref().filter(|_| bundle.is_some()).and_then(|record| record.items) {
            Some(items) => Some(items),
            // Of a run that is about some items, these are all that came of it.
            None => kept(entered, &key)?,
        };
        made.unfinished = items.map(|items| open_task(entered, items));
        if let (Some(record), Some(digest), None) = (record, digest, bundle) {
            made.reusable =
                state.candidates(&record.fingerprint)?.iter().any(|candidate| candidate.record == digest);
            let (graph, task, outputs) = (graph.clone(), task.name.clone(), record.outputs_digest);
            made.entry = Some(SnapshotEntry { graph, task, record: digest, outputs });
        }
    }
    store.flush()?;
    let (entries, open) = (made.entry.as_slice(), made.unfinished.as_slice());
    made.objects = needed(&mut Reach::new(store), &task.name, entries, open)?;
    Ok(made)
}

/// Puts the items that finished since the task's record; absent where there are none.
fn kept(entered: &Entered, key: &BranchKey) -> Result<Option<Digest>, OpsError> {
    let Entered { run, task, .. } = entered;
    if !task.is_mapped() {
        return Ok(None);
    }
    let kept = run.state.kept_items(key, &run.plan.graph.namespace, &task.name)?;
    let kept: Vec<_> = kept.into_iter().map(|item| Arc::new(ItemRecord { log: None, ..item })).collect();
    match kept.is_empty() {
        true => Ok(None),
        false => Ok(Some(put_item_table(&run.store, &ItemTable::new(kept))?)),
    }
}

/// What some items came to, of a task that is not finished by them.
fn open_task(entered: &Entered, items: Digest) -> UnfinishedTask {
    UnfinishedTask {
        graph: entered.run.plan.graph.namespace.clone(),
        task: entered.task.name.clone(),
        attempt: None,
        provenance: provenance(entered),
        log: None,
        failed: Vec::new(),
        item_logs: None,
        items: Some(items),
    }
}

fn provenance(entered: &Entered) -> Provenance {
    entered.run.provenance(&entered.task, &[])
}
