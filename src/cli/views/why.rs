//! `kptn why TASK`: every reason, what it was compared with, and the code that changed.

use similar::TextDiff;

use super::promote;
use crate::cli::paint::{Tone, harmless};
use crate::cli::reasons;
use crate::cli::table;
use crate::cli::width::wrap;
use crate::cli::words;
use crate::model::Status;
use crate::ops::report::{CodeHunk, Compared, WhyReport};

/// How much of the code is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hunks {
    /// The first lines of each part.
    Beginnings,
    /// All of it.
    Whole,
}

/// Whether all ingredients are listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ingredients {
    /// Only those that changed.
    Changed,
    /// All.
    All,
}

/// So many lines of a part's changes are shown at first.
const LINES: usize = 14;

/// Returns the whole text.
pub fn text(report: &WhyReport, hunks: Hunks, ingredients: Ingredients, width: usize, now_ms: u64) -> String {
    let row = &report.row;
    let status = Tone::from(row.status).paint(row.status.word());
    let item = report.item.as_ref().map(|item| format!("[{}]", harmless(item))).unwrap_or_default();
    let mut out = format!("{} is {status}\n", Tone::Strong.paint(format!("{}{item}", row.task)));
    for reason in reasons::each(&row.reasons) {
        for (at, line) in wrap(&reason, width.saturating_sub(4).max(20)).iter().enumerate() {
            out.push_str(if at == 0 { "  - " } else { "    " });
            out.push_str(line);
            out.push('\n');
        }
    }
    if row.absent > 0 {
        let files = words::count(row.absent, "file is", "files are");
        out.push_str(&format!(
            "  - {files} not in the output folder; `kptn restore {}` puts them there\n",
            row.task
        ));
    }
    out.push('\n');
    out.push_str(&(wrap(&compared(report, now_ms), width).join("\n") + "\n"));
    for hunk in &report.hunks {
        out.push('\n');
        out.push_str(&hunk_text(hunk, hunks, row.task.as_str()));
    }
    if ingredients == Ingredients::All {
        let rows: Vec<(String, String)> = report
            .ingredients
            .iter()
            .map(|(name, value)| {
                (name.clone(), value.clone().unwrap_or_else(|| "counted by its digest".to_owned()))
            })
            .collect();
        out.push_str("\neverything that counts:\n");
        out.push_str(&table::pairs(&rows, width));
    }
    out
}

fn compared(report: &WhyReport, now_ms: u64) -> String {
    let Some(Compared { made_ms, branch, commit, record, user, accepted, promoted, deferred, .. }) =
        &report.compared_with
    else {
        return "there is no earlier record to compare with".to_owned();
    };
    let age = words::age(now_ms.saturating_sub(*made_ms));
    let commit = commit.as_ref().map(|commit| format!(", commit {}", short(commit))).unwrap_or_default();
    let how = if accepted.is_some() { "accepted" } else { "made" };
    let place = format!("{how} {age} on branch {branch}{commit}, record {}", short(record));
    let told = match report.row.status {
        Status::Fresh => format!("{place}; everything that counts is as it was then"),
        _ => format!("compared with what was {place}"),
    };
    let told = match accepted {
        Some(why) => format!("{told}; {user} accepted it: {}", harmless(why)),
        None => told,
    };
    let told = match promoted {
        Some(one) => format!("{told}; {}", promote::told(one, now_ms)),
        None => told,
    };
    let there = deferred.iter().map(|one| format!("{} of {} ({})", one.task, one.remote, one.branch));
    match there.collect::<Vec<_>>().as_slice() {
        [] => told,
        there => {
            format!("{told}; it was made with {}, so no protected branch takes it", words::list(there, 5))
        }
    }
}

fn short(digest: &str) -> &str {
    digest.get(..12).unwrap_or(digest)
}

fn hunk_text(hunk: &CodeHunk, hunks: Hunks, task: &str) -> String {
    let CodeHunk { part, file, line, before, after } = hunk;
    let head = Tone::Strong.paint(format!("{part}  {file}:{line}"));
    let (before, after) = match (before, after) {
        (None, Some(_)) => {
            return format!("{head}\n{}\n", Tone::Good.paint("  this part is new, or was not kept"));
        }
        (Some(_), None) => return format!("{head}\n{}\n", Tone::Bad.paint("  this part is gone")),
        (None, None) => return String::new(),
        (Some(before), Some(after)) => (before, after),
    };
    let lines = changed_lines(before, after, *line);
    let shown = if hunks == Hunks::Whole || lines.len() <= LINES + 2 { lines.len() } else { LINES };
    let mut out = format!("{head}\n{}", lines[..shown].concat());
    if shown < lines.len() {
        let more = words::count((lines.len() - shown) as u64, "more line", "more lines");
        out.push_str(&Tone::Dim.paint(format!("  {more}; `kptn why {task} --diff` shows all")));
        out.push('\n');
    }
    out
}

