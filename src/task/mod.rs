//! Runs one task: prepare, spawn, capture, record.
//!
//! What happens is told to a [`Listener`] as events; nothing here prints.

mod bad;
pub mod environment;
pub mod execute;
mod files;
mod known;
mod lanes;
pub mod outputs;
mod owners;
mod recorder;
mod run;
mod run_task;
pub mod serve;
mod work;

pub use bad::Bad;
pub use files::Files;
pub use known::{Past, StateKnown, now_ms};
pub use lanes::Lanes;
pub use run::{Config, Origin, Run};
pub use run_task::{TaskError, accept, attached};
pub use work::Shared;

use crate::model::Event;

/// Hears what happens in a run: the live display, `--json`, the run's own log of events.
pub trait Listener: Send + Sync {
    /// Hears one event; must not block for long.
    fn hear(&self, event: &Event);
}
