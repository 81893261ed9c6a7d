//! The lines that an event leaves behind; the same in a terminal and in a pipe.
//!
//! ```text
//! A  ran 3.1 s  outputs unchanged
//! B  ran 9 s    2 of 3 files changed (A.csv 1.2 -> 1.3 MB)
//! 3 ran, 5 fresh, 2 spared, 1 failed in 12.4 s · outputs in scratch/main
//! ```

use super::compare;
use super::scene::Scene;
use crate::cli::paint::{Tone, harmless};
use crate::cli::printer::Volume;
use crate::cli::width::{cells, pad, wrap};
use crate::cli::words;
use crate::model::{Event, OutputComparison, TaskName, TaskOutcome};

/// In a run of more tasks than this, only those that ran or failed get a line.
const FEW: u64 = 40;
/// How wide `ran 3.1 s` usually is.
const DEED: usize = 9;

/// Returns the lines of one event; `scene` has already heard it.
pub fn lines(event: &Event, scene: &Scene, width: usize) -> Vec<String> {
    match event {
        Event::TaskFinished { task, outcome, timing, outputs, error, log_tail, log } => {
            let end = End {
                task,
                outcome: *outcome,
                // A failed attempt leaves no record of its time; what was seen of it will do.
                took_ms: timing.map(|timing| timing.wall_ms).or(scene.took_ms),
                outputs: outputs.as_ref(),
                error: error.as_deref(),
                part: scene.left.iter().any(|left| left.task == *task),
            };
            let mut lines = end.lines(scene, width);
            if *outcome == TaskOutcome::Failed {
                // What was shown as it came is not shown again.
                let tail = if scene.streamed.contains(task) { &[][..] } else { &log_tail[..] };
                lines.extend(
                    tail.iter().map(|line| format!("    {} {}", Tone::Dim.paint("|"), harmless(line))),
                );
                lines.extend(
                    log.iter().map(|log| format!("    {} {}", Tone::Dim.paint("log:"), scene.relative(log))),
                );
            }
            lines
        }
        Event::Line { task, item, line } => {
            let item = item.as_ref().map(|item| format!("[{}]", harmless(item))).unwrap_or_default();
            let name = pad(&format!("{task}{item}"), scene.name_width);
            vec![format!("{} {}", Tone::Dim.paint(format!("{name} |")), harmless(line))]
        }
        Event::Note { task, message } => {
            let task = task.as_ref().map(|task| format!("{task}: ")).unwrap_or_default();
            wrap(&format!("{} {task}{message}", Tone::Hint.paint("note:")), width)
        }
        // An address is of use in one piece only.
        Event::ExecutionStarted { page, .. } => vec![page.clone()],
        Event::RunFinished { ran, fresh, spared, reused, failed, skipped, wall_ms, .. } => {
            let counts = [
                (*ran, "ran", Tone::Good),
                (*reused, "reused", Tone::Good),
                (*fresh, "fresh", Tone::Plain),
                (*spared, "spared", Tone::Good),
                (*failed, "failed", Tone::Bad),
                (*skipped, "skipped", Tone::Warn),
            ];
            closing(&counts, *wall_ms, scene, width)
        }
        Event::RunStarted { .. }
        | Event::TaskStarted { .. }
        | Event::Items { .. }
        | Event::ItemsLeft { .. } => Vec::new(),
    }
}

/// How one task ended.
struct End<'a> {
    task: &'a TaskName,
    outcome: TaskOutcome,
    took_ms: Option<u64>,
    outputs: Option<&'a OutputComparison>,
    error: Option<&'a str>,
    /// Whether the run was about some of its items alone, and others are not fresh.
    part: bool,
}

