//! What differs between two states: `diff`.

use crate::cli::paint::Tone;
use crate::cli::{reasons, words};
use crate::model::Reason;
use crate::ops::report::{DiffReport, FileDiff, TaskDiff, TaskDiffKind};

/// So many files of one task are listed; more are counted.
const LISTED: usize = 20;

/// How much is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Detail {
    /// File by file.
    Files,
    /// Counts alone.
    Counts,
}

/// Returns the whole text.
pub fn text(report: &DiffReport, detail: Detail) -> String {
    if report.tasks.is_empty() {
        return format!("{} and {} have the same records\n", report.from, report.to);
    }
    let mut out = format!("{} -> {}\n", report.from, report.to);
    for task in &report.tasks {
        out.push_str(&head(task));
        if detail == Detail::Files {
            for file in task.files.iter().take(LISTED) {
                out.push_str(&line(file));
            }
            if task.files.len() > LISTED {
                let more = (task.files.len() - LISTED) as u64;
                out.push_str(&format!("    and {}\n", words::count(more, "more file", "more files")));
            }
        }
    }
    let files: Vec<&FileDiff> = report.tasks.iter().flat_map(|task| &task.files).collect();
    out.push_str(&format!(
        "{}, {}\n",
        words::count(report.tasks.len() as u64, "task differs", "tasks differ"),
        counts(&files)
    ));
    out
}

fn head(task: &TaskDiff) -> String {
    let (tone, sign) = match task.kind {
        TaskDiffKind::Added => (Tone::Good, "+"),
        TaskDiffKind::Removed => (Tone::Bad, "-"),
        TaskDiffKind::Changed => (Tone::Warn, "~"),
        TaskDiffKind::SameOutputs => (Tone::Dim, "="),
    };
    let why: Vec<Reason> = task.ingredients.iter().cloned().map(Reason::Changed).collect();
    let mut facts = Vec::new();
    if task.kind == TaskDiffKind::SameOutputs {
        facts.push("same outputs".to_owned());
    } else {
        facts.push(counts(&task.files.iter().collect::<Vec<_>>()));
    }
    if task.result_changed && task.kind == TaskDiffKind::Changed {
        facts.push("other result".to_owned());
    }
    if !why.is_empty() {
        facts.push(reasons::brief(&why));
    }
    if let (Some(before), Some(after)) = (task.before_ms, task.after_ms) {
        facts.push(format!("{} -> {}", words::duration(before), words::duration(after)));
    }
    format!("{} {}  {}\n", tone.paint(sign), Tone::Strong.paint(task.task.to_string()), facts.join(" · "))
}

fn line(file: &FileDiff) -> String {
    match (file.before, file.after) {
        (None, Some(after)) => {
            format!("    {} {}  {}\n", Tone::Good.paint("+"), file.path, words::size(after))
        }
        (Some(before), None) => {
            format!("    {} {}  {}\n", Tone::Bad.paint("-"), file.path, words::size(before))
        }
        (Some(before), Some(after)) => {
            format!("    {} {}  {}\n", Tone::Warn.paint("~"), file.path, words::size_change(before, after))
        }
        (None, None) => String::new(),
    }
}

/// `2 files changed, 1 added (+3 kB)`.
fn counts(files: &[&FileDiff]) -> String {
    let many = |wanted: fn(&FileDiff) -> bool| files.iter().filter(|file| wanted(file)).count() as u64;
    let kinds = [
        (many(|file| file.before.is_none()), "added"),
        (many(|file| file.before.is_some() && file.after.is_some()), "changed"),
        (many(|file| file.after.is_none()), "removed"),
    ];
    let mut parts: Vec<String> = Vec::new();
    for (n, what) in kinds.into_iter().filter(|(n, _)| *n > 0) {
        let noun = if parts.is_empty() { words::count(n, "file", "files") } else { words::number(n) };
        parts.push(format!("{noun} {what}"));
    }
    let sum = |side: fn(&FileDiff) -> Option<u64>| files.iter().filter_map(|file| side(file)).sum::<u64>();
    let (before, after) = (sum(|file| file.before), sum(|file| file.after));
    let bytes = match before.cmp(&after) {
        std::cmp::Ordering::Less => format!(" (+{})", words::size(after - before)),
        std::cmp::Ordering::Greater => format!(" (-{})", words::size(before - after)),
        std::cmp::Ordering::Equal => String::new(),
    };
    if parts.is_empty() { "no file differs".to_owned() } else { format!("{}{bytes}", parts.join(", ")) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::width::strip;
    use crate::model::{Change, GraphName, IngredientKind, TaskName};

    #[test]
    fn tasks_and_files_that_differ_are_listed_with_sizes() {
        let task = |name: &str, kind, files: &[(&str, Option<u64>, Option<u64>)]| TaskDiff {
            graph: GraphName::parse("g").unwrap(),
            task: TaskName::parse(name).unwrap(),
            kind,
            files: files
                .iter()
                .map(|(path, before, after)| FileDiff {
                    path: (*path).into(),
                    before: *before,
                    after: *after,
                })
                .collect(),
            result_changed: false,
            ingredients: vec![Change {
                kind: IngredientKind::Code,
                name: "A.py".into(),
                before: Some("1".into()),
                after: Some("2".into()),
            }],
            before_ms: Some(1200),
            after_ms: Some(900),
        };
        let files = [("a.csv", Some(1000), Some(1200)), ("b.csv", None, Some(5)), ("c.csv", Some(7), None)];
        let report = DiffReport {
            from: "main".into(),
            to: "dev".into(),
            tasks: vec![task("A", TaskDiffKind::Changed, &files), task("B", TaskDiffKind::SameOutputs, &[])],
        };
        insta::assert_snapshot!(strip(&text(&report, Detail::Files)), @"
        main -> dev
        ~ A  1 file added, 1 changed, 1 removed (+198 B) · code changed: A.py · 1.2 s -> 0.9 s
            ~ a.csv  1 -> 1.2 kB
            + b.csv  5 B
            - c.csv  7 B
        = B  same outputs · code changed: A.py · 1.2 s -> 0.9 s
        2 tasks differ, 1 file added, 1 changed, 1 removed (+198 B)
        ");
        assert_eq!(text(&report, Detail::Counts).lines().count(), 4);
    }
}
