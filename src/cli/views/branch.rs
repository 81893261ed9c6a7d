//! Branches and what became of them: `branch`, `tag`, `undo`.

use super::files::restored;
use crate::cli::paint::{Tone, harmless};
use crate::cli::table::{Cell, Side, Table};
use crate::cli::words;
use crate::model::TaskName;
use crate::ops::report::{
    AsOf, BranchRow, Brought, CloneReport, DeleteReport, RenameReport, TagRow, UndoReport,
};

/// How files get to where they are not; the last line of whatever moved a branch.
pub const HOW_FILES_COME: &str = "files come when a task needs them; `kptn restore` brings them all now\n";

/// Returns the list.
pub fn list(rows: &[BranchRow], width: usize, now_ms: u64) -> String {
    if rows.is_empty() {
        return "no branch has a state yet: `kptn run` makes one\n".to_owned();
    }
    let mut table = Table::new([
        ("branch", Side::Left),
        ("tasks", Side::Right),
        ("fresh", Side::Right),
        ("shared", Side::Right),
        ("own", Side::Right),
        ("cloned from", Side::Left),
        ("last run", Side::Left),
    ]);
    for row in rows {
        let name = format!("{} {}", if row.current { "*" } else { " " }, row.branch);
        let fresh = match (row.fresh, row.stale) {
            (Some(fresh), Some(stale)) => {
                format!("{}/{}", words::number(fresh), words::number(fresh + stale))
            }
            _ => "-".to_owned(),
        };
        table.row([
            Cell::new(if row.current { Tone::Strong } else { Tone::Plain }, name),
            words::number(row.tasks).into(),
            fresh.into(),
            words::size(row.shared_bytes).into(),
            words::size(row.own_bytes).into(),
            row.cloned_from.as_ref().map_or("-", |name| name.as_str()).into(),
            row.last_run.as_ref().map_or("never".to_owned(), |run| ago(run.at_ms, now_ms)).into(),
        ]);
    }
    table.render(width)
}

fn age(one: &AsOf, now_ms: u64) -> String {
    ago(one.at_ms, now_ms)
}

fn ago(at_ms: u64, now_ms: u64) -> String {
    words::age(now_ms.saturating_sub(at_ms))
}

/// Returns what a clone did.
pub fn cloned(report: &CloneReport, now_ms: u64) -> String {
    let (branch, source) = (&report.branch, &report.source);
    let when = match (&report.at, &report.as_of) {
        (None, Some(one)) => format!("has ({}, {})", one.verb, age(one, now_ms)),
        (None, None) => "has".to_owned(),
        (Some(_), Some(one)) => {
            format!("had after operation {} ({}, {})", one.operation, one.verb, age(one, now_ms))
        }
        (Some(word), None) => format!("had at {}", harmless(word)),
    };
    let mut out = match report.operation {
        None => format!("{branch} has what {source} {when}; nothing to do\n"),
        Some(_) => format!("{} has what {source} {when}\n", Tone::Good.paint(branch.to_string())),
    };
    out.push_str(&given_up(&report.given_up));
    match (&report.files, report.operation) {
        (Some(Brought::Here { outputs_dir, report }), _) => out.push_str(&restored(report, outputs_dir)),
        (Some(Brought::NoFolder), _) => out.push_str(&format!(
            "no file was put anywhere: {branch} has no output folder here; `kptn restore` on {branch} brings them\n"
        )),
        (None, Some(_)) => out.push_str(HOW_FILES_COME),
        (None, None) => {}
    }
    out
}

/// Returns what a rename did.
pub fn renamed(report: &RenameReport) -> String {
    format!("the state of {} is now that of {}\n", report.from, Tone::Good.paint(report.to.to_string()))
}

/// Returns what a delete did.
pub fn deleted(report: &DeleteReport) -> String {
    let mut out = format!("{} has no state any more; files stay where they are\n", report.branch);
    out.push_str(&given_up(&report.given_up));
    out
}

