//! Everything that the state holds on to: where `fsck` starts to follow.
//!
//! Snapshots that only the log of operations names are not among it: `undo` may
//! want them, so a collection will have to follow those too.

use std::collections::BTreeSet;

use super::row::digest;
use super::{State, StateError};
use crate::model::Digest;

impl State {
    /// Returns every record that a branch, a result or the index names, of all projects.
    ///
    /// A snapshot that cannot be read is an error: what it holds on to is not known.
    pub fn all_records(&self) -> Result<BTreeSet<Digest>, StateError> {
        let named = "SELECT record FROM results WHERE record IS NOT NULL UNION SELECT record FROM made";
        let mut records = self.digests(named)?;
        for snapshot in self.digests("SELECT snapshot FROM branches WHERE snapshot IS NOT NULL")? {
            let snapshot = self.snapshots.load(&self.store, Some(snapshot))?;
            records.extend(snapshot.entries.iter().map(|entry| entry.record));
        }
        Ok(records)
    }

    fn digests(&self, query: &str) -> Result<BTreeSet<Digest>, StateError> {
        self.read(|connection| {
            let mut statement = connection.prepare(query)?;
            let mut rows = statement.query([])?;
            let mut found = BTreeSet::new();
            while let Some(row) = rows.next()? {
                found.insert(digest(row, 0)?);
            }
            Ok(found)
        })
    }
}
