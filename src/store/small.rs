//! Objects of up to 16 KiB: rows of one database instead of a file each.
//!
//! Making a file costs fifty times more than hashing what goes into it. What is
//! put waits in memory, at most [`WAITING_LIMIT`] bytes, and goes in together in
//! one transaction. Reads look at what waits first, so a process always finds
//! what it has put; other processes find it after the flush.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rusqlite::{Connection, OptionalExtension, Row};

use super::StoreError;
use super::database::{self, Durability, Schema};
use crate::model::Digest;

/// The largest object, in bytes, that is a row and not a file.
pub(super) const SMALL: usize = 16 * 1024;

/// How many bytes may wait in memory.
const WAITING_LIMIT: usize = 8 * 1024 * 1024;

const SCHEMA: Schema = Schema {
    migrations: &[
        "CREATE TABLE objects (
            id INTEGER PRIMARY KEY,
            digest BLOB NOT NULL UNIQUE,
            bytes BLOB NOT NULL
        ) STRICT",
        // Those that a collection has put aside, and in which batch.
        "CREATE TABLE trashed (
            digest BLOB PRIMARY KEY,
            batch INTEGER NOT NULL
        ) STRICT, WITHOUT ROWID;
        CREATE INDEX trashed_by_batch ON trashed (batch);",
        // Those that a remote has and this machine may lack: which remote, and since when in ms since the epoch.
        "CREATE TABLE promised (
            digest BLOB PRIMARY KEY,
            remote TEXT NOT NULL,
            at_ms INTEGER NOT NULL
        ) STRICT, WITHOUT ROWID;",
        // Its size in bytes; 0 where it was promised before sizes were kept.
        "ALTER TABLE promised ADD COLUMN size INTEGER NOT NULL DEFAULT 0;",
    ],
    page_size: 16384,
    durability: Durability::EachCommit,
};

/// The database of small objects, opened at first use.
pub(super) struct Small {
    path: PathBuf,
    connection: Mutex<Option<Connection>>,
    waiting: Mutex<Waiting>,
}

#[derive(Default)]
struct Waiting {
    objects: HashMap<Digest, Arc<[u8]>>,
    bytes: usize,
}

impl Small {
    pub(super) fn new(path: PathBuf) -> Self {
        Self { path, connection: Mutex::default(), waiting: Mutex::default() }
    }

    /// Takes an object in; it is on disk after the next [`Small::flush`].
    pub(super) fn put(&self, digest: Digest, bytes: &[u8]) -> Result<(), StoreError> {
        let full = {
            let mut waiting = self.waiting();
            if waiting.objects.insert(digest, bytes.into()).is_none() {
                waiting.bytes += bytes.len();
            }
            waiting.bytes >= WAITING_LIMIT
        };
        if full { self.flush() } else { Ok(()) }
    }

    /// Returns the bytes of an object that waits for the next flush.
    pub(super) fn waits(&self, digest: &Digest) -> Option<Arc<[u8]>> {
        self.waiting().objects.get(digest).cloned()
    }

    /// Returns the bytes of an object; absent where there is none of this digest.
    pub(super) fn get(&self, digest: &Digest) -> Result<Option<Arc<[u8]>>, StoreError> {
        if let Some(bytes) = self.waiting().objects.get(digest) {
            return Ok(Some(Arc::clone(bytes)));
        }
        self.find(digest, "bytes", |row| Ok(Arc::from(row.get_ref(0)?.as_blob()?)))
    }

    /// Returns the bytes of objects in their order, read at one moment; absent where one is not here as it is, for [`Small::get`] to
    /// look further.
    pub(super) fn get_all(&self, digests: &[Digest]) -> Result<Vec<Option<Arc<[u8]>>>, StoreError> {
        self.query(|connection| {
            let transaction = connection.transaction()?;
            let mut statement = transaction.prepare_cached(
                "SELECT bytes FROM objects
                 WHERE digest = ?1 AND NOT EXISTS (SELECT 1 FROM trashed WHERE digest = ?1)",
            )?;
            let mut read = |digest: &Digest| {
                let query =
                    statement.query_row([digest.as_bytes()], |row| Ok(Arc::from(row.get_ref(0)?.as_blob()?)));
                query.optional()
            };
            digests.iter().map(&mut read).collect()
        })
    }

    /// Returns the sizes of objects in their order, as [`Small::get_all`] does.
    pub(super) fn sizes_of(&self, digests: &[Digest]) -> Result<Vec<Option<u64>>, StoreError> {
        self.query(|connection| {
            let transaction = connection.transaction()?;
            let mut statement = transaction.prepare_cached(
                "SELECT length(bytes) FROM objects
                 WHERE digest = ?1 AND NOT EXISTS (SELECT 1 FROM trashed WHERE digest = ?1)",
            )?;
            let mut read = |digest: &Digest| {
                let size = statement.query_row([digest.as_bytes()], |row| row.get(0).map(i64::unsigned_abs));
                size.optional()
            };
            digests.iter().map(&mut read).collect()
        })
    }

