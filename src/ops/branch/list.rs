//! `branch list`: every branch that has a state, and how much of it is its own.
//!
//! What is fresh depends on the code that is checked out, so it is told for
//! where it was looked at last: each branch's own status, as `status` left it.
//! Of runs on other machines the records tell that came here.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::{Digest, Record};
use crate::ops::report::{AsOf, BranchRow, LastRun};
use crate::ops::{Footing, OpsError, quick};
use crate::state::{Branch, BranchKey, Operation, Point, RunRow, Shards, State, load_item_table};
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
    let runs = footing.state()?.runs(u32::MAX)?;
    let mut rows = Vec::new();
    for (at, branch) in branches.iter().enumerate() {
        let others = || held.iter().enumerate().filter(|(other, _)| *other != at).map(|(_, held)| held);
        let (mut shared, mut own) = (0, 0);
        for (digest, size) in &held[at].objects {
            let is_shared = others().any(|other| other.objects.contains_key(digest));
            *(if is_shared { &mut shared } else { &mut own }) += size;
        }
        let run = runs.iter().find(|run| run.branch == branch.key);
        rows.push(row(footing, branch, &held[at], run, (shared, own))?);
    }
    rows.sort_by_key(|row| !row.current);
    Ok(rows)
}

fn row(
    footing: &Footing,
    branch: &Branch,
    held: &Held,
    run: Option<&RunRow>,
    sizes: (u64, u64),
) -> Result<BranchRow, OpsError> {
    let state = footing.state()?;
    let mut latest = state.operations(&branch.key, u32::MAX)?;
    latest.retain(|one| one.branch == branch.key.branch);
    let folded = latest.iter().find(|one| one.verb == "run");
    let seen = quick::last_seen(footing, &branch.key.branch);
    Ok(BranchRow {
        branch: branch.key.branch.clone(),
        current: branch.key == footing.key,
        tasks: held.tasks,
        fresh: seen.map(|(fresh, _)| fresh),
        stale: seen.map(|(_, stale)| stale),
        cloned_from: branch.cloned_from.clone(),
        last_run: last_run(state, folded, run, held.made.as_ref()),
        last: latest.first().map(AsOf::of),
        shared_bytes: sizes.0,
        own_bytes: sizes.1,
    })
}

/// Returns the latest of the run that moved the branch here, the one that was opened here, and the one that made
/// what the branch has.
fn last_run(
    state: &State,
    folded: Option<&Operation>,
    opened: Option<&RunRow>,
    made: Option<&Made>,
) -> Option<LastRun> {
    let made = made.map(|made| LastRun { operation: None, user: made.user.clone(), at_ms: made.at_ms });
    let opened = opened.map(|run| LastRun {
        operation: None,
        user: state.load_plan(&run.id).map(|plan| plan.user).unwrap_or_default(),
        at_ms: run.ended_ms.unwrap_or(run.started_ms),
    });
    let folded =
        folded.map(|one| LastRun { operation: Some(one.id), user: one.user.clone(), at_ms: one.at_ms });
    // Of equal ones the last.
    made.into_iter().chain(opened).chain(folded).max_by_key(|run| run.at_ms)
}

/// What a state holds on to.
#[derive(Default)]
struct Held {
    tasks: u64,
    /// Files and results, and their sizes.
    objects: BTreeMap<Digest, u64>,
    /// The latest that a run on this branch made.
    made: Option<Made>,
}

/// Who made a record by running a task, for which branch, and when.
#[derive(Clone)]
struct Made {
    branch: String,
    user: String,
    at_ms: u64,
}

/// What a record tells.
struct Told {
    objects: Vec<(Digest, u64)>,
    /// Absent where a person accepted what lay there.
    made: Option<Made>,
}

/// What records tell; each is read once, however many branches have it.
struct Objects<'a> {
    store: &'a Store,
    known: BTreeMap<Digest, Told>,
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
            let told =
                self.known.entry(record).or_insert_with(|| of_record(self.store, &record, &mut self.shards));
            held.objects.extend(told.objects.iter().copied());
            let made = told.made.iter().filter(|made| made.branch == key.branch.as_str()).cloned();
            held.made = held.made.into_iter().chain(made).max_by_key(|made| made.at_ms);
        }
        Ok(held)
    }
}

/// What cannot be read tells nothing that could be counted; `fsck` tells of it.
fn of_record(store: &Store, digest: &Digest, shards: &mut Shards) -> Told {
    let Ok(record) = store.load_json::<Record>(digest) else {
        return Told { objects: Vec::new(), made: None };
    };
    let table = record.items.and_then(|items| load_item_table(store, &items, shards).ok());
    let of_items = table.iter().flat_map(|table| table.files());
    let objects = record.outputs.iter().chain(of_items).map(|file| (file.digest, file.size)).collect();
    let at_ms = record.timing.started_ms + record.timing.wall_ms;
    let made = Made { branch: record.provenance.branch, user: record.provenance.user, at_ms };
    Told { objects, made: record.accepted.is_none().then_some(made) }
}
