//! Objects that a remote has, and this machine only once something needs them: what a lazy pull leaves there.
//!
//! A promise is a row: the object, the remote, and when it was made. Who reads such
//! an object has it brought first. The store itself speaks with no remote: it calls
//! what [`bring_by`] was given. An object that came keeps its row, as it may be
//! collected here and come again.

use std::collections::{BTreeMap, HashSet};
use std::error::Error;
use std::sync::OnceLock;

use rusqlite::OptionalExtension;

use super::{Store, StoreError, database};
use crate::model::{Digest, Progress, Silent};

/// Brings objects of the remote that is known by an id into a store.
pub type Bring = fn(&Store, &str, &[Digest], &dyn Progress) -> Result<(), Box<dyn Error + Send + Sync>>;

static BRING: OnceLock<Bring> = OnceLock::new();

/// Says how objects are brought, for the whole process; the first call counts.
pub fn bring_by(bring: Bring) {
    let _ = BRING.set(bring);
}

impl Store {
    /// Writes down that a remote has objects.
    pub fn promise(&self, remote: &str, objects: &[Digest], now_ms: u64) -> Result<(), StoreError> {
        self.small.query(|connection| {
            let transaction = database::begin(connection)?;
            {
                let mut statement = transaction
                    .prepare("INSERT OR REPLACE INTO promised (digest, remote, at_ms) VALUES (?1, ?2, ?3)")?;
                for digest in objects {
                    statement.execute((digest.as_bytes(), remote, now_ms.cast_signed()))?;
                }
            }
            transaction.commit()
        })
    }

    /// Tells whether the store has an object, or a remote has promised it.
    pub fn can_have(&self, digest: &Digest) -> Result<bool, StoreError> {
        Ok(self.has(digest)? || self.promised_by(digest)?.is_some())
    }

    /// Brings those objects that are promised and not here; returns how many.
    pub fn bring(&self, objects: &[Digest], progress: &dyn Progress) -> Result<u64, StoreError> {
        let mut wanted: BTreeMap<String, Vec<Digest>> = BTreeMap::new();
        for digest in objects {
            if !self.has(digest)?
                && let Some(remote) = self.promised_by(digest)?
            {
                wanted.entry(remote).or_default().push(*digest);
            }
        }
        let mut brought = 0;
        for (remote, objects) in wanted {
            let count = objects.len() as u64;
            let failed = |source| StoreError::NotBrought { count, source };
            let bring = BRING.get().ok_or_else(|| failed("nobody can bring it".into()))?;
            bring(self, &remote, &objects, progress).map_err(failed)?;
            brought += count;
        }
        if brought > 0 {
            self.flush()?;
        }
        Ok(brought)
    }

    /// Does something with an object; where it is absent and promised, brings it and does it again.
    pub(super) fn with_promised<T>(
        &self,
        digest: &Digest,
        mut act: impl FnMut() -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        match act() {
            Err(StoreError::Absent { .. }) if self.bring(&[*digest], &Silent)? > 0 => act(),
            done => done,
        }
    }

    /// Forgets promises made before a time of what nobody needs.
    pub fn forget_promises(&self, needed: &HashSet<Digest>, before_ms: u64) -> Result<(), StoreError> {
        self.small.query(|connection| {
            let transaction = database::begin(connection)?;
            {
                let mut old = transaction.prepare("SELECT digest FROM promised WHERE at_ms < ?1")?;
                let mut forget = transaction.prepare("DELETE FROM promised WHERE digest = ?1")?;
                let mut rows = old.query([before_ms.cast_signed()])?;
                let mut going: Vec<[u8; 32]> = Vec::new();
                while let Some(row) = rows.next()? {
                    let digest: [u8; 32] = row.get(0)?;
                    going.extend((!needed.contains(&Digest::from_bytes(digest))).then_some(digest));
                }
                for digest in going {
                    forget.execute([digest])?;
                }
            }
            transaction.commit()
        })
    }

    /// Returns the id of the remote that has promised an object.
    fn promised_by(&self, digest: &Digest) -> Result<Option<String>, StoreError> {
        self.small.query(|connection| {
            let mut statement = connection.prepare_cached("SELECT remote FROM promised WHERE digest = ?1")?;
            statement.query_row([digest.as_bytes()], |row| row.get(0)).optional()
        })
    }
}
