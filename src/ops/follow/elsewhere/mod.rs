//! `run --runner stepfunctions`: an execution on AWS carries a run out, and is followed from here.
//!
//! ```text
//! begin      this machine and the remote agree, a run is opened, an execution is started that bears its name;
//!            with `--follow` the run of this branch that goes on there, however it was left
//! following  what its workers tell at the remote, put together (merge.rs), until the execution has ended
//! lost       jobs that failed without a word, with AWS's reason and their logs
//! ending     the execution's last job has closed the run; where it could not, this machine does
//! ```
//! Nothing of it ends with this process, so it may be left, killed, and found again.

mod begin;
mod ending;
mod following;
mod lost;

pub use begin::{Beginning, Begun, Found, Prepared, begin, prepare};
pub use following::{Ask, Ended, OnInterrupt, follow};

use crate::ops::shared_run;

/// What the machines' jobs open their runs as.
pub const ENGINE: &str = shared_run::LOOKS_FOR_MARKS;
