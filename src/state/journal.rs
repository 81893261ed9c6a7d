//! The journal of a mapped task that runs: each finished item, before the next one starts.
//!
//! ```text
//! runs/<id>/items/<task>.<n>.journal
//!   "kptn items 1   \n"  frame(scope)  frame(entry)*
//! frame = length u32 | first 8 bytes of the payload's BLAKE3 | payload    little endian
//! scope = JSON: whose items these are, and how the files were that they depend on
//! entry = tag u8, then
//!   I  key [32], length u32, an `ItemRecord` as JSON, its small objects: (length u32, bytes)*
//!   F  key [32], a `FailedItem` as JSON
//!   H  all items so far ran on files that held still
//!   X  those files changed: items since the last H do not count, nor do later ones
//! ```
//! An entry is one append, so a killed process loses none that was written; a
//! torn last frame is dropped. Now and then the rest of kptn puts what a file
//! has into the databases ([`super::State::take_in`]) and removes it. Who writes
//! holds a lock on the file: one whose lock is free is a dead process's, and
//! whoever next opens the state for that branch takes it in.

use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::StateError;
use crate::model::{
    BranchName, Digest, FailedItem, GraphName, ItemRecord, ProjectId, RunId, TaskName, safe_folder_name,
};
use crate::store::{FileStat, Layout, StoreError};

const MAGIC: &[u8; 16] = b"kptn items 1   \n";
/// Length and checksum.
const HEAD: usize = 4 + 8;

/// Whose items a journal has, and what they rest on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JournalScope {
    /// The project.
    pub project: ProjectId,
    /// The branch that the run is pinned to.
    pub branch: BranchName,
    /// The graph's namespace.
    pub graph: GraphName,
    /// The mapped task.
    pub task: TaskName,
    /// The run.
    pub run: RunId,
    /// The files that count for its items, and how they were when the task was decided.
    pub watched: Vec<(PathBuf, Option<FileStat>)>,
}

/// One thing that a journal says.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Entry<'a> {
    /// An item finished: its key, its record as JSON, and bytes that the store may not have.
    Item { key: [u8; 32], record: &'a str, objects: Vec<&'a [u8]> },
    /// An item failed: its key, and the attempt as JSON.
    Failed { key: [u8; 32], attempt: &'a str },
    /// What came before holds.
    Held,
    /// What comes from now on does not.
    Changed,
}

/// The journal of one task, open for writing. It is removed with [`Journal::remove`]; dropped, it stays.
pub struct Journal {
    folder: PathBuf,
    name: String,
    scope: JournalScope,
    number: u32,
    segment: Option<Segment>,
    frame: Vec<u8>,
}

/// One file of a journal.
#[derive(Debug)]
pub struct Segment {
    pub(super) path: PathBuf,
    /// Its lock is ours.
    file: File,
    length: u64,
}

impl Journal {
    /// Begins a journal; no file is made before the first entry.
    pub fn new(layout: &Layout, scope: JournalScope) -> Self {
        let (folder, name) = (layout.run_items(&scope.run), safe_folder_name(scope.task.as_str()));
        Self { folder, name, scope, number: 0, segment: None, frame: Vec::new() }
    }

    /// Writes down a finished item; `objects` are the bytes of what it names and the store has only in memory.
    pub fn item(&mut self, item: &ItemRecord, objects: &[Arc<[u8]>]) -> Result<(), StateError> {
        let frame = self.begin_frame(b'I');
        frame.extend_from_slice(item.key.0.as_bytes());
        with_length(frame, |frame| to_json(frame, item));
        for object in objects {
            with_length(frame, |frame| frame.extend_from_slice(object));
        }
        self.append()?;
        super::hit("journal.appended", &self.folder)
    }

    /// Writes down an item that failed.
    pub fn failed(&mut self, item: &FailedItem) -> Result<(), StateError> {
        let frame = self.begin_frame(b'F');
        frame.extend_from_slice(item.key.0.as_bytes());
        to_json(frame, item);
        self.append()
    }

