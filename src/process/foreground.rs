//! The runner: a child in our own process group, with our own streams.
//!
//! Ctrl-C reaches it as it reaches us, so we wait for it to end in order
//! instead of leaving first. It hands descriptors on (locks, events) to what it
//! starts; a pipe that only they hold tells when the last of them is gone.

use std::io::Read;
use std::os::fd::{AsRawFd, OwnedFd};

use super::{Launch, ProcessError};

/// Returns a second descriptor of standard output, which children inherit.
pub fn duplicate_stdout() -> Result<OwnedFd, ProcessError> {
    // `dup` does not set close-on-exec, so the copy is inherited.
    rustix::io::dup(rustix::stdio::stdout()).map_err(|error| failed(error.into()))
}

fn failed(source: std::io::Error) -> ProcessError {
    ProcessError::Io { path: "a pipe".into(), source }
}

/// Runs a program to its end with our streams, then waits until everything that it handed
/// `hand_on` to is gone too.
///
/// Returns its exit code; absent where a signal ended it. SIGINT and SIGTERM are passed on to it as SIGTERM.
pub fn run_in_foreground(launch: Launch, hand_on: &[i32]) -> Result<Option<i32>, ProcessError> {
    let (mut alive, held) = std::io::pipe().map_err(failed)?;
    let held = OwnedFd::from(held);
    // `pipe` sets close-on-exec, which the copy does not have.
    let handed = rustix::io::dup(&held).map_err(|error| failed(error.into()))?;
    drop(held);
    let mut numbers: Vec<String> = hand_on.iter().map(ToString::to_string).collect();
    numbers.push(handed.as_raw_fd().to_string());
    let launch = launch.variable("KPTN_PASS_FDS", numbers.join(","));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(failed)?;
    let code = runtime.block_on(wait_for(&launch, handed))?;
    // Nobody writes: this ends when the last holder of the other end does.
    let _ = alive.read(&mut [0]);
    Ok(code)
}

async fn wait_for(launch: &Launch, handed: OwnedFd) -> Result<Option<i32>, ProcessError> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut interrupted = signal(SignalKind::interrupt()).map_err(failed)?;
    let mut asked_to_end = signal(SignalKind::terminate()).map_err(failed)?;
    let mut command = tokio::process::Command::new(&launch.program);
    command.args(&launch.arguments);
    if let Some(environment) = &launch.environment {
        command.env_clear().envs(environment);
    }
    if let Some(folder) = &launch.folder {
        command.current_dir(folder);
    }
    let mut child = command
        .spawn()
        .map_err(|source| ProcessError::NotStarted { program: launch.program.clone(), source })?;
    drop(handed);
    loop {
        tokio::select! {
            ended = child.wait() => return Ok(ended.map_err(failed)?.code()),
            // A terminal tells it too; who tells us alone means it as well.
            _ = interrupted.recv() => pass_on_end(&child),
            _ = asked_to_end.recv() => pass_on_end(&child),
        }
    }
}

fn pass_on_end(child: &tokio::process::Child) {
    let process = child.id().and_then(|id| rustix::process::Pid::from_raw(id as i32));
    if let Some(process) = process {
        let _ = rustix::process::kill_process(process, rustix::process::Signal::TERM);
    }
}

/// Takes over a descriptor that our starter handed on, which from here on passes to no program;
/// absent where it is not open. Must be called at the start, once a descriptor.
pub fn adopt(number: i32) -> Option<OwnedFd> {
    use std::os::fd::{BorrowedFd, FromRawFd};
    if number <= 2 {
        return None;
    }
    // SAFETY: borrowed for one system call that says whether such a descriptor is open.
    let borrowed = unsafe { BorrowedFd::borrow_raw(number) };
    rustix::io::fcntl_setfd(borrowed, rustix::io::FdFlags::CLOEXEC).ok()?;
    // SAFETY: it is open, and the starter passed it on for this process to own.
    Some(unsafe { OwnedFd::from_raw_fd(number) })
}
