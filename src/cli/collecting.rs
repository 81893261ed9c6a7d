//! How far a collection is: one bar in a terminal, once it takes long; nothing elsewhere.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::printer::{Printer, Volume};
use super::terminal;
use crate::ops::collect::Step;

/// What takes no longer is not worth a bar.
const SOON: Duration = Duration::from_millis(500);

/// The bar of one collection.
pub struct Collecting {
    shown: bool,
    began: Instant,
    bar: Mutex<Option<(Step, ProgressBar)>>,
}

impl Collecting {
    /// Shows something only where people watch.
    pub fn new(printer: &Printer) -> Self {
        let shown = printer.volume > Volume::Quiet && !printer.json && terminal::stderr_is_terminal();
        Self { shown, began: Instant::now(), bar: Mutex::default() }
    }

    /// Shows that `done` of `of` are done in a step.
    pub fn at(&self, step: Step, done: u64, of: u64) {
        if !self.shown || self.began.elapsed() < SOON {
            return;
        }
        let mut current = self.bar.lock().unwrap_or_else(PoisonError::into_inner);
        match &*current {
            Some((known, bar)) if *known == step => bar.set_position(done),
            _ => {
                if let Some((_, old)) = current.take() {
                    old.finish_and_clear();
                }
                let bar = ProgressBar::with_draw_target(Some(of), ProgressDrawTarget::stderr());
                if let Ok(style) = ProgressStyle::with_template("{msg} {wide_bar} {pos} of {len}  {eta} left")
                {
                    bar.set_style(style);
                }
                bar.set_message(match step {
                    Step::Looking => "looking at records",
                    Step::PuttingAside => "putting aside",
                    Step::Deleting => "deleting",
                });
                bar.set_position(done);
                *current = Some((step, bar));
            }
        }
    }

    /// Takes the bar away.
    pub fn end(&self) {
        if let Some((_, bar)) = self.bar.lock().unwrap_or_else(PoisonError::into_inner).take() {
            bar.finish_and_clear();
        }
    }
}
