//! One running child: started in a group of its own, waited for by a thread.
//!
//! The thread calls `wait4`, which is the only way to learn the CPU time and
//! peak memory of this child and no other. The parent-death signal of Linux
//! goes out when the *thread* that started the child ends, so [`start`] must
//! be called from a thread that lives as long as the child may.
//!
//! A process that a child of ours forked and left behind becomes our child too
//! ([`take_in_orphans`]); [`Running::of_orphan`] then treats it as one.

use std::fs::File;
use std::io;
use std::path::Path;
use std::process::{ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

use tokio::sync::oneshot;

use super::{Group, Launch, Leftovers, ProcessError, Reaper, system};

/// What the system answers about a process that is not our child: ESRCH, the same number everywhere.
const NOT_OURS: i32 = 3;

/// Where a child's streams go. Its input is empty unless it is talked to.
#[derive(Debug)]
pub enum Streams {
    /// Output and errors to these files.
    Files { output: File, errors: File },
    /// Input and output are pipes of ours, errors go to the file.
    Talk { errors: File },
}

/// What a child and all that it waited for used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Usage {
    /// User and system time, in ms.
    pub cpu_ms: u64,
    /// The largest resident memory of one process, in KiB; never below kptn's own, which `exec` hands down.
    pub peak_kib: u64,
}

/// How a child ended; by default, that nobody knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Ended {
    /// Its exit code; absent where a signal ended it.
    pub code: Option<i32>,
    /// The signal that ended it.
    pub signal: Option<i32>,
    /// What it used.
    pub usage: Usage,
}

impl Ended {
    /// Tells whether it ended with exit code 0.
    pub fn is_success(&self) -> bool {
        self.code == Some(0)
    }
}

/// A child that runs, or ran and was not yet asked about.
#[derive(Debug)]
pub struct Running {
    group: Group,
    ending: oneshot::Receiver<Ended>,
    ended: Option<Ended>,
    pub(super) reaper: Option<Reaper>,
    /// Its input, with [`Streams::Talk`], until taken.
    pub input: Option<ChildStdin>,
    /// Its output, with [`Streams::Talk`], until taken.
    pub output: Option<ChildStdout>,
}

/// Starts a program in a process group of its own.
///
/// From then on the `reaper`, where there is one, kills the group if this process dies.
pub fn start(launch: &Launch, streams: Streams, reaper: Option<&Reaper>) -> Result<Running, ProcessError> {
    let (sender, ending) = oneshot::channel();
    let (id, input, output) = start_with(launch, streams, reaper, move |ended| {
        let _ = sender.send(ended);
    })?;
    Ok(Running { group: Group::of(id), ending, ended: None, reaper: reaper.cloned(), input, output })
}

/// From now on, processes that a child of ours started and did not outlive become our children
/// (Linux); `false` where the system cannot do that.
pub fn take_in_orphans() -> bool {
    system::take_in_orphans()
}

/// Starts a program and calls `on_end` from a thread of its own once it ended.
pub(super) fn start_with(
    launch: &Launch,
    streams: Streams,
    reaper: Option<&Reaper>,
    on_end: impl FnOnce(Ended) + Send + 'static,
) -> Result<(u32, Option<ChildStdin>, Option<ChildStdout>), ProcessError> {
    let program = || launch.program.clone();
    if let Some(folder) = launch.folder.as_deref().filter(|folder| !folder.is_dir()) {
        return Err(ProcessError::NoFolder { program: program(), folder: folder.to_owned() });
    }
    let mut command = command(launch);
    match streams {
        Streams::Files { output, errors } => {
            command.stdin(Stdio::null()).stdout(output).stderr(errors);
        }
        Streams::Talk { errors } => {
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(errors);
        }
    }
    system::prepare(&mut command, reaper);
    let mut child =
        command.spawn().map_err(|source| ProcessError::NotStarted { program: program(), source })?;
    let (id, input, output) = (child.id(), child.stdin.take(), child.stdout.take());
    match in_waiting_thread(move || on_end(system::wait(&mut child))) {
        Ok(()) => Ok((id, input, output)),
        Err(source) => {
            Group::of(id).kill();
            Err(ProcessError::NotStarted { program: program(), source })
        }
    }
}

