//! `fsck`: every object matches its digest, every record has its objects, every branch its records.
//!
//! ```text
//! objects -> snapshots of branches and tags -> records, and all that they need -> who claims which path
//! ```
//! Without repair it changes nothing. With it, what is damaged is set aside and
//! never deleted, and a task that lost what cannot be had again is stale (`repair.rs`).
//! What only an operation of the past needs may be gone: `gc` collects such things.

mod claims;
mod repair;

use std::collections::BTreeSet;

use super::report::FsckReport;
use super::{Footing, OpsError, Session};
use crate::model::{Digest, OutputFile, Record, TaskName};
use crate::state::{Held, Hidden, Need, Reach, Roots, State, StateError};
use crate::store::{Damage, Store, StoreError};
use repair::Repair;

/// Whether what is not whole is mended, as far as that can be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mend {
    /// It is only told.
    No,
    /// It is mended.
    Yes,
}

/// Something that a record needs and the store does not have.
struct Lost {
    record: Digest,
    what: What,
    text: String,
}

/// What is lost, as far as it matters for mending.
enum What {
    /// The record, or the list of its items: its task has nothing left.
    Record,
    /// Bytes of a file; another copy of them may be at its path.
    Output(OutputFile),
    /// A result, or items: their task is stale by that alone.
    Result,
    /// What nothing else can make again but a run of the task: a log, a piece of code.
    Beside {
        /// Whether it has items, which hold without it.
        mapped: bool,
    },
}

/// Where what a record made is expected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Made {
    /// In the store, or at a remote that promised it.
    Here,
    /// On the machine that made it (`local_only`): its absence is no loss.
    Elsewhere,
}

/// Reads every object, then follows everything that branches and tags lead to.
pub fn fsck(session: Session, command: &str, mend: Mend) -> Result<FsckReport, OpsError> {
    let tasks: BTreeSet<TaskName> =
        session.project.graphs.values().flat_map(|graph| graph.tasks.keys().cloned()).collect();
    let outputs_dir = session.outputs_dir.clone();
    let footing = Footing::of(session, command);
    let store = Store::open(&footing.store_root)?;
    let objects = store.check_objects()?;
    let mut report = FsckReport { objects: objects.objects, ..FsckReport::default() };
    let mut repair = Repair::new(&footing, &store, &outputs_dir, mend);
    for damage in &objects.damaged {
        repair.object(damage, damaged(damage), &mut report)?;
    }
    let state = footing.state()?;
    let Some(roots) = roots(state, &mut report)? else { return Ok(report) };
    for snapshot in roots.absent_snapshots.keys() {
        report.records += 1;
        repair.snapshot(snapshot, &mut report)?;
    }
    // A shard that was entered for what stays elsewhere is not known to need its files.
    let (mut reach, mut of_elsewhere) = (Reach::new(&store), Reach::new(&store));
    let (mut lost, mut promised) = (Vec::new(), BTreeSet::new());
    let elsewhere = state.elsewhere()?;
    for digest in roots.records.into_keys() {
        report.records += 1;
        let made = if elsewhere.contains(&digest) { Made::Elsewhere } else { Made::Here };
        let reach = if made == Made::Here { &mut reach } else { &mut of_elsewhere };
        follow(&store, reach, &digest, made, &mut lost, &mut promised)?;
    }
    report.promised = promised.len() as u64;
    repair.records(lost, &mut report)?;
    report.problems.extend(claims::doubled(&footing, &store, &tasks)?);
    repair.end()?;
    Ok(report)
}

fn damaged(damage: &Damage) -> String {
    match damage.found {
        Some(found) => format!("object {} holds the bytes of {}", damage.digest, found.short()),
        None => format!("object {} cannot be read", damage.digest),
    }
}

/// Returns what branches, tags and runs hold on to; absent where that cannot be told, which is a problem.
fn roots(state: &State, report: &mut FsckReport) -> Result<Option<Roots>, OpsError> {
    match state.roots(None) {
        Ok(mut roots) => {
            roots.absent_snapshots.retain(|_, held| *held == Held::Now);
            Ok(Some(roots))
        }
        Err(StateError::Store(error @ (StoreError::Damaged { .. } | StoreError::NotJson { .. }))) => {
            report.problems.push(format!("a state cannot be read: {error}"));
            Ok(None)
        }
        Err(error) => Err(error.into()),
    }
}

fn follow(
    store: &Store,
    reach: &mut Reach<'_>,
    record: &Digest,
    made: Made,
    lost: &mut Vec<Lost>,
    promised: &mut BTreeSet<Digest>,
) -> Result<(), OpsError> {
    let mut trouble = None;
    let mut absent = Vec::new();
    let mut look = |need: Need<'_>, object| {
        if !store.has(&object)? {
            match store.promised_size(&object)? {
                Some(_) => drop(promised.insert(object)),
                None if made == Made::Elsewhere && need.is_made() => {}
                None => absent.push((need.words(), what(need))),
            }
        }
        Ok(())
    };
    let hidden = reach.follow(record, &mut |need, object| {
        if let Err(error) = look(need, object) {
            trouble = Some(error);
        }
    });
    if let Some(error) = trouble {
        return Err(OpsError::Store(error));
    }
    if absent.is_empty() && hidden.is_empty() {
        return Ok(());
    }
    let owner = owner(store, record);
    let mapped = store.load_json::<Record>(record).is_ok_and(|record| record.items.is_some());
    for (name, what) in absent {
        let text = match what {
            What::Record => format!("record {record} is not in the store"),
            _ => format!("{name} of {owner} is not in the store"),
        };
        let what = if matches!(what, What::Beside { .. }) { What::Beside { mapped } } else { what };
        lost.push(Lost { record: *record, what, text });
    }
    // What is absent is named already.
    for hidden in hidden.iter().filter(|hidden| !hidden.is_absence()) {
        let what = if matches!(hidden, Hidden::Items(_)) { What::Result } else { What::Record };
        lost.push(Lost { record: *record, what, text: format!("{owner} cannot be read whole: {hidden}") });
    }
    Ok(())
}

/// Returns how people know a record: by its task, where it can be read.
fn owner(store: &Store, record: &Digest) -> String {
    match store.load_json::<Record>(record) {
        Ok(read) => format!("`{}` (record {})", read.task, record.short()),
        Err(_) => format!("record {record}"),
    }
}

fn what(need: Need<'_>) -> What {
    match need {
        Need::Record => What::Record,
        Need::Output(file) => What::Output(file.clone()),
        Need::Result | Need::ShardList | Need::ItemShard => What::Result,
        Need::Log | Need::Code(_) => What::Beside { mapped: false },
    }
}