    /// Returns an object's size in bytes; absent where there is none of this digest.
    pub(super) fn size_of(&self, digest: &Digest) -> Result<Option<u64>, StoreError> {
        if let Some(bytes) = self.waiting().objects.get(digest) {
            return Ok(Some(bytes.len() as u64));
        }
        self.find(digest, "length(bytes)", |row| row.get(0).map(i64::unsigned_abs))
    }

    /// Reads of one object; who asks for one that was put aside brings it back.
    fn find<T>(
        &self,
        digest: &Digest,
        what: &str,
        read: impl Fn(&Row<'_>) -> Result<T, rusqlite::Error>,
    ) -> Result<Option<T>, StoreError> {
        let query = format!(
            "SELECT {what}, EXISTS (SELECT 1 FROM trashed WHERE digest = ?1) FROM objects WHERE digest = ?1"
        );
        self.query(|connection| {
            loop {
                let mut statement = connection.prepare_cached(&query)?;
                let found = statement
                    .query_row([digest.as_bytes()], |row| Ok((read(row)?, row.get(1)?)))
                    .optional()?;
                match found {
                    Some((found, false)) => return Ok(Some(found)),
                    None => return Ok(None),
                    Some((found, true)) => {
                        let mut back = connection.prepare_cached("DELETE FROM trashed WHERE digest = ?1")?;
                        if back.execute([digest.as_bytes()])? == 1 {
                            return Ok(Some(found));
                        }
                        // Another one brought it back, or it was deleted between the two.
                    }
                }
            }
        })
    }

    /// Writes everything that waits, and what waits for it, in one transaction.
    pub(super) fn flush(&self) -> Result<(), StoreError> {
        // Taken first: whoever comes second finds its objects committed.
        let mut guard = self.connection();
        let batch: Vec<(Digest, Arc<[u8]>)> =
            self.waiting().objects.iter().map(|(digest, bytes)| (*digest, Arc::clone(bytes))).collect();
        if batch.is_empty() {
            return Ok(());
        }
        let connection = self.opened(&mut guard)?;
        insert(connection, &batch).map_err(|source| StoreError::database(&self.path, source))?;
        // Only now: until the commit, readers find them here.
        let mut waiting = self.waiting();
        for (digest, bytes) in &batch {
            if waiting.objects.remove(digest).is_some() {
                waiting.bytes -= bytes.len();
            }
        }
        Ok(())
    }

    /// Calls `look` with each object that was not put aside, in the order they were put.
    pub(super) fn each(&self, mut look: impl FnMut(Digest, &[u8])) -> Result<(), StoreError> {
        self.query(|connection| {
            let mut statement = connection.prepare(
                "SELECT digest, bytes FROM objects AS one
                 WHERE NOT EXISTS (SELECT 1 FROM trashed WHERE digest = one.digest) ORDER BY id",
            )?;
            let mut rows = statement.query([])?;
            while let Some(row) = rows.next()? {
                look(Digest::from_bytes(row.get(0)?), row.get_ref(1)?.as_blob()?);
            }
            Ok(())
        })
    }

    pub(super) fn query<T>(
        &self,
        ask: impl FnOnce(&mut Connection) -> Result<T, rusqlite::Error>,
    ) -> Result<T, StoreError> {
        let mut guard = self.connection();
        ask(self.opened(&mut guard)?).map_err(|source| StoreError::database(&self.path, source))
    }

    fn opened<'a>(&self, slot: &'a mut Option<Connection>) -> Result<&'a mut Connection, StoreError> {
        match slot {
            Some(connection) => Ok(connection),
            None => Ok(slot.insert(database::open(&self.path, &SCHEMA)?)),
        }
    }

    fn connection(&self) -> MutexGuard<'_, Option<Connection>> {
        self.connection.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn insert(connection: &mut Connection, batch: &[(Digest, Arc<[u8]>)]) -> Result<(), rusqlite::Error> {
    let transaction = database::begin(connection)?;
    {
        let mut statement = transaction
            // Whoever puts an object has its right bytes: a damaged row is mended.
            .prepare_cached(
                "INSERT INTO objects (digest, bytes) VALUES (?1, ?2)
                 ON CONFLICT (digest) DO UPDATE SET bytes = excluded.bytes WHERE bytes <> excluded.bytes",
            )?;
        let mut back = transaction.prepare_cached("DELETE FROM trashed WHERE digest = ?1")?;
        for (digest, bytes) in batch {
            statement.execute((digest.as_bytes(), &bytes[..]))?;
            back.execute([digest.as_bytes()])?;
        }
    }
    transaction.commit()
}
