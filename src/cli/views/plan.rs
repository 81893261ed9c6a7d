//! `kptn plan`: what a run would do, in order, and how long it would take.

use crate::cli::paint::Tone;
use crate::cli::reasons;
use crate::cli::table::{Cell, Side, Table};
use crate::cli::views::status::where_it_is;
use crate::cli::words;
use crate::model::{Reason, Status};
use crate::ops::report::{StatusReport, StatusRow};

/// Returns the whole text.
pub fn text(report: &StatusReport, width: usize) -> String {
    let todo: Vec<&StatusRow> = report.rows.iter().filter(|row| row.status != Status::Fresh).collect();
    let fresh = (report.rows.len() - todo.len()) as u64;
    let place = where_it_is(&report.place);
    if todo.is_empty() {
        let nothing = format!("nothing to do, {}", words::count(fresh, "task is fresh", "tasks are fresh"));
        return words::facts(&[vec![nothing], place].concat(), width) + "\n";
    }
    let mut table = Table::new([
        ("task", Side::Left),
        ("would", Side::Left),
        ("last took", Side::Right),
        ("why", Side::Left),
    ]);
    for row in &todo {
        let time = row.estimate_ms.map(words::duration).unwrap_or_else(|| "-".to_owned());
        let would = Cell::new(row.status.into(), would_in_words(row));
        table.row([
            Cell::new(Tone::Strong, row.task.as_str()),
            would,
            time.into(),
            reasons::brief(&row.reasons).into(),
        ]);
    }
    let facts = [summary(&todo, fresh), place].concat();
    format!(
        "{}
{}
",
        table.render(width),
        words::facts(&facts, width)
    )
}

/// Returns what would be done with a task, and with how many of its items.
fn would_in_words(row: &StatusRow) -> String {
    let word = would(row);
    match (row.chosen, row.items) {
        (Some(chosen), _) => format!("{word} {}", words::count(chosen, "item", "items")),
        (None, Some(items)) if items.stale > 0 && word == "run" => {
            format!("{word} {}", words::count(items.stale, "item", "items"))
        }
        _ => word.to_owned(),
    }
}

fn would(row: &StatusRow) -> &'static str {
    let reused = row.reasons.iter().any(|reason| matches!(reason, Reason::Reusable { .. }));
    match row.status {
        Status::Maybe => "perhaps run",
        _ if reused => "take",
        _ => "run",
    }
}

fn summary(todo: &[&StatusRow], fresh: u64) -> Vec<String> {
    let count = |word: &str| todo.iter().filter(|row| would(row) == word).count() as u64;
    let parts = [
        (count("run"), "to run"),
        (count("take"), "to take from elsewhere"),
        (count("perhaps run"), "perhaps"),
        (fresh, "fresh"),
    ];
    let parts: Vec<String> = parts
        .iter()
        .filter(|(n, _)| *n > 0)
        .map(|(n, what)| format!("{} {what}", words::number(*n)))
        .collect();
    [Some(parts.join(", ")), time(todo)].into_iter().flatten().collect()
}

/// The sum, as if one after the other: how many run at once is decided when they run.
fn time(todo: &[&StatusRow]) -> Option<String> {
    let sum: u64 = todo.iter().filter_map(|row| row.estimate_ms).sum();
    let unknown = todo.iter().filter(|row| row.estimate_ms.is_none()).count() as u64;
    match (sum, unknown) {
        (0, _) => None,
        (sum, 0) => Some(format!("at most {} one after the other", words::rough_duration(sum))),
        (sum, unknown) => Some(format!(
            "{} one after the other, and what {} not known yet",
            words::rough_duration(sum),
            words::count(unknown, "task takes is", "tasks take is")
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::views::status::tests::{report, row};
    use crate::cli::width::strip;

    #[test]
    fn says_what_would_run_and_for_how_long() {
        let mut new = row("new", Status::Stale, vec![Reason::NeverRan]);
        new.estimate_ms = None;
        let taken = row("taken", Status::Stale, vec![Reason::Reusable { branch: "dev".into() }]);
        let maybe = row("after", Status::Maybe, vec![Reason::Upstream { tasks: vec![new.task.clone()] }]);
        let report = report(vec![row("ok", Status::Fresh, vec![]), new, taken, maybe]);
        insta::assert_snapshot!(strip(&text(&report, 80)), @"
        task   would        last took  why
        new    run                  -  never ran
        taken  take             3.1 s  made on branch dev, to be taken from there
        after  perhaps run      3.1 s  after new

        1 to run, 1 to take from elsewhere, 1 perhaps, 1 fresh
        6 s one after the other, and what 1 task takes is not known yet · branch main
        outputs in scratch/main
        ");
    }

    #[test]
    fn nothing_to_do_is_one_line() {
        let report = report(vec![row("ok", Status::Fresh, vec![])]);
        insta::assert_snapshot!(strip(&text(&report, 80)), @"nothing to do, 1 task is fresh · branch main · outputs in scratch/main");
    }
}
