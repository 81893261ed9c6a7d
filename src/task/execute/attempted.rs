//! What came of one attempt.

use std::path::PathBuf;
use std::time::Duration;

use crate::model::Timing;

/// What came of one attempt. Its outputs have not been looked at yet.
#[derive(Debug, Clone)]
pub struct Attempted {
    /// Whether the code ran to its end.
    pub outcome: Result<(), Failure>,
    /// The result as canonical JSON, where one is kept.
    pub result: Option<Vec<u8>>,
    /// When, and how expensive.
    pub timing: Timing,
    /// The last lines it printed, at most 20.
    pub log_tail: Vec<String>,
    /// Where this attempt's lines are in the log: from this offset, so many bytes.
    pub log_range: (u64, u64),
    /// The project's files that Python really imported.
    pub imported: Vec<PathBuf>,
    /// What the user should know, one sentence fragment each: a background child that was stopped, a log that was cut.
    pub notes: Vec<String>,
    /// Whether it failed in a way that may be the fault of how it was run: [`Job::alone`](super::Job::alone)
    /// may be tried once, after what it wrote was removed.
    pub try_alone: bool,
}

/// Why an attempt failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// The code said what went wrong: Python's exception or R's `stop()`, in one line.
    #[error("{error}")]
    Said { error: String },
    /// It ended with an exit code and said nothing that was understood.
    #[error("exit code {code}")]
    Exited { code: i32 },
    /// A signal ended it.
    #[error("killed by {}", signal_name(*signal))]
    Killed { signal: i32 },
    /// The process ended in the middle of the function, without an error of Python's.
    #[error("the process ended before the function returned: {}", ending(*code, *signal))]
    Vanished { code: Option<i32>, signal: Option<i32> },
    /// The function returned, and the process then crashed.
    #[error("the function returned, but the process did not end well: {}", ending(*code, *signal))]
    CrashedWhileLeaving { code: Option<i32>, signal: Option<i32> },
    /// The function's value does not survive JSON; says the place and the type.
    #[error("the result cannot be kept as JSON: {place_and_type}")]
    Unkeepable { place_and_type: String },
    /// It ran longer than `timeout` allows.
    #[error("stopped after {} s (`timeout`)", after.as_secs_f64())]
    TimedOut { after: Duration },
    /// The run was stopped.
    #[error("stopped")]
    Stopped,
    /// It could not be started at all.
    #[error("{error}")]
    NotStarted { error: String },
}

fn ending(code: Option<i32>, signal: Option<i32>) -> String {
    match (code, signal) {
        (_, Some(signal)) => signal_name(signal),
        (Some(code), _) => format!("exit code {code}"),
        (None, None) => "nobody knows how".to_owned(),
    }
}

/// Returns `SIGSEGV` for 11; the numbers are those that Linux and macOS share.
fn signal_name(signal: i32) -> String {
    let names = [
        (1, "SIGHUP"),
        (2, "SIGINT"),
        (3, "SIGQUIT"),
        (4, "SIGILL"),
        (5, "SIGTRAP"),
        (6, "SIGABRT"),
        (8, "SIGFPE"),
        (9, "SIGKILL, perhaps for want of memory"),
        (11, "SIGSEGV"),
        (13, "SIGPIPE"),
        (14, "SIGALRM"),
        (15, "SIGTERM"),
        (24, "SIGXCPU"),
        (25, "SIGXFSZ"),
    ];
    names
        .iter()
        .find(|(number, _)| *number == signal)
        .map_or_else(|| format!("signal {signal}"), |(_, name)| (*name).to_owned())
}
