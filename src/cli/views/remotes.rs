//! Remotes, and what went to them or came from them.

use super::branch::{HOW_FILES_COME, given_up};
use super::status::{self, Fresh};
use crate::cli::paint::{Tone, harmless};
use crate::cli::table::{Side, Table};
use crate::cli::words;
use crate::model::{BranchName, Provenance, TaskName};
use crate::ops::remotes::unsent::{RemoteSeen, UnsentReport};
use crate::ops::remotes::{AddReport, Distance, PullReport, PushReport, RemoteCheck, RemoteRow};

/// So many failures are listed; more are counted.
const LISTED: usize = 10;
/// So many files of a task are listed.
const FILES: usize = 3;

/// Returns the list.
pub fn list(rows: &[RemoteRow], width: usize) -> String {
    if rows.is_empty() {
        return "no remotes: `kptn remote add NAME s3://bucket/prefix` writes one into kptn.yaml\n"
            .to_owned();
    }
    let mut table = Table::new([
        ("remote", Side::Left),
        ("branch", Side::Left),
        ("may be written", Side::Left),
        ("address", Side::Left),
    ]);
    for row in rows {
        table.row([
            row.name.as_str().into(),
            row.branch.as_deref().unwrap_or("-").into(),
            if row.writable { "yes" } else { "no" }.into(),
            row.url.as_str().into(),
        ]);
    }
    table.render(width)
}

/// Returns what was written into `kptn.yaml`.
pub fn added(report: &AddReport) -> String {
    let path = report.path.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
    let mut out = String::new();
    for (at, line) in report.lines.iter().enumerate() {
        let line = Tone::Good.paint(format!("+ {}", harmless(line)));
        out.push_str(&format!("{path}:{}  {line}\n", report.line + at));
    }
    out.push_str(&match report.dry_run {
        true => "nothing was written\n".to_owned(),
        false => format!("`kptn remote check {}` tries what it allows\n", report.name),
    });
    out
}

/// Returns what a remote allows.
pub fn checked(check: &RemoteCheck) -> String {
    let mut out = format!("{} is {}\n", check.name, check.url);
    let mut line = |what: &str, problem: Option<&str>| match problem {
        None => out.push_str(&format!("  {} {what}\n", Tone::Good.paint("yes"))),
        Some(problem) => out.push_str(&format!("  {}  {what}: {problem}\n", Tone::Bad.paint("no"))),
    };
    line("it can be read", check.probe.cannot_read.as_deref());
    if let Some(problem) = &check.probe.cannot_write {
        line("it can be written", Some(problem));
    } else if let Some(holds) = check.probe.conditional {
        line("it can be written", None);
        let problem = "it lets two writers overwrite each other, so nothing should be pushed to it";
        line("two who write at once are told apart", (!holds).then_some(problem));
    }
    if !check.probe.made && check.probe.cannot_read.is_none() {
        out.push_str("  nothing of kptn's is there yet: the first `kptn push` makes it\n");
    }
    out
}

/// Returns what a push did.
pub fn pushed(report: &PushReport) -> String {
    let place = format!("{} ({})", report.remote, report.branch);
    let mut out = String::new();
    for one in &report.mended {
        let mended = if report.dry_run { "to mend:" } else { "mended:" };
        out.push_str(&format!("{} {one}\n", Tone::Good.paint(mended)));
    }
    let what =
        format!("{}, {}", words::count(report.objects, "object", "objects"), words::size(report.bytes));
    if report.dry_run && !report.mended.is_empty() {
        out.push_str("what would go can be told once that is done\n");
    } else if report.dry_run {
        out.push_str(&format!("would push {what} to {place}\n"));
    } else if report.moved {
        let stored = match report.objects {
            0 => String::new(),
            _ => format!(" ({} stored)", words::size(report.stored_bytes)),
        };
        out.push_str(&format!("{} {what}{stored} to {place}\n", Tone::Good.paint("pushed")));
    } else if report.objects > 0 {
        out.push_str(&format!("{} {what} again to {place}\n", Tone::Good.paint("sent")));
    } else if report.mended.is_empty() {
        out.push_str(&format!("{place} has all of it already\n"));
    } else {
        out.push_str(&format!("{place} has all of it\n"));
    }
    if report.went_back {
        out.push_str(&put_back(&report.remote, &report.branch));
    }
    if report.merged > 0 {
        let tasks = words::count(report.merged, "task", "tasks");
        out.push_str(&format!(
            "kept {tasks} that others moved; `kptn pull {}` brings them here\n",
            report.remote
        ));
    }
    if !report.unsettled.is_empty() {
        let what = quoted(&report.unsettled);
        let note = Tone::Warn.paint("stays here:");
        out.push_str(&format!("{note} {what}, whose code or inputs changed while it ran\n"));
    }
    if !report.local_only.is_empty() {
        let (count, what) = (report.local_only.len() as u64, quoted(&report.local_only));
        let (tasks, are) = (words::count(count, "task", "tasks"), if count == 1 { "is" } else { "are" });
        let their = if count == 1 { "its" } else { "their" };
        out.push_str(&format!("{tasks} {are} local_only: {their} files and logs stay here ({what})\n"));
    }
    out
}