    /// Writes down that the files of the scope held still until now.
    pub fn held(&mut self) -> Result<(), StateError> {
        self.begin_frame(b'H');
        self.append()
    }

    /// Writes down that they did not.
    pub fn changed(&mut self) -> Result<(), StateError> {
        self.begin_frame(b'X');
        self.append()
    }

    /// Returns how many bytes the file has that is written to now.
    pub fn length(&self) -> u64 {
        self.segment.as_ref().map_or(0, |segment| segment.length)
    }

    /// Closes the file that was written to, for [`super::State::take_in`]; the next entry goes into a new one.
    pub fn cut(&mut self) -> Option<Segment> {
        self.segment.take()
    }

    /// Removes what is left of it: the databases have everything, or its task is recorded.
    pub fn remove(&mut self) {
        if let Some(segment) = self.segment.take() {
            segment.remove();
        }
    }

    fn begin_frame(&mut self, tag: u8) -> &mut Vec<u8> {
        self.frame.clear();
        self.frame.extend_from_slice(&[0; HEAD]);
        self.frame.push(tag);
        &mut self.frame
    }

    fn append(&mut self) -> Result<(), StateError> {
        seal(&mut self.frame, 0);
        if self.segment.is_none() {
            self.segment = Some(self.new_segment()?);
        }
        match &mut self.segment {
            Some(segment) => segment.append(&self.frame),
            None => Ok(()),
        }
    }

    fn new_segment(&mut self) -> Result<Segment, StateError> {
        let writing = |path: &Path, error| StoreError::writing("write", path, error);
        loop {
            match fs::create_dir_all(&self.folder) {
                // It was there, and went with another process's last file before that was looked at.
                Err(error)
                    if matches!(error.kind(), ErrorKind::AlreadyExists | ErrorKind::NotFound)
                        && fs::symlink_metadata(&self.folder).is_err() =>
                {
                    continue;
                }
                made => made.map_err(|error| writing(&self.folder, error))?,
            }
            self.number += 1;
            let path = self.folder.join(format!("{}.{}.journal", self.name, self.number));
            // Locked before it has the name by which others find it.
            let unlocked = path.with_extension("new");
            let file = match File::create_new(&unlocked) {
                // Another process of the run takes this number, or has removed its last file, and the folder with it.
                Err(error) if matches!(error.kind(), ErrorKind::AlreadyExists | ErrorKind::NotFound) => {
                    continue;
                }
                file => file.map_err(|error| writing(&unlocked, error))?,
            };
            // Whoever has the one name may take the other, so this is asked only now.
            if path.exists() {
                drop(fs::remove_file(&unlocked));
                continue;
            }
            match file.lock() {
                Err(error) if error.kind() == ErrorKind::Unsupported => {}
                locked => locked.map_err(|error| writing(&unlocked, error))?,
            }
            let mut head = MAGIC.to_vec();
            head.extend_from_slice(&[0; HEAD]);
            to_json(&mut head, &self.scope);
            seal(&mut head, MAGIC.len());
            let mut segment = Segment { path: path.clone(), file, length: 0 };
            segment.append(&head)?;
            fs::rename(&unlocked, &path).map_err(|error| writing(&path, error))?;
            return Ok(segment);
        }
    }
}

impl Segment {
    fn append(&mut self, bytes: &[u8]) -> Result<(), StateError> {
        if let Err(error) = self.file.write_all(bytes) {
            // Half a frame would hide those that follow.
            drop(self.file.set_len(self.length));
            return Err(StoreError::writing("write", &self.path, error).into());
        }
        self.length += bytes.len() as u64;
        Ok(())
    }

    /// Removes it.
    pub fn remove(self) {
        remove(&self.path);
    }
}

/// Removes a file of a journal, and the folder with the last one.
pub(super) fn remove(path: &Path) {
    // What stays is taken in once more, which is harmless.
    drop(fs::remove_file(path));
    drop(path.parent().map(fs::remove_dir));
}

