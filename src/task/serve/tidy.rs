//! Files of tasks that no graph has any more leave the output folder, so that
//! no task with a pattern for its inputs finds them.
//!
//! The records stay: a task that comes back finds its files in the store.

use crate::model::{OutputFile, TaskName};
use crate::task::work::Shared;

/// Removes them, where the store holds their bytes; says so.
pub fn leave_removed_tasks(shared: &Shared<'_>) {
    let run = shared.run;
    let graphs = run.project.graphs.values();
    let alike: Vec<_> = graphs.filter(|graph| graph.namespace == run.plan.graph.namespace).collect();
    let has = |task: &TaskName| {
        run.plan.graph.tasks.contains_key(task) || alike.iter().any(|graph| graph.tasks.contains_key(task))
    };
    for task in shared.known.recorded().into_iter().filter(|task| !has(task)) {
        let files = shared.known.current_files(&task);
        let is_here = |file: &&OutputFile| shared.folder.path(&file.path).exists();
        let here: Vec<_> = files.iter().filter(is_here).collect();
        if here.is_empty() {
            continue;
        }
        let removed = shared.with_all_outputs(&task, |outputs| outputs.remove_files(here.iter().copied()));
        if removed.is_ok_and(|removed| removed > 0) {
            let message = format!("`{task}` is in no graph any more: its files left the output folder");
            run.note(None, message);
        }
    }
}
