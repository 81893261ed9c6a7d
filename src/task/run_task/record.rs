//! What a finished task left becomes its record.
//!
//! Everything that a record names is put first; the recorder flushes before it
//! writes the row that makes the record count.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::decide::Decided;
use super::{Bench, TaskError};
use crate::model::{
    CodePart, Deferred, Digest, Fingerprint, Ingredient, ItemTable, OutputComparison, OutputFile,
    RECORD_FORMAT, Record, RunId, Settled, Task, Timing,
};
use crate::plan::Known;
use crate::state::{Indexing, Recorded, put_item_table};
use crate::store::Store;
use crate::task::Files;
use crate::task::recorder::FinishedTask;
use crate::task::work::Shared;

/// No more of a task's lines is kept with its record. One attempt of an unmapped task never prints more.
const LOG_MOST: u64 = 17 * 1024 * 1024;

/// What a task left; its objects are in the store after the next flush.
#[derive(Debug)]
pub struct Made {
    /// Files that belong to no item.
    pub outputs: Vec<OutputFile>,
    /// Over all files.
    pub outputs_digest: Digest,
    /// The object that holds the result.
    pub result: Option<Digest>,
    /// The items of a mapped task.
    pub items: Option<Arc<ItemTable>>,
    /// When, and how expensive.
    pub timing: Timing,
    /// Its log files, in order.
    pub logs: Vec<PathBuf>,
    /// What was not any more as it was at the start.
    pub changed: Vec<String>,
    /// Where a person said that it counts.
    pub accepted: Option<Acceptance>,
}

/// That a person said so, and of what it is.
#[derive(Debug)]
pub struct Acceptance {
    /// Why.
    pub why: String,
    /// What the record stands for.
    pub basis: Basis,
    /// The run that made the same bytes before; absent where there was none.
    pub run: Option<RunId>,
    /// What that printed.
    pub log: Option<Digest>,
}

/// What a record is recorded under.
#[derive(Debug)]
pub struct Basis {
    /// Of the ingredients, unless nothing is to have it.
    pub fingerprint: Fingerprint,
    /// All ingredients, sorted.
    pub ingredients: Vec<Ingredient>,
    /// The parts of the code, which are in the store or put by who makes this.
    pub code: Vec<CodePart>,
}

impl Basis {
    /// Returns what was decided: today's.
    pub fn of(decided: &Decided<'_>) -> Self {
        Self {
            fingerprint: decided.fingerprint(),
            ingredients: decided.decision.ingredients.clone(),
            code: decided.gathered.code.clone(),
        }
    }
}

/// A record that was put, and what to write down of it.
#[derive(Debug)]
pub struct Recordable {
    /// For the recorder.
    pub finished: FinishedTask,
    /// How its files compare with those before.
    pub comparison: OutputComparison,
}

/// Puts the record of what was made; it is durable once the recorder says so.
pub fn put(
    shared: &Shared<'_>,
    task: &Task,
    decided: &Decided<'_>,
    made: Made,
) -> Result<Recordable, TaskError> {
    let run = shared.run;
    for part in &decided.gathered.code {
        run.store.put_bytes(part.text.as_bytes())?;
    }
    let comparison = compare(shared, task, &made);
    if !made.changed.is_empty() {
        let changed = made.changed.join(", ");
        run.note(
            Some(task),
            format!("{changed} changed while it ran: its outputs are kept, and it stays stale"),
        );
    }
    let items = match made.items {
        Some(table) => Some(put_items(shared, table)?),
        None => None,
    };
    let settled = if made.changed.is_empty() { Settled::Yes } else { Settled::No(made.changed) };
    let trusted = settled == Settled::Yes && decided.gathered.uncacheable.is_empty();
    let log = put_logs(&run.store, &made.logs)?;
    let mut provenance = run.provenance(task, &decided.gathered.files);
    let (why, basis, of_run, log) = match made.accepted {
        None => (None, Basis::of(decided), None, log),
        Some(Acceptance { why, basis, run, log }) => {
            provenance.interpreter = None;
            (Some(why), basis, run, log)
        }
    };
    let Basis { fingerprint, ingredients, code } = basis;
    let record = Record {
        format: RECORD_FORMAT,
        graph: run.plan.graph.namespace.clone(),
        task: task.name.clone(),
        fingerprint,
        settled,
        ingredients,
        code,
        outputs: made.outputs,
        outputs_digest: made.outputs_digest,
        result: made.result,
        items,
        run: of_run.unwrap_or_else(|| run.plan.id.clone()),
        timing: made.timing,
        provenance,
        log,
        accepted: why,
        local_only: task.local_only,
        deferred: deferred(shared, decided),
    };
    let finished = FinishedTask {
        task: task.name.clone(),
        record: run.store.put_json(&record)?,
        fingerprint,
        outputs: record.outputs_digest,
        base: base(shared, task),
        indexing: if trusted && task.cache && run.plan.cache.writes() { Indexing::Yes } else { Indexing::No },
    };
    Ok(Recordable { finished, comparison })
}

