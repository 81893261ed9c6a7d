//! `branch list`: every branch that has a state, and how much of it is its own.
//!
//! What is fresh depends on the code that is checked out, so it is told for
//! where it was looked at last: each branch's own status, as `status` left it.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::{Digest, Record};
use crate::ops::report::{AsOf, BranchRow};
use crate::ops::{Footing, OpsError, quick};
use crate::state::{Branch, BranchKey, Point, Shards, load_item_table};
use crate::store::Store;

/// Returns a row for each branch, by name; the current one first.
pub fn list(footing: &Footing) -> Result<Vec<BranchRow>, OpsError> {
    let store = Store::open(&footing.store_root)?;
    let branches = footing.branches()?;
    let mut objects = Objects { store: &store, known: BTreeMap::new(), shards: Shards::default() };
    let mut held = Vec::new();
    for branch in &branches {
        held.push(objects.of_state(footing, &branch.key)?);
    }
    let mut rows = Vec::new();
    for (at, branch) in branches.iter().enumerate() {
        let others = || held.iter().enumerate().filter(|(other, _)| *other != at).map(|(_, held)| held);
        let (mut shared, mut own) = (0, 0);
        for (digest, size) in &held[at].objects {
            let is_shared = others().any(|other| other.objects.contains_key(digest));
            *(if is_shared { &mut shared } else { &mut own }) += size;
        }
        rows.push(row(footing, branch, held[at].tasks, (shared, own))?);
    }
    rows.sort_by_key(|row| !row.current);
    Ok(rows)
}

fn row(footing: &Footing, branch: &Branch, tasks: u64, sizes: (u64, u64)) -> Result<BranchRow, OpsError> {
    let state = footing.state()?;
    let latest = state.operations(&branch.key, u32::MAX)?;
    let of_branch = |verb: Option<&str>| {
        let found = latest
            .iter()
            .find(|one| one.branch == branch.key.branch && verb.is_none_or(|verb| verb == one.verb));
        found.map(AsOf::of)
    };
    let seen = quick::last_seen(footing, &branch.key.branch);
    Ok(BranchRow {
        branch: branch.key.branch.clone(),
        current: branch.key == footing.key,
        tasks,
        fresh: seen.map(|(fresh, _)| fresh),
        stale: seen.map(|(_, stale)| stale),
        cloned_from: branch.cloned_from.clone(),
        last_run: of_branch(Some("run")),
        last: of_branch(None),
        shared_bytes: sizes.0,
        own_bytes: sizes.1,
    })
}

/// What a state holds on to.
#[derive(Default)]
struct Held {
    tasks: u64,
    /// Files and results, and their sizes.
    objects: BTreeMap<Digest, u64>,
}

/// Which objects records name; each record is read once, however many branches have it.
struct Objects<'a> {
    store: &'a Store,
    known: BTreeMap<Digest, Vec<(Digest, u64)>>,
    shards: Shards,
}

impl Objects<'_> {
    fn of_state(&mut self, footing: &Footing, key: &BranchKey) -> Result<Held, OpsError> {
        let state = footing.state()?;
        let point: Point = state.point(key)?.unwrap_or_default();
        let mut held = Held::default();
        let records: BTreeSet<Digest> = state.entries(&point)?.into_values().map(|one| one.record).collect();
        held.tasks = records.len() as u64;
        for record in records {
            let objects =
                self.known.entry(record).or_insert_with(|| of_record(self.store, &record, &mut self.shards));
            held.objects.extend(objects.iter().copied());
        }
        Ok(held)
    }
}

/// What cannot be read holds on to nothing that could be counted; `fsck` tells of it.
fn of_record(store: &Store, digest: &Digest, shards: &mut Shards) -> Vec<(Digest, u64)> {
    let Ok(record) = store.load_json::<Record>(digest) else { return Vec::new() };
    let table = record.items.and_then(|items| load_item_table(store, &items, shards).ok());
    let of_items = table.iter().flat_map(|table| table.files());
    record.outputs.iter().chain(of_items).map(|file| (file.digest, file.size)).collect()
}
