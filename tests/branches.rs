//! State that follows git: cloned at no cost, and each branch on its own afterwards.

use crate::support::{Project, gated_task, python_task, tasks_yaml};

/// `A` writes a word, `B` doubles it.
fn two_tasks() -> Project {
    let project = Project::new()
        .yaml(&tasks_yaml("A: , B: A", &["A: {outputs: [a.txt]}", "B: {outputs: [b.txt]}"]))
        .file("A.py", python_task("A", "(output_dir / 'a.txt').write_text('one')"))
        .file(
            "B.py",
            python_task("B", "(output_dir / 'b.txt').write_text((output_dir / 'a.txt').read_text() * 2)"),
        );
    project.commit("two tasks");
    project
}

#[test]
fn a_cloned_branch_is_fresh_with_an_empty_folder_and_runs_nothing() {
    let project = two_tasks();
    project.kptn(&["run"]).succeeds();
    assert_eq!(project.ran(), "A B");
    project.git(&["switch", "-qc", "feature/x"]);
    let cloned =
        project.kptn(&["branch", "clone", "main"]).succeeds().says("files come when a task needs them");
    assert_eq!(cloned.stdout, "");
    assert_eq!(project.not_fresh(), "");
    project.kptn(&["run"]).succeeds();
    assert_eq!(project.ran(), "");
    assert!(!project.path("scratch").join("feature").exists());
    project.kptn(&["branch", "clone", "main"]).succeeds().says("nothing to do");
    // B needs A's file, which comes back; A does not run.
    project.edit("B.py", "* 2", "* 3");
    project.kptn(&["run"]).succeeds();
    assert_eq!(project.ran(), "B");
    let rows = project.kptn(&["branch", "list", "--json"]).succeeds().json();
    let row = |at: usize, field: &str| rows["branches"][at][field].clone();
    assert_eq!((row(0, "branch"), row(0, "cloned_from")), ("feature/x".into(), "main".into()));
    assert_eq!((row(0, "shared_bytes"), row(0, "own_bytes")), (3.into(), 9.into()));
    assert_eq!((row(1, "branch"), row(1, "current")), ("main".into(), false.into()));
    // Main is as it was.
    project.git(&["stash", "-q"]);
    project.git(&["switch", "-q", "main"]);
    assert_eq!(project.not_fresh(), "");
    assert_eq!(project.read_output("b.txt"), "oneone");
}

#[cfg(feature = "failpoints")]
#[test]
fn a_clone_that_is_killed_happened_or_did_not_and_can_be_asked_for_again() {
    for point in ["state.move.begun", "state.move.written", "state.move.committed"] {
        let project = two_tasks();
        project.kptn(&["run"]).succeeds();
        assert_eq!(project.ran(), "A B");
        project.git(&["switch", "-qc", "feature/x"]);
        let killed =
            project.kptn_with(&[("KPTN_FAILPOINT", &format!("{point}=kill"))], &["branch", "clone", "main"]);
        assert_ne!(killed.code, Some(0), "{point} was never hit");
        project.kptn(&["branch", "clone", "main"]).succeeds();
        assert_eq!(project.not_fresh(), "", "{point}");
        project.kptn(&["run"]).succeeds();
        assert_eq!(project.ran(), "", "{point}");
        project.kptn(&["fsck"]).succeeds();
    }
}

#[test]
fn a_clone_takes_what_a_run_has_finished_so_far() {
    let project = Project::new()
        .yaml(&tasks_yaml("A: , B: A", &["A: {outputs: [a.txt]}", "B: {outputs: [b.txt]}"]))
        .file("A.py", python_task("A", "(output_dir / 'a.txt').write_text('one')"))
        .file("B.py", gated_task("B", "(output_dir / 'b.txt').write_text('two')"));
    project.commit("a gate");
    let running = project.start(&["run"]);
    project.wait_for("B");
    project.kptn(&["branch", "clone", "main", "dev"]).succeeds();
    // A branch on which a run goes on is not moved.
    project.kptn(&["branch", "clone", "dev", "main"]).exits(3).says("`main` is in use by `kptn run`");
    project.open_gate("B");
    assert_eq!(running.wait().0, Some(0));
    assert_eq!(project.ran(), "A B");
    project.git(&["switch", "-qc", "dev"]);
    let states = project.kptn(&["status", "--all"]).succeeds();
    // B was finished after the clone: it is taken over by its fingerprint.
    assert!(states.stdout.contains("main"), "{}", states.whole());
    project.kptn(&["run"]).succeeds();
    assert_eq!(project.ran(), "");
}

