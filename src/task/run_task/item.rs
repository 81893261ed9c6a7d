//! Runs one item of a mapped task.
//!
//! As a task, but for its record: an item is a row of the task's table, and is
//! kept as soon as it is known that the code held still.

use std::path::Path;
use std::sync::Arc;

use super::attempts::attempt;
use super::items::Mapped;
use super::prepare::{log_file, prepare_outputs};
use super::{TaskError, TaskFailure};
use crate::fingerprint::variables;
use crate::model::{Item, ItemLog, ItemRecord, LogFolder, Task};
use crate::plan::StaleItem;
use crate::task::outputs::Declared;
use crate::task::work::Shared;

/// Runs it; its objects are in the store after the next flush.
pub async fn run(
    mapped: &Mapped<'_, '_, '_>,
    stale: StaleItem,
    label: &str,
    lane: u32,
) -> Result<ItemRecord, TaskFailure> {
    let (bench, task) = (mapped.bench, mapped.task);
    let shared = bench.shared;
    let declared = declared(shared, task, &stale.item)?;
    let log = log_file(shared, task, Some(&stale.item), lane, mapped.circumstances)?;
    let job = mapped.handed.job(Some(&stale.item), &log, shared.run.line_sink(task, Some(label)))?;
    let previous = stale.before.as_ref().map(|record| record.outputs.clone()).unwrap_or_default();
    let prepare = {
        let label = label.to_owned();
        move || prepare_outputs(shared, task, Some(label), declared, &previous)
    };
    let goal = Arc::new(bench.threads.run(prepare).await?);
    let done = attempt(bench, &goal, &job).await?;
    mapped.imported.borrow_mut().extend(done.attempted.imported);
    let result = done.attempted.result.as_deref();
    Ok(ItemRecord {
        key: stale.key,
        item: stale.item,
        fingerprint: stale.fingerprint,
        outputs: done.captured.files,
        result: result.map(|bytes| shared.run.store.put_bytes(bytes)).transpose()?,
        timing: done.attempted.timing,
        log: log_of(shared, &job.log, done.attempted.log_range),
    })
}

/// Returns where an item's lines are; absent where it printed nothing.
fn log_of(shared: &Shared<'_>, file: &Path, (offset, length): (u64, u64)) -> Option<ItemLog> {
    let run = &shared.run.plan;
    let (folder, file) = match file.strip_prefix(shared.run.logs()) {
        Ok(file) => (LogFolder::Run, file),
        Err(_) => (LogFolder::Outputs, file.strip_prefix(&run.outputs_dir).ok()?),
    };
    let file = file.iter().map(|part| part.to_string_lossy()).collect::<Vec<_>>().join("/");
    (length > 0).then(|| ItemLog { run: run.id.clone(), folder, file, offset, length })
}

/// Returns the outputs that belong to an item.
pub fn declared(shared: &Shared<'_>, task: &Task, item: &Item) -> Result<Declared, TaskError> {
    let outputs = task.outputs.iter().filter(|output| task.is_item_output(output));
    let mut all = variables(task, &shared.run.plan.graph);
    all.extend(item.variables());
    Ok(Declared::expand(outputs, &all)?)
}
