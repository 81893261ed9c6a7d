//! `undo`: a new operation that takes an older one back.
//!
//! ```text
//! nothing came after it     the branch goes back to where it was: a few rows
//! something did             the tasks that it moved get their records back, unless a later one moved them too
//! ```
//! Without a number the latest operation counts that is no undo and is not
//! undone: so two undos go back two steps, and an undo is undone by its number.
//! Files stay where they are; another state's bytes are replaced when needed.

use std::collections::BTreeSet;

use super::collect;
use super::mover::{Mover, refuse_collected, refuse_lacking};
use super::report::{AsOf, UndoReport};
use super::{Footing, MovingError, OpsError};
use crate::model::{GraphName, TaskName};
use crate::state::{BranchKey, Change, Entries, Operation, Point, State, Tag, Target};

/// Takes an operation back; absent means the latest that can be.
pub fn undo(footing: &Footing, which: Option<u64>) -> Result<UndoReport, OpsError> {
    let operation = find(footing, which)?;
    let why = operation.id.to_string();
    match operation.verb.as_str() {
        "tag" | "untag" => undo_tag(footing, &operation, &why),
        "rename" => undo_rename(footing, &operation, &why),
        "invalidate" | "undo" if let Some(of) = invalidation(footing, &operation)? => {
            undo_marks(footing, &operation, of, &why)
        }
        "gc" => collect::undo(footing, &operation),
        "undo" if is_of_gc(footing, &operation)? => {
            Err(MovingError::CannotUndo { operation: operation.id, verb: "undo of gc".to_owned() }.into())
        }
        "push" => Err(MovingError::CannotUndo { operation: operation.id, verb: operation.verb }.into()),
        _ => undo_move(footing, &operation, &why),
    }
}

/// Returns the operation that marked something as bad, where this is that one or the undo of one.
fn invalidation(footing: &Footing, operation: &Operation) -> Result<Option<u64>, OpsError> {
    let mut operation = operation.clone();
    while let Some(undone) = operation.undoes {
        match footing.state()?.operation(&footing.key.project, undone)? {
            Some(before) => operation = before,
            None => return Ok(None),
        }
    }
    Ok((operation.verb == "invalidate").then_some(operation.id))
}

/// What was marked is good again; or bad again, where that was undone. The next push says so.
fn undo_marks(footing: &Footing, operation: &Operation, of: u64, why: &str) -> Result<UndoReport, OpsError> {
    let key = BranchKey { branch: operation.branch.clone(), ..footing.key.clone() };
    let mut entry = footing.entry("undo", why, &key);
    entry.undoes = Some(operation.id);
    let (number, marks) = footing.state()?.turn_marks(&key, of, &entry)?;
    let tasks: BTreeSet<TaskName> = marks.into_iter().map(|mark| mark.task).collect();
    Ok(report(operation, number, tasks.into_iter().collect()))
}

/// Moves no branch back either: what came out of the trash needs another `gc`.
fn is_of_gc(footing: &Footing, operation: &Operation) -> Result<bool, OpsError> {
    let Some(undone) = operation.undoes else { return Ok(false) };
    let undone = footing.state()?.operation(&footing.key.project, undone)?;
    Ok(undone.is_some_and(|one| one.verb == "gc"))
}

fn find(footing: &Footing, which: Option<u64>) -> Result<Operation, OpsError> {
    let state = footing.state()?;
    let project = &footing.key.project;
    let Some(id) = which else {
        let all = state.operations(&footing.key, u32::MAX)?;
        let undone = undone(&all);
        let mut left = all.into_iter().filter(|one| one.undoes.is_none() && !undone.contains(&one.id));
        // A collection of which nothing is left to bring back is in nobody's way.
        let found = left.find(|one| one.verb != "gc" || collect::can_undo(footing, one));
        return found.ok_or_else(|| MovingError::NothingToUndo { branch: footing.key.branch.clone() }.into());
    };
    let found = state.operation(project, id)?.ok_or(MovingError::UnknownOperation { id })?;
    let of_branch =
        state.operations(&BranchKey { branch: found.branch.clone(), ..footing.key.clone() }, u32::MAX)?;
    match of_branch.iter().find(|one| one.undoes == Some(id) && undone(&of_branch).contains(&id)) {
        Some(by) => Err(MovingError::AlreadyUndone { operation: id, by: by.id }.into()),
        None => Ok(found),
    }
}

/// Returns the operations that are taken back, from a branch's log with the newest first.
///
/// An undo that was itself undone takes nothing back.
pub fn undone(newest_first: &[Operation]) -> BTreeSet<u64> {
    let mut undone = BTreeSet::new();
    for one in newest_first {
        if let Some(target) = one.undoes
            && !undone.contains(&one.id)
        {
            undone.insert(target);
        }
    }
    undone
}

