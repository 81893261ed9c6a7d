//! Git hooks: how they stand, and the one line that each has to say.

use super::standing;
use crate::cli::paint::Tone;
use crate::cli::table::{Cell, Side, Table};
use crate::cli::words;
use crate::model::{IngredientKind, Reason, TaskName};
use crate::ops::hooks::{HookState, HooksReport, Outlook, Said, StaleTask};
use crate::ops::report::RestoreReport;

/// So many stale tasks are named in the line; more are counted.
const NAMED: usize = 4;

/// Returns how all hooks stand.
pub fn text(report: &HooksReport, width: usize) -> String {
    let mut table = Table::new([("", Side::Left), ("", Side::Left)]);
    for hook in &report.hooks {
        let (tone, word) = match hook.state {
            HookState::Current => (Tone::Good, "installed".to_owned()),
            HookState::Outdated => {
                (Tone::Warn, "of another kptn: `kptn hooks install` brings it up to date".to_owned())
            }
            HookState::Absent => (Tone::Dim, "none".to_owned()),
            HookState::Other => (Tone::Dim, "not of kptn".to_owned()),
            HookState::Managed { by } => (Tone::Warn, format!("left to {}", by.name())),
        };
        let ours = matches!(hook.state, HookState::Current | HookState::Outdated);
        let chained = if ours && hook.chained { ", after the one that was there before" } else { "" };
        table.row([Cell::new(Tone::Strong, hook.name), Cell::new(tone, format!("{word}{chained}"))]);
    }
    let mut out = table.render(width);
    let by = report.setting.as_ref().map(|_| " (`core.hooksPath`)").unwrap_or_default();
    out.push_str(&format!("in {}{by}\n", report.folder.display()));
    if report.shared {
        out.push_str("which other repositories may use too; where there is no `kptn.yaml` nothing is done\n");
    }
    if let Some(program) = &report.program {
        out.push_str(&format!("calling {}", program.display()));
        if !report.program_found {
            out.push_str(&Tone::Bad.paint(", which is not there: `kptn hooks install` names this one"));
        }
        out.push('\n');
    }
    out
}

/// Returns what to do about hooks that a manager looks after; nothing where there are none.
pub fn managed(report: &HooksReport) -> String {
    let mut managers: Vec<&str> = Vec::new();
    for hook in &report.hooks {
        if let HookState::Managed { by } = hook.state
            && !managers.contains(&by.name())
        {
            managers.push(by.name());
        }
    }
    if managers.is_empty() {
        return String::new();
    }
    let names: Vec<&str> = report
        .hooks
        .iter()
        .filter(|hook| matches!(hook.state, HookState::Managed { .. }))
        .map(|hook| hook.name)
        .collect();
    format!(
        "{} looks after {}: have it call `kptn hook NAME \"$@\"` there, as docs/guides/hooks.md shows",
        managers.join(" and "),
        names.join(", ")
    )
}

/// Returns what a hook has to say, for people who called git.
pub fn line(project: Option<&str>, said: &Said) -> String {
    let project = project.map(|name| format!("{name}: ")).unwrap_or_default();
    let text = match said {
        Said::Noticed(one) => standing::happened(one),
        Said::Cloned { branch, from, outlook } => {
            format!("{branch}: cloned from {from}, {}", looks(outlook))
        }
        Said::NotCloned { branch, from } => format!(
            "{branch}: not cloned from {from}, since it is protected; `kptn status` says what it can take"
        ),
        Said::Restored { branch, report } => format!("{branch}: {}", put(report)),
        Said::Offered { branch, from, tasks } => {
            let differ = if *tasks == 1 { "has other files" } else { "have other files" };
            format!(
                "{branch}: {} {differ} here than on {from}, and the output folder is shared: `kptn restore` swaps them",
                words::count(*tasks, "task", "tasks")
            )
        }
        Said::Changed { branch, outlook } => format!("{branch}: {}", looks(outlook)),
        Said::Pushed { branch, outlook, unsent, refused } => {
            let what = lacks(outlook, unsent);
            match (refused, unsent.is_empty()) {
                (false, true) => format!("{branch}: pushed with {what}"),
                (false, false) => format!("{branch}: pushed with {what}; `kptn push` sends them"),
                (true, _) => {
                    let run = if outlook.stale.is_empty() { "" } else { "`kptn run` " };
                    let push = match (run, unsent.is_empty()) {
                        (_, true) => "",
                        ("", false) => "`kptn push` ",
                        (_, false) => "and `kptn push` ",
                    };
                    format!("{branch}: push refused: {what}; {run}{push}first, or push with `--no-verify`")
                }
            }
        }
    };
    format!("kptn: {project}{text}")
}

/// Returns `12 files put back, 3 removed, 1 edit is in .kept/…`.
fn put(report: &RestoreReport) -> String {
    let mut parts = vec![format!("{} put back", words::count(report.restored.len() as u64, "file", "files"))];
    if !report.removed.is_empty() {
        parts.push(format!("{} removed", words::number(report.removed.len() as u64)));
    }
    for kept in &report.kept {
        parts.push(format!("your {} is now {}", kept.path, kept.aside));
    }
    if !report.lost.is_empty() {
        parts.push(format!("{} nowhere any more", words::number(report.lost.len() as u64)));
    }
    if !report.in_the_way.is_empty() {
        parts.push(format!(
            "{} blocked: see `kptn restore -n`",
            words::number(report.in_the_way.len() as u64)
        ));
    }
    parts.join(", ")
}