#[test]
fn a_clone_never_throws_results_away_unless_it_is_told_to() {
    let project = two_tasks();
    project.kptn(&["run"]).succeeds();
    project.git(&["switch", "-qc", "dev"]);
    project.edit("A.py", "'one'", "'two'");
    project.kptn(&["run"]).succeeds();
    let clone = ["branch", "clone", "main"];
    project
        .kptn(&clone)
        .exits(3)
        .says("`dev` has results that no other branch or tag has: `A`, `B`")
        .says("--force");
    assert_eq!(project.not_fresh(), "");
    project
        .kptn(&["branch", "clone", "main", "--force"])
        .succeeds()
        .says("gave up its own results of `A`, `B`");
    project.kptn(&["branch", "clone", "mian"]).exits(2).says("did you mean `main`?");
    project.kptn(&["branch", "clone", "dev"]).exits(2).says("onto itself");
}

#[test]
fn undo_takes_back_the_latest_operation_then_the_one_before_and_can_be_undone() {
    let project = two_tasks();
    project.kptn(&["run"]).succeeds();
    project.edit("B.py", "* 2", "* 3");
    project.kptn(&["run"]).succeeds();
    assert_eq!(project.ran(), "A B B");
    project.kptn(&["undo"]).succeeds().says("operation 2 (run").says("`B`");
    assert_eq!(project.not_fresh(), "", "what was undone is still known by its fingerprint");
    project.edit("B.py", "* 3", "* 2");
    assert_eq!(project.not_fresh(), "", "B's first record is the branch's again");
    project.kptn(&["undo"]).succeeds().says("operation 1 (run");
    project.kptn(&["undo"]).exits(2).says("nothing on `main` is left to undo");
    project.kptn(&["undo", "1"]).exits(3).says("was undone by operation 4").says("kptn undo 4");
    project.kptn(&["undo", "4"]).succeeds();
    let log = project.kptn(&["log", "--json"]).succeeds().json();
    let lines: Vec<_> = log["entries"]
        .as_array()
        .expect("entries")
        .iter()
        .map(|one| {
            format!("{} {} {}", one["operation"], one["verb"].as_str().unwrap_or_default(), one["undone"])
        })
        .collect();
    assert_eq!(lines, ["5 undo false", "4 undo true", "3 undo false", "2 run true", "1 run false"]);
    project.kptn(&["run"]).succeeds();
    assert_eq!(project.ran(), "");
}

#[test]
fn an_older_operation_is_undone_for_its_own_tasks_and_not_where_a_later_one_moved_them() {
    let project = two_tasks();
    project.kptn(&["run", "A"]).succeeds();
    project.kptn(&["run"]).succeeds();
    project.edit("A.py", "'one'", "'two'");
    project.kptn(&["run", "A"]).succeeds();
    // 1 made A, 2 made B, 3 made A again.
    project
        .kptn(&["undo", "1"])
        .exits(3)
        .says("`A` was moved later, by operation 3 (run)")
        .says("kptn undo 3");
    project.kptn(&["undo", "2"]).succeeds().says("`B`");
    let report = project.kptn(&["branch", "list", "--json"]).succeeds().json();
    assert_eq!(report["branches"][0]["tasks"], 1);
    project.kptn(&["undo", "77"]).exits(2).says("there is no operation 77");
}

#[test]
fn what_a_clone_or_a_delete_gave_up_comes_back_with_undo() {
    let project = two_tasks();
    project.kptn(&["run"]).succeeds();
    project.git(&["switch", "-qc", "dev"]);
    project.edit("A.py", "'one'", "'two'");
    project.kptn(&["run"]).succeeds();
    project.trace();
    let outputs =
        |project: &Project| project.kptn(&["log", "A", "--json"]).succeeds().json()["records"][0].clone();
    let mine = outputs(&project);
    assert_eq!(mine["on"], serde_json::json!(["dev"]));
    project.kptn(&["branch", "clone", "main", "--force"]).succeeds();
    project.kptn(&["undo"]).succeeds();
    assert_eq!(outputs(&project), mine);
    project.kptn(&["branch", "delete", "dev"]).exits(3).says("`dev` has results");
    project.kptn(&["branch", "delete", "dev", "--force"]).succeeds();
    project.kptn(&["undo"]).succeeds();
    assert_eq!(outputs(&project), mine);
    project.kptn(&["branch", "rename", "dev", "main"]).exits(3).says("`main` has a state already");
    project.kptn(&["branch", "rename", "main", "old"]).succeeds();
    project.kptn(&["branch", "clone", "main", "x"]).exits(2).says("no branch called `main`");
    project.kptn(&["undo"]).succeeds();
    project.kptn(&["branch", "clone", "main", "x"]).succeeds();
    project.kptn(&["run"]).succeeds();
    assert_eq!(project.ran(), "");
}

