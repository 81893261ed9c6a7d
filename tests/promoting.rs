//! `kptn promote`: a protected branch takes what another one has made, once its commit is merged.

use crate::support::{Output, Project, python_task, tasks_yaml};

/// `A` -> `B` -> `C` on a protected `main`, `A` in R; run there, then `B` and `C` on `feature`, where `B` is changed and committed.
fn feature() -> Project {
    let outputs = ["A: {file: A.R, outputs: [A.txt]}", "B: {outputs: [B.txt]}", "C: {outputs: [C.txt]}"];
    let yaml = tasks_yaml("A: , B: A, C: B", &outputs).replace("file: A.py, ", "");
    let project = Project::new()
        .yaml(&(yaml + "settings: {protected: [main, release]}\n"))
        .file(".gitignore", "scratch/\nflows/\n__pycache__/\nraw.txt\n")
        .file(
            "A.R",
            "cat('A\\n', file = Sys.getenv('TRACE'), append = TRUE)\n\
             writeLines('one', file.path(Sys.getenv('KPTN_OUTPUT_DIR'), 'A.txt'))\n",
        );
    for (task, before) in [("B", "A"), ("C", "B")] {
        let body = format!(
            "(output_dir / '{task}.txt').write_text((output_dir / '{before}.txt').read_text().strip() + '{task}')"
        );
        project.write(&format!("{task}.py"), python_task(task, &body));
    }
    project.commit("three tasks");
    project.kptn(&["run"]).succeeds();
    project.git(&["switch", "-qc", "feature"]);
    project.edit("B.py", "+ 'B'", "+ 'b'");
    project.commit("another B");
    project.kptn(&["run"]).succeeds();
    assert_eq!(project.ran(), "A B B C C");
    project
}

fn merged(how: &[&str]) -> Project {
    let project = feature();
    project.git(&["switch", "-q", "main"]);
    project.git(&[&["merge", "-q"], how, &["feature"]].concat());
    project
}

/// Returns what `promote --json` says became of each task: `A=fresh B=promoted`.
fn outcomes(promoted: &Output) -> String {
    let report = promoted.json();
    let tasks = report["tasks"].as_array().cloned().unwrap_or_default();
    let word = |task: &serde_json::Value, name: &str| task[name].as_str().unwrap_or("?").to_owned();
    let each: Vec<_> =
        tasks.iter().map(|task| format!("{}={}", word(task, "task"), word(task, "outcome"))).collect();
    each.join(" ")
}

/// Returns the reasons of a task as `status` shows them.
fn reasons(project: &Project, task: &str) -> String {
    let report = project.kptn(&["status", "--json"]).succeeds().json();
    let rows = report["rows"].as_array().cloned().unwrap_or_default();
    rows.iter().find(|row| row["task"] == task).map(|row| row["reasons"].to_string()).unwrap_or_default()
}

#[test]
fn an_unprotected_branch_takes_results_by_itself_and_a_protected_one_by_promotion_alone() {
    let project = merged(&[]);
    // Protected: nothing comes in by itself, and the status says what could.
    project.kptn(&["status"]).succeeds().prints("B     stale   promotable from feature");
    project.kptn(&["plan"]).succeeds().prints("promotable from feature");
    assert!(reasons(&project, "C").contains("promotable"), "what follows from B, too");
    assert_eq!(reasons(&project, "A"), "[]");
    project.kptn(&["why", "B"]).succeeds().prints("promotable from feature");
    let dry = project.kptn(&["promote", "feature", "-n", "--json"]).succeeds();
    assert_eq!(outcomes(&dry), "A=fresh B=promoted C=promoted");
    assert_eq!(project.not_fresh(), "B=stale C=maybe", "a dry run does nothing");

    let promoted = project.kptn(&["promote", "feature", "-m", "reviewed by two"]).succeeds();
    promoted.says("promoted  B: made on feature by").says("main took 2 results of feature: reviewed by two");
    assert_eq!(project.not_fresh(), "");
    project.kptn(&["run"]).succeeds();
    assert_eq!(project.ran(), "");
    project.kptn(&["log"]).succeeds().prints("promote feature: reviewed by two").prints("2 tasks of main");
    project
        .kptn(&["log", "B"])
        .succeeds()
        .prints("was promoted to main from feature by")
        .prints("reviewed by two");
    project
        .kptn(&["why", "B"])
        .succeeds()
        .prints("promoted to main from feature by")
        .prints("reviewed by two");
    assert_eq!(project.kptn(&["cat", "C"]).succeeds().stdout, "onebC");
    project.kptn(&["promote", "feature"]).succeeds().says("nothing of feature to promote to main");
    // Another protected branch takes what was promoted.
    project.kptn(&["branch", "clone", "main", "release"]).succeeds();
    project.kptn(&["fsck"]).succeeds();

    // Not protected any more, as its own commit says too: all comes by itself.
    let project = merged(&[]);
    project.edit("kptn.yaml", "[main, release]", "[release]");
    assert!(reasons(&project, "B").contains("promotable"), "the stricter wins");
    project.commit("open");
    assert_eq!(project.not_fresh(), "");
    project.kptn(&["run"]).succeeds().says("2 reused");
    assert_eq!(project.ran(), "");
    project.kptn(&["promote", "feature"]).exits(2).says("`main` is not protected");
}

