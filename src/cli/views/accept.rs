//! `kptn accept`: what counts from now on.

use crate::cli::paint::{Tone, harmless};
use crate::cli::words;
use crate::ops::report::{AcceptReport, AcceptedTask};

/// Returns the whole text.
pub fn text(report: &AcceptReport) -> String {
    let mut out: String = report.tasks.iter().map(line).collect();
    out.push_str(&match report.operation {
        Some(_) => {
            format!("accepted on {}: {}; `kptn undo` takes it back\n", report.branch, harmless(&report.why))
        }
        None => "nothing to accept: everything is fresh as it is\n".to_owned(),
    });
    out
}

fn line(task: &AcceptedTask) -> String {
    let name = &task.task;
    if task.record.is_none() {
        return format!("{} {name}: fresh as it is\n", Tone::Dim.paint("as before"));
    }
    let mut what = vec![words::count(task.files, "file", "files")];
    if let Some(items) = task.items {
        what.insert(0, words::count(items, "item", "items"));
    }
    if task.result {
        what.push("the result that was on record".to_owned());
    }
    let left = match task.left {
        0 => String::new(),
        left => format!("; {} still stale", words::count(left, "item is", "items are")),
    };
    format!("{}  {name}: {}{left}\n", Tone::Good.paint("accepted"), what.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::width::strip;
    use crate::model::{BranchName, Digest, TaskName};

    #[test]
    fn each_task_is_a_line_and_the_reason_is_said_once() {
        let task = |name: &str, items, left, result| AcceptedTask {
            task: TaskName::parse(name).unwrap(),
            record: (name != "A").then(|| Digest::of(b"")),
            files: 3,
            items,
            left,
            result,
        };
        let report = AcceptReport {
            branch: BranchName::parse("main").unwrap(),
            operation: Some(4),
            why: "x was renamed".to_owned(),
            tasks: vec![task("A", None, 0, false), task("B", None, 0, true), task("C", Some(2), 1, false)],
        };
        insta::assert_snapshot!(strip(&text(&report)), @"
        as before A: fresh as it is
        accepted  B: 3 files, the result that was on record
        accepted  C: 2 items, 3 files; 1 item is still stale
        accepted on main: x was renamed; `kptn undo` takes it back
        ");
    }
}
