//! Runs one item of a mapped R task, and makes the record of any item.
//!
//! As a task, but for its record: an item is a row of the task's table, and is
//! kept as soon as it is known that the code held still.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::attempts::{Done, attempt};
use super::items::Mapped;
use super::prepare::{log_file, prepare_outputs};
use super::{Bench, TaskError, TaskFailure};
use crate::model::{ItemLog, ItemRecord, LogFolder};
use crate::plan::StaleItem;
use crate::task::work::Shared;

/// Runs it, and tells what came of it.
pub async fn run<'e>(mapped: &Mapped<'_, 'e>, bench: &Bench<'_, 'e>, stale: StaleItem, lane: u32) {
    let label = stale.item.label(&mapped.task.map_over);
    match ran(mapped, bench, &stale, &label, lane).await {
        Ok((mut done, log)) => {
            let imported = std::mem::take(&mut done.attempted.imported);
            match record_of(mapped.shared, &stale, done, &log) {
                Ok(record) => mapped.finished(record, imported),
                Err(error) => mapped.failed(&stale, &label, error.into()),
            }
        }
        Err(failure) => mapped.failed(&stale, &label, failure),
    }
}

async fn ran<'e>(
    mapped: &Mapped<'_, 'e>,
    bench: &Bench<'_, 'e>,
    stale: &StaleItem,
    label: &str,
    lane: u32,
) -> Result<(Done, std::path::PathBuf), TaskFailure> {
    let (shared, task) = (mapped.shared, mapped.task);
    let declared = mapped.declared(&stale.item)?;
    let log = log_file(shared, task, Some(&stale.item), lane, mapped.circumstances)?;
    let job = mapped.handed.job(Some(&stale.item), &log, shared.run.line_sink(task, Some(label)))?;
    let previous = stale.before.as_ref().map(|record| record.outputs.clone()).unwrap_or_default();
    let prepare = {
        let label = label.to_owned();
        move || prepare_outputs(shared, task, Some(label), declared, &previous)
    };
    let goal = Arc::new(bench.threads.run(prepare).await?);
    Ok((attempt(bench, &goal, &job).await?, log))
}

/// Returns the record of an item that did what it should.
///
/// Its small objects may still be in memory alone: they go into the journal. Large ones are on disk.
pub fn record_of(
    shared: &Shared<'_>,
    stale: &StaleItem,
    done: Done,
    log: &Path,
) -> Result<ItemRecord, TaskError> {
    let Done { attempted, captured } = done;
    let store = &shared.run.store;
    let result = attempted.result.as_deref().map(|bytes| store.put_bytes(bytes)).transpose()?;
    store.flush_large()?;
    Ok(ItemRecord {
        key: stale.key,
        item: stale.item.clone(),
        fingerprint: stale.fingerprint,
        outputs: captured.files,
        result,
        timing: attempted.timing,
        log: log_of(shared, log, attempted.log_range),
        accepted: None,
    })
}

/// Returns where an item's lines are; absent where it printed nothing.
pub fn log_of(shared: &Shared<'_>, file: &Path, (offset, length): (u64, u64)) -> Option<ItemLog> {
    if length == 0 {
        return None;
    }
    let run = &shared.run.plan;
    let (folder, file) = match file.strip_prefix(shared.run.logs()) {
        Ok(file) => (LogFolder::Run, file),
        Err(_) => (LogFolder::Outputs, file.strip_prefix(&run.outputs_dir).ok()?),
    };
    let file = file.iter().map(|part| part.to_string_lossy()).collect::<Vec<_>>().join("/");
    Some(ItemLog { run: run.id.clone(), folder, file, offset, length })
}

/// Returns the file that has an item's lines, of the same run.
pub fn file_of(shared: &Shared<'_>, log: &ItemLog) -> PathBuf {
    match log.folder {
        LogFolder::Run => shared.run.logs().join(&log.file),
        LogFolder::Outputs => shared.run.plan.outputs_dir.join(&log.file),
    }
}