#[test]
fn a_tag_keeps_a_state_and_diff_shows_what_changed_since() {
    let project = two_tasks();
    project.kptn(&["tag", "v1"]).exits(2);
    project.kptn(&["run"]).succeeds();
    project.kptn(&["tag", "v1"]).succeeds();
    project.kptn(&["tag", "v1"]).exits(3).says("there is a tag `v1` already");
    project.edit("B.py", "* 2", "* 3");
    project.kptn(&["run"]).succeeds();
    let diff = project.kptn(&["diff", "v1.."]).succeeds().prints("b.txt  6 -> 9 B").prints("1 task differs");
    assert!(!diff.stdout.contains("a.txt"), "{}", diff.whole());
    project.kptn(&["diff", "main..main", "--exit-code"]).succeeds().prints("the same records");
    project.kptn(&["diff", "1..3", "--exit-code", "--stat"]).exits(1).prints("1 file changed");
    project.kptn(&["diff", "nonsense.."]).exits(2).says("`nonsense` is no branch, tag, operation");
    // What is tagged is not given up by moving the branch away from it.
    project.kptn(&["undo"]).succeeds();
    project.kptn(&["branch", "delete", "main"]).succeeds();
    project.kptn(&["tag"]).succeeds().prints("v1");
    project.kptn(&["tag", "--delete", "v1"]).succeeds();
    project.kptn(&["undo"]).succeeds();
    project.kptn(&["tag"]).succeeds().prints("v1");
}

#[test]
fn no_verb_goes_round_protection_also_where_the_branch_took_its_own_away() {
    let project = two_tasks();
    project.edit("kptn.yaml", "graphs:", "settings: {protected: [main]}\ngraphs:");
    project.commit("main is protected");
    project.kptn(&["run"]).succeeds();
    project.git(&["switch", "-qc", "dev"]);
    project.edit("A.py", "'one'", "'two'");
    // Not protected any more, as this branch sees it.
    project.edit("kptn.yaml", "settings: {protected: [main]}\n", "");
    project.kptn(&["run"]).succeeds();
    project.kptn(&["branch", "clone", "dev", "main"]).exits(3);
    let refused = |words: &[&str]| {
        project.kptn(words).exits(3).says("`main` is protected, and `A` was made on `dev`");
    };
    refused(&["branch", "clone", "dev", "main", "--force"]);
    project.kptn(&["branch", "delete", "main", "--force"]).succeeds();
    refused(&["branch", "rename", "dev", "main"]);
    project.kptn(&["undo"]).succeeds();
    project.kptn(&["branch", "clone", "main", "release"]).succeeds();
}

#[cfg(feature = "failpoints")]
#[test]
fn a_clone_or_an_undo_that_is_killed_anywhere_is_done_whole_or_not_at_all() {
    let points = kptn::failpoint::FAILPOINTS.iter().filter(|(point, _)| point.starts_with("state.move."));
    let points: Vec<_> = points.map(|(point, _)| *point).collect();
    assert_eq!(points.len(), 3);
    let project = two_tasks();
    project.kptn(&["run"]).succeeds();
    let tasks_of = |branch: &str| {
        let report = project.kptn(&["branch", "list", "--json"]).succeeds().json();
        let rows = report["branches"].as_array().cloned().unwrap_or_default();
        rows.into_iter().find(|row| row["branch"] == branch).map(|row| row["tasks"].clone())
    };
    let killed = |point: &str, words: &[&str]| {
        let trigger = format!("{point}=kill");
        let dead = project.kptn_with(&[("KPTN_FAILPOINT", trigger.as_str())], words);
        assert_eq!(dead.code, None, "{point} was not hit: {}", dead.whole());
    };
    for (at, point) in points.into_iter().enumerate() {
        let branch = format!("b{at}");
        let is_done = point.ends_with("committed");
        killed(point, &["branch", "clone", "main", &branch]);
        assert_eq!(tasks_of(&branch).is_some(), is_done, "{point}");
        project.kptn(&["branch", "clone", "main", &branch]).succeeds();
        assert_eq!(tasks_of(&branch), Some(2.into()), "{point}");
        killed(point, &["undo"]);
        assert_eq!(tasks_of(&branch).is_none(), is_done, "{point}");
        if !is_done {
            project.kptn(&["undo"]).succeeds();
        }
        assert_eq!(tasks_of(&branch), None, "{point}");
    }
    assert_eq!(project.not_fresh(), "");
    project.kptn(&["fsck"]).succeeds();
}

