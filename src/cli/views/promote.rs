//! `kptn promote`: what a protected branch took, and what it refused.

use crate::cli::paint::{Tone, harmless};
use crate::cli::words;
use crate::ops::report::{Outcome, PromoteReport, PromotedTask, Refusal};
use crate::state::Promotion;

/// Returns the whole text.
pub fn text(report: &PromoteReport, now_ms: u64) -> String {
    let mut out: String = report.tasks.iter().map(|task| line(report, task, now_ms)).collect();
    let gets =
        |task: &&PromotedTask| matches!(task.outcome, Outcome::Promoted { .. } | Outcome::Taken { .. });
    let results = report.tasks.iter().filter(gets).count() as u64;
    let PromoteReport { branch, source, .. } = report;
    if results == 0 {
        out.push_str(&format!("nothing of {source} to promote to {branch}\n"));
        return out;
    }
    let results = words::count(results, "result", "results");
    let why = if report.why.is_empty() { String::new() } else { format!(": {}", harmless(&report.why)) };
    out.push_str(&if report.dry_run {
        format!("{branch} would take {results} of {source}; this was a dry run\n")
    } else {
        format!("{branch} took {results} of {source}{why}; `kptn undo` takes it back\n")
    });
    out
}

fn line(report: &PromoteReport, one: &PromotedTask, now_ms: u64) -> String {
    let (task, source) = (&one.task, &report.source);
    match &one.outcome {
        Outcome::Promoted { made_on, user, made_ms, commit, .. } => {
            let age = words::age(now_ms.saturating_sub(*made_ms));
            let word = Tone::Good.paint("promoted");
            let commit = short(commit);
            format!("{word}  {task}: made on {made_on} by {user} {age}; {commit} has what it ran\n")
        }
        Outcome::Taken { made_on, .. } => {
            format!("{}     {task}: made on {made_on}\n", Tone::Good.paint("taken"))
        }
        Outcome::Fresh => format!("{} {task}: fresh as it is\n", Tone::Dim.paint("as before")),
        Outcome::None => format!(
            "{}      {task}: {source} has no result of what it is made of here; `kptn run {task}` makes one\n",
            Tone::Warn.paint("none")
        ),
        Outcome::RunsHere => format!(
            "{}      {task}: takes no other branch's results, as its `reuse` or `cache` says; `kptn run {task}` runs it\n",
            Tone::Warn.paint("none")
        ),
        Outcome::Refused { because } => {
            format!("{}   {task}: {}\n", Tone::Bad.paint("refused"), refusal(task.as_str(), because))
        }
    }
}

fn refusal(task: &str, because: &Refusal) -> String {
    match because {
        Refusal::NotCommitted { commit, dirty, files } => {
            let quoted: Vec<_> = files.iter().map(|file| format!("`{}`", harmless(file))).collect();
            let ran = match (commit, dirty) {
                (None, _) => "it was made without a commit".to_owned(),
                (Some(commit), true) => {
                    format!("it was made with files that {} does not have", short(commit))
                }
                (Some(commit), false) => format!("it was made at {}, which is not merged", short(commit)),
            };
            let here = if files.is_empty() {
                String::new()
            } else {
                let is = if files.len() == 1 { "is" } else { "are" };
                format!(", and here {} {is} not committed", words::list(&quoted, 5))
            };
            format!(
                "no commit here is known to have what it ran: {ran}{here}; merge or commit that, or `kptn run {task}`"
            )
        }
        Refusal::Accepted => format!("it was accepted, and did not run; `kptn run {task}` makes it here"),
        Refusal::Dependencies { tasks } => {
            let names: Vec<_> = tasks.iter().map(|task| format!("`{task}`")).collect();
            format!(
                "what it depends on is not promoted: {}; select it too, as `+{task}` does",
                words::list(&names, 5)
            )
        }
    }
}

fn short(commit: &str) -> &str {
    commit.get(..9).unwrap_or(commit)
}

/// Returns who promoted a record, where and when.
pub fn told(one: &Promotion, now_ms: u64) -> String {
    let Promotion { branch, source, user, at_ms, why, .. } = one;
    let age = words::age(now_ms.saturating_sub(*at_ms));
    let why = if why.is_empty() { String::new() } else { format!(": {}", harmless(why)) };
    format!("promoted to {branch} from {source} by {user} {age}{why}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::width::strip;
    use crate::model::{BranchName, Digest, GraphName, TaskName};

    #[test]
    fn each_task_says_what_became_of_it_and_why() {
        let task = |name: &str, outcome| PromotedTask {
            graph: GraphName::parse("g").unwrap(),
            task: TaskName::parse(name).unwrap(),
            outcome,
        };
        let refused = |because| Outcome::Refused { because };
        let (record, commit) = (Digest::of(b""), "fedcba9876543210".to_owned());
        let branch = |name: &str| BranchName::parse(name).unwrap();
        let not_committed = |dirty, files: &[&str]| {
            refused(Refusal::NotCommitted {
                commit: Some(commit.clone()),
                dirty,
                files: files.iter().map(|file| (*file).to_owned()).collect(),
            })
        };
        let mut report = PromoteReport {
            branch: branch("main"),
            source: branch("feature"),
            why: "reviewed".into(),
            dry_run: false,
            operation: Some(4),
            tasks: vec![
                task("A", Outcome::Fresh),
                task(
                    "B",
                    Outcome::Promoted {
                        record,
                        made_on: "feature".into(),
                        user: "ada".into(),
                        made_ms: 0,
                        commit: commit.clone(),
                    },
                ),
                task("C", Outcome::Taken { record, made_on: "release".into() }),
                task("D", Outcome::None),
                task("E", not_committed(true, &["E.py", "e.csv"])),
                task("F", not_committed(false, &["F.py"])),
                task("G", refused(Refusal::Accepted)),
                task("H", refused(Refusal::Dependencies { tasks: vec![TaskName::parse("E").unwrap()] })),
            ],
        };
        insta::assert_snapshot!(strip(&text(&report, 60_000)), @"
        as before A: fresh as it is
        promoted  B: made on feature by ada 1 minute ago; fedcba987 has what it ran
        taken     C: made on release
        none      D: feature has no result of what it is made of here; `kptn run D` makes one
        refused   E: no commit here is known to have what it ran: it was made with files that fedcba987 does not have, and here `E.py`, `e.csv` are not committed; merge or commit that, or `kptn run E`
        refused   F: no commit here is known to have what it ran: it was made at fedcba987, which is not merged, and here `F.py` is not committed; merge or commit that, or `kptn run F`
        refused   G: it was accepted, and did not run; `kptn run G` makes it here
        refused   H: what it depends on is not promoted: `E`; select it too, as `+H` does
        main took 2 results of feature: reviewed; `kptn undo` takes it back
        ");
        report.tasks.truncate(1);
        insta::assert_snapshot!(strip(&text(&report, 60_000)), @"
        as before A: fresh as it is
        nothing of feature to promote to main
        ");
    }
}
