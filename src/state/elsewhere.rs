//! Records whose files, results and logs stay on the machine that made them: `local_only`.
//!
//! A pull writes them down before a branch relies on them. What is absent of one
//! is no damage then: its task is stale here, and runs here.

use std::collections::HashSet;

use super::row::digest;
use super::{State, StateError, candidates};
use crate::model::Digest;

impl State {
    /// Takes note that what records made is not here, and will not come.
    pub fn note_elsewhere(&self, records: &[Digest]) -> Result<(), StateError> {
        if records.is_empty() {
            return Ok(());
        }
        self.write(|transaction| {
            let mut statement =
                transaction.prepare_cached("INSERT OR IGNORE INTO elsewhere (record) VALUES (?1)")?;
            let mut added = 0;
            for record in records {
                added += statement.execute([record.as_bytes()])?;
            }
            if added > 0 { candidates::noticed(transaction) } else { Ok(()) }
        })
    }

    /// Tells whether what a record made stays elsewhere; what cannot be read is answered with no.
    pub fn is_elsewhere(&self, record: &Digest) -> bool {
        let found = self.read(|connection| {
            let mut statement = connection.prepare_cached("SELECT 1 FROM elsewhere WHERE record = ?1")?;
            Ok(statement.exists([record.as_bytes()])?)
        });
        found.unwrap_or(false)
    }

    /// Returns all of those records.
    pub fn elsewhere(&self) -> Result<HashSet<Digest>, StateError> {
        self.read(|connection| {
            let mut statement = connection.prepare("SELECT record FROM elsewhere")?;
            let mut rows = statement.query([])?;
            let mut found = HashSet::new();
            while let Some(row) = rows.next()? {
                found.insert(digest(row, 0)?);
            }
            Ok(found)
        })
    }
}
