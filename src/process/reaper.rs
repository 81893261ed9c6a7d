//! A small process that outlives us, to kill what we started.
//!
//! If kptn is killed, what it started must not go on writing outputs. Linux's
//! parent-death signal ends the direct child alone; this ends its whole group,
//! everywhere. It is `kptn task reap`: it reads group numbers from a pipe and
//! kills those still listed when the pipe ends, which it does when we die.
//!
//! ```text
//! child, before exec: "+123\n"      us, after the group is gone: "-123\n"
//! ```
//!
//! The child itself announces its group, so there is no moment at which it
//! runs unannounced. The reaper sits in a session of its own, where neither
//! Ctrl-C nor a signal to our group reaches it, and it holds on to the run's
//! locks: they are free only when nothing of the run is left.

use std::collections::BTreeSet;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;
use std::sync::Arc;

use super::{Group, ProcessError};

/// A reaper that runs; it does its work when the last clone of this is gone, which waits for it:
/// afterwards it holds no lock any more.
#[derive(Debug, Clone)]
pub struct Reaper(Arc<imp::Link>);

/// Reads group numbers until `input` ends, then kills those groups that are left.
///
/// The whole of `kptn task reap`; `input` is its standard input.
pub fn main_loop(input: impl Read) {
    let mut groups = BTreeSet::new();
    for line in BufReader::new(input).split(b'\n') {
        let Ok(line) = line else { break };
        let Some((sign, number)) = line.split_first() else { continue };
        let Some(number) = std::str::from_utf8(number).ok().and_then(|text| text.parse::<u32>().ok()) else {
            continue;
        };
        // Never "every process" (-1) or our own group (0).
        match sign {
            b'+' if number > 1 => groups.insert(number),
            b'-' => groups.remove(&number),
            _ => false,
        };
    }
    groups.iter().for_each(|group| Group::of(*group).kill());
    groups.iter().for_each(|group| Group::of(*group).kill_and_wait());
}

#[cfg(unix)]
pub(super) use imp::announce;

#[cfg(unix)]
mod imp {
    use super::{Arc, Group, Path, ProcessError, Reaper, io};
    use std::os::fd::{AsFd, BorrowedFd, OwnedFd, RawFd};
    use std::os::unix::process::CommandExt;
    use std::process::{Child, Command, Stdio};

    /// What leads to it.
    #[derive(Debug)]
    pub struct Link {
        /// The end that is written to; gone only while this is dropped.
        pipe: Option<OwnedFd>,
        /// Absent where somebody else waits for it.
        reaper: Option<Child>,
    }

    impl Drop for Link {
        fn drop(&mut self) {
            // That the pipe ends is what it waits for.
            self.pipe = None;
            if let Some(reaper) = &mut self.reaper {
                let _ = reaper.wait();
            }
        }
    }

    impl Reaper {
        /// Starts `kptn task reap` from the program at `kptn`; it keeps the descriptors in `hold` open.
        pub fn start(kptn: &Path, hold: &[RawFd]) -> Result<Self, ProcessError> {
            let failed = |source| ProcessError::NotStarted { program: kptn.as_os_str().to_owned(), source };
            let (read, write) = io::pipe().map_err(failed)?;
            let mut command = Command::new(kptn);
            command.args(["task", "reap"]).stdin(Stdio::from(read));
            command.stdout(Stdio::null()).stderr(Stdio::null());
            let hold = hold.to_vec();
            let before_exec = move || -> io::Result<()> {
                rustix::process::setsid()?;
                for descriptor in &hold {
                    // SAFETY: the caller lends descriptors that are open; a closed one is only an error.
                    let descriptor = unsafe { BorrowedFd::borrow_raw(*descriptor) };
                    rustix::io::fcntl_setfd(descriptor, rustix::io::FdFlags::empty())?;
                }
                Ok(())
            };
            // SAFETY: the closure only makes system calls and reads memory allocated before the fork.
            unsafe { command.pre_exec(before_exec) };
            let reaper = command.spawn().map_err(failed)?;
            Ok(Self(Arc::new(Link { pipe: Some(write.into()), reaper: Some(reaper) })))
        }

        /// Uses a pipe whose other end is read by [`main_loop`](super::main_loop).
        pub fn over(pipe: OwnedFd) -> Self {
            Self(Arc::new(Link { pipe: Some(pipe), reaper: None }))
        }