#[test]
fn without_a_promotion_a_protected_branch_computes_it_itself() {
    let project = merged(&[]);
    project.kptn(&["run"]).succeeds();
    assert_eq!(project.ran(), "B C");
    assert!(!reasons(&project, "B").contains("promotable"));
}

#[test]
fn undo_withdraws_a_promotion_and_undoing_that_brings_it_back() {
    let project = merged(&[]);
    project.kptn(&["promote", "feature"]).succeeds();
    // It is known by its fingerprint, as what main made itself.
    project.edit("B.py", "+ 'b'", "+ 'B'");
    project.kptn(&["run"]).succeeds().says("2 reused");
    project.edit("B.py", "+ 'B'", "+ 'b'");
    assert_eq!(project.not_fresh(), "");
    project.kptn(&["run"]).succeeds().says("2 reused");
    assert_eq!(project.ran(), "");
    for _ in 0..2 {
        project.kptn(&["undo"]).succeeds();
    }
    let log = project.kptn(&["log", "--json"]).succeeds().json();
    let all = log["entries"].as_array().cloned().unwrap_or_default();
    let number = |verb: &str| {
        let found = all.iter().find(|one| one["verb"] == verb);
        found.and_then(|one| one["operation"].as_u64()).unwrap_or_default().to_string()
    };
    let promotion = number("promote");
    project.kptn(&["undo"]).succeeds().says(&format!("undid operation {promotion} (promote"));
    assert_eq!(project.not_fresh(), "B=stale C=maybe", "the record does not come in by itself any more");
    assert!(reasons(&project, "B").contains("promotable"));
    project.kptn(&["log", "B"]).succeeds().never_says("promoted");
    // Nor by a state that has it.
    project
        .kptn(&["branch", "clone", "feature", "main", "--force"])
        .exits(3)
        .says("`B` was made on `feature`");
    let latest = project.kptn(&["log", "--json"]).succeeds().json()["entries"][0]["operation"].to_string();
    project.kptn(&["undo", &latest]).succeeds();
    assert_eq!(project.not_fresh(), "");
    project.kptn(&["log", "B"]).succeeds().prints("promoted");
    project.kptn(&["fsck"]).succeeds();
}

#[cfg(feature = "failpoints")]
#[test]
fn a_promotion_that_is_killed_anywhere_is_done_whole_or_not_at_all() {
    for point in ["state.move.begun", "state.move.written", "state.move.committed"] {
        let project = merged(&[]);
        let trigger = format!("{point}=kill");
        let killed = project.kptn_with(&[("KPTN_FAILPOINT", trigger.as_str())], &["promote", "feature"]);
        assert_eq!(killed.code, None, "{point} was not hit: {}", killed.whole());
        let is_done = point.ends_with("committed");
        assert_eq!(project.not_fresh(), if is_done { "" } else { "B=stale C=maybe" }, "{point}");
        let log = project.kptn(&["log", "B"]).succeeds();
        assert_eq!(log.stdout.contains("was promoted to main"), is_done, "{point}: {}", log.whole());
        project.kptn(&["promote", "feature"]).succeeds();
        assert_eq!(project.not_fresh(), "", "{point}");
        project.kptn(&["fsck"]).succeeds();
    }
}

#[test]
fn tasks_are_selected_and_one_whose_dependency_stays_behind_is_refused() {
    let project = merged(&[]);
    let refused = project.kptn(&["promote", "feature", "C"]).exits(1);
    refused.says("C: what it depends on is not promoted: `B`").says("`+C`");
    assert_eq!(project.not_fresh(), "B=stale C=maybe");
    project.kptn(&["promote", "feature", "B"]).succeeds().says("main took 1 result of feature");
    assert_eq!(project.not_fresh(), "C=stale");
    assert!(reasons(&project, "C").contains("promotable"));
    project.kptn(&["promote", "feature", "+C", "--exclude", "A"]).succeeds();
    assert_eq!(project.not_fresh(), "");
    project.kptn(&["promote", "feature", "nobody"]).exits(2);
    project.kptn(&["promote", "featur"]).exits(2).says("did you mean `feature`?");
    project.kptn(&["promote", "main"]).exits(2).says("has its own results already");
}

