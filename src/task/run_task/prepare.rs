//! What a task needs is put where it looks for it.
//!
//! Files and results of direct dependencies, room for its outputs, a file for
//! its lines. Where any of this fails, nothing has run and nothing is missing.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;

use super::TaskError;
use super::attempts::{Goal, roll_back};
use super::steady::Steady;
use crate::failpoint;
use crate::model::{Deferred, Item, ItemKey, OutputFile, Record, Silent, Task, TaskName, safe_folder_name};
use crate::plan::takes_item_alone;
use crate::store::StoreError;
use crate::task::environment::{self, Circumstances};
use crate::task::outputs::{Declared, Edits, Folder, Kept, OutputsError, Update};
use crate::task::work::Shared;

/// Makes the output folder, and puts files of direct dependencies back that are not there.
///
/// An edited file of a dependency is left as it is, and that is said: the
/// dependency was left stale on purpose (`--no-deps`), or was edited just now.
/// What is made of it belongs to no fingerprint. Where a remote's record is read,
/// the edit goes to `.kept/`, and files that only the record here lists leave.
/// Of a dependency that `items` are taken from one by one, only theirs are put back.
pub fn prepare_dependencies(
    shared: &Shared<'_>,
    task: &Task,
    dependencies: &[(&Task, Arc<Record>)],
    items: Option<&BTreeSet<ItemKey>>,
    steady: &Steady,
) -> Result<(), TaskError> {
    Folder::make(shared.folder.root())?;
    let mut edited = Vec::new();
    for (dependency, record) in dependencies {
        let deferred = shared.run.plan.deferred.get(&dependency.name);
        if let Some(there) = deferred {
            let Deferred { task: name, remote, branch, .. } = there;
            shared.run.note(Some(task), format!("reads `{name}` as {remote} ({branch}) has it"));
        }
        let files = shared.known.files(Arc::clone(record));
        let items = items.filter(|_| takes_item_alone(task, dependency));
        let restored = shared.with_all_outputs(&dependency.name, |outputs| {
            if deferred.is_none() {
                return outputs.restore(files.read_by(items));
            }
            let listed: BTreeSet<&str> = files.iter().map(|file| file.path.as_str()).collect();
            let here = shared.known.current_files(&dependency.name);
            outputs.remove_files(here.iter().filter(|file| !listed.contains(file.path.as_str())))?;
            outputs.restore_all(files.read_by(items), Edits::GoAside, &Silent)
        })?;
        tell_kept(shared, task, &restored.kept);
        if let Some(path) = restored.in_the_way.into_iter().next() {
            return Err(OutputsError::FolderInTheWay { path }.into());
        }
        if !restored.lost.is_empty() {
            let dependency = dependency.name.clone();
            return Err(TaskError::DependencyLost { dependency, paths: restored.lost });
        }
        for path in restored.edited {
            let name = &dependency.name;
            shared.run.note(Some(task), format!("uses `{path}`, which was edited after `{name}` made it"));
            edited.push(path);
        }
    }
    steady.reads_edited(edited);
    Ok(())
}

/// Says which edits were kept aside.
pub fn tell_kept(shared: &Shared<'_>, task: &Task, kept: &[Kept]) {
    for Kept { path, aside } in kept {
        let message = format!(
            "`{path}` was not as kptn left it; what was there is kept in `{}`",
            shared.folder.path(aside).display()
        );
        shared.run.note(Some(task), message);
    }
}

/// Makes room for what a task or item will write; `previous` are the files it left before.
pub fn prepare_outputs<'e>(
    shared: &Shared<'_>,
    task: &'e Task,
    item: Option<String>,
    declared: Declared,
    previous: &[OutputFile],
) -> Result<Goal<'e>, TaskError> {
    let update = if task.keep { Update::InPlace } else { Update::Anew };
    let prepared =
        shared.with_outputs(task, &declared, |outputs| outputs.prepare(&declared, previous, update))?;
    tell_kept(shared, task, &prepared.kept);
    let goal = Goal { task, item, declared, prepared };
    if let Err(error) = failpoint::hit("task.prepared") {
        roll_back(shared, &goal);
        return Err(StoreError::writing("write", shared.folder.root(), error).into());
    }
    Ok(goal)
}

/// Reads the results of dependencies, as they are stored.
pub fn results_of(
    shared: &Shared<'_>,
    dependencies: &[(&Task, Arc<Record>)],
) -> Result<BTreeMap<TaskName, Arc<[u8]>>, TaskError> {
    let with_result = dependencies.iter().filter_map(|(task, record)| Some((task, record.result?)));
    with_result
        .map(|(task, result)| Ok((task.name.clone(), shared.run.store.load(&result)?.into())))
        .collect()
}

/// Returns where lines go: to the file that `logs` names, anew, else to one of the run's.
///
/// Items share one file a lane: fifty thousand items are not fifty thousand files.
pub fn log_file(
    shared: &Shared<'_>,
    task: &Task,
    item: Option<&Item>,
    lane: u32,
    circumstances: Circumstances<'_>,
) -> Result<PathBuf, TaskError> {
    if task.logs.is_none() {
        return Ok(lane_log(shared, task, lane));
    }
    let path = environment::log_path(task, item, circumstances, &shared.run.logs())?;
    // It tells of this attempt alone; where it is absent there is nothing to remove.
    drop(std::fs::remove_file(&path));
    Ok(path)
}

/// Returns the file in the run's folder that one lane of a task writes to.
pub fn lane_log(shared: &Shared<'_>, task: &Task, lane: u32) -> PathBuf {
    let mut name = safe_folder_name(task.name.as_str());
    if let Some(bundle) = shared.run.plan.bundle_of(&task.name) {
        // Another process may run another one now.
        name = format!("{name}.{}", bundle.file_name());
    }
    shared.run.logs().join(if lane == 0 { format!("{name}.log") } else { format!("{name}.{lane}.log") })
}
