//! Verbs that touch files: `path`, `restore`, `render`, `fsck`.

use std::path::Path;

use crate::cli::paint::Tone;
use crate::cli::words;
use crate::ops::reading::PathReport;
use crate::ops::report::{FsckReport, KeptFile, RenderedFile, RenderedState, RestoreReport};
use crate::process::Launch;

/// So many files are listed; more are counted.
const LISTED: usize = 20;

/// Returns what `restore` did.
pub fn restored(report: &RestoreReport, outputs_dir: &Path) -> String {
    let mut out = String::new();
    list(&mut out, &report.restored, |path| format!("{} {path}", Tone::Good.paint("restored")));
    list(&mut out, &report.removed, |path| {
        format!("{} {path}: another branch's", Tone::Good.paint("removed"))
    });
    for kept in &report.kept {
        let KeptFile { path, aside } = kept;
        let now = if report.dry_run { "would go to" } else { "now" };
        out.push_str(&format!("{} {path}: edited by hand, {now} {aside}\n", Tone::Warn.paint("kept")));
    }
    for path in &report.tracked {
        out.push_str(&format!("{} {path}: tracked by git, left alone\n", Tone::Warn.paint("kept")));
    }
    for path in &report.lost {
        out.push_str(&format!(
            "{} {path}: neither this machine nor a remote that it knows has its bytes\n",
            Tone::Bad.paint("lost")
        ));
    }
    for path in &report.in_the_way {
        let blocked = Tone::Bad.paint("blocked");
        out.push_str(&format!(
            "{blocked} {path}: a folder is in its place, or a file or a link above it; move that away\n"
        ));
    }
    let would = if report.dry_run { "would be " } else { "" };
    let put = words::count(report.restored.len() as u64, "file", "files");
    let removed = match report.removed.len() as u64 {
        0 => String::new(),
        removed => format!(", {} removed", words::number(removed)),
    };
    out.push_str(&format!(
        "{put} {would}put back{removed}, {} there already · {}\n",
        words::number(report.present),
        outputs_dir.display()
    ));
    out
}

/// Lists the first files, and counts the others.
fn list(out: &mut String, paths: &[String], line: impl Fn(&String) -> String) {
    for path in paths.iter().take(LISTED) {
        out.push_str(&line(path));
        out.push('\n');
    }
    if paths.len() > LISTED {
        let more = (paths.len() - LISTED) as u64;
        out.push_str(&format!("and {}\n", words::count(more, "more file", "more files")));
    }
}

/// Returns what `path` has to say of files that are not what the task made.
pub fn edited_where_read(report: &PathReport) -> String {
    let line = |path: &String| {
        format!(
            "{} `{path}` was edited after `{}` made it; `kptn cat` prints what it made\n",
            Tone::Warn.paint("note:"),
            report.task
        )
    };
    report.edited.iter().map(line).collect()
}

/// Returns what `render` did, a line a runner.
pub fn rendered(files: &[RenderedFile], base: &Path) -> String {
    let mut out = String::new();
    for file in files {
        let path = |path: &Path| path.strip_prefix(base).unwrap_or(path).display().to_string();
        let (tone, word, more) = match &file.state {
            RenderedState::Current => (Tone::Good, "current", String::new()),
            RenderedState::Written => (Tone::Good, "written", String::new()),
            RenderedState::Edited => (Tone::Warn, "edited", " (by hand: left as it is)".to_owned()),
            RenderedState::Outdated => (Tone::Bad, "outdated", String::new()),
            RenderedState::Replaced { aside } => {
                (Tone::Warn, "replaced", format!(" (the edited one is now {})", path(aside)))
            }
        };
        out.push_str(&format!("{}  {}{more}\n", tone.paint(format!("{word:<8}")), path(&file.path)));
        let note = |note: &String| format!("          {} {note}\n", Tone::Warn.paint("note:"));
        out.extend(file.notes.iter().map(note));
    }
    out
}

/// Returns a command as it would be typed.
pub fn command(launch: &Launch) -> String {
    let words = std::iter::once(&launch.program).chain(&launch.arguments);
    let words: Vec<String> = words.map(|word| word.to_string_lossy().into_owned()).collect();
    shlex::try_join(words.iter().map(String::as_str)).unwrap_or_else(|_| words.join(" "))
}

/// Returns what `fsck` found.
pub fn checked(report: &FsckReport) -> String {
    let mut out: String = report
        .repaired
        .iter()
        .map(|repaired| format!("{} {repaired}\n", Tone::Good.paint("repaired:")))
        .collect();
    let problems: String =
        report.problems.iter().map(|problem| format!("{} {problem}\n", Tone::Bad.paint("error:"))).collect();
    out.push_str(&problems);
    let read = format!(
        "{} and {} read",
        words::count(report.objects, "object", "objects"),
        words::count(report.records, "record", "records")
    );
    let found = match report.problems.len() as u64 {
        0 if report.repaired.is_empty() => "all whole".to_owned(),
        0 => "all whole now".to_owned(),
        problems => words::count(problems, "problem", "problems"),
    };
    out.push_str(&format!("{read}: {found}\n"));
    if report.promised > 0 {
        let what = words::count(report.promised, "object stays", "objects stay");
        out.push_str(&format!("{what} at a remote until something needs them (`kptn pull --lazy`)\n"));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::width::strip;
    use crate::model::GraphName;

    #[test]
    fn restored_files_are_named_and_counted() {
        let report = RestoreReport {
            restored: (0..22).map(|n| format!("f{n}.csv")).collect(),
            present: 1200,
            kept: vec![KeptFile { path: "mine.csv".into(), aside: ".kept/now/mine.csv".into() }],
            tracked: vec!["README.md".into()],
            lost: vec!["gone.csv".into()],
            in_the_way: vec!["folder".into()],
            ..RestoreReport::default()
        };
        let text = strip(&restored(&report, Path::new("scratch/main")));
        let end = text.lines().skip(19).collect::<Vec<_>>().join("\n");
        insta::assert_snapshot!(end, @"
        restored f19.csv
        and 2 more files
        kept mine.csv: edited by hand, now .kept/now/mine.csv
        kept README.md: tracked by git, left alone
        lost gone.csv: neither this machine nor a remote that it knows has its bytes
        blocked folder: a folder is in its place, or a file or a link above it; move that away
        22 files put back, 1,200 there already · scratch/main
        ");
    }

    #[test]
    fn runners_and_their_state_are_listed() {
        let file = |name: &str, state| RenderedFile {
            graph: GraphName::parse(name).ok(),
            path: format!("/p/flows/{name}.py").into(),
            state,
            notes: if name == "a" { vec!["`x` is large".to_owned()] } else { Vec::new() },
        };
        let files = [
            file("a", RenderedState::Written),
            file("b", RenderedState::Edited),
            file("c", RenderedState::Replaced { aside: "/p/flows/c.py.1".into() }),
        ];
        insta::assert_snapshot!(strip(&rendered(&files, Path::new("/p"))), @"
        written   flows/a.py
                  note: `x` is large
        edited    flows/b.py (by hand: left as it is)
        replaced  flows/c.py (the edited one is now flows/c.py.1)
        ");
    }
}