fn undo_move(footing: &Footing, operation: &Operation, why: &str) -> Result<UndoReport, OpsError> {
    let state = footing.state()?;
    let key = BranchKey { branch: operation.branch.clone(), ..footing.key.clone() };
    let mover = Mover::of(footing, &key)?;
    let now = mover.from().unwrap_or_default();
    refuse_collected(state, &operation.before)?;
    refuse_collected(state, &operation.after)?;
    let changes = taken_back(state, operation, &key, &now)?;
    let tasks = changes.iter().map(|change| change.task.clone()).collect();
    let target = if now == operation.after {
        if operation.before.is_empty() { Target::Gone } else { Target::Point(operation.before) }
    } else {
        Target::With(&changes)
    };
    let mut entry = footing.entry("undo", why, &key);
    entry.undoes = Some(operation.id);
    let moved = mover.go(target, &entry)?;
    Ok(report(operation, moved.operation, tasks))
}

fn report(undone: &Operation, operation: u64, tasks: Vec<TaskName>) -> UndoReport {
    UndoReport { branch: undone.branch.clone(), undone: AsOf::of(undone), operation, tasks, objects: 0 }
}

/// Returns what the tasks that an operation moved get back; fails where a later one moved one of them.
fn taken_back(
    state: &State,
    operation: &Operation,
    key: &BranchKey,
    now: &Point,
) -> Result<Vec<Change>, OpsError> {
    let (before, after) = (state.entries(&operation.before)?, state.entries(&operation.after)?);
    let now = state.entries(now)?;
    let mut changes = Vec::new();
    for place in moved(&before, &after) {
        let record = |entries: &Entries| entries.get(&place).map(|entry| entry.record);
        if record(&now) != record(&after) {
            let by = moved_by(state, operation.id, key, &place)?;
            return Err(MovingError::MovedSince { operation: operation.id, task: place.1, by }.into());
        }
        let record = before.get(&place).map(|entry| (entry.record, entry.outputs));
        changes.push(Change { graph: place.0, task: place.1, record });
    }
    Ok(changes)
}

/// Returns the places at which two states differ.
pub fn moved(before: &Entries, after: &Entries) -> Vec<(GraphName, TaskName)> {
    let record =
        |entries: &Entries, place: &(GraphName, TaskName)| entries.get(place).map(|entry| entry.record);
    let places: BTreeSet<_> = before.keys().chain(after.keys()).collect();
    places.into_iter().filter(|place| record(before, place) != record(after, place)).cloned().collect()
}

/// Returns the latest operation after another one that moved a task; absent where none is in the log yet.
fn moved_by(
    state: &State,
    after: u64,
    key: &BranchKey,
    place: &(GraphName, TaskName),
) -> Result<Option<AsOf>, OpsError> {
    for later in state.operations(key, u32::MAX)?.iter().take_while(|one| one.id > after) {
        if later.branch != key.branch {
            continue;
        }
        let states = (state.find_entries(&later.before)?, state.find_entries(&later.after)?);
        if let (Some(before), Some(after)) = states
            && moved(&before, &after).contains(place)
        {
            return Ok(Some(AsOf::of(later)));
        }
    }
    Ok(None)
}

fn undo_tag(footing: &Footing, operation: &Operation, why: &str) -> Result<UndoReport, OpsError> {
    let state = footing.state()?;
    let name = footing.branch(&operation.why)?.branch;
    let here = BranchKey { branch: operation.branch.clone(), ..footing.key.clone() };
    let mut entry = footing.entry("undo", why, &here);
    entry.undoes = Some(operation.id);
    let done = if operation.verb == "tag" {
        state.remove_tag(&here, &name, &entry)?.map(|_| ())
    } else {
        let Some(snapshot) = operation.after.snapshot else {
            return Err(
                MovingError::CannotUndo { operation: operation.id, verb: operation.verb.clone() }.into()
            );
        };
        let point = Point::of(snapshot);
        refuse_collected(state, &point)?;
        let records = state.entries(&point)?.into_values().map(|entry| entry.record);
        refuse_lacking(state, records.collect())?;
        let (branch, commit) = (operation.branch.clone(), operation.commit.clone());
        let tag = Tag {
            name: name.clone(),
            snapshot,
            branch,
            commit,
            user: operation.user.clone(),
            at_ms: operation.at_ms,
        };
        state.add_tag(&here, &tag, &entry)?.then_some(())
    };
    done.ok_or(MovingError::TagMoved { tag: name })?;
    let latest = state.operations(&here, 1)?.first().map_or(operation.id, |one| one.id);
    Ok(report(operation, latest, Vec::new()))
}

fn undo_rename(footing: &Footing, operation: &Operation, why: &str) -> Result<UndoReport, OpsError> {
    let now = BranchKey { branch: operation.branch.clone(), ..footing.key.clone() };
    let before = footing.branch(&operation.why)?;
    let mover = Mover::of(footing, &now)?;
    let mut entry = footing.entry("rename", now.branch.as_str(), &before);
    entry.command = &footing.command;
    entry.undoes = Some(operation.id);
    entry.verb = "undo";
    entry.why = why;
    let renamed = mover.rename(&before, &entry)?;
    Ok(report(operation, renamed, Vec::new()))
}
