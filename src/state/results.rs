//! What finished: the record that each task has on a branch.
//!
//! A task's record is its row in the topmost layer that has one, else its entry
//! in the branch's snapshot. A run may only replace what it started from: where the branch has
//! moved on meanwhile, the late result goes to the index alone.

use std::collections::BTreeMap;

use rusqlite::{Connection, OptionalExtension, Transaction};

use super::row::{digest_or_null, parsed, text};
use super::{BranchKey, State, StateError, branches, hit, points, snapshots};
use crate::model::{Digest, Fingerprint, GraphName, RunId, Snapshot, TaskName};

/// Whether other branches may find a record by its fingerprint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Indexing {
    /// They may.
    Yes,
    /// Never: it is unsettled, `cache: false`, or was itself found that way.
    No,
}

/// One finished task.
#[derive(Debug, Clone, Copy)]
pub struct Finished<'a> {
    /// Where.
    pub branch: &'a BranchKey,
    /// The graph's namespace.
    pub graph: &'a GraphName,
    /// The task.
    pub task: &'a TaskName,
    /// Its record, which must be on disk: [`crate::store::Store::flush`] goes before.
    pub record: Digest,
    /// The record's fingerprint.
    pub fingerprint: Fingerprint,
    /// The record's outputs digest.
    pub outputs: Digest,
    /// The record that the task had when the run was opened.
    pub base: Option<Digest>,
    /// The run.
    pub run: &'a RunId,
    /// Whether it goes into the index.
    pub indexing: Indexing,
    /// When it finished, in ms since the epoch.
    pub now_ms: u64,
}

/// What became of a finished task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Recorded {
    /// The branch has the record now.
    Yes,
    /// The branch has another record than the run started from, and keeps it.
    KeptOther {
        /// The record that it has; absent where another one took it away.
        current: Option<Digest>,
    },
}

impl State {
    /// Returns the record of each task that has one.
    pub fn records(
        &self,
        branch: &BranchKey,
        graph: &GraphName,
    ) -> Result<BTreeMap<TaskName, Digest>, StateError> {
        let (snapshot, since) = self.read(|connection| {
            let Some(row) = branches::find(connection, branch)? else { return Ok(Default::default()) };
            let mut since = Vec::new();
            for layer in points::chain(connection, Some(row.layer))? {
                since.extend(results_of(connection, layer, graph)?);
            }
            Ok((row.point.snapshot, since))
        })?;
        let snapshot = self.snapshots.load(&self.store, snapshot)?;
        let mut records: BTreeMap<_, _> = snapshots::of_graph(&snapshot, graph)
            .iter()
            .map(|entry| (entry.task.clone(), entry.record))
            .collect();
        for (task, record) in since {
            match record {
                Some(record) => drop(records.insert(task, record)),
                None => drop(records.remove(&task)),
            }
        }
        Ok(records)
    }

    /// Returns the record of one task; absent where it never finished on this branch.
    pub fn record_of(
        &self,
        branch: &BranchKey,
        graph: &GraphName,
        task: &TaskName,
    ) -> Result<Option<Digest>, StateError> {
        self.read(|connection| {
            let Some(row) = branches::find(connection, branch)? else { return Ok(None) };
            let snapshot = self.snapshots.load(&self.store, row.point.snapshot)?;
            Ok(current(connection, row.layer, &snapshot, graph, task)?.and_then(|current| current.record))
        })
    }

    /// Returns the record of one task as [`State::record_of`] does, for a process that asks once: the
    /// branch's snapshot is not built for it.
    pub fn look_up(
        &self,
        branch: &BranchKey,
        graph: &GraphName,
        task: &TaskName,
    ) -> Result<Option<Digest>, StateError> {
        self.read(|connection| {
            let Some(row) = branches::find(connection, branch)? else { return Ok(None) };
            if let Some(since) = since(connection, row.layer, graph, task)? {
                return Ok(since.record);
            }
            let Some(snapshot) = row.point.snapshot else { return Ok(None) };
            Ok(snapshots::find_record(&self.store, &snapshot, graph, task)?)
        })
    }

    /// Writes a finished task down, in one transaction; returns whether the branch took it.
    pub fn finish_task(&self, finished: &Finished<'_>) -> Result<Recorded, StateError> {
        let recorded = self.finish_tasks(std::slice::from_ref(finished))?;
        Ok(recorded.first().copied().unwrap_or(Recorded::Yes))
    }

