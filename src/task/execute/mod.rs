//! Runs one attempt of one task or item, and says what came of it.
//!
//! ```text
//! Job  ->  Workers::run  ->  Attempted
//!            R:      Rscript, one process an attempt            (r.rs)
//!                    an item: a fork of a warm R, if it can be  (r_warm/)
//! Call ->  Lane::answer  ->  Attempted
//!            Python: worker/worker.py, many items of one task to a process (lane.rs, python.rs)
//! ```
//!
//! It looks at no state and takes in no outputs. However the code behaves,
//! an answer comes back: it may crash, hang, ignore SIGTERM, print without
//! end or leave children behind (`tests.rs` has one of each).

mod attached;
mod attempted;
mod job;
mod lane;
mod log;
mod python;
mod r;
mod r_error;
#[cfg(target_os = "linux")]
mod r_warm;
#[cfg(not(target_os = "linux"))]
#[path = "r_plain.rs"]
mod r_warm;
mod watch;

#[cfg(unix)]
#[cfg(test)]
mod tests;

pub use attached::{handed_to, run_in_terminal};
pub use attempted::{Attempted, Failure};
pub use job::{Code, Job, LineSink, PythonFunction, RScript, Warm};
pub use lane::Lane;
pub use log::{Bounds, last_lines};
pub use python::Call;
pub use r_warm::packages_to_load;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::model::{TaskName, Timing};
use crate::process::{Ended, Leftovers, ProcessError, Reaper, Running, Usage};
use log::Log;

/// What Python and R are started with, written into the run's folder.
const HELPERS: [(&str, &str); 10] = [
    (WORKER, include_str!("../worker/worker.py")),
    ("kptn_worker_call.py", include_str!("../worker/kptn_worker_call.py")),
    ("kptn_worker_globals.py", include_str!("../worker/kptn_worker_globals.py")),
    ("kptn_worker_older.py", include_str!("../worker/kptn_worker_older.py")),
    ("kptn_worker_project.py", include_str!("../worker/kptn_worker_project.py")),
    ("kptn_worker_results.py", include_str!("../worker/kptn_worker_results.py")),
    (PROFILE, include_str!("../worker/profile.R")),
    (WARM, include_str!("../worker/warm.R")),
    (attached::DEBUG_PYTHON, include_str!("../worker/debug.py")),
    (attached::DEBUG_R, include_str!("../worker/debug.R")),
];
const WORKER: &str = "worker.py";
const PROFILE: &str = "profile.R";
const WARM: &str = "warm.R";

/// How many last lines an attempt shows.
const SHOWN_LINES: usize = 20;

/// How patient we are.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// Between SIGTERM and SIGKILL.
    pub grace: Duration,
    /// For a Python process to end once its function returned (threads, `atexit`).
    pub leaving: Duration,
    /// How much of a log is kept.
    pub log: Bounds,
}

impl Default for Patience {
    fn default() -> Self {
        Self { grace: Duration::from_secs(5), leaving: Duration::from_secs(10), log: Bounds::default() }
    }
}

/// A file that an attempt needs could not be written.
#[derive(Debug, thiserror::Error)]
#[error("cannot write `{}`", path.display())]
pub struct ExecuteError {
    /// The file.
    pub path: PathBuf,
    /// Why.
    pub source: io::Error,
}

/// Runs jobs, and makes lanes for items of Python tasks; keeps R sessions for further items of theirs.
///
/// Belongs to one run and must be used from a thread that lives as long as it
/// does: on Linux, children end with the thread that started them.
pub struct Workers {
    folder: PathBuf,
    reaper: Option<Reaper>,
    patience: Patience,
    warm_r: r_warm::Parents,
    stop: tokio::sync::watch::Sender<bool>,
    /// The same, for threads.
    stopped: Arc<AtomicBool>,
}

impl Workers {
    /// Makes ready to run jobs; writes the helpers that they need into `folder`, the run's own.
    pub fn new(folder: &Path, reaper: Option<Reaper>, patience: Patience) -> Result<Self, ExecuteError> {
        write_helpers(folder)?;
        let stop = tokio::sync::watch::Sender::new(false);
        Ok(Self {
            folder: folder.to_owned(),
            reaper,
            patience,
            warm_r: r_warm::Parents::default(),
            stop,
            stopped: Arc::default(),
        })
    }

    /// Runs one attempt to its end. Any number may run at once.
    pub async fn run(&self, job: &Job) -> Attempted {
        let script = match &job.code {
            Code::R(script) => script,
            Code::Python { .. } => return self.call_once(job).await,
        };
        let attempt = match Attempt::begin(job, self.patience.log) {
            Ok(attempt) => attempt,
            Err(error) => return Attempt::not_started(&error),
        };
        match &script.warm {
            Some(warm) => r_warm::run(self, job, script, warm, attempt).await,
            None => r::run(self, job, script, attempt).await,
        }
    }

    /// Ends the R sessions of a task that has no further items.
    pub async fn finish(&self, task: &TaskName) {
        self.warm_r.finish(self, task).await;
    }

    /// Makes a lane for calls of Python functions, to be used by one thread.
    pub fn lane(&self) -> Lane {
        let stopped = Arc::clone(&self.stopped);
        Lane::new(self.helper(WORKER), self.reaper.clone(), self.patience, stopped)
    }

