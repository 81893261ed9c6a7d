//! What one sees of a run while it runs.
//!
//! Events come in, lines and a picture go out:
//!
//! ```text
//!            +--> line.rs   one line (or block) an event; pure
//! event -> Live
//!            +--> scene.rs  what is running now, as a picture; pure
//! ```
//!
//! In a terminal the picture is kept below the lines and redrawn by `indicatif`;
//! in a pipe there are lines alone, and a sign of life from long tasks. Widths
//! and times are given to the pure parts, so that tests need no terminal.

use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressState, ProgressStyle};

use super::printer::{Printer, Volume};
use super::{terminal, width};
use crate::model::{Event, TaskName, TaskOutcome};
use crate::task::Listener;
use scene::Scene;

mod compare;
mod json;
mod line;
mod rate;
mod scene;

pub use json::{JsonLines, VERSION};

/// Shows a run to people; one for one run.
pub struct Live {
    printer: Arc<Printer>,
    shared: Arc<Shared>,
    face: Face,
}

struct Shared {
    scene: Mutex<Scene>,
    started: Instant,
    ended: Mutex<bool>,
    wake: Condvar,
}

enum Face {
    /// Lines above, a picture below.
    Screen(ProgressBar),
    /// Lines alone.
    Lines,
}

/// How often the picture is redrawn.
const TICK: Duration = Duration::from_millis(100);
/// How often lines alone are looked at for a sign of life.
const LIFE: Duration = Duration::from_secs(5);

impl Live {
    /// Starts to show a run; paths below `base` are shown relative to it, and columns are as wide
    /// as the longest of `names`.
    pub fn new<'a>(printer: Arc<Printer>, base: PathBuf, names: impl Iterator<Item = &'a TaskName>) -> Self {
        let mut scene = Scene::new(base, printer.volume);
        names.for_each(|name| scene.expect(name));
        let shared = Arc::new(Shared {
            scene: Mutex::new(scene),
            started: Instant::now(),
            ended: Mutex::new(false),
            wake: Condvar::new(),
        });
        let wants_screen = printer.volume > Volume::Quiet && terminal::stderr_is_terminal();
        let screen = wants_screen.then(|| picture(&shared, printer.colors_people()));
        let face = match screen {
            Some(bar) if !bar.is_hidden() => Face::Screen(bar),
            _ => {
                signs_of_life(&shared, &printer);
                Face::Lines
            }
        };
        Self { printer, shared, face }
    }

    /// Has it be a run that an engine carries out; what to do next is said for that one.
    pub fn of_runner(self, name: &str) -> Self {
        self.shared.scene().runner = Some(name.to_owned());
        self
    }

    /// Does something that writes to the terminal, while the picture is away.
    pub fn aside<T>(&self, work: impl FnOnce() -> T) -> T {
        match &self.face {
            Face::Screen(bar) if !bar.is_finished() => bar.suspend(work),
            _ => work(),
        }
    }

    fn show(&self, event: &Event) {
        let width = self.printer.width();
        let lines = {
            let mut scene = self.shared.scene();
            scene.hear(event, self.shared.now_ms());
            line::lines(event, &scene, width)
        };
        if let Event::RunFinished { .. } = event {
            self.end();
        }
        if !lines.is_empty() {
            self.print(&lines, is_failure(event));
        }
    }

    fn print(&self, lines: &[String], failure: bool) {
        let text = lines.join("\n");
        match &self.face {
            Face::Lines if failure => self.printer.insist(text),
            Face::Screen(bar) if !bar.is_finished() => {
                let text = if self.printer.colors_people() { text } else { width::strip(&text) };
                bar.println(text);
            }
            _ => self.printer.say(text),
        }
    }

    fn end(&self) {
        if let Face::Screen(bar) = &self.face {
            bar.finish_and_clear();
        }
        *lock(&self.shared.ended) = true;
        self.shared.wake.notify_all();
    }
}

impl Listener for Live {
    fn hear(&self, event: &Event) {
        self.show(event);
    }
}

/// Tells whether an event is said even to those who asked for quiet.
fn is_failure(event: &Event) -> bool {
    match event {
        Event::TaskFinished { outcome, .. } => *outcome == TaskOutcome::Failed,
        Event::RunFinished { failed, .. } => *failed > 0,
        _ => false,
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        self.end();
    }
}

impl Shared {
    fn scene(&self) -> MutexGuard<'_, Scene> {
        lock(&self.scene)
    }

    fn now_ms(&self) -> u64 {
        self.started.elapsed().as_millis() as u64
    }
}

/// A panic of another thread while it held the lock leaves counts that are still worth showing.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn picture(shared: &Arc<Shared>, colors: bool) -> ProgressBar {
    let bar = ProgressBar::new_spinner();
    let shared = Arc::clone(shared);
    let draw = move |_: &ProgressState, out: &mut dyn std::fmt::Write| {
        let (columns, rows) = terminal::size();
        let text = shared.scene().picture(shared.now_ms(), columns, rows);
        // A failed write to a string buffer cannot happen, and a picture may be missed.
        let _ = out.write_str(&if colors { text } else { width::strip(&text) });
    };
    // The template is a constant: it always parses.
    if let Ok(style) = ProgressStyle::with_template("{picture}") {
        bar.set_style(style.with_key("picture", draw));
    }
    bar.enable_steady_tick(TICK);
    bar
}

/// In a pipe nothing moves while a task runs for hours: says now and then that it still does.
fn signs_of_life(shared: &Arc<Shared>, printer: &Arc<Printer>) {
    if printer.volume == Volume::Quiet {
        return;
    }
    let (shared, printer) = (Arc::clone(shared), Arc::clone(printer));
    let watch = move || {
        let mut ended = lock(&shared.ended);
        while !*ended {
            let waited = shared.wake.wait_timeout(ended, LIFE).unwrap_or_else(PoisonError::into_inner);
            ended = waited.0;
            if !*ended {
                let lines = shared.scene().signs_of_life(shared.now_ms());
                lines.iter().for_each(|line| printer.say(line));
            }
        }
    };
    // Without the thread the run is shown all the same, only without these lines.
    let _ = std::thread::Builder::new().name("display".to_owned()).spawn(watch);
}
