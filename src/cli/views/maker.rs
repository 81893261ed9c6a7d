//! `kptn log PATH`: who made a file.

use crate::cli::paint::{Tone, harmless};
use crate::cli::table::{Cell, Side, Table};
use crate::cli::words;
use crate::ops::maker::{FileReport, FileState, Maker};

/// Returns what is known of it, a fact a line.
pub fn text(report: &FileReport, width: usize, now_ms: u64) -> String {
    let by = &report.made_by;
    let task = by.task.to_string();
    let task = by.item.as_ref().map(|item| format!("{task}[{}]", harmless(item))).unwrap_or(task);
    let of = if by.current { "" } else { ", which this branch does not have now" };
    let mut table = Table::new([("", Side::Left), ("", Side::Left)]);
    let mut fact = |what: &'static str, tone: Tone, text: String| {
        table.row([Cell::new(Tone::Dim, what), Cell::new(tone, text)]);
    };
    fact(
        "file",
        Tone::Plain,
        format!("{}, {} on {}", harmless(&report.path), words::size(by.size), report.branch),
    );
    fact("task", Tone::Strong, format!("{task} of {}", by.graph));
    fact("made", Tone::Plain, made(by, now_ms));
    fact("commit", Tone::Plain, commit(by));
    fact(
        "run",
        Tone::Plain,
        by.run.as_ref().map_or_else(|| "not known here".to_owned(), ToString::to_string),
    );
    fact("record", Tone::Plain, format!("{}{of}", by.record.short()));
    if let Some(why) = &by.accepted {
        fact("accepted", Tone::Warn, format!("by {}: {}", by.user, harmless(why)));
    }
    let (tone, state) = now(report.state, &task, by);
    fact("now", tone, state);
    table.render(width)
}

fn made(by: &Maker, now_ms: u64) -> String {
    format!("{}, by {} on {}", words::age(now_ms.saturating_sub(by.made_ms)), by.user, by.made_on)
}

fn commit(by: &Maker) -> String {
    let Some(commit) = &by.commit else { return "none".to_owned() };
    let more = if by.dirty == Some(true) { ", and files that were not committed" } else { "" };
    format!("{}{more}", commit.get(..9).unwrap_or(commit))
}

fn now(state: FileState, task: &str, by: &Maker) -> (Tone, String) {
    let restore = || match by.current {
        true if by.item.is_some() => format!("`kptn path '{task}'` puts it there"),
        true => format!("`kptn path {task}` puts it there"),
        false => format!("`kptn run {}` makes it", by.task),
    };
    match state {
        FileState::AsMade => (Tone::Good, "as it was made".to_owned()),
        FileState::Absent => (Tone::Dim, format!("not there; {}", restore())),
        FileState::Edited => (
            Tone::Warn,
            format!(
                "edited since: the next run of `{0}` keeps it aside, `kptn accept {0} -m WHY` makes it count",
                by.task
            ),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::width::strip;
    use crate::model::{BranchName, Digest, GraphName, RunId, TaskName};

    #[test]
    fn a_file_that_was_edited_says_so() {
        let report = FileReport {
            path: "each/NC.txt".into(),
            branch: BranchName::parse("main").unwrap(),
            state: FileState::Edited,
            made_by: Maker {
                graph: GraphName::parse("g").unwrap(),
                task: TaskName::parse("each").unwrap(),
                item: Some("NC".into()),
                record: Digest::of(b"record"),
                current: false,
                run: Some(RunId::new(1, 1)),
                made_ms: 0,
                made_on: "main".into(),
                user: "ada".into(),
                commit: Some("fedcba9876543210".into()),
                dirty: Some(true),
                accepted: None,
                size: 1200,
                digest: Digest::of(b"file"),
            },
        };
        let text = strip(&text(&report, 60, 3_600_000));
        for line in [
            "file    each/NC.txt, 1.2 kB on main\n",
            "task    each[NC] of g\n",
            "made    1 hour ago, by ada on main\n",
            "commit  fedcba987, and files that were not committed\n",
            ", which this branch does not have now\n",
            "now     edited since: the next run of `each` keeps it aside,\n        `kptn accept each -m WHY` makes it count\n",
        ] {
            assert!(text.contains(line), "no `{line}` in\n{text}");
        }
    }
}
