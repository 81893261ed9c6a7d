//! Every object that a record needs: what `fsck`, a collection or a push follows.
//!
//! ```text
//! record -> outputs, result, log, code
//!        -> list of shards -> shards -> outputs and result of each item
//! ```
//! Records share shards, so each shard is entered once, however many records
//! name it. What cannot be read hides what is behind it: that is said, and who
//! removes objects must then stop.

use std::collections::HashSet;

use super::item_table::{ItemTableError, load_item_shard, load_shard_list};
use crate::model::{Digest, OutputFile, RECORD_FORMAT, Record, RunId};
use crate::store::{Store, StoreError};

/// What an object is to the record that needs it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need<'a> {
    /// The record itself.
    Record,
    /// The bytes of a file.
    Output(&'a OutputFile),
    /// The result, of the task or of an item.
    Result,
    /// What it printed.
    Log,
    /// The text of a part of its code, by its name.
    Code(&'a str),
    /// Which shards its item table has.
    ShardList,
    /// A part of its item table.
    ItemShard,
}

impl Need<'_> {
    /// Tells whether the task made or printed it: what `local_only` keeps where it is.
    pub fn is_made(self) -> bool {
        matches!(self, Self::Output(_) | Self::Result | Self::Log)
    }

    /// Returns what it is, in words.
    pub fn words(self) -> String {
        match self {
            Self::Record => "the record".to_owned(),
            Self::Output(file) => format!("output `{}`", file.path),
            Self::Result => "a result".to_owned(),
            Self::Log => "the log".to_owned(),
            Self::Code(name) => format!("code `{name}`"),
            Self::ShardList => "the item table".to_owned(),
            Self::ItemShard => "a part of the item table".to_owned(),
        }
    }
}

/// An object that others are named in, and that cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum Hidden {
    /// It is absent, damaged or no record.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// It is an item table, or a part of one.
    #[error(transparent)]
    Items(#[from] ItemTableError),
    /// It is a record of another version.
    #[error("record {} is of format {format}, and this kptn reads {RECORD_FORMAT}", digest.short())]
    Format { digest: Digest, format: u32 },
}

impl Hidden {
    /// Tells whether it is not there, rather than damaged or not understood.
    pub fn is_absence(&self) -> bool {
        matches!(
            self,
            Self::Store(StoreError::Absent { .. })
                | Self::Items(ItemTableError::Store(StoreError::Absent { .. }))
        )
    }
}

/// Follows records; see the head of this file.
pub struct Reach<'a> {
    store: &'a Store,
    entered: HashSet<Digest>,
    runs: HashSet<RunId>,
}

impl<'a> Reach<'a> {
    /// Begins with nothing entered.
    pub fn new(store: &'a Store) -> Self {
        Self { store, entered: HashSet::new(), runs: HashSet::new() }
    }

    /// Returns the runs whose folders have what items printed, of all records that were followed.
    pub fn runs(self) -> HashSet<RunId> {
        self.runs
    }

    /// Visits every object that a record needs, itself first; returns what could not be read.
    ///
    /// A shard that another record has led to is visited, but not entered again. Where this returns
    /// something, there may be objects that it could not name.
    pub fn follow(&mut self, record: &Digest, visit: &mut dyn FnMut(Need<'_>, Digest)) -> Vec<Hidden> {
        let mut hidden = Vec::new();
        visit(Need::Record, *record);
        match self.load(record) {
            Ok(record) => self.follow_record(&record, visit, &mut hidden),
            Err(error) => hidden.push(error),
        }
        hidden
    }

    /// Visits every object that the items of a task need which did not finish, the list of their shards first.
    pub fn follow_items(&mut self, shards: &Digest, visit: &mut dyn FnMut(Need<'_>, Digest)) -> Vec<Hidden> {
        let mut hidden = Vec::new();
        self.follow_shards(shards, visit, &mut hidden);
        hidden
    }

    fn load(&self, digest: &Digest) -> Result<Record, Hidden> {
        let record: Record = self.store.load_json(digest)?;
        match record.format {
            RECORD_FORMAT => Ok(record),
            format => Err(Hidden::Format { digest: *digest, format }),
        }
    }

    fn follow_record(
        &mut self,
        record: &Record,
        visit: &mut dyn FnMut(Need<'_>, Digest),
        hidden: &mut Vec<Hidden>,
    ) {
        record.outputs.iter().for_each(|file| visit(Need::Output(file), file.digest));
        record.code.iter().for_each(|part| visit(Need::Code(&part.name), part.source));
        record.result.iter().for_each(|result| visit(Need::Result, *result));
        record.log.iter().for_each(|log| visit(Need::Log, *log));
        if let Some(items) = &record.items {
            self.follow_shards(items, visit, hidden);
        }
    }

    fn follow_shards(
        &mut self,
        list: &Digest,
        visit: &mut dyn FnMut(Need<'_>, Digest),
        hidden: &mut Vec<Hidden>,
    ) {
        visit(Need::ShardList, *list);
        match load_shard_list(self.store, list) {
            Ok(index) => index.shards.iter().for_each(|shard| self.follow_shard(shard, visit, hidden)),
            Err(error) => hidden.push(error.into()),
        }
    }

    fn follow_shard(
        &mut self,
        shard: &Digest,
        visit: &mut dyn FnMut(Need<'_>, Digest),
        hidden: &mut Vec<Hidden>,
    ) {
        visit(Need::ItemShard, *shard);
        if self.entered.contains(shard) {
            return;
        }
        match load_item_shard(self.store, shard) {
            Ok(items) => {
                // Only now: one that cannot be read hides something from every record.
                self.entered.insert(*shard);
                for item in items {
                    self.runs.extend(item.log.iter().map(|log| log.run.clone()));
                    item.outputs.iter().for_each(|file| visit(Need::Output(file), file.digest));
                    item.result.iter().for_each(|result| visit(Need::Result, *result));
                }
            }
            Err(error) => hidden.push(error.into()),
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::model::{Fingerprint, GraphName, Provenance, RunId, Settled, TaskName, Timing};

    pub(in crate::state) fn record(items: Option<Digest>) -> Record {
        let digest = |text: &str| Digest::of(text.as_bytes());
        let file = OutputFile { path: "own.csv".into(), digest: digest("own"), size: 3, executable: false };
        Record {
            format: RECORD_FORMAT,
            graph: GraphName::parse("g").unwrap(),
            task: TaskName::parse("t").unwrap(),
            fingerprint: Fingerprint(digest("fingerprint")),
            settled: Settled::Yes,
            ingredients: Vec::new(),
            code: Vec::new(),
            outputs: if items.is_some() { Vec::new() } else { vec![file] },
            outputs_digest: digest("outputs"),
            result: Some(digest("result")),
            items,
            run: RunId::new(1, 1),
            timing: Timing::default(),
            provenance: Provenance::default(),
            log: Some(digest("log")),
            accepted: None,
            local_only: false,
            deferred: Vec::new(),
        }
    }

    #[test]
    fn a_record_leads_to_its_objects_and_one_of_another_version_hides_them() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        let follow = |record: &Record| {
            let mut found = Vec::new();
            let digest = store.put_json(record).unwrap();
            let hidden = Reach::new(&store).follow(&digest, &mut |_, object| found.push(object));
            assert_eq!(found.remove(0), digest);
            (found, hidden.len())
        };
        let named = ["own", "result", "log"].map(|text| Digest::of(text.as_bytes())).to_vec();
        assert_eq!(follow(&record(None)), (named, 0));
        assert_eq!(follow(&Record { format: 1, ..record(None) }), (vec![], 1));
    }
}
