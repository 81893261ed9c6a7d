//! Which commit contains exactly what a record ran.
//!
//! A record never changes: one that was made from files not yet committed says
//! so for ever. That a later commit has just these files is said here, beside it.

use super::row::{number, text};
use super::{State, StateError};
use crate::model::Digest;

/// What is said of a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attestation {
    /// The commit whose files are those that the record ran.
    pub commit: String,
    /// When that was found, in ms since the epoch.
    pub at_ms: u64,
}

impl State {
    /// Says of records that a commit has exactly what they ran; saying it twice is harmless.
    pub fn attest(&self, records: &[Digest], commit: &str, at_ms: u64) -> Result<(), StateError> {
        if records.is_empty() {
            return Ok(());
        }
        self.write(|transaction| {
            let mut statement = transaction.prepare_cached(
                "INSERT OR IGNORE INTO attestations (record, commit_id, at_ms) VALUES (?1, ?2, ?3)",
            )?;
            for record in records {
                statement.execute((record.as_bytes(), commit, at_ms.cast_signed()))?;
            }
            Ok(())
        })
    }

    /// Returns what is said of a record, the latest last.
    pub fn attestations(&self, record: &Digest) -> Result<Vec<Attestation>, StateError> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached(
                "SELECT commit_id, at_ms FROM attestations WHERE record = ?1 ORDER BY at_ms, commit_id",
            )?;
            let mut rows = statement.query([record.as_bytes()])?;
            let mut found = Vec::new();
            while let Some(row) = rows.next()? {
                found.push(Attestation { commit: text(row, 0)?.to_owned(), at_ms: number(row, 1)? });
            }
            Ok(found)
        })
    }
}