impl End<'_> {
    fn lines(&self, scene: &Scene, width: usize) -> Vec<String> {
        let quiet = matches!(self.outcome, TaskOutcome::Spared | TaskOutcome::Skipped);
        if quiet && scene.tasks > FEW && scene.volume < Volume::Verbose {
            return Vec::new();
        }
        let name = pad(self.task.as_str(), scene.name_width);
        let deed = pad(&self.deed(), DEED);
        let painted = Tone::from(self.outcome).paint(deed.trim_end());
        let head = format!("{}  {painted}", Tone::Strong.paint(&name));
        let before = cells(&name) + 2 + cells(&deed) + 2;
        let room = width.saturating_sub(before);
        let rest = self.rest(room);
        if rest.is_empty() {
            return vec![head];
        }
        if cells(&rest) <= room {
            return vec![format!("{}{rest}", pad(&head, before))];
        }
        // Beside what happened where a few words fit, else below.
        let (mut lines, indent) = (vec![head], 4);
        let rest = self.rest(width.saturating_sub(indent));
        lines.extend(
            wrap(&rest, width.saturating_sub(indent).max(20)).into_iter().map(|line| format!("    {line}")),
        );
        lines
    }

    fn deed(&self) -> String {
        let time = self.took_ms.map(|ms| format!(" {}", words::duration(ms))).unwrap_or_default();
        match self.outcome {
            TaskOutcome::Ran => format!("ran{time}"),
            TaskOutcome::Spared => "spared".to_owned(),
            TaskOutcome::Reused => "reused".to_owned(),
            TaskOutcome::Failed => format!("failed{time}"),
            TaskOutcome::Skipped => "skipped".to_owned(),
        }
    }

    fn rest(&self, room: usize) -> String {
        let error = self.error.map(harmless).unwrap_or_default();
        match (self.outcome, self.outputs) {
            (TaskOutcome::Failed | TaskOutcome::Skipped, _) => error,
            (TaskOutcome::Ran, Some(outputs)) => compare::outputs(outputs, room),
            (TaskOutcome::Reused, Some(outputs)) => {
                let text = compare::outputs(outputs, room.saturating_sub(17));
                let gap = if text.is_empty() { "" } else { ", " };
                format!("made elsewhere{gap}{text}")
            }
            (TaskOutcome::Spared, _) if self.part => "these items are fresh".to_owned(),
            (TaskOutcome::Spared, _) => "nothing it takes has changed".to_owned(),
            (_, None) => String::new(),
        }
    }
}

