//! `diff`: what differs between two states: outputs, results, ingredients, time.
//!
//! Compared is what records say; no file is read. A task that made the same
//! bytes from other ingredients is listed too, and said to have done so.

use std::collections::{BTreeMap, BTreeSet};

use super::named::{Named, find};
use super::report::{DiffReport, FileDiff, TaskDiff, TaskDiffKind};
use super::undo::moved;
use super::{Footing, MovingError, OpsError};
use crate::model::{Digest, OutputFile, Record};
use crate::plan::changes_between;
use crate::state::{Shards, load_item_table};
use crate::store::Store;

/// Compares two states; `range` is `A..B`, `A..`, `..B`, `A`, or empty: with the branch that this one began with.
pub fn diff(footing: &Footing, range: &str) -> Result<DiffReport, OpsError> {
    let (from, to) = sides(footing, range)?;
    let state = footing.state()?;
    let store = Store::open(&footing.store_root)?;
    let (before, after) = (state.entries(&from.point)?, state.entries(&to.point)?);
    let mut tasks = Vec::new();
    for place in moved(&before, &after) {
        let record = |digest: &Digest| store.load_json::<Record>(digest);
        let was = before.get(&place).map(|entry| record(&entry.record)).transpose()?;
        let is = after.get(&place).map(|entry| record(&entry.record)).transpose()?;
        tasks.push(compare(&store, was.as_ref(), is.as_ref()));
    }
    Ok(DiffReport { from: from.shown, to: to.shown, tasks: tasks.into_iter().flatten().collect() })
}

fn sides(footing: &Footing, range: &str) -> Result<(Named, Named), OpsError> {
    if let Some((from, to)) = range.split_once("..") {
        return Ok((find(footing, from)?, find(footing, to)?));
    }
    let here = find(footing, "")?;
    if !range.is_empty() {
        return Ok((find(footing, range)?, here));
    }
    let this = footing.branches()?.into_iter().find(|branch| branch.key == footing.key);
    let Some(origin) = this.and_then(|branch| branch.cloned_from) else {
        return Err(MovingError::DiffWithWhat { branch: footing.key.branch.clone() }.into());
    };
    Ok((find(footing, origin.as_str())?, here))
}

fn compare(store: &Store, was: Option<&Record>, is: Option<&Record>) -> Option<TaskDiff> {
    let either = is.or(was)?;
    let (old, new) = (files(store, was), files(store, is));
    let mut changed = Vec::new();
    for path in old.keys().chain(new.keys()).collect::<BTreeSet<_>>() {
        let (was, is) = (old.get(path), new.get(path));
        if was.map(|file| (file.digest, file.executable)) != is.map(|file| (file.digest, file.executable)) {
            let size = |file: Option<&OutputFile>| file.map(|file| file.size);
            changed.push(FileDiff { path: path.clone(), before: size(was), after: size(is) });
        }
    }
    let result_changed = was.and_then(|one| one.result) != is.and_then(|one| one.result);
    let kind = match (was, is) {
        (None, _) => TaskDiffKind::Added,
        (_, None) => TaskDiffKind::Removed,
        _ if changed.is_empty() && !result_changed && outputs(was) == outputs(is) => {
            TaskDiffKind::SameOutputs
        }
        _ => TaskDiffKind::Changed,
    };
    let ingredients = match (was, is) {
        (Some(was), Some(is)) => changes_between(&was.ingredients, &is.ingredients),
        _ => Vec::new(),
    };
    Some(TaskDiff {
        graph: either.graph.clone(),
        task: either.task.clone(),
        kind,
        files: changed,
        result_changed,
        ingredients,
        before_ms: was.map(|one| one.timing.wall_ms),
        after_ms: is.map(|one| one.timing.wall_ms),
    })
}

fn outputs(record: Option<&Record>) -> Option<Digest> {
    record.map(|record| record.outputs_digest)
}

/// A table of items that cannot be read lists nothing; `fsck` tells of it.
fn files(store: &Store, record: Option<&Record>) -> BTreeMap<String, OutputFile> {
    let Some(record) = record else { return BTreeMap::new() };
    let table = record.items.and_then(|items| load_item_table(store, &items, &mut Shards::default()).ok());
    let of_items = table.iter().flat_map(|table| table.files());
    let all = record.outputs.iter().chain(of_items);
    all.map(|file| (file.path.clone(), file.clone())).collect()
}
