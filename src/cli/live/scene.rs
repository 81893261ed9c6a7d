//! What is going on in a run, and its picture: tasks that run, counts, time left.
//!
//! Pure: events and times come in, text goes out. Times are ms since the display began.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::rate::Rate;
use crate::cli::paint::Tone;
use crate::cli::printer::Volume;
use crate::cli::width::{cells, cut, pad};
use crate::cli::words;
use crate::model::{Event, TaskName, TaskOutcome};

/// The state of a run as far as it has been heard.
#[derive(Debug)]
pub struct Scene {
    base: PathBuf,
    /// How much is said.
    pub volume: Volume,
    /// Which engine carries it out, as `--runner` names it; absent where this machine does.
    pub runner: Option<String>,
    /// The output folder, as events name it.
    pub outputs: String,
    /// How many tasks the run may run.
    pub tasks: u64,
    /// How wide the widest task's name is, as far as known.
    pub name_width: usize,
    /// Tasks that failed.
    pub failed: Vec<TaskName>,
    /// Tasks of which the run did some items alone.
    pub left: Vec<Left>,
    /// How long the task that ended last was seen to run; absent where it was not.
    pub took_ms: Option<u64>,
    /// Tasks whose lines were shown as they came.
    pub streamed: BTreeSet<TaskName>,
    running: Vec<Running>,
    counts: Counts,
    began_ms: u64,
    estimate_ms: Option<u64>,
}

/// Items that a run was not about, and that are not fresh.
#[derive(Debug)]
pub struct Left {
    /// The mapped task.
    pub task: TaskName,
    left: u64,
    total: u64,
}

impl Left {
    /// Returns the line that says so when the run ends.
    pub fn text(&self) -> String {
        let (task, left) = (&self.task, words::number(self.left));
        let items = words::count(self.total, "item", "items");
        let are = if self.left == 1 { "is" } else { "are" };
        format!(
            "{left} of {items} of {task} {are} left as before, not fresh; `kptn run {task}` runs the rest"
        )
    }
}

#[derive(Debug, Default)]
struct Counts {
    ran: u64,
    fresh: u64,
    spared: u64,
    reused: u64,
    failed: u64,
    skipped: u64,
}

#[derive(Debug)]
struct Running {
    task: TaskName,
    since_ms: u64,
    estimate_ms: Option<u64>,
    items: Option<Items>,
    next_sign_ms: u64,
}

#[derive(Debug, Default)]
struct Items {
    done: u64,
    failed: u64,
    total: u64,
    rate: Rate,
}

/// Names are padded up to this; longer ones stand out.
const WIDEST_NAME: usize = 24;
/// The first sign of life of a task that prints nothing; later ones after twice the time each.
const FIRST_SIGN_MS: u64 = 30_000;

impl Scene {
    /// Starts with nothing heard.
    pub fn new(base: PathBuf, volume: Volume) -> Self {
        Self {
            base,
            volume,
            runner: None,
            outputs: String::new(),
            tasks: 0,
            name_width: 1,
            failed: Vec::new(),
            left: Vec::new(),
            took_ms: None,
            streamed: BTreeSet::new(),
            running: Vec::new(),
            counts: Counts::default(),
            began_ms: 0,
            estimate_ms: None,
        }
    }

    /// Takes an event in.
    pub fn hear(&mut self, event: &Event, now_ms: u64) {
        match event {
            Event::RunStarted { tasks, fresh, outputs, estimate_ms, .. } => {
                self.outputs = self.relative(outputs);
                self.tasks = *tasks;
                self.counts.fresh = *fresh;
                self.began_ms = now_ms;
                self.estimate_ms = *estimate_ms;
            }
            Event::TaskStarted { task, items, estimate_ms } => {
                self.expect(task);
                let items = items.map(|total| Items { total, ..Items::default() });
                let next_sign_ms = now_ms + FIRST_SIGN_MS;
                let estimate_ms = *estimate_ms;
                self.running.retain(|running| running.task != *task);
                self.running.push(Running {
                    task: task.clone(),
                    since_ms: now_ms,
                    estimate_ms,
                    items,
                    next_sign_ms,
                });
            }
            Event::Items { task, done, failed, total } => {
                let Some(running) = self.running.iter_mut().find(|running| running.task == *task) else {
                    return;
                };
                let items = running.items.get_or_insert_default();
                (items.done, items.failed, items.total) = (*done, *failed, *total);
                items.rate.note(now_ms, *done);
            }
            Event::TaskFinished { task, outcome, .. } => {
                self.expect(task);
                let seen = self.running.iter().find(|running| running.task == *task);
                self.took_ms = seen.map(|running| now_ms.saturating_sub(running.since_ms));
                self.running.retain(|running| running.task != *task);
                self.count(task, *outcome);
            }
            Event::Line { task, .. } => {
                self.expect(task);
                if !self.streamed.contains(task) {
                    self.streamed.insert(task.clone());
                }
            }
            Event::ItemsLeft { task, left, total } => {
                self.left.push(Left { task: task.clone(), left: *left, total: *total });
            }
            Event::ExecutionStarted { .. } | Event::Note { .. } | Event::RunFinished { .. } => {}
        }
    }