/// Returns what an undo did.
pub fn undone(report: &UndoReport, now_ms: u64) -> String {
    let AsOf { operation, verb, .. } = &report.undone;
    let mut out = format!(
        "{} operation {operation} ({verb}, {}) on {}",
        Tone::Good.paint("undid"),
        age(&report.undone, now_ms),
        report.branch
    );
    if !report.tasks.is_empty() {
        let names: Vec<_> = report.tasks.iter().map(|task| format!("`{task}`")).collect();
        let many = words::count(names.len() as u64, "task has its record", "tasks have their records");
        out.push_str(&format!(": {many} of before: {}", words::list(&names, 10)));
    }
    if verb == "gc" {
        let objects = words::count(report.objects, "object", "objects");
        out.push_str(&format!(": {objects} came back out of the trash\n"));
        return out;
    }
    out.push_str(&format!("\n`kptn undo {}` takes that back\n", report.operation));
    if !report.tasks.is_empty() {
        out.push_str(HOW_FILES_COME);
    }
    out
}

/// Returns the list of tags.
pub fn tags(rows: &[TagRow], width: usize, now_ms: u64) -> String {
    if rows.is_empty() {
        return "no state is tagged: `kptn tag NAME` keeps the one of this branch\n".to_owned();
    }
    let mut table = Table::new([
        ("tag", Side::Left),
        ("state of", Side::Left),
        ("commit", Side::Left),
        ("when", Side::Left),
        ("who", Side::Left),
    ]);
    for row in rows {
        table.row([
            Cell::new(Tone::Strong, row.tag.to_string()),
            row.branch.as_str().into(),
            row.commit.as_deref().map_or("-", |commit| commit.get(..9).unwrap_or(commit)).into(),
            words::age(now_ms.saturating_sub(row.at_ms)).into(),
            row.user.as_str().into(),
        ]);
    }
    table.render(width)
}

/// Returns which results no branch has any more.
pub fn given_up(tasks: &[TaskName]) -> String {
    if tasks.is_empty() {
        return String::new();
    }
    let names: Vec<_> = tasks.iter().map(|task| format!("`{task}`")).collect();
    let what = words::list(&names, 10);
    format!("{} its own results of {what}; `kptn undo` brings them back\n", Tone::Warn.paint("gave up"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::width::strip;
    use crate::model::BranchName;
    use crate::ops::report::LastRun;

    fn name(text: &str) -> BranchName {
        BranchName::parse(text).unwrap()
    }

    fn run(at_ms: u64) -> AsOf {
        AsOf { operation: 1, verb: "run".into(), user: "ada".into(), at_ms }
    }

    #[test]
    fn each_branch_is_a_line_with_what_is_its_own() {
        let row = |branch: &str, current, own_bytes| BranchRow {
            branch: name(branch),
            current,
            tasks: 1200,
            fresh: current.then_some(40),
            stale: current.then_some(2),
            cloned_from: (!current).then(|| name("main")),
            last_run: current.then(|| LastRun { operation: Some(1), user: "ada".into(), at_ms: 0 }),
            last: None,
            shared_bytes: 4_200_000,
            own_bytes,
        };
        let rows = [row("main", true, 1000), row("feature/x", false, 0)];
        insta::assert_snapshot!(strip(&list(&rows, 90, 60_000)), @"
        branch       tasks  fresh  shared   own  cloned from  last run
        * main       1,200  40/42  4.2 MB  1 kB  -            1 minute ago
          feature/x  1,200      -  4.2 MB   0 B  main         never
        ");
    }

    #[test]
    fn a_clone_says_whose_state_and_how_files_come() {
        let mut report = CloneReport {
            branch: name("x"),
            source: name("main"),
            at: None,
            as_of: Some(run(0)),
            operation: Some(7),
            given_up: vec![TaskName::parse("A").unwrap()],
            files: None,
        };
        insta::assert_snapshot!(strip(&cloned(&report, 60_000)), @"
        x has what main has (run, 1 minute ago)
        gave up its own results of `A`; `kptn undo` brings them back
        files come when a task needs them; `kptn restore` brings them all now
        ");
        report.operation = None;
        insta::assert_snapshot!(strip(&cloned(&report, 60_000)), @"
        x has what main has (run, 1 minute ago); nothing to do
        gave up its own results of `A`; `kptn undo` brings them back
        ");
        report.given_up.clear();
        report.operation = Some(8);
        report.at = Some("yesterday".into());
        report.files = Some(Brought::NoFolder);
        insta::assert_snapshot!(strip(&cloned(&report, 60_000)), @"
        x has what main had after operation 1 (run, 1 minute ago)
        no file was put anywhere: x has no output folder here; `kptn restore` on x brings them
        ");
    }
}