/// Returns what of a task's dependencies, and of what those were made from, is a remote's.
fn deferred(shared: &Shared<'_>, decided: &Decided<'_>) -> Vec<Deferred> {
    let of = |(task, record): &(&Task, Arc<Record>)| {
        let own = shared.run.plan.deferred.get(&task.name).cloned();
        own.into_iter().chain(record.deferred.iter().cloned()).collect::<Vec<_>>()
    };
    let all: BTreeSet<Deferred> = decided.dependencies.iter().flat_map(of).collect();
    all.into_iter().collect()
}

/// Returns the record that a task had when the run was opened.
pub fn base(shared: &Shared<'_>, task: &Task) -> Option<Digest> {
    shared.run.plan.base.get(&task.name).and_then(|base| base.record)
}

/// Records a task, and takes note of that for those that come after it.
pub async fn finish(bench: &Bench<'_, '_>, task: &Task, finished: FinishedTask) -> Result<(), TaskError> {
    let recorded = bench.recorder.task(finished.clone()).await.map_err(TaskError::Record)?;
    if let Recorded::KeptOther { .. } = recorded {
        let message = "another run finished it meanwhile; what this one made is kept for reuse";
        bench.shared.run.note(Some(task), message);
    }
    learn(bench.shared, &finished);
    Ok(())
}

/// Takes note of what was recorded, for those that come after it.
pub fn learn(shared: &Shared<'_>, finished: &FinishedTask) {
    let before = shared.known.current_files(&finished.task);
    shared.known.learn(&finished.task, finished.record);
    let now = || shared.known.current_files(&finished.task);
    shared.owners.learn(&finished.task, &before, now);
}

/// Puts an item table; those who need it have it already.
fn put_items(shared: &Shared<'_>, table: Arc<ItemTable>) -> Result<Digest, TaskError> {
    let digest = put_item_table(&shared.run.store, &table)?;
    shared.known.learn_items(digest, table);
    Ok(digest)
}

fn compare(shared: &Shared<'_>, task: &Task, made: &Made) -> OutputComparison {
    let before = shared.known.current(&task.name);
    let files = before.as_ref().map(|record| shared.known.files(Arc::clone(record)));
    let of_items = made.items.iter().flat_map(|table| table.files());
    let now = made.outputs.iter().chain(of_items);
    let mut comparison = OutputComparison::between(files.as_ref().map(Files::iter), now);
    if task.cache_result {
        comparison.result_changed = before.map(|record| record.result != made.result);
    }
    comparison
}

/// Takes in what was printed, its end where it is much; absent where nothing was.
fn put_logs(store: &Store, logs: &[PathBuf]) -> Result<Option<Digest>, TaskError> {
    let each = LOG_MOST / logs.len().max(1) as u64;
    // A log is worth keeping, but not worth failing for: one that cannot be read is left out.
    let text: Vec<u8> = logs.iter().filter_map(|path| last_bytes(path, each).ok()).flatten().collect();
    if text.is_empty() { Ok(None) } else { Ok(Some(store.put_bytes(&text)?)) }
}

fn last_bytes(path: &Path, most: u64) -> std::io::Result<Vec<u8>> {
    let mut file = File::open(path)?;
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(most)))?;
    let mut bytes = Vec::new();
    file.take(most).read_to_end(&mut bytes)?;
    Ok(bytes)
}
