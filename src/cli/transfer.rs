//! How far a push or a pull is: one bar in a terminal, nothing elsewhere.
//!
//! It shows the phase, bytes, rate and the time left, and leaves no trace
//! behind: what came of it is said at the end.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::printer::{Printer, Volume};
use super::{terminal, words};
use crate::model::{Phase, Progress};

/// How often a phase that has nothing to count still moves.
const TICK: Duration = Duration::from_millis(200);

/// The bar of one transfer.
pub struct Transfer {
    shown: bool,
    bar: Mutex<Option<ProgressBar>>,
    ask_above: Option<u64>,
}

impl Transfer {
    /// Shows something only where people watch.
    pub fn new(printer: &Printer) -> Self {
        let shown = printer.volume > Volume::Quiet && !printer.json && terminal::stderr_is_terminal();
        Self { shown, bar: Mutex::default(), ask_above: None }
    }

    /// Asks before more bytes than this come, where a person is there to answer.
    pub fn asking_above(self, bytes: u64) -> Self {
        let ask_above = (self.shown && terminal::stdin_is_terminal()).then_some(bytes);
        Self { ask_above, ..self }
    }

    /// Takes the bar away.
    pub fn end(&self) {
        if let Some(bar) = self.bar.lock().unwrap_or_else(PoisonError::into_inner).take() {
            bar.finish_and_clear();
        }
    }
}

impl Progress for Transfer {
    fn begin(&self, phase: Phase, objects: u64, bytes: u64) {
        if !self.shown {
            return;
        }
        self.end();
        let bar = ProgressBar::with_draw_target(Some(bytes), ProgressDrawTarget::stderr());
        let (word, counted) = match phase {
            Phase::Looking => ("looking", false),
            Phase::Sending => ("sending", true),
            Phase::Fetching => ("fetching", true),
            Phase::Deleting => ("deleting", true),
            Phase::Restoring => ("restoring", true),
        };
        let style = if counted {
            ProgressStyle::with_template(
                "{msg} {wide_bar} {bytes} of {total_bytes}  {bytes_per_sec}  {eta} left",
            )
        } else {
            ProgressStyle::with_template("{msg} {spinner}")
        };
        if let Ok(style) = style {
            bar.set_style(style);
        }
        let objects = if counted {
            match phase {
                Phase::Restoring => format!(" {}", words::count(objects, "file", "files")),
                Phase::Deleting => format!(" {}", words::count(objects, "key", "keys")),
                _ => format!(" {}", words::count(objects, "object", "objects")),
            }
        } else {
            String::new()
        };
        bar.set_message(format!("{word}{objects}"));
        bar.enable_steady_tick(TICK);
        *self.bar.lock().unwrap_or_else(PoisonError::into_inner) = Some(bar);
    }

    fn advance(&self, bytes: u64) {
        if let Some(bar) = &*self.bar.lock().unwrap_or_else(PoisonError::into_inner) {
            bar.inc(bytes);
        }
    }

    fn may_come(&self, objects: u64, bytes: u64) -> bool {
        if self.ask_above.is_none_or(|most| bytes <= most) {
            return true;
        }
        Self::end(self);
        let (size, objects) = (words::size(bytes), words::count(objects, "object", "objects"));
        terminal::confirm(&format!("{size} will come ({objects}); go on?"))
    }

    fn end(&self) {
        Self::end(self);
    }
}
