//! What a collection has put aside: in batches, and found again by whoever asks.
//!
//! ```text
//! begin   trash/<n>/batch.json
//! move    objects/ab/cdef… -> trash/<n>/abcdef…, small ones get a row in `trashed`
//! close   trash/closed = n: what begins now to use objects finds these in the trash alone
//! delete  batch.json says so -> the objects go -> the folder goes
//! ```
//! Every look at an object that is in the trash brings it back, so moving one
//! there takes it from nobody, whatever is found out too late. What is deleted is
//! what nobody asked for since, nothing names (who knows what names what says
//! which those are) and no older process can have seen (`hold.rs`). A collection
//! that died anywhere leaves a batch that the next one closes, or deletes further.

use std::fs;
use std::io;
use std::path::Path;

use rusqlite::Connection;
use serde::{Deserialize, Serialize};

use super::layout::Layout;
use super::{Store, StoreError, database, hold, old, sync, temporary};
use crate::model::{Digest, canonical_json};

/// How many objects go in one transaction, so that others never wait for long.
const PART: usize = 500;
/// The version of `batch.json`.
const FORMAT: u32 = 1;

/// What one collection has put aside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Batch {
    /// Later ones are larger.
    pub number: u64,
    /// When, in ms since the epoch.
    pub began_ms: u64,
    /// Whether everything is in it that its collection wanted to put there.
    pub closed: bool,
    /// Whether some of it may have been deleted.
    pub deleting: bool,
}

#[derive(Serialize, Deserialize)]
struct Label {
    format: u32,
    began_ms: u64,
    deleting: bool,
}

/// Objects and their bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Amount {
    /// How many.
    pub objects: u64,
    /// How many bytes they have.
    pub bytes: u64,
}

impl Amount {
    /// Adds one object.
    pub fn add(&mut self, bytes: u64) {
        self.objects += 1;
        self.bytes += bytes;
    }

    /// Adds many.
    pub fn add_all(&mut self, other: Self) {
        self.objects += other.objects;
        self.bytes += other.bytes;
    }
}

impl FromIterator<u64> for Amount {
    fn from_iter<I: IntoIterator<Item = u64>>(sizes: I) -> Self {
        let mut amount = Self::default();
        sizes.into_iter().for_each(|size| amount.add(size));
        amount
    }
}

impl Store {
    /// Calls `visit` with every object that was not put aside, and its size in bytes.
    pub fn each_object(&self, visit: &mut dyn FnMut(Digest, u64)) -> Result<(), StoreError> {
        let query = "SELECT digest, length(bytes) FROM objects AS one
            WHERE NOT EXISTS (SELECT 1 FROM trashed WHERE digest = one.digest)";
        self.small.query(|connection| rows(connection, query, None, visit))?;
        for folder in numbered(&self.layout.objects(), |_| Some(()))? {
            each_file(&folder.1, &mut |path, size| {
                if let Some(digest) = self.layout.digest_of_object(path) {
                    visit(digest, size);
                }
            })?;
        }
        Ok(())
    }

    /// Returns the batches that are there, the oldest first.
    pub fn batches(&self) -> Result<Vec<Batch>, StoreError> {
        let closed = hold::last_closed(&self.layout);
        let mut found = Vec::new();
        for (number, _) in numbered(&self.layout.trash(), |name| name.parse().ok())? {
            let Some(label) = read_label(&self.layout.batch_label(number))? else { continue };
            let closed = number <= closed;
            found.push(Batch { number, began_ms: label.began_ms, closed, deleting: label.deleting });
        }
        found.sort_by_key(|batch| batch.number);
        Ok(found)
    }

    /// Makes a batch; the caller has the right to collect.
    pub fn begin_batch(&self, now_ms: u64) -> Result<Batch, StoreError> {
        let last = self.batches()?.last().map_or(0, |batch| batch.number);
        let number = 1 + last.max(hold::last_closed(&self.layout));
        let folder = self.layout.batch(number);
        let beside = folder.with_extension("new");
        let writing = |error| StoreError::writing("make", &folder, error);
        // One without its label would be nobody's.
        drop(fs::remove_dir_all(&beside));
        fs::create_dir_all(&beside).map_err(writing)?;
        let label = Label { format: FORMAT, began_ms: now_ms, deleting: false };
        fs::write(beside.join("batch.json"), canonical_json(&label)).map_err(writing)?;
        fs::rename(&beside, &folder).map_err(writing)?;
        Ok(Batch { number, began_ms: now_ms, closed: false, deleting: false })
    }