#[test]
fn what_no_commit_of_the_branch_has_is_refused_until_one_has() {
    let project = feature();
    project.edit("C.py", "+ 'C'", "+ 'c'");
    project.kptn(&["run"]).succeeds();
    project.git(&["stash", "-q"]);
    project.git(&["switch", "-q", "main"]);
    project.git(&["merge", "-q", "feature"]);
    project.git(&["stash", "pop", "-q"]);
    // The same edit lies here, and no commit has it.
    let promoted = project.kptn(&["promote", "feature", "--json"]).exits(1);
    assert_eq!(outcomes(&promoted), "A=fresh B=promoted C=refused");
    let refused = project.kptn(&["promote", "feature"]).exits(1);
    refused.says("C: no commit here is known to have what it ran").says("`C.py` is not committed");
    project.kptn(&["undo"]).succeeds();
    // Once it is committed, the commit that is checked out has what ran.
    project.commit("another C");
    let promoted = project.kptn(&["promote", "feature", "--json"]).succeeds();
    assert_eq!(outcomes(&promoted), "A=fresh B=promoted C=promoted");
    let head = project.git(&["rev-parse", "HEAD"]).trim().to_owned();
    assert_eq!(promoted.json()["tasks"][2]["commit"], head);
    let why = project.kptn(&["why", "C", "--json"]).succeeds().json();
    assert_eq!(why["compared_with"]["attested"], head);
}

#[test]
fn a_squashed_merge_has_what_ran_too() {
    let project = merged(&["--squash"]);
    project.git(&["commit", "-qm", "squashed"]);
    let promoted = project.kptn(&["promote", "feature", "--json"]).succeeds();
    assert_eq!(outcomes(&promoted), "A=fresh B=promoted C=promoted");
    assert_eq!(promoted.json()["tasks"][1]["commit"], project.git(&["rev-parse", "HEAD"]).trim());
}

#[test]
fn what_ran_with_an_uncommitted_configuration_is_of_the_commit_that_has_it() {
    let project = feature();
    project.edit("kptn.yaml", "B: {file: B.py", "B: {args: {suffix: x}, file: B.py");
    project.edit("B.py", "def B(", "def B(suffix, ");
    project.git(&["commit", "-qm", "B takes a suffix", "B.py"]);
    project.kptn(&["run"]).succeeds();
    project.kptn(&["log", "B", "--json"]).succeeds();
    project.commit("the suffix");
    project.git(&["switch", "-q", "main"]);
    project.git(&["merge", "-q", "feature"]);
    let promoted = project.kptn(&["promote", "feature", "--json"]).succeeds().json();
    let head = project.git(&["rev-parse", "HEAD"]).trim().to_owned();
    assert_eq!(promoted["tasks"][1]["commit"], head, "the commit before had B.py, and not its argument");
}

#[test]
fn a_task_that_takes_nobodys_results_is_not_promoted_and_runs() {
    let project = feature();
    project.git(&["switch", "-q", "feature"]);
    project.edit("kptn.yaml", "C: {file: C.py", "C: {cache: false, file: C.py");
    project.edit("C.py", "+ 'C'", "+ 'c'");
    project.commit("C is not reused");
    project.kptn(&["run"]).succeeds();
    project.git(&["switch", "-q", "main"]);
    project.git(&["merge", "-q", "feature"]);
    project.trace();
    let promoted = project.kptn(&["promote", "feature", "--json"]).succeeds();
    assert_eq!(outcomes(&promoted), "A=fresh B=promoted C=runs_here");
    project.kptn(&["promote", "feature"]).succeeds().says("C: takes no other branch's results");
    project.kptn(&["run"]).succeeds();
    assert_eq!(project.ran(), "C");
}

#[test]
fn the_configuration_and_the_commit_must_be_the_branchs_own() {
    let project = merged(&[]);
    project.write("kptn.yaml", project.read("kptn.yaml") + "# a comment\n");
    let refused = project.kptn(&["promote", "feature"]).exits(2);
    refused.says("not as the checked-out commit has them: `kptn.yaml`").says("commit or stash");
    project.git(&["checkout", "-q", "kptn.yaml"]);
    // From another branch, by name: only where its commit is main's.
    project.git(&["switch", "-qc", "elsewhere"]);
    project.commit("ahead");
    let refused = project.kptn(&["promote", "feature", "-b", "main"]).exits(2);
    refused.says("`main` is protected, and the commit that is checked out").says("git switch main");
    project.git(&["switch", "-q", "--detach", "main"]);
    project.kptn(&["promote", "feature", "-b", "main"]).succeeds().says("main took 2 results");
    project.git(&["switch", "-q", "main"]);
    assert_eq!(project.not_fresh(), "");
}

