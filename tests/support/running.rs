//! A program that is still running: waiting for it to get somewhere, and ending it in rude ways.

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process, kill_process_group};

use super::Project;

/// A program in a process group of its own; the whole group is killed when this is dropped.
pub struct Running {
    child: Child,
    ended: bool,
}

impl Running {
    /// Starts a program; what it prints is kept for [`Running::wait`].
    pub fn start(mut command: Command) -> Self {
        use std::os::unix::process::CommandExt;
        command.process_group(0).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        Self { child: command.spawn().expect("the program starts"), ended: false }
    }

    /// Starts the binary, and returns it once it has stopped itself at a fail point.
    #[track_caller]
    pub fn frozen(project: &Project, words: &[&str], point: &str) -> Self {
        let mut command = project.command(words);
        command.env("KPTN_FAILPOINT", format!("{point}:1=stop"));
        let running = Self::start(command);
        let stopped = || {
            let pid = running.pid().to_string();
            let answer = Command::new("ps").args(["-o", "stat=", "-p", &pid]).output();
            answer.is_ok_and(|answer| answer.stdout.trim_ascii_start().starts_with(b"T"))
        };
        wait_until(&format!("it stops at {point}"), stopped);
        running
    }

    /// Lets one go on that was [`Running::frozen`]; returns the exit code and what it said.
    pub fn thaw(self) -> (Option<i32>, String) {
        self.signal(Signal::CONT);
        let (code, _, messages) = self.wait();
        (code, messages)
    }

    /// Returns its process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    fn raw_pid(&self) -> Pid {
        Pid::from_child(&self.child)
    }

    /// Sends a signal to this process alone.
    pub fn signal(&self, signal: Signal) {
        let _ = kill_process(self.raw_pid(), signal);
    }

    /// Sends a signal to the whole group, as Ctrl-C in a terminal does.
    pub fn signal_group(&self, signal: Signal) {
        let _ = kill_process_group(self.raw_pid(), signal);
    }

    /// Waits for the end; returns the exit code (absent after a signal), stdout and stderr.
    pub fn wait(mut self) -> (Option<i32>, String, String) {
        let output = match (self.child.stdout.take(), self.child.stderr.take()) {
            (Some(stdout), Some(stderr)) => {
                let errors = std::thread::spawn(move || read_all(stderr));
                (read_all(stdout), errors.join().unwrap_or_default())
            }
            _ => Default::default(),
        };
        let status = self.child.wait().expect("it can be waited for");
        self.ended = true;
        (status.code(), output.0, output.1)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Once it has been waited for, its number may be somebody else's.
        if !self.ended {
            self.signal_group(Signal::KILL);
            let _ = self.child.wait();
        }
    }
}

fn read_all(mut pipe: impl std::io::Read) -> String {
    let mut bytes = Vec::new();
    let _ = pipe.read_to_end(&mut bytes);
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Waits until something holds; panics with `what` after half a minute.
#[track_caller]
pub fn wait_until(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while !holds() {
        assert!(Instant::now() < deadline, "waited too long: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}
