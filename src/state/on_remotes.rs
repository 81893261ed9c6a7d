//! Records that a remote has had: whatever becomes of a branch here, they are not lost with it.

use super::{State, StateError};
use crate::model::{Digest, Snapshot};

impl State {
    /// Remembers that a remote has a snapshot's records, but for those whose bytes never left the machine that made them.
    pub fn note_on_remote(&self, snapshot: &Snapshot) -> Result<(), StateError> {
        let all = snapshot.entries.iter().map(|entry| entry.record);
        let records = all.filter(|record| !snapshot.local_only.contains(record));
        self.write(|transaction| {
            let mut add =
                transaction.prepare_cached("INSERT OR IGNORE INTO on_remotes (record) VALUES (?1)")?;
            for record in records {
                add.execute([record.as_bytes()])?;
            }
            Ok(())
        })
    }

    /// Tells whether a remote has had a record.
    pub fn is_on_remote(&self, record: &Digest) -> Result<bool, StateError> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached("SELECT 1 FROM on_remotes WHERE record = ?1")?;
            Ok(statement.exists([record.as_bytes()])?)
        })
    }
}
