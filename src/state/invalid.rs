//! Marks that say that records, or items, are bad: those made here, and those that came from remotes.
//!
//! Each made here is part of an operation that moves no branch. Where that is
//! undone, the mark is kept as one that does not hold, for a push to say so.

use rusqlite::{OptionalExtension, Transaction};

use super::row::{from_json, text, to_json};
use super::{BranchKey, LogEntry, State, StateError, candidates, operations};
use crate::model::{Digest, Mark, ProjectId};

impl State {
    /// Returns every mark of a project, also those that do not hold any more.
    pub fn marks(&self, project: &ProjectId) -> Result<Vec<Mark>, StateError> {
        self.read(|connection| {
            let mut statement =
                connection.prepare_cached("SELECT mark FROM invalid WHERE project = ?1 ORDER BY bad")?;
            let mut rows = statement.query([project.as_str()])?;
            let mut found = Vec::new();
            while let Some(row) = rows.next()? {
                found.push(from_json("a mark", text(row, 0)?)?);
            }
            Ok(found)
        })
    }

    /// Marks what is bad, as one operation; returns its number. The turn of each is found here.
    pub fn invalidate(
        &self,
        here: &BranchKey,
        marks: &[Mark],
        entry: &LogEntry<'_>,
    ) -> Result<u64, StateError> {
        self.write(|transaction| {
            let operation = operations::append_note(transaction, here, None, entry)?;
            for mark in marks {
                let before = find(transaction, &here.project, &mark.bad)?;
                let turn = before.map_or(0, |before| before.turn) + 1;
                put(transaction, &here.project, &Mark { turn, ..mark.clone() }, Some(operation))?;
            }
            candidates::noticed(transaction)?;
            Ok(operation)
        })
    }

    /// Takes marks in that others made, where they are later than those that are known.
    pub fn take_marks(&self, project: &ProjectId, marks: &[Mark]) -> Result<(), StateError> {
        if marks.is_empty() {
            return Ok(());
        }
        self.write(|transaction| {
            let mut news = false;
            for mark in marks {
                let known = find(transaction, project, &mark.bad)?;
                if known.is_none_or(|known| mark.is_later_than(&known)) {
                    put(transaction, project, mark, None)?;
                    news = true;
                }
            }
            if news { candidates::noticed(transaction) } else { Ok(()) }
        })
    }

    /// Takes back what an operation marked, or marks it again; returns this one's number, and the marks.
    pub fn turn_marks(
        &self,
        here: &BranchKey,
        of: u64,
        entry: &LogEntry<'_>,
    ) -> Result<(u64, Vec<Mark>), StateError> {
        self.write(|transaction| {
            let mut turned = Vec::new();
            {
                let mut statement = transaction
                    .prepare_cached("SELECT mark FROM invalid WHERE project = ?1 AND operation = ?2")?;
                let mut rows = statement.query((here.project.as_str(), of.cast_signed()))?;
                while let Some(row) = rows.next()? {
                    let mark: Mark = from_json("a mark", text(row, 0)?)?;
                    turned.push(Mark { holds: !mark.holds, turn: mark.turn + 1, ..mark });
                }
            }
            for mark in &turned {
                put(transaction, &here.project, mark, Some(of))?;
            }
            candidates::noticed(transaction)?;
            Ok((operations::append_note(transaction, here, None, entry)?, turned))
        })
    }
}

fn find(
    transaction: &Transaction<'_>,
    project: &ProjectId,
    bad: &Digest,
) -> Result<Option<Mark>, StateError> {
    let found: Option<String> = transaction
        .prepare_cached("SELECT mark FROM invalid WHERE project = ?1 AND bad = ?2")?
        .query_row((project.as_str(), bad.as_bytes()), |row| row.get(0))
        .optional()?;
    found.map(|json| from_json("a mark", &json)).transpose()
}

fn put(
    transaction: &Transaction<'_>,
    project: &ProjectId,
    mark: &Mark,
    operation: Option<u64>,
) -> Result<(), StateError> {
    transaction
        .prepare_cached(
            "INSERT OR REPLACE INTO invalid (project, bad, mark, operation) VALUES (?1, ?2, ?3, ?4)",
        )?
        .execute((project.as_str(), mark.bad.as_bytes(), to_json(mark), operation.map(u64::cast_signed)))?;
    Ok(())
}