    /// Calls a Python function in a lane of its own.
    async fn call_once(&self, job: &Job) -> Attempted {
        let mut lane = self.lane();
        let cancel = CancelOnDrop(lane.cancel());
        let call =
            Call { job: Arc::new(job.clone()), item: None, seed: None, log: None, lines: job.lines.clone() };
        let (sender, receiver) = tokio::sync::oneshot::channel();
        // The thread that starts a process has to outlive it.
        let thread = std::thread::Builder::new().name("kptn call".to_owned());
        let started = thread.spawn(move || {
            lane.ask(call);
            // Who gave up waiting does not want to know.
            drop(sender.send(lane.answer()));
            lane.leave();
        });
        let answered = match started {
            Ok(_) => receiver.await.ok().flatten(),
            Err(_) => None,
        };
        drop(cancel);
        answered.unwrap_or_else(|| {
            let source = io::ErrorKind::OutOfMemory.into();
            Attempt::not_started(&ProcessError::NotStarted {
                program: job.interpreter.clone().into(),
                source,
            })
        })
    }

    /// Stops everything that runs: those jobs come back as [`Failure::Stopped`], and no other starts.
    pub fn stop(&self) {
        self.stopped.store(true, Ordering::Relaxed);
        self.stop.send_replace(true);
    }

    /// Returns where one of [`HELPERS`] is.
    fn helper(&self, name: &str) -> PathBuf {
        helper_in(&self.folder, name)
    }
}

/// Stops a call that nobody waits for any more.
struct CancelOnDrop(Arc<AtomicBool>);

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Writes [`HELPERS`] into a folder of their own in `folder`: Python looks for modules beside the file that it
/// is started with.
fn write_helpers(folder: &Path) -> Result<(), ExecuteError> {
    for (name, text) in HELPERS {
        let path = helper_in(folder, name);
        // One that is there is perhaps being read; it is replaced only where it is another kptn's.
        if std::fs::read(&path).is_ok_and(|bytes| bytes == text.as_bytes()) {
            continue;
        }
        let written =
            std::fs::create_dir_all(folder.join("worker")).and_then(|()| std::fs::write(&path, text));
        written.map_err(|source| ExecuteError { path: path.clone(), source })?;
    }
    Ok(())
}

/// Returns where one of [`HELPERS`] is.
fn helper_in(folder: &Path, name: &str) -> PathBuf {
    folder.join("worker").join(name)
}

/// An attempt that has begun: its clock and its log.
struct Attempt {
    started_ms: u64,
    clock: std::time::Instant,
    log: Log,
    notes: Vec<String>,
}

impl Attempt {
    fn begin(job: &Job, bounds: Bounds) -> Result<Self, ProcessError> {
        let log = Log::open(&job.log, bounds, job.lines.clone())?;
        Ok(Self { started_ms: now_ms(), clock: std::time::Instant::now(), log, notes: Vec::new() })
    }

    fn not_started(error: &ProcessError) -> Attempted {
        Attempted {
            outcome: Err(Failure::NotStarted { error: in_one_line(error) }),
            result: None,
            timing: Timing { started_ms: now_ms(), ..Timing::default() },
            log_tail: Vec::new(),
            log_range: (0, 0),
            imported: Vec::new(),
            notes: Vec::new(),
            try_alone: false,
        }
    }

    /// Ends it because its process could not be started.
    fn fail_to_start(mut self, error: &ProcessError) -> Attempted {
        let error = in_one_line(error);
        self.log.say(&error);
        self.end(|_| Err(Failure::NotStarted { error }), Usage::default())
    }

    /// Stops what the ended process left in its group, and says so.
    async fn sweep(&mut self, child: &mut Running, patience: Patience) {
        if child.stop_leftovers(patience.grace).await == Leftovers::Stopped {
            self.note("background child stopped: it outlived the task");
        }
    }

    fn note(&mut self, note: &str) {
        self.log.say(note);
        self.notes.push(note.to_owned());
    }

    /// Ends it; `outcome` may look for the error among the last lines, more of them than are shown.
    fn end(mut self, outcome: impl FnOnce(&[String]) -> Result<(), Failure>, usage: Usage) -> Attempted {
        let wall_ms = self.clock.elapsed().as_millis() as u64;
        let (mut log_tail, log_range, left_out) = self.log.finish();
        let outcome = outcome(&log_tail);
        log_tail.drain(..log_tail.len().saturating_sub(SHOWN_LINES));
        if left_out > 0 {
            self.notes.push(cut_note(left_out));
        }
        let Usage { cpu_ms, peak_kib } = usage;
        Attempted {
            outcome,
            result: None,
            timing: Timing { started_ms: self.started_ms, wall_ms, cpu_ms, peak_kib },
            log_tail,
            log_range,
            imported: Vec::new(),
            notes: self.notes,
            try_alone: false,
        }
    }
}

fn cut_note(left_out: u64) -> String {
    format!("the log was cut: {} of it left out", log::size(left_out))
}

/// What a process that ended by itself, and not well, is said to have died of.
fn failure(ended: &Ended, said: Option<String>) -> Failure {
    match (ended.signal, said, ended.code) {
        (Some(signal), _, _) => Failure::Killed { signal },
        (None, Some(error), _) => Failure::Said { error },
        (None, None, code) => Failure::Exited { code: code.unwrap_or(-1) },
    }
}

fn in_one_line(error: &ProcessError) -> String {
    let mut text = error.to_string();
    if let Some(source) = std::error::Error::source(error) {
        text = format!("{text}: {source}");
    }
    text
}

fn now_ms() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64)
}
