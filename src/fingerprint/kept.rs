//! Facts about sources, kept by the digest of the source they came from.
//!
//! In the process, so that a worker server that looks again at each start of a
//! task parses nothing twice; and in the memo, so that the next process doesn't
//! either. Facts say nothing of the disk, so they never grow old.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::model::Digest;

use super::memo::Memo;

/// Above so many bytes of facts the process forgets and begins anew.
const KEPT_BYTES: usize = 32 << 20;

#[derive(Default)]
struct Kept {
    facts: HashMap<(&'static str, Digest), Arc<[u8]>>,
    size: usize,
}

static KEPT: Mutex<Option<Kept>> = Mutex::new(None);

/// Returns the facts of a source: kept ones, or those that `read` finds now.
///
/// `kind` carries the version of their format; what cannot be decoded is read again.
pub(super) fn facts<F: Serialize + DeserializeOwned>(
    memo: &dyn Memo,
    kind: &'static str,
    source: Digest,
    read: impl FnOnce() -> F,
) -> F {
    let here = guard(&KEPT).as_ref().and_then(|kept| kept.facts.get(&(kind, source)).cloned());
    if let Some(facts) = here.as_deref().and_then(|bytes| postcard::from_bytes(bytes).ok()) {
        return facts;
    }
    let known = memo.facts(kind, source);
    if let Some(facts) = known.as_deref().and_then(|bytes| postcard::from_bytes(bytes).ok()) {
        keep(kind, source, known);
        return facts;
    }
    let facts = read();
    if let Ok(bytes) = postcard::to_stdvec(&facts) {
        memo.keep_facts(kind, source, &bytes);
        keep(kind, source, Some(bytes.into()));
    }
    facts
}

fn keep(kind: &'static str, source: Digest, bytes: Option<Arc<[u8]>>) {
    let Some(bytes) = bytes else { return };
    let mut kept = guard(&KEPT);
    let kept = kept.get_or_insert_default();
    if kept.size > KEPT_BYTES {
        *kept = Kept::default();
    }
    kept.size += bytes.len();
    kept.facts.insert((kind, source), bytes);
}

/// Locks; what a panicking thread left behind is a cache entry like any other.
pub(super) fn guard<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