        /// Returns the end of the pipe that a child writes to.
        pub(in crate::process) fn pipe(&self) -> Option<BorrowedFd<'_>> {
            self.0.pipe.as_ref().map(AsFd::as_fd)
        }

        /// Puts a group on its list that does not announce itself.
        pub(in crate::process) fn remember(&self, group: Group) {
            if let Some(pipe) = self.pipe() {
                let _ = say(pipe, b'+', group.leader());
            }
        }

        /// Takes a group from its list: it is gone.
        pub(in crate::process) fn forget(&self, group: Group) {
            if let Some(pipe) = self.pipe() {
                let _ = say(pipe, b'-', group.leader());
            }
        }
    }

    /// Announces a group from the forked child, where nothing may allocate.
    pub fn announce(pipe: BorrowedFd<'_>, leader: rustix::process::Pid) -> io::Result<()> {
        // Where the reaper is gone the child starts all the same, so it must not die of SIGPIPE here.
        // SAFETY: `signal` is safe to call after a fork; no handler of ours is involved.
        let before = unsafe { libc::signal(libc::SIGPIPE, libc::SIG_IGN) };
        let said = say(pipe, b'+', leader.as_raw_nonzero().get().unsigned_abs());
        // SAFETY: as above.
        unsafe { libc::signal(libc::SIGPIPE, before) };
        said
    }

    fn say(pipe: BorrowedFd<'_>, sign: u8, mut number: u32) -> io::Result<()> {
        let mut line = [0; 12];
        let mut at = line.len() - 1;
        line[at] = b'\n';
        loop {
            at -= 1;
            line[at] = b'0' + (number % 10) as u8;
            number /= 10;
            if number == 0 {
                break;
            }
        }
        at -= 1;
        line[at] = sign;
        // Shorter than PIPE_BUF: it goes in whole or not at all.
        let _ = rustix::io::write(pipe, &line[at..]);
        Ok(())
    }
}

#[cfg(not(unix))]
mod imp {
    use super::{Arc, Group, Path, ProcessError, Reaper};

    /// Nothing: elsewhere a child's whole tree is ended with it, or not at all.
    #[derive(Debug)]
    pub struct Link;

    impl Reaper {
        /// Starts nothing.
        pub fn start(_: &Path, _: &[i32]) -> Result<Self, ProcessError> {
            Ok(Self(Arc::new(Link)))
        }

        pub(in crate::process) fn remember(&self, _: Group) {}

        pub(in crate::process) fn forget(&self, _: Group) {}
    }
}

#[cfg(unix)]
#[cfg(test)]
mod tests {
    use super::*;
    use crate::process::{Launch, Streams, start};
    use std::fs::File;

    fn null() -> File {
        File::options().write(true).open("/dev/null").unwrap()
    }

    #[tokio::test]
    async fn what_is_left_when_the_pipe_ends_is_killed_with_its_children() {
        let (mut read, write) = io::pipe().unwrap();
        let reaper = Reaper::over(write.into());
        let streams = Streams::Files { output: null(), errors: null() };
        let mut child = start(&Launch::shell("sleep 1000 & wait"), streams, Some(&reaper)).unwrap();
        let group = child.group();
        assert!(group.is_alive());
        // As if this process died: nobody holds the pipe any more.
        child.reaper = None;
        drop(reaper);
        tokio::task::spawn_blocking(move || main_loop(&mut read)).await.unwrap();
        assert_eq!(child.wait().await.signal, Some(9));
        assert!(!group.is_alive());
    }

    #[tokio::test]
    async fn what_ended_is_forgotten() {
        let (mut read, write) = io::pipe().unwrap();
        let reaper = Reaper::over(write.into());
        let streams = Streams::Files { output: null(), errors: null() };
        let mut child = start(&Launch::new("true"), streams, Some(&reaper)).unwrap();
        child.wait().await;
        child.stop_leftovers(std::time::Duration::ZERO).await;
        let leader = child.group().leader();
        drop(reaper);
        drop(child);
        let mut said = String::new();
        read.read_to_string(&mut said).unwrap();
        assert_eq!(said, format!("+{leader}\n-{leader}\n"));
    }

    #[test]
    fn nonsense_kills_nobody() {
        main_loop(&b"+0\n+1\n+-1\nx\n\n+\n"[..]);
    }
}
