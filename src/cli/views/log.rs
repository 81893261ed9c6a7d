//! `kptn log`: what happened to a branch, newest first.

use crate::cli::paint::Tone;
use crate::cli::table::{Cell, Side, Table};
use crate::cli::words;
use crate::ops::report::{LogEntry, RunCounts};

/// Returns the whole text.
pub fn text(entries: &[LogEntry], width: usize, now_ms: u64) -> String {
    if entries.is_empty() {
        return "nothing has happened on this branch yet\n".to_owned();
    }
    let mut table = Table::new([
        ("when", Side::Left),
        ("who", Side::Left),
        ("what", Side::Left),
        ("commit", Side::Left),
        ("came to", Side::Left),
    ]);
    for entry in entries {
        let what = [Some(entry.verb.as_str()), entry.graph.as_deref()];
        let what = what.into_iter().flatten().collect::<Vec<_>>().join(" ");
        let commit = entry.commit.as_deref().map(|commit| commit.get(..9).unwrap_or(commit)).unwrap_or("-");
        table.row([
            words::age(now_ms.saturating_sub(entry.at_ms)).into(),
            entry.user.as_str().into(),
            Cell::new(Tone::Strong, what),
            commit.into(),
            came_to(entry),
        ]);
    }
    table.render(width)
}

fn came_to(entry: &LogEntry) -> Cell {
    match (&entry.counts, &entry.run) {
        (Some(counts), _) if counts.failed > 0 => Cell::new(Tone::Bad, self::counts(counts)),
        (Some(counts), _) => self::counts(counts).into(),
        (None, Some(_)) => Cell::new(Tone::Warn, "going on, or cut off"),
        (None, None) => "".into(),
    }
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

    #[test]
    fn each_run_is_a_line() {
        let entry = |at_ms, counts| LogEntry {
            at_ms,
            user: "ada".into(),
            verb: "run".into(),
            branch: "main".into(),
            run: Some(RunId::new(at_ms, 1)),
            graph: Some("basic".into()),
            counts,
            commit: Some("fedcba9876543210".into()),
        };
        let counts = RunCounts { ran: 3, fresh: 5, failed: 1, ..RunCounts::default() };
        let entries = [entry(3_600_000, None), entry(0, Some(counts))];
        insta::assert_snapshot!(strip(&text(&entries, 80, 3_660_000)), @"
        when          who  what       commit     came to
        1 minute ago  ada  run basic  fedcba987  going on, or cut off
        1 hour ago    ada  run basic  fedcba987  3 ran, 5 fresh, 1 failed
        ");
    }
}
