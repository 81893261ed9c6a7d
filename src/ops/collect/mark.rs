//! What is needed: everything that branches, tags, runs and operations of late lead to.
//!
//! It fails closed. What a branch or tag leads to must be readable to the end;
//! what an operation of the past leads to may be gone, as nothing could bring it
//! back then, but what is there must be understood.

use std::collections::HashSet;

use super::{Progress, Step};
use crate::model::{Digest, RunId};
use crate::ops::{MovingError, OpsError};
use crate::state::{Held, Hidden, Reach, State};
use crate::store::Store;

/// What is needed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Marked {
    /// Objects.
    pub needed: HashSet<Digest>,
    /// Runs whose folders have what somebody may want to read.
    pub runs: HashSet<RunId>,
}

/// Marks what is needed; of operations those after `since_ms` count, absent means none.
pub fn mark(
    state: &State,
    store: &Store,
    since_ms: Option<u64>,
    progress: Progress<'_>,
) -> Result<Marked, OpsError> {
    let roots = state.roots(since_ms)?;
    let absent = roots.absent_snapshots.iter().filter(|(_, held)| **held == Held::Now);
    let mut unreadable: Vec<String> =
        absent.map(|(digest, _)| format!("snapshot {} is not in the store", digest.short())).collect();
    let mut marked =
        Marked { needed: roots.objects.into_iter().collect(), runs: roots.runs.into_iter().collect() };
    let mut reach = Reach::new(store);
    let all = roots.records.len() as u64;
    for (done, (record, held)) in roots.records.into_iter().enumerate() {
        progress(Step::Looking, done as u64, all);
        let hidden = reach.follow(&record, &mut |_, object| {
            marked.needed.insert(object);
        });
        let matters = |hidden: &&Hidden| held == Held::Now || !hidden.is_absence();
        unreadable.extend(hidden.iter().filter(matters).map(ToString::to_string));
    }
    if let Some(first) = unreadable.first() {
        let (first, more) = (first.clone(), unreadable.len() as u64 - 1);
        return Err(MovingError::NotWhole { first, more }.into());
    }
    marked.runs.extend(reach.runs());
    Ok(marked)
}