    /// Makes room for a task's name.
    pub fn expect(&mut self, task: &TaskName) {
        self.name_width = self.name_width.max(cells(task.as_str()).min(WIDEST_NAME));
    }

    fn count(&mut self, task: &TaskName, outcome: TaskOutcome) {
        let counts = &mut self.counts;
        let count = match outcome {
            TaskOutcome::Ran => &mut counts.ran,
            TaskOutcome::Spared => &mut counts.spared,
            TaskOutcome::Reused => &mut counts.reused,
            TaskOutcome::Failed => &mut counts.failed,
            TaskOutcome::Skipped => &mut counts.skipped,
        };
        *count += 1;
        if outcome == TaskOutcome::Failed {
            self.failed.push(task.clone());
        }
    }

    /// Returns a path as it is shown: relative where it is below the base.
    pub fn relative(&self, path: &str) -> String {
        let shown = Path::new(path).strip_prefix(&self.base).ok().filter(|path| !path.as_os_str().is_empty());
        shown.map_or_else(|| path.to_owned(), |path| path.display().to_string())
    }

    /// Returns what is shown below the lines: a line a running task, then the counts.
    pub fn picture(&self, now_ms: u64, columns: usize, rows: usize) -> String {
        // The last column stays free: a full line would wrap in some terminals.
        let width = columns.saturating_sub(1).max(20);
        let most = rows.saturating_sub(3).clamp(1, 12);
        let shown = if self.running.len() > most { most - 1 } else { self.running.len() };
        let mut lines: Vec<String> =
            self.running[..shown].iter().map(|running| self.running_line(running, now_ms, width)).collect();
        if shown < self.running.len() {
            let more = words::number((self.running.len() - shown) as u64);
            lines.push(Tone::Dim.paint(cut(&format!("  and {more} more running"), width)));
        }
        lines.push(Tone::Dim.paint(cut(&self.counts_line(now_ms), width)));
        lines.join("\n")
    }

    fn running_line(&self, running: &Running, now_ms: u64, width: usize) -> String {
        const MARKS: [&str; 4] = ["-", "\\", "|", "/"];
        let mark = MARKS[(now_ms / 250) as usize % MARKS.len()];
        let name_width = self.name_width.min(width / 3);
        let name = pad(&cut(running.task.as_str(), name_width), name_width);
        let room = width.saturating_sub(name_width + 4);
        let passed = now_ms.saturating_sub(running.since_ms);
        let text = match &running.items {
            Some(items) => items.text(passed, now_ms, room),
            None => passed_text(passed, running.estimate_ms),
        };
        format!("{} {}  {}", Tone::Hint.paint(mark), Tone::Strong.paint(name), cut(&text, room))
    }

    fn counts_line(&self, now_ms: u64) -> String {
        let counts = &self.counts;
        let running = (self.running.len() as u64, "running");
        let waiting = self.tasks.saturating_sub(
            counts.ran + counts.spared + counts.reused + counts.failed + counts.skipped + running.0,
        );
        let parts = [
            running,
            (counts.failed, "failed"),
            (counts.ran, "ran"),
            (counts.reused, "reused"),
            (counts.spared, "spared"),
            (counts.fresh, "fresh"),
            (counts.skipped, "skipped"),
            (waiting, "to go"),
        ];
        let parts: Vec<String> = parts
            .iter()
            .filter(|(n, _)| *n > 0)
            .map(|(n, what)| format!("{} {what}", words::number(*n)))
            .collect();
        let passed = now_ms.saturating_sub(self.began_ms);
        let left =
            self.estimate_ms.and_then(|estimate| estimate.checked_sub(passed)).filter(|left| *left >= 1000);
        let left =
            left.map(|left| format!(", about {} left", words::rough_duration(left))).unwrap_or_default();
        format!("  {} · {}{left}", parts.join(", "), clock(passed))
    }

    /// Returns a line for each task that has run for long without a word; for pipes.
    pub fn signs_of_life(&mut self, now_ms: u64) -> Vec<String> {
        let mut lines = Vec::new();
        for running in &mut self.running {
            if now_ms < running.next_sign_ms {
                continue;
            }
            let passed = now_ms.saturating_sub(running.since_ms);
            running.next_sign_ms = running.since_ms + passed.max(FIRST_SIGN_MS) * 2;
            let text = match &running.items {
                Some(items) => items.text(passed, now_ms, 0),
                None => passed_text(passed, running.estimate_ms),
            };
            let name = pad(running.task.as_str(), self.name_width);
            lines.push(Tone::Dim.paint(format!("{name}  running, {text}")));
        }
        lines
    }
}

