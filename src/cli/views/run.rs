//! `kptn run` after the display has ended, or where there was nothing to display.

use crate::cli::paint::{Tone, harmless};
use crate::cli::words;
use crate::model::RunId;
use crate::ops::follow::elsewhere::ENGINE;
use crate::ops::report::RunReport;

use super::status::where_it_is;

/// Returns the closing line of a run that had nothing to do.
pub fn nothing(report: &RunReport, width: usize) -> String {
    let fresh = words::count(report.counts.fresh, "fresh", "fresh");
    let text =
        if report.counts.fresh == 0 { "nothing to do".to_owned() } else { format!("nothing to do, {fresh}") };
    let place = where_it_is(&report.place).pop();
    words::facts(&[Some(text), place].into_iter().flatten().collect::<Vec<_>>(), width)
}

/// Returns what became of a runner that ended before the run was closed.
pub fn cut_off(code: i32) -> String {
    match code {
        ..0 => "the run was stopped before it had ended".to_owned(),
        code => format!("the runner left with exit code {code} before the run had ended"),
    }
}

/// Returns the last lines that an engine printed.
pub fn said(lines: &[String]) -> String {
    lines.iter().map(|line| format!("    {} {}\n", Tone::Dim.paint("|"), harmless(line))).collect()
}

/// Returns that a run goes on without being followed.
pub fn goes_on(run: &RunId, branch: &str) -> String {
    format!("the run `{run}` goes on: `kptn run --runner {ENGINE} --follow -b {branch}` follows it")
}

/// Returns what became of an engine that ended before its tasks were done; `begun` where some were.
pub fn gave_up(engine: &str, code: Option<i32>, begun: bool) -> String {
    let how = match code {
        Some(code) => format!("{engine} left with exit code {code}"),
        None if engine == ENGINE => "the execution ended".to_owned(),
        None => format!("{engine} was killed"),
    };
    let when = if begun { "before all tasks were done" } else { "before any task was done" };
    format!("{how} {when}")
}
