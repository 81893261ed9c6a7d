//! `undo` of a collection: what it put aside comes back, as long as that is there.

use crate::ops::report::{AsOf, UndoReport};
use crate::ops::{Footing, MovingError, OpsError};
use crate::state::Operation;
use crate::store::{Batch, Store, StoreError};

/// Tells whether what a collection has put aside is still there.
pub fn can_undo(footing: &Footing, operation: &Operation) -> bool {
    let there = || find(&Store::open(&footing.store_root)?, number(operation));
    there().is_ok_and(|batch| batch.is_some())
}

/// The log says of a collection which batch it made; of one that only deleted, nothing.
fn number(operation: &Operation) -> Option<u64> {
    operation.why.parse().ok()
}

fn find(store: &Store, number: Option<u64>) -> Result<Option<Batch>, StoreError> {
    Ok(store.batches()?.into_iter().find(|batch| Some(batch.number) == number && !batch.deleting))
}

/// Brings back what a collection has put aside; fails once some of it may have been deleted.
pub fn undo(footing: &Footing, operation: &Operation) -> Result<UndoReport, OpsError> {
    let state = footing.state()?;
    let store = Store::open(&footing.store_root)?;
    let _lock = super::lock(footing)?;
    let number = number(operation);
    let Some(batch) = find(&store, number)? else {
        let later = state.all_operations(&footing.key.project, u32::MAX)?;
        let by = later.iter().rev().find(|one| one.id > operation.id && one.verb == "gc").map(AsOf::of);
        return Err(match number {
            Some(_) => MovingError::GraceIsOver { operation: operation.id, by },
            None => MovingError::CannotUndo { operation: operation.id, verb: operation.verb.clone() },
        }
        .into());
    };
    store.close_batch(&batch)?;
    let objects: Vec<_> = store.batch_objects(&batch)?.into_iter().map(|(digest, _)| digest).collect();
    store.bring_back(&objects)?;
    store.bring_runs_back(&batch)?;
    store.drop_batch(&batch)?;
    let why = operation.id.to_string();
    let mut entry = footing.entry("undo", &why, &footing.key);
    entry.undoes = Some(operation.id);
    let done = state.note(&footing.key, &entry)?;
    Ok(UndoReport {
        branch: operation.branch.clone(),
        undone: AsOf::of(operation),
        operation: done,
        tasks: Vec::new(),
        objects: objects.len() as u64,
    })
}