/// One small thread a child: it sleeps in `wait4` and is portable, which `pidfd` is not.
fn in_waiting_thread(wait: impl FnOnce() + Send + 'static) -> io::Result<()> {
    let thread = std::thread::Builder::new().name("kptn wait".to_owned()).stack_size(64 * 1024);
    thread.spawn(wait).map(drop)
}

pub(super) fn command(launch: &Launch) -> Command {
    let mut command = Command::new(&launch.program);
    command.args(&launch.arguments);
    if let Some(environment) = &launch.environment {
        command.env_clear().envs(environment);
    }
    if let Some(folder) = &launch.folder {
        command.current_dir(folder);
    }
    command
}

impl Running {
    /// Takes over a process that has become our child ([`take_in_orphans`]): from then on it leads a group
    /// of its own, and the `reaper` kills that if this process dies.
    ///
    /// It must not have run another program, nor anything of the user's. Absent as long as whoever
    /// forked it has not ended: it is not our child yet.
    pub fn of_orphan(id: u32, reaper: Option<&Reaper>) -> io::Result<Option<Self>> {
        match system::lead_a_group(id) {
            Err(error) if error.raw_os_error() == Some(NOT_OURS) => return Ok(None),
            led => led?,
        }
        let group = Group::of(id);
        reaper.inspect(|reaper| reaper.remember(group));
        let (sender, ending) = oneshot::channel();
        let started = in_waiting_thread(move || {
            let _ = sender.send(system::wait_for_id(id));
        });
        if let Err(error) = started {
            group.kill();
            return Err(error);
        }
        Ok(Some(Self { group, ending, ended: None, reaper: reaper.cloned(), input: None, output: None }))
    }

    /// Returns its process group.
    pub fn group(&self) -> Group {
        self.group
    }

    /// Waits until it ended. May be dropped and called again.
    pub async fn wait(&mut self) -> Ended {
        if let Some(ended) = self.ended {
            return ended;
        }
        let ended = (&mut self.ending).await.unwrap_or_default();
        self.ended = Some(ended);
        ended
    }

    /// Returns how it ended, without waiting; absent while it runs.
    pub fn ended(&mut self) -> Option<Ended> {
        if self.ended.is_none() {
            use oneshot::error::TryRecvError;
            self.ended = match self.ending.try_recv() {
                Ok(ended) => Some(ended),
                Err(TryRecvError::Empty) => None,
                Err(TryRecvError::Closed) => Some(Ended::default()),
            };
        }
        self.ended
    }

    /// As [`Running::stop_leftovers`], where nothing else is to be done meanwhile.
    pub fn stop_leftovers_here(&mut self, grace: Duration) -> Leftovers {
        let leftovers = self.group.stop_leftovers_here(grace);
        if let Some(reaper) = self.reaper.take() {
            reaper.forget(self.group);
        }
        leftovers
    }

    /// Stops it with everything it started: asks, waits for `grace`, kills.
    pub async fn stop(&mut self, grace: Duration) -> Ended {
        if self.ended.is_none() {
            self.group.ask_to_end();
            if tokio::time::timeout(grace, self.wait()).await.is_err() {
                self.group.kill();
            }
        }
        let ended = self.wait().await;
        self.stop_leftovers(grace).await;
        ended
    }

    /// After its end: stops what it left behind in its group, and lets the reaper forget it.
    pub async fn stop_leftovers(&mut self, grace: Duration) -> Leftovers {
        let leftovers = self.group.stop_leftovers(grace).await;
        if let Some(reaper) = self.reaper.take() {
            reaper.forget(self.group);
        }
        leftovers
    }
}

impl Drop for Running {
    /// A child nobody waits for any more is not left running.
    fn drop(&mut self) {
        if self.ended.is_none() && self.ending.try_recv().is_err() {
            self.group.kill();
        }
        if let Some(reaper) = self.reaper.take() {
            reaper.forget(self.group);
        }
    }
}

/// Opens a file that a child appends its output to, made where it is absent.
pub fn open_log(path: &Path) -> Result<File, ProcessError> {
    File::options()
        .create(true)
        .append(true)
        .open(path)
        .map_err(|source| ProcessError::Io { path: path.to_owned(), source })
}