fn looks(outlook: &Outlook) -> String {
    let mut parts = vec![format!("{} fresh", words::number(outlook.fresh))];
    if outlook.reusable > 0 {
        let from: Vec<&str> = outlook.reused_from.iter().map(String::as_str).collect();
        parts[0].push_str(&format!(
            " ({} to be taken from {})",
            words::number(outlook.reusable),
            words::list(&from, NAMED)
        ));
    }
    if !outlook.stale.is_empty() {
        parts.push(stale(&outlook.stale));
    }
    if outlook.maybe > 0 {
        parts.push(format!("{} maybe", words::number(outlook.maybe)));
    }
    parts.join(", ")
}

/// Returns `1 stale (A: code) and 2 results on no remote (B, C)`.
fn lacks(outlook: &Outlook, unsent: &[TaskName]) -> String {
    let mut parts = Vec::new();
    if !outlook.stale.is_empty() {
        parts.push(stale(&outlook.stale));
    }
    if !unsent.is_empty() {
        let names: Vec<&str> = unsent.iter().map(|task| task.as_str()).collect();
        let results = words::count(names.len() as u64, "result", "results");
        parts.push(format!("{results} on no remote ({})", words::list(&names, NAMED)));
    }
    parts.join(" and ")
}

/// Returns `2 stale (A: code, B: input)`.
fn stale(tasks: &[StaleTask]) -> String {
    let named: Vec<String> =
        tasks.iter().map(|one| format!("{}: {}", one.task, because(&one.reasons))).collect();
    format!("{} stale ({})", words::number(tasks.len() as u64), words::list(&named, NAMED))
}

/// Returns a word for each kind of reason, each once.
fn because(reasons: &[Reason]) -> String {
    let mut found: Vec<String> = Vec::new();
    let own = reasons.iter().any(|reason| !matches!(reason, Reason::Upstream { .. } | Reason::Items { .. }));
    for reason in reasons {
        let word = match reason {
            Reason::Items { .. } if own => continue,
            Reason::Upstream { .. } if own => continue,
            reason => word(reason),
        };
        if !found.contains(&word) {
            found.push(word);
        }
    }
    found.join(" and ")
}

fn word(reason: &Reason) -> String {
    let word = match reason {
        Reason::NeverRan => "never ran",
        Reason::Changed(change) => return kind(change.kind).to_owned(),
        Reason::Forced => "forced",
        Reason::Refresh { .. } => "age",
        Reason::Edited { .. } => "edited",
        Reason::Lost { .. } => "lost",
        Reason::Elsewhere { .. } => "made elsewhere, `local_only`",
        Reason::Invalidated { .. } => "invalidated",
        Reason::Unsettled { .. } => "changed while it ran",
        Reason::Failed { .. } => "failed",
        Reason::Uncacheable { .. } => "cannot be told",
        Reason::Upstream { tasks } => {
            let names: Vec<&str> = tasks.iter().map(|task| task.as_str()).collect();
            return format!("after {}", words::list(&names, 2));
        }
        Reason::Reusable { .. } => "to be taken",
        Reason::Promotable { branch } => return format!("promotable from {branch}"),
        Reason::BadItems { .. } => "its list",
        Reason::Items { .. } => "items",
    };
    word.to_owned()
}

fn kind(kind: IngredientKind) -> &'static str {
    use IngredientKind as Kind;
    match kind {
        Kind::Code | Kind::Function | Kind::Language => "code",
        Kind::Input => "input",
        Kind::Arg | Kind::PrefixArgs | Kind::CliArgs => "args",
        Kind::Config | Kind::Setting => "config",
        Kind::Env => "env",
        Kind::Probe => "probe",
        Kind::Interpreter => "interpreter",
        Kind::Lockfile | Kind::WatchedLockfile => "packages",
        Kind::Item | Kind::Items => "items",
        Kind::DepOutputs | Kind::DepResult | Kind::DepRun => "what it depends on",
        Kind::Task | Kind::Output | Kind::ResultShape | Kind::Mapping => "definition",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{BranchName, Change, Status};

    fn task(name: &str, reasons: Vec<Reason>) -> StaleTask {
        StaleTask { task: TaskName::parse(name).unwrap(), status: Status::Stale, reasons }
    }

    fn changed(kind: IngredientKind, name: &str) -> Reason {
        Reason::Changed(Change { kind, name: name.into(), before: None, after: None })
    }

    #[test]
    fn a_clone_is_told_in_one_line() {
        let after = Reason::Upstream { tasks: vec![TaskName::parse("A").unwrap()] };
        let code = || changed(IngredientKind::Code, "x");
        let outlook = Outlook {
            fresh: 40,
            stale: vec![
                task("A", vec![code(), changed(IngredientKind::Code, "y"), after]),
                task("B", vec![code(), changed(IngredientKind::Input, "a.csv")]),
            ],
            maybe: 1,
            ..Outlook::default()
        };
        let branch = |name: &str| BranchName::parse(name).unwrap();
        let said = Said::Cloned { branch: branch("feature/x"), from: branch("main"), outlook };
        insta::assert_snapshot!(line(None, &said), @"kptn: feature/x: cloned from main, 40 fresh, 2 stale (A: code, B: code and input), 1 maybe");
        insta::assert_snapshot!(line(Some("etl"), &said), @"kptn: etl: feature/x: cloned from main, 40 fresh, 2 stale (A: code, B: code and input), 1 maybe");
    }

    #[test]
    fn what_will_be_reused_is_counted_with_where_from() {
        let outlook = Outlook {
            fresh: 42,
            reusable: 2,
            reused_from: ["feature/x".to_owned()].into(),
            ..Outlook::default()
        };
        let branch = BranchName::parse("main").unwrap();
        insta::assert_snapshot!(line(None, &Said::Changed { branch, outlook }), @"kptn: main: 42 fresh (2 to be taken from feature/x)");
    }
}