/// Returns the lines of a unified diff; the numbers are those of the file.
fn changed_lines(before: &str, after: &str, first: u32) -> Vec<String> {
    let diff = TextDiff::from_lines(before, after);
    let mut lines = Vec::new();
    for hunk in diff.unified_diff().context_radius(2).iter_hunks() {
        let new = hunk.ops().first().map_or(0, |op| op.new_range().start);
        lines.push(format!("{}\n", Tone::Hint.paint(format!("  @@ line {} @@", first as usize + new))));
        for change in hunk.iter_changes() {
            let (mark, tone) = match change.tag() {
                similar::ChangeTag::Delete => ("-", Tone::Bad),
                similar::ChangeTag::Insert => ("+", Tone::Good),
                similar::ChangeTag::Equal => (" ", Tone::Plain),
            };
            let line = change.value().trim_end_matches(['\n', '\r']);
            lines.push(format!("{}\n", tone.paint(format!("  {mark}{line}"))));
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::views::status::tests::row;
    use crate::cli::width::strip;
    use crate::model::{Change, IngredientKind, Reason, RunId};

    fn stale() -> WhyReport {
        let change = |kind, name: &str, before: &str, after: &str| {
            Reason::Changed(Change {
                kind,
                name: name.into(),
                before: Some(before.into()),
                after: Some(after.into()),
            })
        };
        WhyReport {
            item: None,
            row: row(
                "summarise",
                Status::Stale,
                vec![
                    change(IngredientKind::Code, "helpers.clean", "0123456789ab", "ba9876543210"),
                    change(IngredientKind::Interpreter, "R", "4.2", "4.3"),
                ],
            ),
            fingerprint: None,
            compared_with: Some(Compared {
                record: "0123456789abcdef".into(),
                run: RunId::new(0, 0),
                made_ms: 0,
                branch: "main".into(),
                commit: Some("fedcba9876543210".into()),
                attested: None,
                user: "ada".into(),
                accepted: None,
                promoted: None,
                deferred: Vec::new(),
            }),
            hunks: vec![CodeHunk {
                part: "helpers.clean".into(),
                file: "tasks/helpers.py".into(),
                line: 10,
                before: Some("def clean(x):\n    a = 1\n    b = 2\n    c = 3\n    return x\n".into()),
                after: Some("def clean(x):\n    a = 1\n    b = 2\n    c = 3\n    return x.strip()\n".into()),
            }],
            ingredients: vec![("code helpers.clean".into(), None), ("R".into(), Some("4.3".into()))],
        }
    }

    #[test]
    fn names_what_changed_and_shows_the_code() {
        let text = text(&stale(), Hunks::Beginnings, Ingredients::All, 80, 7_200_000);
        insta::assert_snapshot!(strip(&text), @"
        summarise is stale
          - code changed: helpers.clean
          - R 4.2 -> 4.3

        compared with what was made 2 hours ago on branch main, commit fedcba987654,
        record 0123456789ab

        helpers.clean  tasks/helpers.py:10
          @@ line 12 @@
               b = 2
               c = 3
          -    return x
          +    return x.strip()

        everything that counts:
        code helpers.clean  counted by its digest
        R                   4.3
        ");
    }

    #[test]
    fn a_long_change_is_shown_in_full_on_demand() {
        let mut report = stale();
        report.hunks[0].before = Some((0..50).map(|n| format!("a{n}\n")).collect());
        report.hunks[0].after = Some((0..50).map(|n| format!("b{n}\n")).collect());
        let lines = |hunks| text(&report, hunks, Ingredients::Changed, 80, 0).lines().count();
        assert!(lines(Hunks::Beginnings) < 30);
        assert!(lines(Hunks::Whole) > 100);
    }

    #[test]
    fn a_fresh_task_says_what_its_record_belongs_to() {
        let mut report = stale();
        report.row = row("summarise", Status::Fresh, vec![]);
        report.row.absent = 1;
        report.hunks.clear();
        let text = text(&report, Hunks::Beginnings, Ingredients::Changed, 80, 7_200_000);
        insta::assert_snapshot!(strip(&text), @"
        summarise is fresh
          - 1 file is not in the output folder; `kptn restore summarise` puts them there

        made 2 hours ago on branch main, commit fedcba987654, record 0123456789ab;
        everything that counts is as it was then
        ");
    }
}