    /// Writes several finished tasks down, all or none.
    pub fn finish_tasks(&self, finished: &[Finished<'_>]) -> Result<Vec<Recorded>, StateError> {
        hit("state.finish.begun", &self.path)?;
        let recorded = self.write(|transaction| {
            let recorded = finished.iter().map(|one| self.finish(transaction, one)).collect();
            hit("state.finish.written", &self.path)?;
            recorded
        })?;
        hit("state.finish.committed", &self.path)?;
        Ok(recorded)
    }

    fn finish(&self, transaction: &Transaction<'_>, it: &Finished<'_>) -> Result<Recorded, StateError> {
        let branch = branches::find_or_make(transaction, it.branch)?;
        if it.indexing == Indexing::Yes {
            super::candidates::add(transaction, it)?;
        }
        let snapshot = self.snapshots.load(&self.store, branch.point.snapshot)?;
        let current = current(transaction, branch.layer, &snapshot, it.graph, it.task)?;
        if !may_replace(current.as_ref(), it) {
            return Ok(Recorded::KeptOther { current: current.and_then(|current| current.record) });
        }
        // Recording something twice is harmless, also after a fold.
        if current.is_none_or(|current| current.record != Some(it.record)) {
            write_result(transaction, branch.layer, it)?;
        }
        super::attempts::forget(transaction, branch.id, it.graph, it.task)?;
        super::items::forget(transaction, &branch, it.graph, it.task)?;
        branches::touch(transaction, branch.id)?;
        Ok(Recorded::Yes)
    }
}

fn write_result(transaction: &Transaction<'_>, layer: i64, it: &Finished<'_>) -> Result<(), StateError> {
    transaction
        .prepare_cached(
            "INSERT OR REPLACE INTO results (layer, graph, task, record, outputs, run)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        )?
        .execute((
            layer,
            it.graph.as_str(),
            it.task.as_str(),
            it.record.as_bytes(),
            it.outputs.as_bytes(),
            it.run.as_str(),
        ))?;
    Ok(())
}

/// What a task has now.
pub(super) struct Current {
    /// Absent where it was taken away.
    pub(super) record: Option<Digest>,
    /// The run that wrote it since the snapshot.
    pub(super) run: Option<String>,
}

/// The rule of the fold: the branch still has what the run started from, or what this very run wrote.
fn may_replace(current: Option<&Current>, finished: &Finished<'_>) -> bool {
    let record = current.and_then(|current| current.record);
    let ours = current.and_then(|current| current.run.as_deref()) == Some(finished.run.as_str());
    record == finished.base || record == Some(finished.record) || ours
}

fn current(
    connection: &Connection,
    top: i64,
    snapshot: &Snapshot,
    graph: &GraphName,
    task: &TaskName,
) -> Result<Option<Current>, StateError> {
    let folded = || snapshots::of_task(snapshot, graph, task);
    let folded = || folded().map(|entry| Current { record: Some(entry.record), run: None });
    Ok(since(connection, top, graph, task)?.or_else(folded))
}

/// Returns what a task was given since the snapshot: the topmost layer that has it counts.
pub(super) fn since(
    connection: &Connection,
    top: i64,
    graph: &GraphName,
    task: &TaskName,
) -> Result<Option<Current>, StateError> {
    let mut next = Some(top);
    while let Some(layer) = next {
        let found = result_of(connection, layer, graph, task)?;
        if found.is_some() {
            return Ok(found);
        }
        next = points::beneath(connection, layer)?;
    }
    Ok(None)
}

fn result_of(
    connection: &Connection,
    layer: i64,
    graph: &GraphName,
    task: &TaskName,
) -> Result<Option<Current>, StateError> {
    let found = connection
        .prepare_cached("SELECT record, run FROM results WHERE layer = ?1 AND graph = ?2 AND task = ?3")?
        .query_row((layer, graph.as_str(), task.as_str()), |row| {
            Ok(Current { record: digest_or_null(row, 0)?, run: Some(row.get(1)?) })
        })
        .optional()?;
    Ok(found)
}

fn results_of(
    connection: &Connection,
    layer: i64,
    graph: &GraphName,
) -> Result<Vec<(TaskName, Option<Digest>)>, StateError> {
    let mut statement =
        connection.prepare_cached("SELECT task, record FROM results WHERE layer = ?1 AND graph = ?2")?;
    let mut rows = statement.query((layer, graph.as_str()))?;
    let mut results = Vec::new();
    while let Some(row) = rows.next()? {
        let task = parsed("a task name", text(row, 0)?, TaskName::parse)?;
        results.push((task, digest_or_null(row, 1)?));
    }
    Ok(results)
}
