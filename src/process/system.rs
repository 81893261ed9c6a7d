//! The calls to the operating system that std does not offer.
//!
//! Unix has all of them; Linux adds the parent-death signal and a look at who
//! is in a group. Elsewhere (Windows) a child is killed alone and its times
//! are unknown: it compiles and runs, and promises less.

use std::io;
use std::process::{Child, Command};

use super::{Ended, Reaper};

#[cfg(unix)]
pub use unix::{
    alive, clear_away, is_there, lead_a_group, leave_keys_to, never_block, prepare, send, take_in_orphans,
    try_wait, wait, wait_for_id, wait_ready,
};

#[cfg(not(unix))]
pub use other::{
    alive, clear_away, is_there, lead_a_group, leave_keys_to, never_block, prepare, send, take_in_orphans,
    try_wait, wait, wait_for_id, wait_ready,
};

/// Which ends of a child's pipes can be used without waiting.
#[derive(Debug, Clone, Copy, Default)]
pub struct Ready {
    /// It takes more, or is gone.
    pub input: bool,
    /// It has said more, or is gone.
    pub output: bool,
}

/// What to tell a process group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tell {
    /// End, please (SIGTERM, and SIGCONT so that a stopped process hears it).
    End,
    /// Die (SIGKILL).
    Die,
}

#[cfg(unix)]
mod unix {
    use super::{Child, Command, Ended, Ready, Reaper, Tell, io};
    use crate::process::Usage;
    use rustix::event::{PollFd, PollFlags, Timespec, poll};
    use rustix::process::{Pid, Signal, kill_process_group, test_kill_process_group};
    use std::os::fd::AsRawFd;
    use std::os::unix::process::CommandExt;
    use std::process::{ChildStdin, ChildStdout};
    use std::time::Instant;

    /// Makes the child the leader of a group of its own, and tells the reaper before anything of the user's runs.
    pub fn prepare(command: &mut Command, reaper: Option<&Reaper>) {
        command.process_group(0);
        let parent = rustix::process::getpid();
        let report = reaper.and_then(Reaper::pipe).map(|pipe| pipe.as_raw_fd());
        let before_exec = move || -> io::Result<()> {
            #[cfg(target_os = "linux")]
            {
                rustix::process::set_parent_process_death_signal(Some(Signal::KILL))?;
                // The parent may have died before the line above; nobody would then send the signal.
                if rustix::process::getppid() != Some(parent) {
                    return Err(io::Error::from_raw_os_error(libc::ESRCH));
                }
            }
            if let Some(pipe) = report {
                // SAFETY: the pipe stays open in this process until exec closes it.
                let pipe = unsafe { std::os::fd::BorrowedFd::borrow_raw(pipe) };
                crate::process::reaper::announce(pipe, rustix::process::getpid())?;
            }
            let _ = parent;
            Ok(())
        };
        // SAFETY: between fork and exec the closure only makes system calls; it does not allocate or lock.
        unsafe { command.pre_exec(before_exec) };
    }

    /// While it is there, Ctrl-C and Ctrl-\ do nothing to this process.
    pub struct Deaf([libc::sighandler_t; 2]);

    const KEYS: [libc::c_int; 2] = [libc::SIGINT, libc::SIGQUIT];

    /// Leaves the terminal's keys to the child for as long as what comes back is there.
    pub fn leave_keys_to(command: &mut Command) -> Deaf {
        let reset = || -> io::Result<()> {
            for key in KEYS {
                // SAFETY: sets a disposition, which the child would inherit as ignored otherwise.
                unsafe { libc::signal(key, libc::SIG_DFL) };
            }
            Ok(())
        };
        // SAFETY: between fork and exec the closure only makes system calls.
        unsafe { command.pre_exec(reset) };
        // SAFETY: sets a disposition; no handler of ours is involved.
        Deaf(KEYS.map(|key| unsafe { libc::signal(key, libc::SIG_IGN) }))
    }

    impl Drop for Deaf {
        fn drop(&mut self) {
            for (key, before) in KEYS.into_iter().zip(self.0) {
                // SAFETY: puts back what was there before.
                unsafe { libc::signal(key, before) };
            }
        }
    }

