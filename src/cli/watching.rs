//! One screen that is drawn again when what it shows has changed.
//!
//! In a terminal the screen is cleared and cut to its height, so that the last
//! state is all that is seen; elsewhere each state follows the one before.
//! Looking is cheap where nothing changed: the quick status is one stat a file.

use std::time::Duration;

use super::commands::Context;
use super::error::CommandError;
use super::exit::Exit;
use super::paint::Tone;
use super::printer::Printer;
use super::terminal;
use super::views::status::{self, Fresh};
use crate::model::Status;
use crate::ops::report::StatusReport;
use crate::ops::scope::Words;
use crate::ops::{self, Probing};
use crate::process::{Pause, pause};

/// Between two looks.
const EVERY: Duration = Duration::from_millis(500);

/// What is watched.
pub struct Watched {
    /// The selection.
    pub words: Words,
    /// Whether fresh tasks are listed.
    pub fresh: Fresh,
}

impl Watched {
    /// Looks once; what cannot be looked at (a file in the middle of an edit) is an error to show.
    pub fn look(&self, context: &Context<'_>) -> Result<StatusReport, CommandError> {
        let all = self.words == Words::default();
        let remembered = if all { ops::quick::remembered(&context.start()?) } else { None };
        match remembered {
            Some(report) => Ok(report),
            None => Ok(ops::status::status(&context.open()?, &self.words, Probing::Believe)?),
        }
    }

    /// Draws one state.
    pub fn draw(&self, looked: &Result<StatusReport, CommandError>, context: &Context<'_>) {
        let printer = &context.printer;
        let (width, height) = terminal::size();
        let text = match looked {
            Ok(report) => status::text(report, self.fresh, printer.data_width(), context.now_ms()),
            Err(error) => error.for_people(printer.data_width()),
        };
        let footer = Tone::Dim.paint(cut("watching; Ctrl-C leaves", width));
        if clear(printer) {
            printer.data(fit(&text, height.saturating_sub(2)) + &footer);
        } else {
            printer.data(text + "\n");
        }
    }
}

/// Empties the screen where there is one.
pub fn clear(printer: &Printer) -> bool {
    let there = terminal::stdout_is_terminal() && std::env::var_os("TERM").is_none_or(|term| term != "dumb");
    if there {
        printer.bytes(b"\x1b[H\x1b[2J\x1b[3J");
    }
    there
}

/// Keeps the first lines and the last, which sums up; says how many are left out.
fn fit(text: &str, height: usize) -> String {
    let lines: Vec<&str> = text.lines().collect();
    if lines.len() <= height || height < 4 {
        return lines.iter().map(|line| format!("{line}\n")).collect();
    }
    let (head, last) = (&lines[..height - 2], &lines[lines.len() - 1..]);
    let left_out = format!("… {} lines more; a larger window shows them", lines.len() - head.len() - 1);
    head.iter().chain([&left_out.as_str()]).chain(last).map(|line| format!("{line}\n")).collect()
}

fn cut(text: &str, width: usize) -> String {
    text.chars().take(width).collect()
}

/// Shows the status until Ctrl-C.
pub fn status(watched: &Watched, context: &Context<'_>) -> Result<Exit, CommandError> {
    let mut shown = None;
    let mut size = terminal::size();
    loop {
        let looked = watched.look(context);
        let changed = !shown.as_ref().is_some_and(|shown| same(shown, &looked)) || size != terminal::size();
        if changed {
            size = terminal::size();
            watched.draw(&looked, context);
            shown = Some(looked);
        }
        if !context.printer.is_open() || pause(EVERY)? == Pause::Interrupted {
            return Ok(Exit::FINE);
        }
    }
}

/// Runs what is stale, and again when an edit has made something stale, until Ctrl-C.
///
/// `run` returns whether to go on. What failed is not run again before something changed.
pub fn run(
    watched: &Watched,
    context: &Context<'_>,
    mut run: impl FnMut() -> Result<Going, CommandError>,
) -> Result<Exit, CommandError> {
    let mut last = None;
    loop {
        let mut looked = watched.look(context);
        if !last.as_ref().is_some_and(|last| same(last, &looked)) {
            let mut failed = None;
            if looked.as_ref().is_ok_and(has_work) {
                clear(&context.printer);
                match run() {
                    Ok(Going::Stopped) => return Ok(Exit::FAILED),
                    Ok(Going::On) => {}
                    Err(error) => failed = Some(error),
                }
                looked = watched.look(context);
            }
            match failed {
                Some(error) => watched.draw(&Err(error), context),
                None => watched.draw(&looked, context),
            }
            // What could not be run is tried again when something changed, not before.
            last = Some(looked);
        }
        if !context.printer.is_open() || pause(EVERY)? == Pause::Interrupted {
            return Ok(Exit::FINE);
        }
    }
}

/// Whether a run was left to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Going {
    /// It was.
    On,
    /// Ctrl-C.
    Stopped,
}

fn has_work(report: &StatusReport) -> bool {
    report.rows.iter().any(|row| row.status != Status::Fresh)
}

fn same(one: &Result<StatusReport, CommandError>, other: &Result<StatusReport, CommandError>) -> bool {
    match (one, other) {
        (Ok(one), Ok(other)) => one.rows == other.rows && one.place == other.place,
        (Err(one), Err(other)) => one == other,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_fit_is_counted_and_the_sum_stays() {
        let text: String = (1..=30).map(|n| format!("line {n}\n")).collect();
        let fitted = fit(&text, 6);
        assert_eq!(fitted.lines().count(), 6);
        assert!(fitted.ends_with("… 25 lines more; a larger window shows them\nline 30\n"), "{fitted}");
        assert_eq!(fit(&text, 30), text);
    }
}
