//! Bases of deltas: which object a push makes one against, and the bytes of one for who reads.
//!
//! ```text
//! a large object that goes -> its (graph, task, path) -> what the branch's snapshot at the remote has there
//!                          -> that object, or, where it is a delta itself, its base: there by itself, and here
//! ```
//! Paths of items' outputs are distinct within a task, so they name the item too.

use std::collections::HashMap;

use super::bucket::Bucket;
use super::catalog::Catalog;
use super::incoming::{Input, Problem};
use super::index::{Index, Located};
use super::{RemoteError, delta};
use crate::model::{Digest, Snapshot};
use crate::state::{Need, Reach};
use crate::store::{Store, StoreError};

/// Returns what some of the objects that are missing at a remote may become deltas against.
pub fn choose(
    catalog: &Catalog<'_>,
    store: &Store,
    tip: Option<Digest>,
    next: &Snapshot,
    missing: &[(Digest, u64)],
) -> Result<HashMap<Digest, Digest>, StoreError> {
    // One that the index knows by itself stays so, even where that is about to go: deltas against it count on that.
    let is_by_itself = |digest| catalog.index.find(digest).is_some_and(|one| one.entry.base().is_none());
    let large = missing.iter().filter(|(digest, size)| delta::may_be(*size, *size) && !is_by_itself(digest));
    let large: HashMap<Digest, u64> = large.copied().collect();
    let mut bases = HashMap::new();
    let Some(tip) = tip.filter(|_| !large.is_empty()) else { return Ok(bases) };
    if !store.has(&tip)? {
        return Ok(bases);
    }
    let tip: Snapshot = store.load_json(&tip)?;
    let mut reach = Reach::new(store);
    let there: HashMap<_, _> = tip.entries.iter().map(|one| ((&one.graph, &one.task), one)).collect();
    for entry in &next.entries {
        let before = there.get(&(&entry.graph, &entry.task)).filter(|one| one.record != entry.record);
        let Some(before) = before else { continue };
        let new = outputs(&mut reach, &entry.record, |digest| large.contains_key(digest));
        if new.is_empty() || !store.has(&before.record)? {
            continue;
        }
        let old = outputs(&mut reach, &before.record, |_| true);
        for (path, digest) in new {
            let base = old.get(&path).and_then(|old| there_by_itself(catalog, old));
            if let Some(base) = base.filter(|base| delta::may_be(large[&digest], base.entry.raw))
                && store.has(&base.entry.digest)?
            {
                bases.insert(digest, base.entry.digest);
            }
        }
    }
    Ok(bases)
}

/// Returns a record's files by path, as far as they can be told.
fn outputs(
    reach: &mut Reach<'_>,
    record: &Digest,
    chosen: impl Fn(&Digest) -> bool,
) -> HashMap<String, Digest> {
    let mut found = HashMap::new();
    // What cannot be read here only costs that its objects go by themselves.
    let _hidden = reach.follow(record, &mut |need, digest| {
        if let Need::Output(file) = need
            && chosen(&digest)
        {
            found.insert(file.path.clone(), digest);
        }
    });
    found
}

/// Returns an object that a delta may count on: this one, or its base.
fn there_by_itself(catalog: &Catalog<'_>, digest: &Digest) -> Option<Located> {
    let found = catalog.index.find_whole(digest)?;
    let base = found.base.unwrap_or(found.object);
    (base.pack.is_none() && catalog.has(&base.entry.digest)).then_some(base)
}

/// Hands out the bytes of bases, the last of them again where it is asked for again.
pub struct Bases<'a> {
    bucket: &'a Bucket,
    index: &'a Index,
    store: &'a Store,
    last: Option<(Digest, Vec<u8>)>,
}

impl<'a> Bases<'a> {
    /// Begins with none read.
    pub fn new(bucket: &'a Bucket, index: &'a Index, store: &'a Store) -> Self {
        Self { bucket, index, store, last: None }
    }

    /// Returns the bytes that an object is a delta against: from here, else from the remote, and verified; none
    /// where it is no delta.
    pub async fn of(&mut self, one: &Located) -> Result<&[u8], RemoteError> {
        let Some(base) = one.entry.base() else { return Ok(&[]) };
        if self.last.as_ref().is_none_or(|(last, _)| *last != base) {
            // The one before goes first: each may take half a gigabyte.
            self.last = None;
            self.last = Some((base, self.read(one.entry.digest, base).await?));
        }
        Ok(self.last.as_ref().map_or(&[], |(_, bytes)| bytes))
    }

    /// Fails where there is no memory for a delta and its base: it would end the process later.
    pub fn has_memory(&mut self, one: &Located, needed_by: &str) -> Result<(), RemoteError> {
        let Some(base) = one.entry.base() else { return Ok(()) };
        let held =
            self.last.as_ref().filter(|(last, _)| *last == base).map_or(0, |(_, bytes)| bytes.len() as u64);
        if held == 0 {
            self.last = None;
        }
        let size = match self.store.size_of(&base)? {
            Some(size) => size,
            None => self.index.find(&base).map_or(0, |base| base.entry.raw),
        };
        let bytes = delta::memory(one.entry.raw, size);
        match delta::room(bytes.saturating_sub(held)) {
            Some(_) => Ok(()),
            None => Err(RemoteError::Memory {
                url: self.bucket.url().to_owned(),
                digest: one.entry.digest,
                needed_by: needed_by.to_owned(),
                bytes,
            }),
        }
    }

    async fn read(&self, digest: Digest, base: Digest) -> Result<Vec<u8>, RemoteError> {
        if let Some(size) = self.store.size_of(&base)?
            && let Some(bytes) = delta::load(self.store, &base, size)
        {
            return Ok(bytes);
        }
        let failed =
            |problem: String| RemoteError::Base { url: self.bucket.url().to_owned(), digest, base, problem };
        let found = self.index.find(&base).ok_or_else(|| failed("is not there".to_owned()))?;
        if found.entry.base().is_some() {
            return Err(failed("is a delta itself".to_owned()));
        }
        if found.entry.raw > delta::MOST {
            return Err(failed(format!("has {} bytes", found.entry.raw)));
        }
        let key = found.key();
        let wrong = |problem: &str| failed(format!("cannot be read (`{key}`): {problem}"));
        // At once: one that grows takes twice as much.
        let Some(bytes) = delta::room(found.entry.raw) else {
            return Err(failed(format!("takes {} bytes of memory, which are not there", found.entry.raw)));
        };
        let mut input = Input::new(&found.entry, &[], bytes);
        let take = |bytes: &[u8]| {
            input.take(bytes).map_err(|problem| match problem {
                Problem::Stored(problem) => wrong(&problem),
                Problem::Disk(error) => wrong(&error.to_string()),
            })
        };
        if self.bucket.read_pieces(&key, take).await?.is_none() {
            return Err(wrong("it is not there"));
        }
        let whole = input.end().ok().flatten();
        whole.ok_or_else(|| wrong("it is cut off, or its bytes are not its own"))
    }
}