    /// Waits until the child ends and takes it from the system's table.
    pub fn wait(child: &mut Child) -> Ended {
        wait_for_id(child.id())
    }

    /// Waits, likewise, for a child that we did not start ourselves.
    pub fn wait_for_id(id: u32) -> Ended {
        loop {
            // Absent only where the system was interrupted.
            if let Some(ended) = wait_with(id, 0) {
                return ended;
            }
        }
    }

    /// Takes a child that has ended from the system's table; absent where it goes on.
    pub fn try_wait(child: &mut Child) -> Option<Ended> {
        wait_with(child.id(), libc::WNOHANG)
    }

    fn wait_with(id: u32, options: libc::c_int) -> Option<Ended> {
        let pid = id as libc::pid_t;
        let mut status = 0;
        // SAFETY: an all-zero `rusage` is a valid one; it is plain numbers.
        let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
        // SAFETY: both pointers are to live locals of the right types.
        let answer = unsafe { libc::wait4(pid, &mut status, options, &mut usage) };
        if answer == 0 {
            return None;
        }
        if answer != pid {
            let interrupted = io::Error::last_os_error().kind() == io::ErrorKind::Interrupted;
            // Else someone took it (SIGCHLD ignored): how it ended is lost.
            return (!interrupted).then(|| Ended { code: None, signal: None, usage: Usage::default() });
        }
        let ms = |time: libc::timeval| (time.tv_sec as u64) * 1000 + (time.tv_usec as u64) / 1000;
        let unit = if cfg!(any(target_os = "macos", target_os = "ios")) { 1024 } else { 1 };
        Some(Ended {
            code: libc::WIFEXITED(status).then(|| libc::WEXITSTATUS(status)),
            signal: libc::WIFSIGNALED(status).then(|| libc::WTERMSIG(status)),
            usage: Usage {
                cpu_ms: ms(usage.ru_utime) + ms(usage.ru_stime),
                peak_kib: usage.ru_maxrss.max(0) as u64 / unit,
            },
        })
    }

    /// Makes writing to a pipe come back at once where it is full.
    pub fn never_block(pipe: &ChildStdin) -> io::Result<()> {
        rustix::io::ioctl_fionbio(pipe, true).map_err(Into::into)
    }

    /// Waits until `output` has something, `input` takes something, or the deadline passes.
    pub fn wait_ready(
        output: &ChildStdout,
        input: Option<&ChildStdin>,
        deadline: Instant,
    ) -> io::Result<Ready> {
        let left = deadline.saturating_duration_since(Instant::now());
        let left = Timespec { tv_sec: left.as_secs() as i64, tv_nsec: left.subsec_nanos().into() };
        let reading = PollFd::new(output, PollFlags::IN);
        let ready = |answer: Result<usize, rustix::io::Errno>| match answer {
            Ok(_) | Err(rustix::io::Errno::INTR) => Ok(()),
            Err(error) => Err(io::Error::from(error)),
        };
        match input {
            None => {
                let mut both = [reading];
                ready(poll(&mut both, Some(&left)))?;
                Ok(Ready { input: false, output: !both[0].revents().is_empty() })
            }
            Some(input) => {
                let mut both = [reading, PollFd::new(input, PollFlags::OUT)];
                ready(poll(&mut both, Some(&left)))?;
                Ok(Ready { input: !both[1].revents().is_empty(), output: !both[0].revents().is_empty() })
            }
        }
    }

    /// From now on, what our descendants leave behind becomes our child; tells whether the system can do that.
    pub fn take_in_orphans() -> bool {
        #[cfg(target_os = "linux")]
        return rustix::process::set_child_subreaper(Some(rustix::process::getpid())).is_ok();
        #[cfg(not(target_os = "linux"))]
        return false;
    }

    /// Makes a child of ours the leader of a group of its own; an error as long as it is not our child.
    pub fn lead_a_group(id: u32) -> io::Result<()> {
        let pid = Pid::from_raw(id as i32).ok_or(io::ErrorKind::InvalidInput)?;
        Ok(rustix::process::setpgid(Some(pid), Some(pid))?)
    }

    /// Takes dead members of the group from the system's table, where they became our children.
    pub fn clear_away(group: u32) {
        let Some(group) = Pid::from_raw(group as i32) else { return };
        let options = rustix::process::WaitOptions::NOHANG;
        while let Ok(Some(_)) = rustix::process::waitpgid(group, options) {}
    }

