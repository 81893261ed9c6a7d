//! Starting and stopping other programs.
//!
//! Every child has its own process group and ends when kptn does: by the
//! kernel where it can (Linux), and by the [`reaper`] everywhere. A child's
//! output goes to a file, never through a pipe that an orphan could keep open.
//!
//! ```text
//! Launch   what to start: program, arguments, environment, folder
//! start    -> Running: wait, stop (SIGTERM, grace, SIGKILL), stop_leftovers
//! run_attached   a program that has our terminal: a shell, a debugger; run_beside: one that speaks to people, as docker does
//! Talker   a child that one thread talks to, line by line
//! run_captured   a short command and what it printed (git, probes)
//! find_interpreters   which Python and which R this project uses
//! ```
//!
//! This folder alone uses `std::process` and `tokio::process`. It knows
//! nothing of tasks; what the words of a failure mean is for others to say.

mod attached;
mod capture;
mod child;
mod foreground;
mod group;
mod interpreters;
mod launch;
mod machine;
mod pause;
pub mod reaper;
mod starter;
mod system;
mod talk;

pub use attached::{run_attached, run_beside};
pub use capture::{Captured, run_captured};
pub use child::{Ended, Running, Streams, Usage, open_log, start, take_in_orphans};
pub use foreground::{adopt, duplicate_stdout, run_in_foreground};
pub use group::{Group, Leftovers, is_there};
pub use interpreters::{AlwaysAsk, Found, InterpreterProblem, Versions, find_interpreters, find_program};
pub use launch::{Environment, Launch, own_environment};
pub use machine::{host_name, user_name};
pub use pause::{Interrupts, Pause, pause};
pub use reaper::Reaper;
pub use starter::Starter;
pub use talk::{Heard, Talker};

use std::ffi::OsString;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

/// Why a program could not be run.
#[derive(Debug, thiserror::Error)]
pub enum ProcessError {
    /// No such program, or not one that may be executed.
    #[error("cannot start `{}`", program.to_string_lossy())]
    NotStarted { program: OsString, source: io::Error },
    /// The folder it should start in is not there.
    #[error("cannot start `{}` in `{}`: no such folder", program.to_string_lossy(), folder.display())]
    NoFolder { program: OsString, folder: PathBuf },
    /// It took too long and was stopped.
    #[error("`{}` did not end within {} s", program.to_string_lossy(), after.as_secs_f64())]
    TimedOut { program: OsString, after: Duration },
    /// A file needed to run it could not be used.
    #[error("cannot use `{}`", path.display())]
    Io { path: PathBuf, source: io::Error },
}