fn closing(counts: &[(u64, &str, Tone)], wall_ms: u64, scene: &Scene, width: usize) -> Vec<String> {
    let parts: Vec<String> = counts
        .iter()
        .filter(|(n, _, _)| *n > 0)
        .map(|(n, what, tone)| tone.paint(format!("{} {what}", words::number(*n))))
        .collect();
    let done = counts.iter().any(|(n, what, _)| *n > 0 && *what != "fresh");
    let text = match (done, parts.is_empty()) {
        (_, true) => "nothing to do".to_owned(),
        (false, _) => format!("nothing to do, {}", parts.join(", ")),
        (true, _) => format!("{} in {}", parts.join(", "), words::duration(wall_ms)),
    };
    let outputs = (!scene.outputs.is_empty()).then(|| format!("outputs in {}", scene.outputs));
    let facts: Vec<String> = [Some(text), outputs].into_iter().flatten().collect();
    let mut lines = vec![words::facts(&facts, width)];
    lines.extend(scene.left.iter().flat_map(|left| wrap(&left.text(), width)));
    let skipped = counts.iter().any(|(n, what, _)| *n > 0 && *what == "skipped");
    // What one engine has begun is not for another machine, which may be a laptop.
    let (go_on, again) = match &scene.runner {
        None => ("kptn run".to_owned(), "kptn retry".to_owned()),
        Some(name) => (format!("kptn run --runner {name}"), format!("kptn run --runner {name} state:failed")),
    };
    let hint = match scene.failed.first() {
        Some(first) => {
            format!("`kptn output {first}` shows its whole log; `{again}` runs again what failed")
        }
        None if skipped => format!("what finished is recorded; `{go_on}` goes on from there"),
        None => return lines,
    };
    lines.extend(wrap(&format!("{} {hint}", Tone::Hint.paint("hint:")), width));
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::width::strip;
    use crate::model::{OutputChange, RunId, Timing};

    fn name(text: &str) -> TaskName {
        TaskName::parse(text).unwrap()
    }

    fn finished(task: &str, outcome: TaskOutcome, wall_ms: u64) -> Event {
        Event::TaskFinished {
            task: name(task),
            outcome,
            timing: (wall_ms > 0).then(|| Timing { wall_ms, ..Timing::default() }),
            outputs: None,
            error: None,
            log_tail: vec![],
            log: None,
        }
    }

    fn with_outputs(event: Event, files: u64, changed: Vec<OutputChange>) -> Event {
        let comparison = OutputComparison { files, changed, had_before: true, result_changed: None };
        match event {
            Event::TaskFinished { task, outcome, timing, error, log_tail, log, .. } => {
                Event::TaskFinished { task, outcome, timing, outputs: Some(comparison), error, log_tail, log }
            }
            other => other,
        }
    }

    fn show(width: usize) -> String {
        let change = OutputChange { path: "A.csv".into(), before: Some(1_200_000), after: Some(1_300_000) };
        let other = OutputChange { path: "sub/b.csv".into(), before: None, after: Some(9) };
        let events = [
            Event::RunStarted {
                run: RunId::new(0, 0),
                graph: "G".into(),
                branch: "main".into(),
                tasks: 7,
                fresh: 5,
                outputs: "/p/scratch/main".into(),
                estimate_ms: None,
            },
            Event::TaskStarted { task: name("summarise"), items: None, estimate_ms: None },
            Event::Line { task: name("A"), item: Some("NC".into()), line: "\x1b[31mhello\x1b[0m".into() },
            with_outputs(finished("A", TaskOutcome::Ran, 3_100), 3, vec![]),
            with_outputs(finished("summarise", TaskOutcome::Ran, 9_000), 3, vec![change, other]),
            finished("spare", TaskOutcome::Spared, 0),
            Event::Note { task: Some(name("A")), message: "an edit of `A.csv` was kept aside".into() },
            Event::TaskFinished {
                task: name("plot"),
                outcome: TaskOutcome::Failed,
                timing: Some(Timing { wall_ms: 400, ..Timing::default() }),
                outputs: None,
                error: Some("the script left with exit code 1: Error in f() : object 'x' not found".into()),
                log_tail: vec!["Error in f() : object 'x' not found".into(), "Execution halted".into()],
                log: Some("/p/.git/kptn/runs/1/logs/plot.log".into()),
            },
            Event::RunFinished {
                run: RunId::new(0, 0),
                ran: 2,
                fresh: 5,
                spared: 1,
                reused: 0,
                failed: 1,
                skipped: 0,
                wall_ms: 12_380,
            },
        ];
        let mut scene = Scene::new("/p".into(), Volume::Normal);
        let mut out = Vec::new();
        for event in &events {
            scene.hear(event, 0);
            out.extend(lines(event, &scene, width));
        }
        strip(&out.join("\n"))
    }

    #[test]
    fn a_run_reads_from_top_to_bottom() {
        insta::assert_snapshot!(show(80), @"
        A[NC]     | hello
        A          ran 3.1 s  outputs unchanged
        summarise  ran 9 s    2 of 3 files changed (A.csv 1.2 -> 1.3 MB and 1 more)
        spare      spared     nothing it takes has changed
        note: A: an edit of `A.csv` was kept aside
        plot       failed 0.4 s
            the script left with exit code 1: Error in f() : object 'x' not found
            | Error in f() : object 'x' not found
            | Execution halted
            log: .git/kptn/runs/1/logs/plot.log
        2 ran, 5 fresh, 1 spared, 1 failed in 12.4 s · outputs in scratch/main
        hint: `kptn output plot` shows its whole log; `kptn retry` runs again what
        failed
        ");
    }

    #[test]
    fn a_narrow_window_gets_more_lines_not_less_text() {
        insta::assert_snapshot!(show(40), @"
        A[NC]     | hello
        A          ran 3.1 s  outputs unchanged
        summarise  ran 9 s
            2 of 3 files changed
        spare      spared
            nothing it takes has changed
        note: A: an edit of `A.csv` was kept
        aside
        plot       failed 0.4 s
            the script left with exit code 1:
            Error in f() : object 'x' not found
            | Error in f() : object 'x' not found
            | Execution halted
            log: .git/kptn/runs/1/logs/plot.log
        2 ran, 5 fresh, 1 spared, 1 failed in
        12.4 s · outputs in scratch/main
        hint: `kptn output plot` shows its whole
        log; `kptn retry` runs again what failed
        ");
    }

    #[test]
    fn nothing_to_do_is_said_in_one_line() {
        let scene = Scene::new("/p".into(), Volume::Normal);
        assert_eq!(
            strip(&closing(&[(10, "fresh", Tone::Plain)], 5, &scene, 80).join("\n")),
            "nothing to do, 10 fresh"
        );
    }

    #[test]
    fn in_a_long_run_spared_tasks_are_only_counted() {
        let mut scene = Scene::new("/p".into(), Volume::Normal);
        scene.tasks = 1000;
        assert!(lines(&finished("a", TaskOutcome::Spared, 0), &scene, 80).is_empty());
        scene.volume = Volume::Verbose;
        assert_eq!(lines(&finished("a", TaskOutcome::Spared, 0), &scene, 80).len(), 1);
    }
}
