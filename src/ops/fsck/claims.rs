//! Paths that two tasks' records claim on one branch.
//!
//! Of one of the two files the bytes are not there, and a restore would put
//! whichever comes last. Tasks that the project has no more do not count: their
//! files leave the folder by themselves, and a renamed task leaves its old record.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::TaskName;
use crate::ops::{Footing, OpsError};
use crate::state::{Need, Reach};
use crate::store::Store;

/// Returns a problem for each path that has two owners on a branch of this project.
pub fn doubled(
    footing: &Footing,
    store: &Store,
    tasks: &BTreeSet<TaskName>,
) -> Result<Vec<String>, OpsError> {
    let state = footing.state()?;
    let mut problems = Vec::new();
    for branch in footing.branches()? {
        let point = state.point(&branch.key)?.unwrap_or_default();
        // What is not there is a problem that has been named.
        let Some(entries) = state.find_entries(&point)? else { continue };
        let mut owners: BTreeMap<String, TaskName> = BTreeMap::new();
        for entry in entries.into_values().filter(|entry| tasks.contains(&entry.task)) {
            // A task in two graphs is one owner. Each record is followed whole: shards that others share too.
            Reach::new(store).follow(&entry.record, &mut |need, _| {
                let Need::Output(file) = need else { return };
                let owner = owners.entry(file.path.clone()).or_insert_with(|| entry.task.clone());
                if *owner != entry.task {
                    let (path, branch) = (&file.path, &branch.key.branch);
                    problems
                        .push(format!("`{path}` belongs to `{owner}` and `{}` on `{branch}`", entry.task));
                }
            });
        }
    }
    Ok(problems)
}
