//! Objects that a remote has, and this machine only once something needs them: what a lazy pull leaves there.
//!
//! A promise is a row: the object, the remote, and when it was made. Who reads such
//! an object has it brought first. The store itself speaks with no remote: it calls
//! what [`bring_by`] was given. An object that came keeps its row, as it may be
//! collected here and come again. One that the remote has no more loses it: it is
//! lost like any other, and what needs it is stale.
//!
//! What a task of a run needs that several machines carry out is lent to this process
//! alone: its remote names it only in that run's own keys, so no row says so.

use std::collections::{BTreeMap, HashSet};
use std::error::Error;
use std::sync::OnceLock;

use rusqlite::OptionalExtension;

use super::{Store, StoreError, database};
use crate::model::{Digest, Progress, Silent};

/// Brings objects of the remote that is known by an id into a store; returns those that the remote has no more.
pub type Bring =
    fn(&Store, &str, &[Digest], &dyn Progress) -> Result<Vec<Digest>, Box<dyn Error + Send + Sync>>;

static BRING: OnceLock<Bring> = OnceLock::new();

/// Has objects that no row promises, as long as this process lives.
pub trait Lender: Send + Sync {
    /// Returns how many bytes an object has; absent where it cannot be had from here.
    fn size(&self, digest: &Digest) -> Option<u64>;

    /// Brings objects into a store.
    fn bring(
        &self,
        store: &Store,
        objects: &[Digest],
        progress: &dyn Progress,
    ) -> Result<(), Box<dyn Error + Send + Sync>>;
}

static LENDER: OnceLock<Box<dyn Lender>> = OnceLock::new();

/// Says who lends objects to this process; the first call counts.
pub fn lend_by(lender: Box<dyn Lender>) {
    let _ = LENDER.set(lender);
}

/// Says how objects are brought, for the whole process; the first call counts.
pub fn bring_by(bring: Bring) {
    let _ = BRING.set(bring);
}

/// How much came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Brought {
    /// Objects.
    pub objects: u64,
    /// Their bytes.
    pub bytes: u64,
}

/// Who promised an object.
struct Promise {
    /// By the id of its remote; absent where it is lent.
    remote: Option<String>,
    size: u64,
}

impl Store {
    /// Writes down that a remote has objects, each of so many bytes.
    pub fn promise(&self, remote: &str, objects: &[(Digest, u64)], now_ms: u64) -> Result<(), StoreError> {
        self.small.query(|connection| {
            let transaction = database::begin(connection)?;
            {
                let mut statement = transaction.prepare(
                    "INSERT OR REPLACE INTO promised (digest, remote, at_ms, size) VALUES (?1, ?2, ?3, ?4)",
                )?;
                for (digest, size) in objects {
                    let (at_ms, size) = (now_ms.cast_signed(), size.cast_signed());
                    statement.execute((digest.as_bytes(), remote, at_ms, size))?;
                }
            }
            transaction.commit()
        })
    }

    /// Tells whether the store has an object, or a remote has promised it.
    pub fn can_have(&self, digest: &Digest) -> Result<bool, StoreError> {
        Ok(self.has(digest)? || self.promise_of(digest)?.is_some())
    }

    /// Returns how many bytes an object has that a remote has promised; absent where none has.
    pub fn promised_size(&self, digest: &Digest) -> Result<Option<u64>, StoreError> {
        Ok(self.promise_of(digest)?.map(|promise| promise.size))
    }

    /// Brings those objects that are promised and not here. What its remote has no more is promised no more.
    pub fn bring(&self, objects: &[Digest], progress: &dyn Progress) -> Result<Brought, StoreError> {
        let mut wanted: BTreeMap<Option<String>, BTreeMap<Digest, u64>> = BTreeMap::new();
        for digest in objects {
            if !self.has(digest)?
                && let Some(Promise { remote, size }) = self.promise_of(digest)?
            {
                wanted.entry(remote).or_default().insert(*digest, size);
            }
        }
        let mut brought = Brought::default();
        for (remote, mut sizes) in wanted {
            let objects: Vec<Digest> = sizes.keys().copied().collect();
            let failed = |source| StoreError::NotBrought { count: objects.len() as u64, source };
            let nobody = || failed("nobody can bring it".into());
            if let Some(remote) = remote {
                let bring = BRING.get().ok_or_else(nobody)?;
                let gone = bring(self, &remote, &objects, progress).map_err(failed)?;
                sizes.retain(|digest, _| !gone.contains(digest));
                self.break_promises(&remote, &gone)?;
            } else {
                let lender = LENDER.get().ok_or_else(nobody)?;
                lender.bring(self, &objects, progress).map_err(failed)?;
            }
            brought.objects += sizes.len() as u64;
            brought.bytes += sizes.values().sum::<u64>();
        }
        if brought.objects > 0 {
            self.flush()?;
        }
        Ok(brought)
    }

    /// Forgets what a remote has promised and has no more.
    fn break_promises(&self, remote: &str, objects: &[Digest]) -> Result<(), StoreError> {
        if objects.is_empty() {
            return Ok(());
        }
        self.small.query(|connection| {
            let transaction = database::begin(connection)?;
            {
                let mut forget =
                    transaction.prepare("DELETE FROM promised WHERE digest = ?1 AND remote = ?2")?;
                for digest in objects {
                    forget.execute((digest.as_bytes(), remote))?;
                }
            }
            transaction.commit()
        })
    }

    /// Does something with an object; where it is absent and promised, brings it and does it again.
    pub(super) fn with_promised<T>(
        &self,
        digest: &Digest,
        mut act: impl FnMut() -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        match act() {
            Err(StoreError::Absent { .. }) if self.bring(&[*digest], &Silent)?.objects > 0 => act(),
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

    /// Returns who has promised an object.
    fn promise_of(&self, digest: &Digest) -> Result<Option<Promise>, StoreError> {
        if let Some(size) = LENDER.get().and_then(|lender| lender.size(digest)) {
            return Ok(Some(Promise { remote: None, size }));
        }
        self.small.query(|connection| {
            let mut statement =
                connection.prepare_cached("SELECT remote, size FROM promised WHERE digest = ?1")?;
            let read = |row: &rusqlite::Row<'_>| {
                Ok(Promise { remote: Some(row.get(0)?), size: row.get::<_, i64>(1)?.cast_unsigned() })
            };
            statement.query_row([digest.as_bytes()], read).optional()
        })
    }
}