#[test]
fn processes_that_clone_onto_one_branch_at_once_leave_one_of_the_states() {
    let project = two_tasks();
    project.kptn(&["run"]).succeeds();
    project.kptn(&["branch", "clone", "main", "other"]).succeeds();
    let clones: Vec<_> = ["main", "other", "main", "other"]
        .into_iter()
        .map(|source| project.start(&["branch", "clone", source, "both"]))
        .collect();
    for clone in clones {
        let (code, _, messages) = clone.wait();
        assert_eq!(code, Some(0), "{messages}");
    }
    let report = project.kptn(&["branch", "list", "--json"]).succeeds().json();
    let rows = report["branches"].as_array().cloned().unwrap_or_default();
    assert!(rows.iter().any(|row| row["branch"] == "both" && row["tasks"] == 2), "{report}");
}

/// `A` is done and `B` stands at its gate, in a run on the branch `dev`.
fn running_on_dev() -> (Project, crate::support::Running) {
    let project = Project::new()
        .yaml(&tasks_yaml("A: , B: A", &["A: {outputs: [a.txt]}", "B: {outputs: [b.txt]}"]))
        .file("A.py", python_task("A", "(output_dir / 'a.txt').write_text('one')"))
        .file("B.py", gated_task("B", "(output_dir / 'b.txt').write_text('two')"));
    project.commit("a gate");
    project.git(&["switch", "-qc", "dev"]);
    project.kptn(&["run", "A"]).succeeds();
    project.kptn(&["status"]).succeeds();
    let running = project.start(&["run"]);
    project.wait_for("B");
    (project, running)
}

#[test]
fn a_branch_that_is_deleted_while_it_runs_keeps_what_the_run_has_finished() {
    let (project, running) = running_on_dev();
    project.kptn(&["branch", "delete", "dev", "--force"]).exits(3).says("`dev` is in use by `kptn run`");
    project.git(&["switch", "-q", "main"]);
    project.git(&["branch", "-qD", "dev"]);
    project.kptn(&["status"]).succeeds();
    project.open_gate("B");
    running.wait();
    project.kptn(&["fsck"]).succeeds();
    let rows = project.kptn(&["branch", "list", "--json"]).succeeds().json();
    let names: Vec<_> = rows["branches"].as_array().expect("rows").iter().map(|row| &row["branch"]).collect();
    assert!(names.contains(&&"dev".into()), "{rows}");
    project.trace();
    project.kptn(&["run"]).succeeds();
    // B ended where HEAD was elsewhere: its files are kept, and nobody else takes them for B's.
    assert_eq!(project.ran(), "B", "main takes over A");
    project.kptn(&["gc"]).succeeds().prints("git has had no `dev` since");
}

#[test]
fn a_branch_that_is_renamed_while_it_runs_has_its_state_under_the_new_name() {
    let (project, running) = running_on_dev();
    project.kptn(&["branch", "rename", "dev", "new"]).exits(3).says("`dev` is in use by `kptn run`");
    project.git(&["branch", "-m", "dev", "new"]);
    project.open_gate("B");
    running.wait();
    project.kptn(&["status"]).succeeds();
    project.kptn(&["fsck"]).succeeds();
    let rows = project.kptn(&["branch", "list", "--json"]).succeeds().json();
    assert_eq!(rows["branches"][0]["branch"], "new", "{rows}");
    project.trace();
    project.kptn(&["run"]).succeeds();
    // B ended where HEAD was called otherwise.
    assert_eq!(project.ran(), "B");
}
