//! Everything that the state holds on to: where `fsck` and a collection start to follow.
//!
//! ```text
//! branches: snapshot, layers above it, items that finished    now
//! tags                                                        now
//! journals of items in the runs' folders                      now
//! folders of runs: what failed last, what items have printed  now
//! operations of late: before and after                        past, for `undo`
//! what a remote's branch was when it was last seen            the snapshot alone, to compare with
//! ```
//! The index of fingerprints holds on to nothing: its records may be gone, and
//! who takes one looks first. All projects of the store are in it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use rusqlite::Connection;

use super::journal::{Entry, parse};
use super::points::{chain, rows_above};
use super::row::{digest, digest_or_null, from_json, text};
use super::{State, StateError};
use crate::model::{Attempt, Digest, FailedItem, ItemRecord, RunId, Snapshot};
use crate::store::StoreError;

/// Whether something is needed for what is, or to take back what was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Held {
    /// By an operation alone.
    Past,
    /// By a branch, a tag or a run.
    Now,
}

/// What the state holds on to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Roots {
    /// Records, which lead to more.
    pub records: BTreeMap<Digest, Held>,
    /// Snapshots that are there, and what items left whose task has no record yet.
    pub objects: BTreeSet<Digest>,
    /// Snapshots that are not in the store.
    pub absent_snapshots: BTreeMap<Digest, Held>,
    /// Runs whose folders have what items printed that no record has yet, or what failed last.
    pub runs: BTreeSet<RunId>,
}

/// Snapshots and layers, before they are read.
#[derive(Default)]
struct Named {
    snapshots: BTreeMap<Digest, Held>,
    layers: BTreeMap<i64, Held>,
}

impl State {
    /// Returns what the state holds on to; of operations those after `since_ms` count, absent means none.
    ///
    /// A snapshot that is there and cannot be read is an error: what it holds on to is not known.
    pub fn roots(&self, since_ms: Option<u64>) -> Result<Roots, StateError> {
        // First: what a journal has goes into the databases, never the other way.
        let mut roots = Roots::default();
        self.add_journals(&mut roots)?;
        let named = self.read(|connection| {
            // All of one moment: a fold takes rows out of a layer and puts them into a snapshot.
            let moment = connection.unchecked_transaction()?;
            let named = name_all(&moment, since_ms)?;
            add_layers(&moment, &named, &mut roots)?;
            roots.objects.extend(digests(&moment, "SELECT snapshot FROM seen")?);
            roots.objects.extend(digests(&moment, "SELECT was FROM seen WHERE was IS NOT NULL")?);
            add_attempts(&moment, &mut roots)?;
            Ok(named)
        })?;
        // What a run reads of a remote is on no branch here.
        let open = roots.runs.iter().filter_map(|run| self.load_plan(run).ok()).collect::<Vec<_>>();
        for deferred in open.iter().flat_map(|plan| plan.deferred.values()) {
            roots.add(deferred.record, Held::Now);
        }
        for (snapshot, held) in named.snapshots {
            match self.store.load_json::<Snapshot>(&snapshot) {
                Ok(read) => {
                    roots.objects.insert(snapshot);
                    read.entries.iter().for_each(|entry| roots.add(entry.record, held));
                }
                Err(StoreError::Absent { .. }) => drop(roots.absent_snapshots.insert(snapshot, held)),
                Err(error) => return Err(error.into()),
            }
        }
        Ok(roots)
    }

    /// Returns the records that a fingerprint leads to, the latest first; their bytes may be gone.
    pub fn indexed_records(&self) -> Result<Vec<Digest>, StateError> {
        self.read(|connection| {
            let query = "SELECT record FROM made GROUP BY record ORDER BY max(made_ms) DESC, record";
            digests(connection, query)
        })
    }

    /// Says that every status could be another one, as objects came or went.
    pub fn stir(&self) -> Result<(), StateError> {
        self.write(super::candidates::noticed)
    }

    /// Forgets records, as whatever made them findable is about to be deleted.
    pub fn forget_records(&self, gone: &BTreeSet<Digest>) -> Result<(), StateError> {
        let indexed = self.indexed_records()?;
        for part in indexed.into_iter().filter(|one| gone.contains(one)).collect::<Vec<_>>().chunks(500) {
            self.write(|transaction| {
                let mut statement = transaction.prepare_cached("DELETE FROM made WHERE record = ?1")?;
                for record in part {
                    statement.execute([record.as_bytes()])?;
                }
                super::candidates::noticed(transaction)
            })?;
        }
        Ok(())
    }

