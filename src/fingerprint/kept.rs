//! Sources that were read before, kept by their digest.
//!
//! In the process as they are used, so that a worker server that looks again at
//! each start of a task parses nothing twice; in the memo as bytes, so that the
//! next process doesn't either. What is kept says nothing of the disk, only of
//! the bytes it came from, so it never grows old.

use std::any::Any;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::model::Digest;

use super::memo::Memo;

/// Above so many bytes of sources the process forgets and begins anew.
const KEPT_BYTES: usize = 48 << 20;

#[derive(Default)]
struct Kept {
    values: HashMap<(&'static str, Digest), Arc<dyn Any + Send + Sync>>,
    bytes: usize,
}

static KEPT: Mutex<Option<Kept>> = Mutex::new(None);

/// Returns what was made of these bytes before, or makes it now.
pub(super) fn shared<T: Any + Send + Sync>(
    kind: &'static str,
    bytes: &[u8],
    make: impl FnOnce() -> T,
) -> Arc<T> {
    let key = (kind, Digest::of(bytes));
    let known = guard(&KEPT).as_ref().and_then(|kept| kept.values.get(&key).cloned());
    if let Some(value) = known.and_then(|value| value.downcast().ok()) {
        return value;
    }
    let value = Arc::new(make());
    let mut kept = guard(&KEPT);
    let kept = kept.get_or_insert_default();
    if kept.bytes > KEPT_BYTES {
        *kept = Kept::default();
    }
    kept.bytes += bytes.len();
    kept.values.insert(key, value.clone());
    value
}

/// Returns the facts that the memo keeps of a source, or those that `read` finds now.
///
/// `kind` carries the version of their format; what cannot be decoded is read again.
pub(super) fn facts<F: Serialize + DeserializeOwned>(
    memo: &dyn Memo,
    kind: &'static str,
    source: Digest,
    read: impl FnOnce() -> F,
) -> F {
    let known = memo.facts(kind, source);
    if let Some(facts) = known.as_deref().and_then(|bytes| postcard::from_bytes(bytes).ok()) {
        return facts;
    }
    let facts = read();
    if let Ok(bytes) = postcard::to_stdvec(&facts) {
        memo.keep_facts(kind, source, &bytes);
    }
    facts
}

/// Locks; what a panicking thread left behind is a cache entry like any other.
pub(super) fn guard<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
