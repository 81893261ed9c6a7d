//! `kptn log`: what happened to a branch, newest first.

use super::promote;
use crate::cli::paint::{Tone, harmless};
use crate::cli::table::{Cell, Side, Table};
use crate::cli::words;
use crate::ops::report::{LogEntry, RunCounts, TaskHistory};

/// Returns the whole text.
pub fn text(entries: &[LogEntry], width: usize, now_ms: u64) -> String {
    if entries.is_empty() {
        return "nothing has happened on this branch yet\n".to_owned();
    }
    let mut table = Table::new([
        ("", Side::Right),
        ("when", Side::Left),
        ("who", Side::Left),
        ("what", Side::Left),
        ("commit", Side::Left),
        ("came to", Side::Left),
    ]);
    for entry in entries {
        let tone = if entry.undone { Tone::Dim } else { Tone::Strong };
        table.row([
            entry.operation.map(|id| id.to_string()).unwrap_or_default().into(),
            words::age(now_ms.saturating_sub(entry.at_ms)).into(),
            entry.user.as_str().into(),
            Cell::new(tone, what(entry)),
            short(entry.commit.as_deref()).into(),
            came_to(entry),
        ]);
    }
    table.render(width)
}

fn short(commit: Option<&str>) -> &str {
    commit.map_or("-", |commit| commit.get(..9).unwrap_or(commit))
}

fn what(entry: &LogEntry) -> String {
    let about = match entry.verb.as_str() {
        "run" => entry.graph.as_deref().unwrap_or_default(),
        _ => entry.why.as_str(),
    };
    format!("{} {}", entry.verb, harmless(about)).trim_end().to_owned()
}

fn came_to(entry: &LogEntry) -> Cell {
    if entry.undone {
        return Cell::new(Tone::Dim, "undone");
    }
    match (&entry.counts, &entry.run, entry.tasks) {
        (Some(counts), _, _) if counts.failed > 0 => Cell::new(Tone::Bad, self::counts(counts)),
        (Some(counts), _, _) => self::counts(counts).into(),
        (None, Some(_), _) => Cell::new(Tone::Warn, "going on, or cut off"),
        (None, None, Some(tasks)) if tasks > 0 => {
            format!("{} of {}", words::count(tasks, "task", "tasks"), entry.branch).into()
        }
        (None, None, _) => "".into(),
    }
}

/// Returns the records that a task has had.
pub fn of_task(history: &TaskHistory, width: usize, now_ms: u64) -> String {
    if history.records.is_empty() {
        return format!("`{}` has never finished, on any branch\n", history.task);
    }
    let mut table = Table::new([
        ("record", Side::Left),
        ("made", Side::Left),
        ("who", Side::Left),
        ("made on", Side::Left),
        ("commit", Side::Left),
        ("took", Side::Right),
        ("outputs", Side::Left),
        ("is now on", Side::Left),
    ]);
    for record in &history.records {
        let commit = format!("{}{}", short(record.commit.as_deref()), if record.dirty { "+" } else { "" });
        let on: Vec<_> = record.on.iter().map(|branch| branch.as_str()).collect();
        table.row([
            Cell::new(if record.current { Tone::Strong } else { Tone::Plain }, record.record.short()),
            words::age(now_ms.saturating_sub(record.made_ms)).into(),
            record.user.as_str().into(),
            record.made_on.as_str().into(),
            commit.into(),
            if record.accepted.is_some() {
                "accepted".into()
            } else {
                words::duration(record.wall_ms).into()
            },
            record.outputs.short().into(),
            if on.is_empty() { "-".to_owned() } else { words::list(&on, 5) }.into(),
        ]);
    }
    let mut out = table.render(width);
    for record in &history.records {
        for one in &record.promoted {
            out.push_str(&format!("{} was {}\n", record.record.short(), promote::told(one, now_ms)));
        }
        if let Some(why) = &record.accepted {
            out.push_str(&format!(
                "{} was accepted by {}: {}\n",
                record.record.short(),
                record.user,
                harmless(why)
            ));
        }
    }
    out
}

/// Returns counts that are not zero: `3 ran, 5 fresh`.
pub fn counts(counts: &RunCounts) -> String {
    let parts = [
        (counts.ran, "ran"),
        (counts.reused, "reused"),
        (counts.fresh, "fresh"),
        (counts.spared, "spared"),
        (counts.failed, "failed"),
        (counts.skipped, "skipped"),
    ];
    let parts: Vec<String> = parts
        .iter()
        .filter(|(n, _)| *n > 0)
        .map(|(n, what)| format!("{} {what}", words::number(*n)))
        .collect();
    if parts.is_empty() { "nothing to do".to_owned() } else { parts.join(", ") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::width::strip;
    use crate::model::RunId;

    fn entry(operation: u64, verb: &str, counts: Option<RunCounts>) -> LogEntry {
        let is_run = verb == "run";
        LogEntry {
            operation: Some(operation),
            at_ms: operation * 1_000_000,
            user: "ada".into(),
            verb: verb.into(),
            branch: "main".into(),
            why: "dev".into(),
            run: is_run.then(|| RunId::new(operation, 1)),
            graph: is_run.then(|| "basic".into()),
            counts,
            tasks: (!is_run).then_some(12),
            commit: Some("fedcba9876543210".into()),
            command: "kptn run".into(),
            undoes: None,
            undone: false,
        }
    }

    #[test]
    fn each_operation_is_a_line() {
        let counts = RunCounts { ran: 3, fresh: 5, failed: 1, ..RunCounts::default() };
        let undone = LogEntry { undone: true, ..entry(1, "run", Some(counts)) };
        let going_on = LogEntry { operation: None, at_ms: 3_600_000, ..entry(4, "run", None) };
        let entries = [going_on, entry(3, "clone", None), entry(2, "run", Some(counts)), undone];
        insta::assert_snapshot!(strip(&text(&entries, 80, 3_660_000)), @"
           when            who  what       commit     came to
           1 minute ago    ada  run basic  fedcba987  going on, or cut off
        3  11 minutes ago  ada  clone dev  fedcba987  12 tasks of main
        2  27 minutes ago  ada  run basic  fedcba987  3 ran, 5 fresh, 1 failed
        1  44 minutes ago  ada  run basic  fedcba987  undone
        ");
    }
}
