//! An engine at work: how it is started, whether it still goes on, how it is stopped.
//!
//! ```text
//! Start::Program   a program that lasts as long as the run: its group is the engine
//! Start::Jobs      the same, and jobs in a queue that outlive it: `scancel`
//! ```
//! A further engine is a variant of [`Start`] and an [`Execution`].

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::ops::OpsError;
use crate::process::{self, Launch, Reaper, Running, Streams};

/// How long what an engine leaves behind may take to end.
const GRACE: Duration = Duration::from_secs(10);
/// How long `scancel` may take.
const PATIENCE: Duration = Duration::from_secs(60);
/// So many of the last lines that an engine printed are shown.
const LAST_LINES: usize = 12;

/// An engine that carries out one run.
pub trait Execution {
    /// Returns how it ended, without waiting; absent while it goes on.
    fn ended(&mut self) -> Option<EngineEnd>;
    /// Asks it to end, with all that it has started. May be called again.
    fn stop(&mut self);
    /// Ends it now.
    fn kill(&mut self);
}

/// How an engine ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EngineEnd {
    /// Its exit code; absent where a signal ended it.
    pub code: Option<i32>,
    /// The last lines that it printed.
    pub said: Vec<String>,
    /// The file of all that it printed; absent where it has none here.
    pub log: Option<PathBuf>,
}

/// How an engine is started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Start {
    /// A program that lasts as long as the run.
    Program(Launch),
    /// A program that lasts as long as the run, and jobs that have to be cancelled by `scancel`.
    Jobs {
        /// The program that submits them.
        submit: Launch,
        /// The folder of files with their numbers, one a run: `<run>/jobs`.
        folder: PathBuf,
    },
}

impl Start {
    /// Starts it for a run, with some variables more in its environment; what it prints goes to `log`.
    pub fn start(
        self,
        run: &str,
        variables: Vec<(&str, std::ffi::OsString)>,
        log: &Path,
        reaper: Option<Reaper>,
    ) -> Result<Box<dyn Execution>, OpsError> {
        let with = |launch: Launch| {
            variables.iter().fold(launch, |launch, (name, value)| launch.variable(*name, value))
        };
        Ok(match self {
            Self::Program(launch) => Box::new(Program::start(&with(launch), log, reaper.as_ref())?),
            // Jobs outlive whoever follows them, so what submits them is left to itself, too.
            Self::Jobs { submit, folder } => Box::new(Jobs {
                program: Program::start(&with(submit), log, None)?,
                list: folder.join(run).join("jobs"),
            }),
        })
    }
}

/// A program in a process group of its own.
struct Program {
    running: Running,
    log: PathBuf,
}

impl Program {
    fn start(launch: &Launch, log: &Path, reaper: Option<&Reaper>) -> Result<Self, OpsError> {
        let (output, errors) = (process::open_log(log)?, process::open_log(log)?);
        let running = process::start(launch, Streams::Files { output, errors }, reaper)?;
        Ok(Self { running, log: log.to_owned() })
    }
}

impl Execution for Program {
    fn ended(&mut self) -> Option<EngineEnd> {
        let ended = self.running.ended()?;
        self.running.stop_leftovers_here(GRACE);
        Some(EngineEnd { code: ended.code, said: last_lines(&self.log), log: Some(self.log.clone()) })
    }

    fn stop(&mut self) {
        self.running.group().ask_to_end();
    }

    fn kill(&mut self) {
        self.running.group().kill();
    }
}

/// A program that waits for jobs in a queue.
struct Jobs {
    program: Program,
    /// The file of the jobs' numbers, one a line.
    list: PathBuf,
}

impl Jobs {
    /// Takes the jobs out of the queue, and stops those that run. One that has ended is no error.
    fn cancel(&self) {
        let numbers = std::fs::read_to_string(&self.list).unwrap_or_default();
        let numbers: Vec<&str> = numbers.lines().filter(|line| !line.is_empty()).collect();
        if !numbers.is_empty() {
            // Where it fails, the run stays open as long as a task of it runs, and that is said.
            drop(process::run_captured(&Launch::new("scancel").arguments(numbers), PATIENCE));
        }
    }
}

impl Execution for Jobs {
    fn ended(&mut self) -> Option<EngineEnd> {
        self.program.ended()
    }

    fn stop(&mut self) {
        // First what submits: it would go on.
        self.program.stop();
        self.cancel();
    }

    fn kill(&mut self) {
        self.program.kill();
        self.cancel();
    }
}

fn last_lines(log: &Path) -> Vec<String> {
    let bytes = std::fs::read(log).unwrap_or_default();
    let text = String::from_utf8_lossy(&bytes[bytes.len().saturating_sub(16 * 1024)..]);
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    lines[lines.len().saturating_sub(LAST_LINES)..].iter().map(|line| (*line).to_owned()).collect()
}