#[test]
fn an_accepted_result_and_one_of_files_that_git_does_not_have_are_refused() {
    let project = feature();
    project.edit("kptn.yaml", "B: {file: B.py", "B: {inputs: [raw.txt], file: B.py");
    project.write("raw.txt", "raw");
    project.commit("raw data");
    project.kptn(&["run"]).succeeds();
    project.write("scratch/feature/C.txt", "mended");
    project.kptn(&["accept", "C", "-m", "by hand"]).succeeds();
    project.git(&["switch", "-q", "main"]);
    project.git(&["merge", "-q", "feature"]);
    let refused = project.kptn(&["promote", "feature", "B"]).exits(1);
    refused.says("`raw.txt` is not committed").says("`kptn run B`");
    project.trace();
    project.kptn(&["run", "B"]).succeeds();
    assert_eq!(project.ran(), "B");
    project.kptn(&["promote", "feature", "C"]).exits(1).says("C: it was accepted, and did not run");
    project.kptn(&["run"]).succeeds();
    assert_eq!(project.ran(), "C");
}

#[test]
fn the_items_of_a_mapped_task_go_along_with_its_record_and_never_alone() {
    let tasks = ["A: {cache_result: true, iterable_item: n}", "B: {map_over: n, outputs: ['b/${n}.txt']}"];
    let project = Project::new()
        .yaml(&(tasks_yaml("A: , B: A", &tasks) + "settings: {protected: main}\n"))
        .file(".gitignore", "scratch/\nflows/\n__pycache__/\n")
        .file("A.py", python_task("A", "return ['x', 'y', 'z']"))
        .file("B.py", MAPPED);
    project.commit("mapped");
    project.kptn(&["run"]).succeeds();
    project.git(&["switch", "-qc", "feature"]);
    project.edit("B.py", "BAD = None", "BAD = 'z'");
    project.commit("z fails");
    project.kptn(&["run"]).exits(1);
    project.trace();
    // What finished of B on feature comes in neither by a clone nor by a run.
    project.git(&["switch", "-q", "main"]);
    project.git(&["merge", "-q", "feature"]);
    project
        .kptn(&["branch", "clone", "feature", "main", "--force"])
        .exits(3)
        .says("`B` was made on `feature`");
    project
        .kptn(&["promote", "feature", "B"])
        .exits(1)
        .says("feature has no result of what it is made of here");
    project.kptn(&["run"]).exits(1);
    assert_eq!(project.ran(), "x y z");
    // The whole goes in with all its items, and the next edit of the list runs the new one alone.
    project.git(&["switch", "-q", "feature"]);
    project.edit("B.py", "BAD = 'z'", "BAD = ''");
    project.commit("mended");
    project.kptn(&["run"]).succeeds();
    project.trace();
    project.git(&["switch", "-q", "main"]);
    project.git(&["merge", "-q", "feature"]);
    project.kptn(&["promote", "feature"]).succeeds();
    assert_eq!(project.not_fresh(), "");
    project.edit("A.py", "'z']", "'z', 'new']");
    project.kptn(&["run"]).succeeds();
    assert_eq!(project.ran(), "A new");
    project.kptn(&["fsck"]).succeeds();
}

const MAPPED: &str = "import os
from pathlib import Path

BAD = None


def B(n, output_dir: Path):
    with open(os.environ['TRACE'], 'a') as trace:
        trace.write(n + '\\n')
    if n == BAD:
        raise ValueError('bad')
    (output_dir / 'b').mkdir(exist_ok=True)
    (output_dir / 'b' / f'{n}.txt').write_text(n)
";

#[test]
fn graphs_that_share_their_tasks_promote_each_once() {
    let project = Project::new()
        .yaml(
            "graphs:\n  g: {tasks: {A: }}\n  h: {tasks: {A: }}\ntasks:\n  A: {file: A.py, outputs: [A.txt]}\n\
             settings: {protected: [main], cache_namespace: both}\n",
        )
        .file(".gitignore", "scratch/\nflows/\n__pycache__/\n")
        .file("A.py", python_task("A", "(output_dir / 'A.txt').write_text('a')"));
    project.commit("one task");
    project.git(&["switch", "-qc", "feature"]);
    project.kptn(&["run", "g"]).succeeds();
    project.git(&["switch", "-q", "main"]);
    project.kptn(&["promote", "feature"]).succeeds();
    assert_eq!(project.not_fresh(), "");
    project.kptn(&["undo"]).succeeds();
    assert_ne!(project.not_fresh(), "");
}
