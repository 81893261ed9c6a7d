//! Statuses for a pull request: a Markdown table for a comment, workflow commands for GitHub's annotations.

use crate::cli::reasons;
use crate::cli::width::strip;
use crate::cli::words;
use crate::model::{Reason, Status};
use crate::ops::affected::{AffectedReport, AffectedRow};
use crate::ops::report::{StatusReport, StatusRow};

/// How a status is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum Format {
    /// For people at a terminal
    #[default]
    Text,
    /// A table, for a comment or a summary page
    Markdown,
    /// Annotations, as GitHub's workflow commands
    Github,
}

/// One line of either.
struct Line {
    task: String,
    status: Status,
    why: String,
}

/// Returns the tasks that are not fresh.
pub fn status(report: &StatusReport, format: Format) -> String {
    let lines: Vec<Line> =
        report.rows.iter().filter(|row| row.status != Status::Fresh).map(of_status).collect();
    let total = words::count(report.rows.len() as u64, "task", "tasks");
    let title = match lines.len() as u64 {
        0 => format!("all of {total} fresh"),
        stale => format!("{} of {total} not fresh", words::number(stale)),
    };
    text(&format!("{title} on branch {}", report.place.branch), &lines, format)
}

/// Returns the tasks that are affected, whatever their status.
pub fn affected(report: &AffectedReport, format: Format) -> String {
    let lines: Vec<Line> = report.rows.iter().map(of_affected).collect();
    let total = words::count(report.tasks, "task", "tasks");
    let commit = report.commit.get(..9).unwrap_or(&report.commit);
    let count = match lines.len() as u64 {
        0 => "none".to_owned(),
        affected => words::number(affected),
    };
    text(&format!("{count} of {total} affected since {} ({commit})", report.base), &lines, format)
}

/// Returns what of a task's own differs, and what before it is affected.
pub fn affected_by(row: &AffectedRow) -> String {
    if row.new {
        return "new".to_owned();
    }
    let changed = row.changes.iter().cloned().map(Reason::Changed);
    let after = (!row.after.is_empty()).then(|| {
        let names: Vec<&str> = row.after.iter().map(|task| task.as_str()).collect();
        format!("after {}", words::list(&names, 3))
    });
    let own = Some(strip(&reasons::brief(&changed.collect::<Vec<_>>()))).filter(|text| !text.is_empty());
    own.into_iter().chain(after).collect::<Vec<_>>().join("; ")
}

fn of_status(row: &StatusRow) -> Line {
    Line { task: row.task.to_string(), status: row.status, why: strip(&reasons::brief(&row.reasons)) }
}

fn of_affected(row: &AffectedRow) -> Line {
    Line { task: row.row.task.to_string(), status: row.row.status, why: affected_by(row) }
}

fn text(title: &str, lines: &[Line], format: Format) -> String {
    match format {
        Format::Github => lines.iter().map(annotation).collect(),
        Format::Text | Format::Markdown => {
            let mut out = format!("### kptn: {}\n", in_markdown(title));
            if !lines.is_empty() {
                out.push_str("\n| task | status | why |\n|---|---|---|\n");
            }
            for Line { task, status, why } in lines {
                let (task, why) = (in_markdown(task), in_markdown(why));
                out.push_str(&format!("| {task} | {} | {why} |\n", status.word()));
            }
            out
        }
    }
}

/// Keeps a text in its cell, and what looks like markup as it is.
fn in_markdown(text: &str) -> String {
    let escaped = text.chars().map(|c| match c {
        '|' | '*' | '_' | '`' | '<' | '[' | ']' | '\\' | '#' | '@' | '~' => format!("\\{c}"),
        c if c.is_control() => " ".to_owned(),
        c => c.to_string(),
    });
    escaped.collect()
}

fn annotation(line: &Line) -> String {
    let level = if line.status == Status::Failed { "error" } else { "warning" };
    let title = format!("{} is {}", line.task, line.status.word());
    format!("::{level} title=kptn%3A {}::{}\n", in_property(&title), in_message(&line.why))
}

fn in_message(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

fn in_property(text: &str) -> String {
    in_message(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::views::status::tests::row;
    use crate::model::TaskName;
    use crate::ops::report::Place;

    fn report() -> StatusReport {
        let reasons = vec![Reason::Failed { error: "a | b\n100%".into(), log: None }];
        let upstream = vec![Reason::Upstream { tasks: vec![TaskName::parse("clean_data").unwrap()] }];
        StatusReport {
            place: Place { project: "/".into(), branch: "try".into(), outputs_dir: "scratch/try".into() },
            rows: vec![
                row("clean_data", Status::Failed, reasons),
                row("model", Status::Maybe, upstream),
                row("other", Status::Fresh, vec![]),
            ],
            notes: vec![],
            running: None,
        }
    }

    #[test]
    fn a_table_keeps_each_text_in_its_cell() {
        insta::assert_snapshot!(status(&report(), Format::Markdown), @r"
        ### kptn: 2 of 3 tasks not fresh on branch try

        | task | status | why |
        |---|---|---|
        | clean\_data | failed | a \| b 100% |
        | model | maybe | after clean\_data |
        ");
    }

    #[test]
    fn annotations_are_one_line_each() {
        insta::assert_snapshot!(status(&report(), Format::Github), @r"
        ::error title=kptn%3A clean_data is failed::a | b%0A100%25
        ::warning title=kptn%3A model is maybe::after clean_data
        ");
    }
}