fn put_back(remote: &str, branch: &BranchName) -> String {
    let note = Tone::Warn.paint("note:");
    format!(
        "{note} {branch} at {remote} had an earlier state than was seen here: was it put back from a copy?\n"
    )
}

/// Returns what a pull or a fetch did.
pub fn pulled(report: &PullReport, now_ms: u64) -> String {
    let came =
        format!("{}, {}", words::count(report.objects, "object", "objects"), words::size(report.bytes));
    let place = format!("{} ({})", report.remote, report.from);
    let mut out = match &report.into {
        None => format!("fetched {came} from {place}; no branch was moved\n"),
        Some(into) if report.changed == 0 && report.tasks.is_empty() && report.kept.is_empty() => {
            format!("{place} has nothing of what was asked for; {into} is as it was\n")
        }
        Some(into) if report.changed == 0 => {
            format!("{into} has what was asked for of {place} already; {came} came\n")
        }
        Some(into) => format!(
            "{} {} from {place} onto {into}: {came}\n",
            Tone::Good.paint("pulled"),
            words::count(report.changed, "task", "tasks"),
        ),
    };
    if report.went_back {
        out.push_str(&put_back(&report.remote, &report.from));
    }
    let age = words::age(now_ms.saturating_sub(report.at_ms));
    out.push_str(&format!("{} pushed it {age}{}\n", report.user, pushed_at(report)));
    if !report.kept.is_empty() {
        let what = quoted(&report.kept);
        out.push_str(&format!("kept this branch's own {what}; `kptn push {}` sends them\n", report.remote));
    }
    out.push_str(&given_up(&report.given_up));
    if report.left > 0 {
        let left = words::count(report.left, "object", "objects");
        let size = words::size(report.left_bytes);
        out.push_str(&format!("{left}, {size}, stay at {} until something needs them\n", report.remote));
    }
    if report.changed > 0 {
        out.push_str(HOW_FILES_COME);
    }
    for one in &report.stays {
        let files: Vec<_> = one.files.iter().map(|path| format!("`{}`", harmless(path))).collect();
        let what = if files.is_empty() { "the result".to_owned() } else { words::list(&files, FILES) };
        out.push_str(&format!(
            "not here: {what} of `{}`, which is `local_only` where it was made; it runs here instead\n",
            one.task
        ));
    }
    if let Some(stale) = report.stale.filter(|stale| *stale > 0) {
        let all = words::count(report.tasks.len() as u64, "pulled task", "pulled tasks");
        let are = if stale == 1 { "is" } else { "are" };
        let stale = words::number(stale);
        out.push_str(&format!(
            "{stale} of {all} {are} not fresh under this code; `kptn why TASK` says why\n"
        ));
    }
    out.push_str(&failures(report));
    out
}