    /// Puts objects aside; those that are not there are passed over. Calls `done` with how many more are.
    pub fn put_aside(
        &self,
        batch: &Batch,
        objects: &[Digest],
        done: &mut dyn FnMut(u64),
    ) -> Result<(), StoreError> {
        for part in objects.chunks(PART) {
            self.hit("gc.moving")?;
            let mark = |connection: &mut Connection| mark(connection, batch.number, part);
            for digest in self.small.query(mark)? {
                let (from, to) = (self.layout.object(&digest), self.layout.trashed(batch.number, &digest));
                rename(&from, &to)?;
            }
            done(part.len() as u64);
        }
        sync::folders(&[&self.layout.batch(batch.number)])
    }

    /// Declares a batch whole.
    pub fn close_batch(&self, batch: &Batch) -> Result<(), StoreError> {
        let path = self.layout.last_closed();
        if hold::last_closed(&self.layout) >= batch.number {
            return Ok(());
        }
        write(&path, batch.number.to_string().as_bytes())
    }

    /// Returns the lowest batch that was the last whole one when some living process began to use objects.
    pub fn oldest_hold(&self) -> Result<Option<u64>, StoreError> {
        hold::find_oldest(&self.layout)
    }

    /// Returns what a batch has, and the sizes in bytes.
    pub fn batch_objects(&self, batch: &Batch) -> Result<Vec<(Digest, u64)>, StoreError> {
        let mut found = Vec::new();
        let query = "SELECT digest, length(bytes) FROM objects JOIN trashed USING (digest) WHERE batch = ?1";
        let mut visit = |digest, size| found.push((digest, size));
        self.small.query(|connection| rows(connection, query, Some(batch.number), &mut visit))?;
        each_file(&self.layout.batch(batch.number), &mut |path, size| {
            found.extend(digest_of(path).map(|digest| (digest, size)));
        })?;
        Ok(found)
    }

    /// Brings objects back; those that are not there are passed over.
    pub fn bring_back(&self, objects: &[Digest]) -> Result<(), StoreError> {
        for part in objects.chunks(PART) {
            self.hit("gc.returning")?;
            self.small.query(|connection| unmark(connection, part))?;
            for digest in part {
                bring_back(&self.layout, digest)?;
            }
        }
        Ok(())
    }

    /// Removes a batch that has nothing any more.
    pub fn drop_batch(&self, batch: &Batch) -> Result<(), StoreError> {
        let folder = self.layout.batch(batch.number);
        drop(fs::remove_file(self.layout.batch_label(batch.number)));
        self.hit("gc.unlabelled")?;
        match fs::remove_dir(&folder) {
            // Who read the batches meanwhile did it.
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            removed => removed.map_err(|error| StoreError::writing("remove", &folder, error)),
        }
    }

    /// Deletes what a batch has, for good.
    ///
    /// The caller knows that nothing names it, and that no process holds an earlier batch.
    pub fn delete_batch(&self, batch: &Batch, done: &mut dyn FnMut(u64)) -> Result<(), StoreError> {
        let label = Label { format: FORMAT, began_ms: batch.began_ms, deleting: true };
        write(&self.layout.batch_label(batch.number), &canonical_json(&label))?;
        loop {
            self.hit("gc.deleting")?;
            match self.small.query(|connection| delete_part(connection, batch.number))? {
                0 => break,
                deleted => done(deleted),
            }
        }
        let mut files = Vec::new();
        each_file(&self.layout.batch(batch.number), &mut |path, _| {
            files.extend(digest_of(path).map(|_| path.to_owned()));
        })?;
        for part in files.chunks(PART) {
            for path in part {
                match fs::remove_file(path) {
                    // Somebody brought it back.
                    Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                    removed => removed.map_err(|error| StoreError::writing("remove", path, error))?,
                }
            }
            done(part.len() as u64);
        }
        old::delete_runs(&self.layout.trashed_runs(batch.number))?;
        self.hit("gc.deleted")?;
        self.drop_batch(batch)
    }

    /// Gives the room of deleted small objects back to the file system.
    pub fn shrink(&self) -> Result<(), StoreError> {
        self.small.query(|connection| {
            let mut statement = connection.prepare("PRAGMA incremental_vacuum")?;
            let mut rows = statement.query([])?;
            while rows.next()?.is_some() {}
            Ok(())
        })
    }
}

/// Tells whether anything was ever put aside.
pub(super) fn is_there(layout: &Layout) -> bool {
    layout.trash().is_dir()
}

