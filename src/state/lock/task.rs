//! The right to run one task, or one item of it.
//!
//! There may be very many of these locks, so a lock's file goes with it.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use super::super::BranchKey;
use super::{LockError, Wait, lock, open};
use crate::model::{GraphName, ItemKey, TaskName};
use crate::store::Layout;

/// The right to run one task, or one item of it, until it is dropped.
#[derive(Debug)]
pub struct TaskLock {
    path: PathBuf,
    _file: File,
}

impl TaskLock {
    /// Takes the lock of a task or item on a branch.
    pub fn acquire(
        store_root: &Path,
        branch: &BranchKey,
        graph: &GraphName,
        task: &TaskName,
        item: Option<&ItemKey>,
        wait: Wait,
    ) -> Result<Self, LockError> {
        let mut parts = vec![
            branch.project.as_str().as_bytes(),
            branch.branch.as_str().as_bytes(),
            graph.as_str().as_bytes(),
            task.as_str().as_bytes(),
        ];
        parts.extend(item.map(|key| key.0.as_bytes().as_slice()));
        let path = Layout::new(store_root).lock(&format!("task {task}"), &parts);
        loop {
            let file = open(&path)?;
            lock(&file, &path, wait)?;
            // Who had it before may have removed the file between our opening and locking it.
            if is_at(&file, &path) {
                return Ok(Self { path, _file: file });
            }
        }
    }
}

impl Drop for TaskLock {
    fn drop(&mut self) {
        // Before the lock goes: afterwards it could be another one's.
        let _ = fs::remove_file(&self.path);
    }
}

#[cfg(unix)]
fn is_at(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    match (file.metadata(), fs::metadata(path)) {
        (Ok(ours), Ok(there)) => (ours.dev(), ours.ino()) == (there.dev(), there.ino()),
        _ => false,
    }
}

/// An open file cannot be removed here.
#[cfg(not(unix))]
fn is_at(_file: &File, path: &Path) -> bool {
    path.exists()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{BranchName, Digest, ProjectId};

    fn key() -> BranchKey {
        BranchKey { project: ProjectId::parse("/").unwrap(), branch: BranchName::parse("main").unwrap() }
    }

    #[test]
    fn a_task_is_held_by_one_and_leaves_no_file() {
        let root = tempfile::tempdir().unwrap();
        let (graph, task) = (GraphName::parse("g").unwrap(), TaskName::parse("a").unwrap());
        let (one, two) = (ItemKey(Digest::of(b"1")), ItemKey(Digest::of(b"2")));
        let take =
            |item: Option<&ItemKey>, wait| TaskLock::acquire(root.path(), &key(), &graph, &task, item, wait);
        let held = [take(None, Wait::No).unwrap(), take(Some(&one), Wait::No).unwrap()];
        assert!(matches!(take(None, Wait::No), Err(LockError::Held { holder: None })));
        take(Some(&two), Wait::No).unwrap();
        drop(held);
        assert_eq!(fs::read_dir(root.path().join("locks")).unwrap().count(), 0);
    }

    #[test]
    fn threads_that_wait_for_one_task_never_have_it_together() {
        use std::sync::atomic::{AtomicU32, Ordering};
        let root = tempfile::tempdir().unwrap();
        let (graph, task) = (GraphName::parse("g").unwrap(), TaskName::parse("a").unwrap());
        let inside = AtomicU32::new(0);
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for _ in 0..50 {
                        let lock = TaskLock::acquire(root.path(), &key(), &graph, &task, None, Wait::Yes);
                        let lock = lock.unwrap();
                        assert_eq!(inside.fetch_add(1, Ordering::SeqCst), 0);
                        inside.fetch_sub(1, Ordering::SeqCst);
                        drop(lock);
                    }
                });
            }
        });
    }
}
