//! `du`: what takes room in the store, and what shares it.
//!
//! Everything counts that a record leads to: outputs, results, logs, code, item
//! tables and the record itself. An object is a task's own where no other task of
//! the branch and no other branch has it. All in bytes as they are stored.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use super::report::{DuReport, RoomRow};
use super::{Footing, OpsError, collect};
use crate::model::Digest;
use crate::state::{BranchKey, Reach};
use crate::store::{Amount, Store};

/// Operations of so many ms are what `gc` keeps by itself.
pub const KEEP_MS: u64 = 30 * 24 * 60 * 60 * 1000;

/// Who has an object: nobody yet, one, or more.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Owner {
    One(usize),
    Many,
}

/// Measures the store; tasks are those of a branch, of the current one where none is named.
pub fn du(footing: &Footing, branch: Option<&str>) -> Result<DuReport, OpsError> {
    let state = footing.state()?;
    let store = Store::open(&footing.store_root)?;
    let key = match branch {
        Some(name) => footing.branch_with_state(name)?,
        None => footing.key.clone(),
    };
    let mut sizes: HashMap<Digest, u64> = HashMap::new();
    store.each_object(&mut |digest, size| {
        sizes.insert(digest, size);
    })?;
    let branches: Vec<BranchKey> = footing.branches()?.into_iter().map(|branch| branch.key).collect();
    let mut held = Vec::new();
    let mut tasks: BTreeMap<String, Vec<Digest>> = BTreeMap::new();
    for one in &branches {
        let point = state.point(one)?.unwrap_or_default();
        let mut objects = Vec::new();
        for entry in state.find_entries(&point)?.unwrap_or_default().into_values() {
            let mut of_record = Vec::new();
            Reach::new(&store).follow(&entry.record, &mut |_, object| of_record.push(object));
            of_record.sort_unstable();
            of_record.dedup();
            if *one == key {
                tasks.entry(entry.task.to_string()).or_default().extend(&of_record);
            }
            objects.extend(of_record);
        }
        objects.sort_unstable();
        objects.dedup();
        held.push(objects);
    }
    let on_branches = owners(held.iter().map(Vec::as_slice));
    let mut rows: Vec<RoomRow> = branches
        .iter()
        .zip(&held)
        .enumerate()
        .map(|(at, (one, objects))| {
            let is_own = |object: &Digest| on_branches.get(object) == Some(&Owner::One(at));
            RoomRow { current: *one == footing.key, ..row(one.branch.to_string(), objects, &sizes, is_own) }
        })
        .collect();
    rows.sort_by_key(|row| std::cmp::Reverse((row.own_bytes, row.shared_bytes)));
    let on_tasks = owners(tasks.values().map(Vec::as_slice));
    let mut of_tasks: Vec<RoomRow> = tasks
        .into_iter()
        .enumerate()
        .map(|(at, (name, objects))| {
            let alone = |object: &Digest| matches!(on_branches.get(object), Some(Owner::One(_)));
            row(name, &objects, &sizes, |object| {
                on_tasks.get(object) == Some(&Owner::One(at)) && alone(object)
            })
        })
        .collect();
    of_tasks.sort_by_key(|row| std::cmp::Reverse((row.own_bytes + row.shared_bytes, row.name.clone())));
    let since = crate::task::now_ms().saturating_sub(KEEP_MS);
    let needed = collect::mark(state, &store, Some(since), &|_, _, _| {})?.needed;
    let amount = |wanted: &dyn Fn(&Digest) -> bool| -> Amount {
        sizes.iter().filter(|(digest, _)| wanted(digest)).map(|(_, size)| *size).collect()
    };
    let mut trash = Amount::default();
    for batch in store.batches()? {
        trash.add_all(store.batch_objects(&batch)?.into_iter().map(|(_, size)| size).collect());
    }
    Ok(DuReport {
        store: footing.store_root.clone(),
        branch: key.branch,
        branches: rows,
        tasks: of_tasks,
        on_branches: amount(&|digest| on_branches.contains_key(digest)),
        kept: amount(&|digest| needed.contains(digest) && !on_branches.contains_key(digest)),
        unneeded: amount(&|digest| !needed.contains(digest) && !on_branches.contains_key(digest)),
        trash,
        runs: below(&store.layout().runs()),
    })
}

fn owners<'a>(holders: impl Iterator<Item = &'a [Digest]>) -> HashMap<Digest, Owner> {
    let mut owners = HashMap::new();
    for (at, objects) in holders.enumerate() {
        for object in objects {
            let known = *owners.entry(*object).or_insert(Owner::One(at));
            if known != Owner::One(at) {
                owners.insert(*object, Owner::Many);
            }
        }
    }
    owners
}

/// Each object counts once, also where several records of a task in several graphs have it.
fn row(
    name: String,
    objects: &[Digest],
    sizes: &HashMap<Digest, u64>,
    is_own: impl Fn(&Digest) -> bool,
) -> RoomRow {
    let mut row = RoomRow { name, ..RoomRow::default() };
    let once: std::collections::BTreeSet<&Digest> = objects.iter().collect();
    for object in once {
        let size = sizes.get(object).copied().unwrap_or(0);
        *(if is_own(object) { &mut row.own_bytes } else { &mut row.shared_bytes }) += size;
        row.objects += 1;
    }
    row
}

/// Returns how many files are below a folder, and their bytes; what cannot be read counts nothing.
fn below(folder: &Path) -> Amount {
    let mut amount = Amount::default();
    let mut open = vec![folder.to_owned()];
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            match entry.metadata() {
                Ok(found) if found.is_dir() => open.push(entry.path()),
                Ok(found) => amount.add(found.len()),
                Err(_) => {}
            }
        }
    }
    amount
}
