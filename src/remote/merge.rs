//! Puts two states of a branch together: PURE.
//!
//! A task that only one side moved since they last agreed takes that side's
//! record. One that both moved to different records is a conflict, and nothing
//! is decided for anybody.

use std::collections::{BTreeMap, BTreeSet};

use super::error::BothMoved;
use crate::model::{Digest, GraphName, Snapshot, SnapshotEntry, TaskName, Unfinished, UnfinishedTask};

type Key = (GraphName, TaskName);

fn table(snapshot: &Snapshot) -> BTreeMap<Key, SnapshotEntry> {
    snapshot.entries.iter().map(|entry| ((entry.graph.clone(), entry.task.clone()), entry.clone())).collect()
}

/// Returns the rows of both sides together, sorted; or the tasks that both moved.
///
/// Where both sides have a task, and `takes_ours` says so of their record, ours is taken, whoever moved it.
pub fn merge(
    base: &Snapshot,
    ours: &Snapshot,
    theirs: &Snapshot,
    takes_ours: &dyn Fn(&Digest) -> bool,
) -> Result<Vec<SnapshotEntry>, Vec<BothMoved>> {
    let (base, ours, theirs) = (table(base), table(ours), table(theirs));
    let keys: BTreeSet<&Key> = base.keys().chain(ours.keys()).chain(theirs.keys()).collect();
    let (mut merged, mut conflicts) = (Vec::new(), Vec::new());
    for key in keys {
        let record = |side: &BTreeMap<Key, SnapshotEntry>| side.get(key).map(|entry| entry.record);
        let (was, our, their) = (record(&base), record(&ours), record(&theirs));
        let is_ours = our.is_some() && their.is_some_and(|their| takes_ours(&their));
        let taken = if our == their || their == was || is_ours {
            ours.get(key)
        } else if our == was {
            theirs.get(key)
        } else {
            conflicts.push(BothMoved { task: key.1.clone(), ours: our, theirs: their });
            continue;
        };
        merged.extend(taken.cloned());
    }
    if conflicts.is_empty() { Ok(merged) } else { Err(conflicts) }
}

/// Returns what both sides did not finish: ours, and of theirs the tasks that still have their record.
pub fn merge_unfinished(
    merged: &[SnapshotEntry],
    ours: Option<Unfinished>,
    theirs: Unfinished,
    their_entries: &[SnapshotEntry],
) -> Option<Unfinished> {
    let named = |one: &UnfinishedTask| (one.graph.clone(), one.task.clone());
    let records = |entries: &[SnapshotEntry]| -> BTreeMap<Key, Digest> {
        entries.iter().map(|one| ((one.graph.clone(), one.task.clone()), one.record)).collect()
    };
    let (merged, their_records) = (records(merged), records(their_entries));
    let mut tasks = ours.map(|ours| ours.tasks).unwrap_or_default();
    let known: BTreeSet<Key> = tasks.iter().map(named).collect();
    let is_open = |one: &UnfinishedTask| merged.get(&named(one)) == their_records.get(&named(one));
    let is_known = |one: &UnfinishedTask| known.contains(&named(one));
    let theirs: Vec<_> = theirs.tasks.into_iter().filter(|one| is_open(one) && !is_known(one)).collect();
    tasks.extend(theirs);
    Unfinished::of(tasks)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn snapshot(rows: &[(&str, &str)]) -> Snapshot {
        let entry = |(task, record): &(&str, &str)| SnapshotEntry {
            graph: GraphName::parse("g").unwrap(),
            task: TaskName::parse(task).unwrap(),
            record: Digest::of(record.as_bytes()),
            outputs: Digest::of(b"o"),
        };
        Snapshot::of(Vec::new(), rows.iter().map(entry).collect())
    }

    #[test]
    fn what_one_side_moved_is_taken_and_what_both_moved_is_a_conflict() {
        let base = snapshot(&[("a", "1"), ("b", "1"), ("c", "1"), ("d", "1")]);
        let ours = snapshot(&[("a", "2"), ("b", "1"), ("c", "2"), ("d", "1"), ("e", "1")]);
        let theirs = snapshot(&[("a", "1"), ("b", "2"), ("c", "2"), ("f", "1")]);
        let merged = merge(&base, &ours, &theirs, &|_| false).unwrap();
        let expected = snapshot(&[("a", "2"), ("b", "2"), ("c", "2"), ("e", "1"), ("f", "1")]);
        assert_eq!(merged, expected.entries);
        assert_eq!(merge(&base, &theirs, &ours, &|_| false).unwrap(), expected.entries);

        let theirs = snapshot(&[("a", "3"), ("b", "1"), ("c", "1"), ("d", "1")]);
        let conflicts = merge(&base, &ours, &theirs, &|_| false).unwrap_err();
        let forced = merge(&base, &ours, &theirs, &|_| true).unwrap();
        assert_eq!(forced, snapshot(&[("a", "2"), ("b", "1"), ("c", "2"), ("d", "1"), ("e", "1")]).entries);
        assert_eq!(conflicts.iter().map(|one| one.task.as_str()).collect::<Vec<_>>(), ["a"]);
        let removed = snapshot(&[("b", "1"), ("c", "1"), ("d", "1")]);
        assert_eq!(merge(&base, &ours, &removed, &|_| false).unwrap_err()[0].theirs, None);
    }
}
