//! Who runs what: locks that the operating system lets go of when a process dies.
//!
//! A [`RunLock`] keeps a second run off a branch or an output folder; runner and
//! `serve` inherit it, tasks never do. A [`TaskLock`] keeps one task or item from
//! being run twice at once. A lock's file may say who holds it, for people; the
//! lock itself never depends on that.

mod run;
mod task;

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::store::StoreError;

pub use run::{LockOn, RunLock, find_holder, was_let_go};
pub use task::TaskLock;

/// What to do while another process holds a lock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wait {
    /// Say who does.
    No,
    /// Wait until nobody does.
    Yes,
}

/// Who holds a lock.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// The process that took it.
    pub pid: u32,
    /// The machine it is on.
    pub host: String,
    /// The user's name.
    pub user: String,
    /// Since when, in ms since the epoch.
    pub since_ms: u64,
    /// The command, for people.
    pub command: String,
}

/// Why a lock was not taken.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Another process has it; who, where that can be told.
    #[error("{}", held(holder.as_ref()))]
    Held { holder: Option<Holder> },
    /// The lock's file could not be used.
    #[error(transparent)]
    Store(#[from] StoreError),
}

fn held(holder: Option<&Holder>) -> String {
    match holder {
        Some(Holder { pid, host, user, command, .. }) => {
            format!("`{command}` of {user} on {host} holds the lock (process {pid})")
        }
        None => "another process holds the lock".to_owned(),
    }
}

fn open(path: &Path) -> Result<File, StoreError> {
    let folder = path.parent().unwrap_or(path);
    fs::create_dir_all(folder).map_err(|error| StoreError::writing("make", folder, error))?;
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    options.open(path).map_err(|error| StoreError::writing("open", path, error))
}

fn lock(file: &File, path: &Path, wait: Wait) -> Result<(), LockError> {
    match file.try_lock() {
        Ok(()) => Ok(()),
        Err(TryLockError::WouldBlock) if wait == Wait::No => {
            Err(LockError::Held { holder: read_holder(file) })
        }
        Err(TryLockError::WouldBlock) => wait_for(file, path),
        Err(TryLockError::Error(error)) => Err(StoreError::writing("lock", path, error).into()),
    }
}

fn wait_for(file: &File, path: &Path) -> Result<(), LockError> {
    loop {
        match file.lock() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(StoreError::writing("lock", path, error).into()),
            Ok(()) => return Ok(()),
        }
    }
}

/// Absent where the holder has not written it yet, or this system does not let others read it.
fn read_holder(mut file: &File) -> Option<Holder> {
    let mut text = String::new();
    file.rewind().and_then(|()| file.read_to_string(&mut text)).ok()?;
    serde_json::from_str(text.lines().next()?).ok()
}

fn write_holder(mut file: &File, by: &Holder) -> io::Result<()> {
    let mut line = crate::model::canonical_json(by);
    line.push(b'\n');
    file.rewind()?;
    file.write_all(&line)?;
    // Last: a reader takes the first line alone.
    file.set_len(line.len() as u64)
}
