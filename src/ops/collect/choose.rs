//! Which of the results that nothing needs stay, where the store may have a size: the latest, as far as they fit.

use std::collections::{HashMap, HashSet};

use super::Marked;
use crate::model::Digest;
use crate::ops::OpsError;
use crate::state::{Reach, State};
use crate::store::Store;

/// Marks the latest records that a fingerprint leads to, and all they need, in so many bytes.
///
/// The first that does not fit ends it: what is older goes, so that what stays does not depend on sizes.
pub fn keep_latest(
    state: &State,
    store: &Store,
    room: u64,
    all: &[(Digest, u64)],
    trashed: &HashSet<Digest>,
    marked: &mut Marked,
) -> Result<(), OpsError> {
    let sizes: HashMap<Digest, u64> = all.iter().copied().collect();
    let mut reach = Reach::new(store);
    let mut left = room;
    // Looking at what is in the trash would bring it back.
    let records = state.indexed_records()?;
    for record in records.iter().filter(|one| sizes.contains_key(one) && !trashed.contains(one)) {
        let mut wanted = HashSet::new();
        let hidden = reach.follow(record, &mut |_, object| {
            if !marked.needed.contains(&object) {
                wanted.insert(object);
            }
        });
        if !hidden.is_empty() {
            continue;
        }
        let size: u64 = wanted.iter().filter_map(|object| sizes.get(object)).sum();
        let Some(rest) = left.checked_sub(size) else { break };
        left = rest;
        marked.needed.extend(wanted);
    }
    Ok(())
}
