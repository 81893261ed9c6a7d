//! Opens the SQLite databases under the store root; `state` uses it too.
//!
//! WAL where the file system is this machine's own, else a rollback journal:
//! WAL needs shared memory, which network file systems do not have. What
//! writes begins with `BEGIN IMMEDIATE`: deferred transactions that upgrade
//! fail under contention without waiting.

use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, Transaction, TransactionBehavior};

use super::StoreError;

/// How much of a database stays in memory: the index over 100,000 digests, read again for every object that is looked up.
const CACHE_KIB: i64 = 8 * 1024;
/// How long a process waits for another one's transaction.
const BUSY: Duration = Duration::from_secs(30);

/// What a database is made of.
pub(crate) struct Schema {
    /// Statements that lead from version `i` to `i + 1`; never changed once released.
    pub migrations: &'static [&'static str],
    /// In bytes; counts only when the file is made.
    pub page_size: u32,
    /// Whether each commit waits for the disk.
    pub durability: Durability,
}

/// Whether each commit waits for the disk.
pub(crate) enum Durability {
    /// It does: what any process can see survives a power cut.
    EachCommit,
    /// A power cut may take the latest commits, never the database.
    Checkpoints,
}

/// Opens a database, makes it where it is absent, brings an older one up to date.
pub(crate) fn open(path: &Path, schema: &Schema) -> Result<Connection, StoreError> {
    let flags =
        OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection =
        Connection::open_with_flags(path, flags).map_err(|source| StoreError::database(path, source))?;
    prepare(&mut connection, path, schema).map_err(|source| refused(path, source))??;
    Ok(connection)
}

/// SQLite says "unable to open" where it may not write beside the database.
fn refused(path: &Path, source: rusqlite::Error) -> StoreError {
    let cannot_open = source.sqlite_error_code() == Some(rusqlite::ErrorCode::CannotOpen);
    let exists = path.exists();
    let unwritable =
        |path: &Path| std::fs::metadata(path).is_ok_and(|metadata| metadata.permissions().readonly());
    if cannot_open && (exists || path.parent().is_some_and(unwritable)) {
        return StoreError::ReadOnly { path: path.to_owned() };
    }
    StoreError::database(path, source)
}

fn prepare(
    connection: &mut Connection,
    path: &Path,
    schema: &Schema,
) -> Result<Result<(), StoreError>, rusqlite::Error> {
    connection.busy_timeout(BUSY)?;
    connection.set_prepared_statement_cache_capacity(64);
    let known = u32::try_from(schema.migrations.len()).unwrap_or(u32::MAX);
    let found = version(connection)?;
    if found > known {
        return Ok(Err(StoreError::NewerFormat { path: path.to_owned(), found, known }));
    }
    if found == 0 {
        // Both only count before the first page is written.
        connection.pragma_update(None, "page_size", schema.page_size)?;
        connection.pragma_update(None, "auto_vacuum", "INCREMENTAL")?;
    }
    let journal = choose_journal(connection, path)?;
    let synchronous = match (&schema.durability, journal) {
        (Durability::Checkpoints, Journal::Wal) => "NORMAL",
        _ => "FULL",
    };
    connection.pragma_update(None, "synchronous", synchronous)?;
    connection.pragma_update(None, "foreign_keys", true)?;
    connection.pragma_update(None, "cache_size", -CACHE_KIB)?;
    if found < known {
        migrate(connection, schema)?;
    }
    Ok(Ok(()))
}

fn version(connection: &Connection) -> Result<u32, rusqlite::Error> {
    connection.pragma_query_value(None, "user_version", |row| row.get(0))
}

fn migrate(connection: &mut Connection, schema: &Schema) -> Result<(), rusqlite::Error> {
    let transaction = begin(connection)?;
    // Another process may have been faster.
    let found = version(&transaction)?;
    for migration in schema.migrations.iter().skip(found as usize) {
        transaction.execute_batch(migration)?;
    }
    let known = u32::try_from(schema.migrations.len()).unwrap_or(u32::MAX);
    transaction.pragma_update(None, "user_version", known.max(found))?;
    transaction.commit()
}

/// Begins a transaction that may write.
pub(crate) fn begin(connection: &mut Connection) -> Result<Transaction<'_>, rusqlite::Error> {
    connection.transaction_with_behavior(TransactionBehavior::Immediate)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Journal {
    Wal,
    Rollback,
}

fn choose_journal(connection: &Connection, path: &Path) -> Result<Journal, rusqlite::Error> {
    let wanted = if on_network(path) { "delete" } else { "wal" };
    let mut mode: String = connection.pragma_query_value(None, "journal_mode", |row| row.get(0))?;
    if mode != wanted {
        mode = switch_journal(connection, wanted)?;
    }
    Ok(if mode == "wal" { Journal::Wal } else { Journal::Rollback })
}

/// Asks for a journal and returns the one that SQLite answers with.
///
/// While another process makes the same switch, SQLite says "busy" without
/// waiting, whatever the timeout.
fn switch_journal(connection: &Connection, wanted: &str) -> Result<String, rusqlite::Error> {
    let pause = Duration::from_millis(5);
    let mut left = BUSY.as_millis() / pause.as_millis();
    loop {
        match connection.pragma_update_and_check(None, "journal_mode", wanted, |row| row.get(0)) {
            Err(error) if left > 0 && is_busy(&error) => {
                left -= 1;
                std::thread::sleep(pause);
            }
            answer => return answer,
        }
    }
}

fn is_busy(error: &rusqlite::Error) -> bool {
    use rusqlite::ErrorCode::{DatabaseBusy, DatabaseLocked};
    matches!(error.sqlite_error_code(), Some(DatabaseBusy | DatabaseLocked))
}

/// Returns whether the file system may be shared with other machines.
#[cfg(target_os = "linux")]
fn on_network(path: &Path) -> bool {
    // nfs, smb, cifs, smb2, 9p, ceph, afs, lustre, gpfs, fuse (sshfs and its kin).
    const SHARED: [u32; 10] = [
        0x6969,
        0x517b,
        0xff53_4d42,
        0xfe53_4d42,
        0x0102_1997,
        0x00c3_6400,
        0x5346_414f,
        0x0bd0_0bd0,
        0x4750_4653,
        0x6573_5546,
    ];
    rustix::fs::statfs(path).is_ok_and(|fs| SHARED.contains(&(fs.f_type as u32)))
}

#[cfg(target_os = "macos")]
fn on_network(path: &Path) -> bool {
    const MNT_LOCAL: u32 = 0x1000;
    rustix::fs::statfs(path).is_ok_and(|fs| fs.f_flags & MNT_LOCAL == 0)
}

#[cfg(not(any(target_os = "linux", target_os = "macos")))]
fn on_network(_path: &Path) -> bool {
    false
}