/// Brings a large object back from whichever batch has it; `false` where none does.
pub(super) fn bring_back(layout: &Layout, digest: &Digest) -> Result<bool, StoreError> {
    let object = layout.object(digest);
    for (number, _) in numbered(&layout.trash(), |name| name.parse::<u64>().ok())? {
        if rename(&layout.trashed(number, digest), &object)? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Renames a file, into a folder that is made where it is absent; `false` where the file is not there.
fn rename(from: &Path, to: &Path) -> Result<bool, StoreError> {
    let mut moved = fs::rename(from, to);
    let folder = to.parent().unwrap_or(to);
    if moved.as_ref().is_err_and(|error| error.kind() == io::ErrorKind::NotFound) && !folder.is_dir() {
        fs::create_dir_all(folder).map_err(|error| StoreError::writing("make", folder, error))?;
        moved = fs::rename(from, to);
    }
    match moved {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(StoreError::writing("move", from, error)),
    }
}

/// Marks those of a part that are small; returns the others.
fn mark(connection: &mut Connection, batch: u64, part: &[Digest]) -> Result<Vec<Digest>, rusqlite::Error> {
    let transaction = database::begin(connection)?;
    let mut large = Vec::new();
    {
        let mut statement = transaction.prepare_cached(
            "INSERT OR REPLACE INTO trashed (digest, batch) SELECT digest, ?2 FROM objects WHERE digest = ?1",
        )?;
        for digest in part {
            if statement.execute((digest.as_bytes(), batch.cast_signed()))? == 0 {
                large.push(*digest);
            }
        }
    }
    transaction.commit()?;
    Ok(large)
}

fn unmark(connection: &mut Connection, part: &[Digest]) -> Result<(), rusqlite::Error> {
    let transaction = database::begin(connection)?;
    {
        let mut statement = transaction.prepare_cached("DELETE FROM trashed WHERE digest = ?1")?;
        for digest in part {
            statement.execute([digest.as_bytes()])?;
        }
    }
    transaction.commit()
}

fn delete_part(connection: &mut Connection, batch: u64) -> Result<u64, rusqlite::Error> {
    let transaction = database::begin(connection)?;
    let batch = batch.cast_signed();
    let part = format!("SELECT digest FROM trashed WHERE batch = ?1 ORDER BY digest LIMIT {PART}");
    transaction.execute(&format!("DELETE FROM objects WHERE digest IN ({part})"), [batch])?;
    let deleted = transaction.execute(&format!("DELETE FROM trashed WHERE digest IN ({part})"), [batch])?;
    transaction.commit()?;
    Ok(deleted as u64)
}

fn rows(
    connection: &Connection,
    query: &str,
    batch: Option<u64>,
    visit: &mut dyn FnMut(Digest, u64),
) -> Result<(), rusqlite::Error> {
    let mut statement = connection.prepare(query)?;
    let mut rows = match batch {
        Some(batch) => statement.query([batch.cast_signed()])?,
        None => statement.query([])?,
    };
    while let Some(row) = rows.next()? {
        visit(Digest::from_bytes(row.get(0)?), row.get(1).map(i64::unsigned_abs)?);
    }
    Ok(())
}

fn digest_of(path: &Path) -> Option<Digest> {
    path.file_name()?.to_str()?.parse().ok()
}

/// Reads what a batch says of itself; absent where it was just dropped, or who dropped it died before the folder went.
fn read_label(path: &Path) -> Result<Option<Label>, StoreError> {
    let is_empty = || path.parent().is_some_and(|folder| fs::remove_dir(folder).is_ok() || !folder.exists());
    let bytes = match fs::read(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound && is_empty() => return Ok(None),
        read => read.map_err(|error| StoreError::reading(path, error))?,
    };
    let label: Label = serde_json::from_slice(&bytes)
        .map_err(|source| StoreError::UnknownFormat { path: path.to_owned(), source })?;
    if label.format > FORMAT {
        return Err(StoreError::NewerFormat { path: path.to_owned(), found: label.format, known: FORMAT });
    }
    Ok(Some(label))
}

/// Writes a file, at once or not at all.
fn write(path: &Path, bytes: &[u8]) -> Result<(), StoreError> {
    let beside = temporary::beside(path.parent().unwrap_or(path));
    fs::write(&beside, bytes)
        .and_then(|()| fs::rename(&beside, path))
        .map_err(|error| StoreError::writing("write", path, error))
}

/// Returns the folders in a folder whose names mean something, sorted by path.
fn numbered<T>(
    folder: &Path,
    meaning: impl Fn(&str) -> Option<T>,
) -> Result<Vec<(T, std::path::PathBuf)>, StoreError> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(|error| StoreError::reading(folder, error))?,
    };
    let mut found = Vec::new();
    for entry in entries {
        let path = entry.map_err(|error| StoreError::reading(folder, error))?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if let Some(meaning) = meaning(name)
            && path.is_dir()
        {
            found.push((meaning, path));
        }
    }
    found.sort_by(|one, other| one.1.cmp(&other.1));
    Ok(found)
}

fn each_file(folder: &Path, visit: &mut dyn FnMut(&Path, u64)) -> Result<(), StoreError> {
    let reading = |error| StoreError::reading(folder, error);
    for entry in fs::read_dir(folder).map_err(reading)? {
        let path = entry.map_err(reading)?.path();
        // It may be on its way back.
        if let Ok(metadata) = fs::metadata(&path)
            && metadata.is_file()
        {
            visit(&path, metadata.len());
        }
    }
    Ok(())
}
