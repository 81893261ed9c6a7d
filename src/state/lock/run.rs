//! The right to run on a branch, and to write to an output folder.
//!
//! The lock belongs to an open file, so it is held as long as any process has
//! that file open: the starter passes its descriptor on and may die. The file is
//! never removed, as another process may be waiting on it.

use std::fs::{File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use super::super::BranchKey;
use super::{Holder, LockError, Wait, lock, open, read_holder, write_holder};
use crate::model::RunId;
use crate::store::{Layout, StoreError};

/// What a [`RunLock`] is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LockOn<'a> {
    /// A project's branch.
    Branch(&'a BranchKey),
    /// An output folder, absolute; it may be absent.
    Outputs(&'a Path),
    /// The trash of a store, and whatever is removed from it.
    Trash,
    /// A run of an engine that ends with the process that follows it.
    Followed(&'a RunId),
}

/// The right to run on a branch or in an output folder, until it is dropped everywhere.
#[derive(Debug)]
pub struct RunLock {
    file: File,
}

impl RunLock {
    /// Takes a lock, and writes down who has it.
    pub fn acquire(store_root: &Path, on: LockOn<'_>, wait: Wait, by: &Holder) -> Result<Self, LockError> {
        let path = path_of(&Layout::new(store_root), on);
        let file = open(&path)?;
        lock(&file, &path, wait)?;
        let lock = Self { file };
        lock.announce(by).map_err(|error| StoreError::writing("write", &path, error))?;
        Ok(lock)
    }

    /// Joins the others who hold a lock together; absent while one holds it for itself.
    ///
    /// For the processes of an engine's run: while one lives, nobody takes the run over.
    pub fn share(store_root: &Path, on: LockOn<'_>) -> Result<Option<Self>, LockError> {
        let path = path_of(&Layout::new(store_root), on);
        let file = open(&path)?;
        match file.try_lock_shared() {
            Ok(()) => Ok(Some(Self { file })),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(StoreError::writing("lock", &path, error).into()),
        }
    }

    /// Writes down another holder: who adopts a lock may outlive who took it.
    pub fn announce(&self, by: &Holder) -> io::Result<()> {
        write_holder(&self.file, by)
    }

    /// Makes the descriptors that hold the lock pass to programs started from now on; returns them.
    #[cfg(unix)]
    pub fn pass_fds(&self) -> io::Result<Vec<i32>> {
        use std::os::fd::AsRawFd;
        rustix::io::fcntl_setfd(&self.file, rustix::io::FdFlags::empty())?;
        Ok(vec![self.file.as_raw_fd()])
    }

    /// Elsewhere a lock stays with the process that took it, which outlives the runner.
    #[cfg(not(unix))]
    pub fn pass_fds(&self) -> io::Result<Vec<i32>> {
        Ok(Vec::new())
    }

    /// Takes over a lock from the program that started this one, by its descriptor.
    ///
    /// From here on it passes to no program. Must be called at the start, once a descriptor.
    #[cfg(unix)]
    pub fn adopt(fd: i32) -> io::Result<Self> {
        use std::os::fd::{BorrowedFd, FromRawFd};
        if fd < 0 {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        // SAFETY: borrowed for one system call that says whether such a descriptor is open.
        let borrowed = unsafe { BorrowedFd::borrow_raw(fd) };
        rustix::io::fcntl_setfd(borrowed, rustix::io::FdFlags::CLOEXEC)?;
        // SAFETY: it is open, and the starter passed it on for this process to own.
        Ok(Self { file: unsafe { File::from_raw_fd(fd) } })
    }

    /// Nothing is ever passed on here.
    #[cfg(not(unix))]
    pub fn adopt(_fd: i32) -> io::Result<Self> {
        Err(io::ErrorKind::Unsupported.into())
    }
}

#[cfg(unix)]
impl std::os::fd::AsFd for RunLock {
    fn as_fd(&self) -> std::os::fd::BorrowedFd<'_> {
        self.file.as_fd()
    }
}

#[cfg(unix)]
impl std::os::fd::AsRawFd for RunLock {
    fn as_raw_fd(&self) -> i32 {
        self.file.as_raw_fd()
    }
}

fn path_of(layout: &Layout, on: LockOn<'_>) -> PathBuf {
    match on {
        LockOn::Branch(key) => {
            let (project, branch) = (key.project.as_str(), key.branch.as_str());
            layout.lock(&format!("run {branch}"), &[b"branch", project.as_bytes(), branch.as_bytes()])
        }
        LockOn::Trash => layout.lock("trash", &[b"trash"]),
        LockOn::Followed(run) => layout.run_follower(run),
        LockOn::Outputs(folder) => {
            let real = real_path(folder);
            layout.lock("outputs", &[b"outputs", real.as_os_str().as_encoded_bytes()])
        }
    }
}

/// One folder has one lock, whatever links lead to it, and whether or not it is there yet.
fn real_path(folder: &Path) -> PathBuf {
    for above in folder.ancestors() {
        if let (Ok(real), Ok(rest)) = (above.canonicalize(), folder.strip_prefix(above)) {
            // `join` of nothing would end in a slash: another name for the same folder.
            return real.join(rest).components().collect();
        }
    }
    folder.to_owned()
}

/// Returns who holds a lock now; absent where nobody does, or where the holder cannot be told.
///
/// It asks for the lock and lets go of it at once, so whoever takes it at that moment may find it held.
pub fn find_holder(store_root: &Path, on: LockOn<'_>) -> Option<Holder> {
    let file = File::open(path_of(&Layout::new(store_root), on)).ok()?;
    match file.try_lock_shared() {
        Err(TryLockError::WouldBlock) => read_holder(&file),
        Ok(()) | Err(TryLockError::Error(_)) => None,
    }
}

/// Tells whether somebody held a lock and holds it no more; `false` also where nobody ever did.
pub fn was_let_go(store_root: &Path, on: LockOn<'_>) -> bool {
    File::open(path_of(&Layout::new(store_root), on)).is_ok_and(|file| file.try_lock_shared().is_ok())
}

#[cfg(unix)]
#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::{BufRead, BufReader, Read};
    use std::process::{Child, Command, Stdio};

    use super::*;
    use crate::model::{BranchName, ProjectId};

    /// What a child that this test binary starts as itself is to do.
    const ROLE: &str = "KPTN_TEST_LOCK_ROLE";
    const ROOT: &str = "KPTN_TEST_LOCK_ROOT";

    fn key() -> BranchKey {
        BranchKey { project: ProjectId::parse("/").unwrap(), branch: BranchName::parse("main").unwrap() }
    }

    fn me(command: &str) -> Holder {
        let (host, user, command) = ("h".into(), "u".into(), command.into());
        Holder { pid: std::process::id(), host, user, since_ms: 7, command }
    }

    fn take(root: &Path, wait: Wait) -> Result<RunLock, LockError> {
        RunLock::acquire(root, LockOn::Branch(&key()), wait, &me("kptn run"))
    }

    fn holder(root: &Path) -> Option<Holder> {
        match take(root, Wait::No) {
            Err(LockError::Held { holder }) => holder,
            other => panic!("the lock is free: {other:?}"),
        }
    }

    /// Starts this test again as another process; it waits for its input to end.
    fn child(role: &str, root: &Path) -> Child {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "state::lock::run::tests::another_process", "--nocapture", "--test-threads=1"])
            .env(ROLE, role)
            .env(ROOT, root)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        assert!(lines.map_while(Result::ok).any(|line| line.ends_with("ready")), "the child failed");
        child
    }

    /// Not a test of its own: the other side of those below, which fail where it does not do its part.
    #[test]
    fn another_process() {
        let (Ok(role), Some(root)) = (std::env::var(ROLE), std::env::var_os(ROOT)) else { return };
        let root = PathBuf::from(root);
        let (mut kept, mut grandchild) = (Vec::new(), None);
        if role == "hold" {
            kept.push(RunLock::acquire(&root, LockOn::Branch(&key()), Wait::No, &me("child")).unwrap());
        } else {
            kept.push(RunLock::adopt(role.parse().unwrap()).unwrap());
            kept[0].announce(&me("adopter")).unwrap();
            // A task: it lives as long as the test keeps the input open, whatever becomes of us.
            grandchild = Some(Command::new("cat").stdout(Stdio::null()).spawn().unwrap());
        }
        println!("ready");
        let _ = io::stdin().read_to_end(&mut Vec::new());
        drop((kept, grandchild));
    }

    #[test]
    fn a_second_run_is_told_who_holds_the_lock_until_that_one_ends() {
        let root = tempfile::tempdir().unwrap();
        let first = take(root.path(), Wait::No).unwrap();
        assert_eq!(holder(root.path()), Some(me("kptn run")));
        drop(first);
        take(root.path(), Wait::No).unwrap();
    }

    #[test]
    fn what_is_shared_by_some_is_nobodys_alone_and_the_other_way_round() {
        let root = tempfile::tempdir().unwrap();
        let share = || RunLock::share(root.path(), LockOn::Branch(&key())).unwrap();
        let (one, other) = (share().unwrap(), share().unwrap());
        drop(one);
        assert!(matches!(take(root.path(), Wait::No), Err(LockError::Held { .. })));
        drop(other);
        let alone = take(root.path(), Wait::No).unwrap();
        assert!(share().is_none());
        drop(alone);
        assert!(share().is_some());
    }

    #[test]
    fn a_killed_holder_holds_nothing() {
        let root = tempfile::tempdir().unwrap();
        let mut other = child("hold", root.path());
        let held = holder(root.path()).unwrap();
        assert_eq!((held.pid, held.command.as_str()), (other.id(), "child"));
        other.kill().unwrap();
        // Waits for the kernel, which closes a dead process's files in its own time.
        take(root.path(), Wait::Yes).unwrap();
        other.wait().unwrap();
    }

    #[test]
    fn an_inherited_lock_outlives_who_took_it_and_never_reaches_a_task() {
        // Programs that other tests start meanwhile would inherit the lock too.
        if std::env::var_os(ROLE).is_none() {
            let name =
                "state::lock::run::tests::an_inherited_lock_outlives_who_took_it_and_never_reaches_a_task";
            let mut alone = Command::new(std::env::current_exe().unwrap());
            let status = alone.args(["--exact", name, "--nocapture"]).env(ROLE, "alone").status().unwrap();
            assert!(status.success());
            return;
        }
        let root = tempfile::tempdir().unwrap();
        let first = take(root.path(), Wait::No).unwrap();
        let fds = first.pass_fds().unwrap();
        let mut serve = child(&fds[0].to_string(), root.path());
        drop(first);
        let held = holder(root.path()).unwrap();
        assert_eq!((held.pid, held.command.as_str()), (serve.id(), "adopter"));
        // Its own child, a task, lives on; the lock does not.
        let task_input = serve.stdin.take();
        serve.kill().unwrap();
        serve.wait().unwrap();
        take(root.path(), Wait::No).unwrap();
        drop(task_input);
    }

    #[test]
    fn only_an_open_descriptor_can_be_adopted() {
        assert!(RunLock::adopt(-1).is_err());
        assert!(RunLock::adopt(987_654).is_err());
    }

    #[test]
    fn a_folder_has_one_lock_whatever_it_is_called() {
        let root = tempfile::tempdir().unwrap();
        let real = root.path().join("real");
        fs::create_dir(&real).unwrap();
        std::os::unix::fs::symlink(&real, root.path().join("link")).unwrap();
        let take = |folder: &str| {
            RunLock::acquire(root.path(), LockOn::Outputs(&root.path().join(folder)), Wait::No, &me("run"))
        };
        let held = take("real/scratch/main").unwrap();
        assert!(matches!(take("link/scratch/main"), Err(LockError::Held { .. })));
        take("real/scratch/dev").unwrap();
        drop(held);
        take("link/scratch/main").unwrap();
    }

    #[test]
    fn an_output_folder_has_one_lock_before_and_after_it_is_made() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("out");
        let take = || RunLock::acquire(root.path(), LockOn::Outputs(&folder), Wait::No, &me("kptn run"));
        let _held = take().unwrap();
        fs::create_dir(&folder).unwrap();
        assert!(matches!(take(), Err(LockError::Held { .. })));
    }
}