/// Returns a time that does not flicker: whole seconds.
fn clock(ms: u64) -> String {
    words::duration(ms / 1000 * 1000)
}

fn passed_text(passed: u64, estimate: Option<u64>) -> String {
    match estimate.filter(|estimate| *estimate >= 1000) {
        Some(estimate) if passed > estimate => {
            format!("{}, usually {}", clock(passed), words::rough_duration(estimate))
        }
        Some(estimate) => format!("{} of about {}", clock(passed), words::rough_duration(estimate)),
        None => clock(passed),
    }
}

impl Items {
    /// Returns a bar (where there is room for one) and the numbers.
    fn text(&self, passed: u64, now_ms: u64, room: usize) -> String {
        let mut numbers = format!("{} of {} items", words::number(self.done), words::number(self.total));
        if self.failed > 0 {
            numbers.push_str(&format!(", {} failed", words::number(self.failed)));
        }
        if let Some(rate) = self.rate.per_second(now_ms) {
            let left = self.total.saturating_sub(self.done) as f64 / rate * 1000.0;
            let rate = if rate < 10.0 { format!("{rate:.1}") } else { words::number(rate as u64) };
            numbers.push_str(&format!(", {rate}/s, {} left", words::rough_duration(left as u64)));
        } else {
            numbers.push_str(&format!(", {}", clock(passed)));
        }
        let bar = room.saturating_sub(cells(&numbers) + 2).min(24);
        if bar < 6 || self.total == 0 {
            return numbers;
        }
        let full = (self.done.min(self.total) as f64 / self.total as f64 * bar as f64) as usize;
        format!("{}{}  {numbers}", "━".repeat(full), "─".repeat(bar - full))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::width::strip;

    fn name(text: &str) -> TaskName {
        TaskName::parse(text).unwrap()
    }

    fn running() -> Scene {
        let mut scene = Scene::new("/p".into(), Volume::Normal);
        let started = Event::RunStarted {
            run: crate::model::RunId::new(0, 0),
            graph: "G".into(),
            branch: "main".into(),
            tasks: 20,
            fresh: 5,
            outputs: "/p/scratch/main".into(),
            estimate_ms: Some(60_000),
        };
        scene.hear(&started, 0);
        let start = |task, items, estimate_ms| Event::TaskStarted { task: name(task), items, estimate_ms };
        scene.hear(&start("clean", None, Some(9_000)), 0);
        scene.hear(&start("by_state", Some(50_000), None), 0);
        for (at, done) in [(1_000, 300), (2_000, 600), (3_000, 900)] {
            scene.hear(&Event::Items { task: name("by_state"), done, failed: 3, total: 50_000 }, at);
        }
        scene
    }

    #[test]
    fn shows_what_runs_and_how_long_it_will_take() {
        insta::assert_snapshot!(strip(&running().picture(3_400, 100, 24)), @r"
        \ clean     3 s of about 9 s
        \ by_state  ────────────────────────  900 of 50,000 items, 3 failed, 250/s, 3 min 16 s left
          2 running, 5 fresh, 18 to go · 3 s, about 57 s left
        ");
    }

    #[test]
    fn fits_a_narrow_and_a_low_window() {
        let mut scene = running();
        for at in 0..30 {
            scene.hear(
                &Event::TaskStarted { task: name(&format!("t{at}")), items: None, estimate_ms: None },
                0,
            );
        }
        let picture = strip(&scene.picture(3_400, 40, 6));
        insta::assert_snapshot!(picture, @r"
        \ clean     3 s of about 9 s
        \ by_state  900 of 50,000 items, 3 fai…
          and 30 more running
          32 running, 5 fresh · 3 s, about 57 …
        ");
        assert!(picture.lines().all(|line| cells(line) < 40));
    }

    #[test]
    fn in_a_pipe_a_long_task_says_less_and_less_often_that_it_runs() {
        let mut scene = running();
        assert!(scene.signs_of_life(29_000).is_empty());
        insta::assert_snapshot!(strip(&scene.signs_of_life(31_000).join("\n")), @"
        clean     running, 31 s, usually 9 s
        by_state  running, 900 of 50,000 items, 3 failed, 20/s, 41 min left
        ");
        assert!(scene.signs_of_life(59_000).is_empty());
        assert_eq!(scene.signs_of_life(70_000).len(), 2);
    }
}
