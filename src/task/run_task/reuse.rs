//! Takes a record that was made elsewhere, instead of running.
//!
//! Files of the record before leave the folder, as they do before a run; those
//! that were there come back with the new record's bytes. What was not there
//! stays away until something needs it.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::prepare::tell_kept;
use super::record::{base, finish};
use super::{Bench, Ended, TaskError, TaskFailure};
use crate::model::{OutputComparison, OutputFile, Record, Task, TaskOutcome};
use crate::state::Indexing;
use crate::task::outputs::{Declared, Folder, Update};
use crate::task::recorder::FinishedTask;
use crate::task::work::Shared;

/// Writes the record down as the task's.
pub async fn take<'e>(
    bench: &Bench<'_, 'e>,
    task: &'e Task,
    record: &Arc<Record>,
) -> Result<Ended, TaskFailure> {
    let shared = bench.shared;
    let Some(digest) = shared.known.digest_of(record) else {
        return Err(TaskError::NotReady { error: "the record to take is gone".to_owned() }.into());
    };
    let comparison = {
        let record = Arc::clone(record);
        bench.threads.run(move || change_files(shared, task, record)).await?
    };
    let finished = FinishedTask {
        task: task.name.clone(),
        record: digest,
        fingerprint: record.fingerprint,
        outputs: record.outputs_digest,
        base: base(shared, task),
        // It is in the index already, where it was made.
        indexing: Indexing::No,
    };
    finish(bench, task, finished).await?;
    Ok(Ended::without_running(TaskOutcome::Reused, Some(comparison)))
}

fn change_files(
    shared: &Shared<'_>,
    task: &Task,
    record: Arc<Record>,
) -> Result<OutputComparison, TaskError> {
    let before = shared.known.current_files(&task.name);
    let after = shared.known.files(record);
    let had_before = shared.known.current_digest(&task.name).is_some();
    let comparison = OutputComparison::between(had_before.then(|| before.iter()), after.iter());
    if shared.folder.root().is_dir() {
        Folder::make(shared.folder.root())?;
        let leaving: Vec<OutputFile> = before.iter().chain(after.iter()).cloned().collect();
        shared.with_all_outputs(&task.name, |outputs| -> Result<(), TaskError> {
            let prepared = outputs.prepare(&Declared::default(), &leaving, Update::Anew)?;
            tell_kept(shared, task, &prepared.kept);
            let there: BTreeSet<_> = prepared.removed.iter().map(|file| file.path.as_str()).collect();
            outputs.restore(after.iter().filter(|file| there.contains(file.path.as_str())))?;
            Ok(())
        })?;
    }
    Ok(comparison)
}