    /// Adds what journals name, of the living and the dead.
    fn add_journals(&self, roots: &mut Roots) -> Result<(), StateError> {
        let Ok(runs) = fs::read_dir(self.layout().runs()) else { return Ok(()) };
        for run in runs.flatten() {
            // Absent: that run has none, or its last one went this moment.
            let Ok(journals) = fs::read_dir(run.path().join("items")) else { continue };
            for path in journals.flatten().map(|entry| entry.path()) {
                let bytes = match fs::read(&path) {
                    Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
                    bytes => bytes.map_err(|error| StoreError::reading(&path, error))?,
                };
                let Some((_, entries)) = parse(&bytes) else { continue };
                for entry in entries {
                    if let Entry::Item { record, .. } = entry {
                        roots.add_item(record)?;
                    }
                }
            }
        }
        Ok(())
    }
}

impl Roots {
    fn add(&mut self, record: Digest, held: Held) {
        let known = self.records.entry(record).or_insert(held);
        *known = held.max(*known);
    }

    fn add_item(&mut self, json: &str) -> Result<(), StateError> {
        let item: ItemRecord = from_json("an item", json)?;
        self.objects.extend(item.outputs.iter().map(|file| file.digest).chain(item.result));
        self.runs.extend(item.log.map(|log| log.run));
        Ok(())
    }
}

impl Named {
    fn add(&mut self, snapshot: Option<Digest>, layer: Option<i64>, held: Held) {
        if let Some(snapshot) = snapshot {
            let known = self.snapshots.entry(snapshot).or_insert(held);
            *known = held.max(*known);
        }
        if let Some(layer) = layer {
            let known = self.layers.entry(layer).or_insert(held);
            *known = held.max(*known);
        }
    }
}

fn name_all(connection: &Connection, since_ms: Option<u64>) -> Result<Named, StateError> {
    let mut named = Named::default();
    for query in ["SELECT snapshot, layer FROM branches", "SELECT snapshot, NULL FROM tags"] {
        let mut statement = connection.prepare(query)?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            named.add(digest_or_null(row, 0)?, row.get(1)?, Held::Now);
        }
    }
    let Some(since_ms) = since_ms else { return Ok(named) };
    let mut statement = connection
        .prepare("SELECT before, before_over, after, after_over FROM operations WHERE at_ms > ?1")?;
    let mut rows = statement.query([since_ms.cast_signed()])?;
    while let Some(row) = rows.next()? {
        named.add(digest_or_null(row, 0)?, row.get(1)?, Held::Past);
        named.add(digest_or_null(row, 2)?, row.get(3)?, Held::Past);
    }
    Ok(named)
}

fn add_layers(connection: &Connection, named: &Named, roots: &mut Roots) -> Result<(), StateError> {
    for (top, held) in &named.layers {
        for row in rows_above(connection, Some(*top))? {
            if let Some((record, _)) = row.record {
                roots.add(record, *held);
            }
        }
        for layer in chain(connection, Some(*top))? {
            let mut statement =
                connection.prepare_cached("SELECT item FROM item_results WHERE layer = ?1")?;
            let mut rows = statement.query([layer])?;
            while let Some(row) = rows.next()? {
                roots.add_item(text(row, 0)?)?;
            }
        }
    }
    Ok(())
}

/// Adds the runs in which something failed, as long as that is the latest attempt, and those that are open.
fn add_attempts(connection: &Connection, roots: &mut Roots) -> Result<(), StateError> {
    let mut each = |query: &str, run: &dyn Fn(&str) -> Result<Option<RunId>, StateError>| {
        let mut statement = connection.prepare(query)?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            roots.runs.extend(run(text(row, 0)?)?);
        }
        Ok::<_, StateError>(())
    };
    each("SELECT attempt FROM attempts", &|json| Ok(Some(from_json::<Attempt>("an attempt", json)?.run)))?;
    each("SELECT attempt FROM item_attempts", &|json| {
        Ok(from_json::<FailedItem>("a failed item", json)?.log.map(|log| log.run))
    })?;
    each("SELECT id FROM runs WHERE state = 'open'", &|id| Ok(RunId::parse(id)))
}

fn digests(connection: &Connection, query: &str) -> Result<Vec<Digest>, StateError> {
    let mut statement = connection.prepare(query)?;
    let mut rows = statement.query([])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(digest(row, 0)?);
    }
    Ok(found)
}