    /// Sends a signal to every process of the group; a group that is gone is no error.
    pub fn send(group: u32, tell: Tell) {
        let Some(group) = Pid::from_raw(group as i32) else { return };
        match tell {
            Tell::End => {
                let _ = kill_process_group(group, Signal::TERM);
                let _ = kill_process_group(group, Signal::CONT);
            }
            Tell::Die => {
                let _ = kill_process_group(group, Signal::KILL);
            }
        }
    }

    /// Tells whether a process of the group still runs. A dead one that nobody
    /// waited for does not count where the system can tell (Linux).
    pub fn alive(group: u32) -> bool {
        let Some(pid) = Pid::from_raw(group as i32) else { return false };
        match test_kill_process_group(pid) {
            Ok(()) => running_member(group).unwrap_or(true),
            // Somebody is there who may not be signalled (a setuid program).
            Err(rustix::io::Errno::PERM) => true,
            Err(_) => false,
        }
    }

    /// Tells whether a process of this number is there, of whoever.
    pub fn is_there(pid: u32) -> bool {
        let Some(pid) = Pid::from_raw(pid as i32) else { return false };
        matches!(rustix::process::test_kill_process(pid), Ok(()) | Err(rustix::io::Errno::PERM))
    }

    /// Looks through `/proc` for a process of the group that is not a zombie; absent where there is no `/proc`.
    fn running_member(group: u32) -> Option<bool> {
        if !cfg!(target_os = "linux") {
            return None;
        }
        for entry in std::fs::read_dir("/proc").ok()?.flatten() {
            let name = entry.file_name();
            let Some(pid) = name.to_str().filter(|name| name.bytes().all(|b| b.is_ascii_digit())) else {
                continue;
            };
            let Ok(stat) = std::fs::read(format!("/proc/{pid}/stat")) else { continue };
            // The name of the program stands in parentheses and may hold anything.
            let Some(end) = stat.iter().rposition(|byte| *byte == b')') else { continue };
            let rest = String::from_utf8_lossy(&stat[end + 1..]).into_owned();
            let mut fields = rest.split_ascii_whitespace();
            let (state, _parent, member_of) = (fields.next(), fields.next(), fields.next());
            let dead = matches!(state, Some("Z" | "X" | "x"));
            if !dead && member_of.and_then(|text| text.parse().ok()) == Some(group) {
                return Some(true);
            }
        }
        Some(false)
    }
}

#[cfg(not(unix))]
mod other {
    use super::{Child, Command, Ended, Ready, Reaper, Tell, io};
    use crate::process::Usage;
    use std::process::{ChildStdin, ChildStdout};
    use std::time::Instant;

    pub fn prepare(_: &mut Command, _: Option<&Reaper>) {}

    pub fn leave_keys_to(_: &mut Command) {}

    pub fn wait(child: &mut Child) -> Ended {
        let code = child.wait().ok().and_then(|status| status.code());
        Ended { code, signal: None, usage: Usage::default() }
    }

    pub fn wait_for_id(_: u32) -> Ended {
        Ended { code: None, signal: None, usage: Usage::default() }
    }

    pub fn take_in_orphans() -> bool {
        false
    }

    pub fn lead_a_group(_: u32) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    pub fn clear_away(_: u32) {}

    pub fn try_wait(child: &mut Child) -> Option<Ended> {
        let code = child.try_wait().ok().flatten()?.code();
        Some(Ended { code, signal: None, usage: Usage::default() })
    }

    pub fn never_block(_: &ChildStdin) -> io::Result<()> {
        Ok(())
    }

    /// Nobody can tell without reading: then reading waits.
    pub fn wait_ready(_: &ChildStdout, _: Option<&ChildStdin>, _: Instant) -> io::Result<Ready> {
        Ok(Ready { input: true, output: true })
    }

    pub fn send(group: u32, _: Tell) {
        let _ = Command::new("taskkill").args(["/F", "/T", "/PID", &group.to_string()]).output();
    }

    pub fn alive(_: u32) -> bool {
        false
    }

    pub fn is_there(_: u32) -> bool {
        false
    }
}