/// Returns the journals of a run, in order.
pub(super) fn find_all(layout: &Layout, run: &RunId) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(layout.run_items(run)) else { return Vec::new() };
    let paths = entries.flatten().map(|entry| entry.path());
    let mut paths: Vec<_> =
        paths.filter(|path| path.extension().is_some_and(|end| end == "journal")).collect();
    paths.sort_by_key(|path| (path.as_os_str().len(), path.clone()));
    paths
}

/// Returns the journals of a run that nobody writes to any more, in order, each held so that no one else takes it.
pub(super) fn find_dead(layout: &Layout, run: &RunId) -> Vec<(PathBuf, File)> {
    let held = find_all(layout, run).into_iter().filter_map(|path| {
        let file = File::open(&path).ok()?;
        file.try_lock().ok()?;
        // Whoever held it until now may have removed it.
        path.exists().then_some((path, file))
    });
    held.collect()
}

/// Takes a journal's bytes apart; what follows the first frame that is not whole is left out.
///
/// Absent where it is of another version or not even its scope is whole.
pub(super) fn parse(bytes: &[u8]) -> Option<(JournalScope, Vec<Entry<'_>>)> {
    let mut rest = bytes.strip_prefix(MAGIC)?;
    let scope = serde_json::from_slice(next_frame(&mut rest)?).ok()?;
    let entries = std::iter::from_fn(|| entry(next_frame(&mut rest)?)).collect();
    Some((scope, entries))
}

fn next_frame<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let (head, after) = rest.split_at_checked(HEAD)?;
    let length = u32::from_le_bytes(head.get(..4)?.try_into().ok()?);
    let (payload, after) = after.split_at_checked(length as usize)?;
    *rest = after;
    (checksum(payload)[..] == head[4..]).then_some(payload)
}

fn entry(payload: &[u8]) -> Option<Entry<'_>> {
    let (tag, mut rest) = payload.split_first()?;
    match tag {
        b'I' => {
            let key = take_key(&mut rest)?;
            let record = std::str::from_utf8(take(&mut rest)?).ok()?;
            let objects = std::iter::from_fn(|| take(&mut rest)).collect();
            Some(Entry::Item { key, record, objects })
        }
        b'F' => {
            let key = take_key(&mut rest)?;
            Some(Entry::Failed { key, attempt: std::str::from_utf8(rest).ok()? })
        }
        b'H' => Some(Entry::Held),
        b'X' => Some(Entry::Changed),
        _ => None,
    }
}

fn take_key(rest: &mut &[u8]) -> Option<[u8; 32]> {
    let (key, after) = rest.split_first_chunk::<32>()?;
    *rest = after;
    Some(*key)
}

fn take<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let (length, after) = rest.split_first_chunk::<4>()?;
    let (bytes, after) = after.split_at_checked(u32::from_le_bytes(*length) as usize)?;
    *rest = after;
    Some(bytes)
}

fn with_length(frame: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
    let at = frame.len();
    frame.extend_from_slice(&[0; 4]);
    write(frame);
    let length = (frame.len() - at - 4) as u32;
    frame[at..at + 4].copy_from_slice(&length.to_le_bytes());
}

fn to_json<T: Serialize>(frame: &mut Vec<u8>, value: &T) {
    // Writing to memory does not fail, and kptn's own types have string keys and finite numbers.
    drop(serde_json::to_writer(frame, value));
}

/// Fills in the head of the frame that begins at `at` and goes to the end.
fn seal(bytes: &mut [u8], at: usize) {
    let Some((head, payload)) = bytes[at..].split_at_mut_checked(HEAD) else { return };
    head[..4].copy_from_slice(&(payload.len() as u32).to_le_bytes());
    head[4..].copy_from_slice(&checksum(payload));
}

fn checksum(payload: &[u8]) -> [u8; 8] {
    let mut first = [0; 8];
    first.copy_from_slice(&Digest::of(payload).as_bytes()[..8]);
    first
}
