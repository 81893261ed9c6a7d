//! Takes what journals say of items into the databases, from the living and from the dead.
//!
//! Putting an entry in twice is harmless, so nothing depends on whether a file
//! was removed. A run that has recorded its task since has said more than its
//! journal: then the journal is let go.

use std::fs;
use std::path::Path;

use rusqlite::{Connection, Transaction};

use super::journal::{Entry, JournalScope, Segment, find_all, find_dead, parse, remove};
use super::row::text;
use super::{BranchKey, State, StateError, branches, hit, results};
use crate::model::RunId;
use crate::store::{FileStat, StoreError};

/// Which entries of a journal count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Trust {
    /// All: the files are still as they were when the task was decided.
    All,
    /// Those that are known to have run on files that held still.
    Held,
}

impl State {
    /// Takes in a file that a living journal has closed, and removes it.
    ///
    /// Everything that its items name must be put into the store that wrote it, which is flushed here.
    pub fn take_in(&self, store: &crate::store::Store, segment: Segment) -> Result<(), StateError> {
        store.flush()?;
        let bytes = read(&segment.path)?;
        if let Some((scope, entries)) = parse(&bytes) {
            self.put_entries(&scope, &entries, Trust::Held)?;
        }
        hit("journal.batched", &self.path)?;
        segment.remove();
        Ok(())
    }

    /// Takes in what runs of a branch left that died; returns how many journals there were.
    ///
    /// Whoever opens the state to look at a branch or to run on it calls this first.
    pub fn take_in_dead(&self, branch: &BranchKey) -> Result<usize, StateError> {
        let mut taken = 0;
        for run in self.open_runs(branch)? {
            for (path, held) in find_dead(self.layout(), &run) {
                let bytes = read(&path)?;
                if let Some((scope, entries)) = parse(&bytes) {
                    self.put_objects(&entries)?;
                    let trust = if held_still(&scope) { Trust::All } else { Trust::Held };
                    self.put_entries(&scope, &entries, trust)?;
                }
                hit("journal.replayed", &self.path)?;
                remove(&path);
                drop(held);
                taken += 1;
            }
        }
        Ok(taken)
    }

    /// Takes in what the journals of a branch tell now, and leaves them to the runs that write them.
    ///
    /// For who shares the branch's state while a run goes on there: its items of the last seconds belong to it too.
    pub fn take_in_living(&self, branch: &BranchKey) -> Result<(), StateError> {
        for run in self.open_runs(branch)? {
            for path in find_all(self.layout(), &run) {
                let bytes = match fs::read(&path) {
                    // The run has put all of it into the databases since.
                    Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
                    bytes => bytes.map_err(|error| StoreError::reading(&path, error))?,
                };
                if let Some((scope, entries)) = parse(&bytes) {
                    self.put_objects(&entries)?;
                    let trust = if held_still(&scope) { Trust::All } else { Trust::Held };
                    self.put_entries(&scope, &entries, trust)?;
                }
            }
        }
        Ok(())
    }

    /// Tells whether a run of this branch that did not close has journals: they may tell more than the databases.
    pub fn has_journals(&self, branch: &BranchKey) -> Result<bool, StateError> {
        let runs = self.open_runs(branch)?;
        Ok(runs.iter().any(|run| self.layout().run_items(run).exists()))
    }

    fn open_runs(&self, branch: &BranchKey) -> Result<Vec<RunId>, StateError> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached(
                "SELECT id FROM runs WHERE state = 'open' AND project = ?1 AND branch = ?2 ORDER BY id",
            )?;
            let mut rows = statement.query((branch.project.as_str(), branch.branch.as_str()))?;
            let mut runs = Vec::new();
            while let Some(row) = rows.next()? {
                runs.extend(RunId::parse(text(row, 0)?));
            }
            Ok(runs)
        })
    }

    fn put_objects(&self, entries: &[Entry<'_>]) -> Result<(), StateError> {
        for entry in entries {
            if let Entry::Item { objects, .. } = entry {
                for object in objects {
                    self.store.put_bytes(object)?;
                }
            }
        }
        Ok(self.store.flush()?)
    }

    fn put_entries(
        &self,
        scope: &JournalScope,
        entries: &[Entry<'_>],
        trust: Trust,
    ) -> Result<(), StateError> {
        let counting = counting(entries, trust);
        let key = BranchKey { project: scope.project.clone(), branch: scope.branch.clone() };
        self.write(|transaction| {
            let branch = branches::find_or_make(transaction, &key)?;
            if is_recorded(transaction, branch.layer, scope)? {
                return Ok(());
            }
            let (graph, task) = (scope.graph.as_str(), scope.task.as_str());
            for (at, entry) in entries.iter().enumerate() {
                match entry {
                    Entry::Item { key, record, .. } if at < counting => {
                        execute(transaction, super::items::KEEP, (branch.layer, graph, task, key, record))?;
                        execute(transaction, super::items::MENDED, (branch.id, graph, task, key))?;
                    }
                    Entry::Failed { key, attempt } => {
                        execute(transaction, super::items::FAIL, (branch.id, graph, task, key, attempt))?;
                    }
                    Entry::Item { .. } | Entry::Held | Entry::Changed => {}
                }
            }
            branches::touch(transaction, branch.id)
        })
    }
}

fn execute(
    transaction: &Transaction<'_>,
    statement: &str,
    values: impl rusqlite::Params,
) -> Result<(), StateError> {
    transaction.prepare_cached(statement)?.execute(values)?;
    Ok(())
}

fn read(path: &Path) -> Result<Vec<u8>, StateError> {
    fs::read(path).map_err(|error| StoreError::reading(path, error).into())
}

/// Returns the place of the first entry that does not count.
fn counting(entries: &[Entry<'_>], trust: Trust) -> usize {
    let changed = entries.iter().position(|entry| *entry == Entry::Changed);
    let before = &entries[..changed.unwrap_or(entries.len())];
    match (trust, changed) {
        (Trust::All, None) => before.len(),
        _ => before.iter().rposition(|entry| *entry == Entry::Held).unwrap_or(0),
    }
}

fn held_still(scope: &JournalScope) -> bool {
    scope.watched.iter().all(|(path, before)| FileStat::at(path) == *before)
}

/// Tells whether the run has recorded the whole task since.
fn is_recorded(connection: &Connection, layer: i64, scope: &JournalScope) -> Result<bool, StateError> {
    let since = results::since(connection, layer, &scope.graph, &scope.task)?;
    Ok(since.and_then(|since| since.run).as_deref() == Some(scope.run.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item() -> Entry<'static> {
        Entry::Item { key: [0; 32], record: "{}", objects: vec![] }
    }

    #[test]
    fn only_items_that_ran_on_steady_files_count() {
        let entries = [item(), Entry::Held, item(), item()];
        assert_eq!((counting(&entries, Trust::All), counting(&entries, Trust::Held)), (4, 1));
        let entries = [item(), Entry::Held, item(), Entry::Changed, item(), Entry::Held];
        assert_eq!((counting(&entries, Trust::All), counting(&entries, Trust::Held)), (1, 1));
        assert_eq!(counting(&[item()], Trust::Held), 0);
    }
}