/// Returns ` at 3f2a91c, 2 commits behind…`: what was checked out where it was pushed, seen from here.
fn pushed_at(report: &PullReport) -> String {
    let Some(commit) = report.commit.as_deref() else { return String::new() };
    let commit = commit.get(..12).unwrap_or(commit);
    let commits = |count: u64| words::count(count, "commit", "commits");
    let stand = format!("`git switch --detach {commit}` stands on the same code");
    match report.distance {
        Distance::Same => format!(" at {commit}, which is checked out here"),
        Distance::Apart { lacking: 0, ahead } => {
            format!(" at {commit}, {} before this tree; {stand}", commits(ahead))
        }
        Distance::Apart { lacking, ahead: 0 } => {
            format!(" at {commit}, {} after this tree; {stand}", commits(lacking))
        }
        Distance::Apart { lacking, ahead } => format!(
            " at {commit}, {} that this tree lacks, which has {} besides; {stand}",
            commits(lacking),
            words::number(ahead)
        ),
        Distance::Elsewhere => format!(" at {commit}, which is not here: `git fetch`, then {stand}"),
        Distance::Unknown => format!(" at {commit}"),
    }
}

/// Lists what failed there, and says how to stand in its place.
fn failures(report: &PullReport) -> String {
    let mut out = String::new();
    for one in report.failed.iter().take(LISTED) {
        let (name, error) = (harmless(&one.name), harmless(&one.error));
        out.push_str(&format!("{} {name}: {error}\n", Tone::Bad.paint("failed")));
    }
    if report.failed.len() > LISTED {
        let more = (report.failed.len() - LISTED) as u64;
        out.push_str(&format!("and {}\n", words::count(more, "more", "more")));
    }
    let mut told = Vec::new();
    for tried in report.failed.iter().map(|one| tried(&one.tried)).filter(|tried| !tried.is_empty()) {
        if !told.contains(&tried) {
            told.push(tried);
        }
    }
    for tried in told.iter().take(LISTED) {
        out.push_str(&format!("tried {tried}\n"));
    }
    let branch = |into: &BranchName| format!(" --branch {into}");
    if let Some(first) = report.failed.first() {
        let name = shlex::try_quote(&first.name).unwrap_or_default();
        let on = report.elsewhere.as_ref().map(branch).unwrap_or_default();
        out.push_str(&format!(
            "`kptn output {name}{on}` shows what it printed, `kptn debug {name}{on}` runs it here\n"
        ));
    } else if !report.unfinished.is_empty() {
        let what = quoted(&report.unfinished);
        out.push_str(&format!("{what} did not finish there; `kptn status` says how\n"));
    }
    out
}

/// Returns `on batch-7 at 3f2a91c with /usr/bin/python3 (3.11.2), kptn 0.3.0`; empty where nothing is known.
fn tried(tried: &Provenance) -> String {
    let commit = tried.commit.as_deref().map(|commit| commit.get(..12).unwrap_or(commit));
    let host = Some(&tried.host).filter(|host| !host.is_empty());
    let kptn = Some(&tried.kptn).filter(|version| !version.is_empty());
    let parts = [
        host.map(|host| format!("on {host}")),
        commit.map(|commit| format!("at {commit}")),
        tried.interpreter.as_ref().map(|interpreter| format!("with {interpreter}")),
        kptn.map(|version| format!("by kptn {version}")),
    ];
    harmless(&parts.into_iter().flatten().collect::<Vec<_>>().join(" ")).to_string()
}

fn quoted(tasks: &[TaskName]) -> String {
    let names: Vec<_> = tasks.iter().map(|task| format!("`{task}`")).collect();
    words::list(&names, 10)
}
/// Returns the tasks whose results no remote had, and when that was last known.
pub fn not_in_remote(report: &UnsentReport, width: usize, now_ms: u64) -> String {
    let seen = |one: &RemoteSeen| match one.seen_ms {
        Some(at_ms) => format!("{} was seen {}", one.remote, words::age(now_ms.saturating_sub(at_ms))),
        None => format!("{} was never seen from here", one.remote),
    };
    let seen: Vec<String> = report.remotes.iter().map(seen).collect();
    let seen = words::list(&seen, 5);
    let rows = report.status.rows.len() as u64;
    if rows == 0 {
        return format!("every result is on a remote: {seen}\n");
    }
    let mut out = status::text(&report.status, Fresh::Listed, width, now_ms);
    let results = words::count(rows, "result is", "results are");
    out.push_str(&format!("{results} on no remote: {seen}; `kptn push` sends them\n"));
    out
}
