//! What a branch here and at a remote last agreed on: undone pulls, lost answers, remotes that were put back.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::support::{Project, python_task, tasks_yaml};

fn project(remote: &Path) -> Project {
    let tasks = ["A: {outputs: [A.txt]}", "B: {outputs: [B.txt]}", "C: {outputs: [C.txt]}"];
    let yaml = tasks_yaml("A: , B: , C: ", &tasks);
    let project =
        Project::new().yaml(&format!("{yaml}\nremotes:\n  team: {{url: 'file://{}'}}\n", remote.display()));
    for task in ["A", "B", "C"] {
        make(&project, task, 0);
    }
    project.commit("three tasks");
    project
}

fn make(project: &Project, task: &str, version: u32) {
    project.write(
        &format!("{task}.py"),
        python_task(task, &format!("(output_dir / '{task}.txt').write_text('{task}{version}')")),
    );
}

fn made(project: &Project, task: &str, version: u32) {
    make(project, task, version);
    project.kptn(&["run"]).succeeds();
}

/// A remote that has version 0, and two machines that agree with it.
fn agreed() -> (tempfile::TempDir, Project, Project) {
    let folder = tempfile::tempdir().expect("a folder");
    let remote = folder.path().join("team");
    let (one, other) = (project(&remote), project(&remote));
    one.kptn(&["run"]).succeeds();
    one.kptn(&["push"]).succeeds();
    other.kptn(&["pull"]).succeeds();
    (folder, one, other)
}

fn cat(project: &Project, task: &str) -> String {
    project.kptn(&["cat", task]).succeeds().stdout
}

#[test]
fn a_pull_that_is_undone_takes_nothing_back_at_the_remote() {
    let (_folder, one, other) = agreed();
    made(&one, "A", 1);
    one.kptn(&["push"]).succeeds();
    other.kptn(&["pull"]).succeeds();
    other.kptn(&["undo"]).succeeds();
    other.kptn(&["push"]).succeeds().says("has all of it already").says("kept 1 task that others moved");
    one.kptn(&["pull"]).succeeds();
    assert_eq!(cat(&one, "A"), "A1");
    // Where the undo is undone, both sides agree again, and what is made after that goes.
    let log = other.kptn(&["log", "--json"]).succeeds().json();
    let undo = log["entries"].as_array().and_then(|all| all.iter().find(|one| one["verb"] == "undo"));
    let number = undo.and_then(|undo| undo["operation"].as_u64()).expect("the undo").to_string();
    other.kptn(&["undo", &number]).succeeds();
    assert_eq!(cat(&other, "A"), "A1");
    make(&other, "A", 2);
    other.kptn(&["run", "A"]).succeeds();
    other.kptn(&["push"]).succeeds();
    one.kptn(&["pull"]).succeeds();
    assert_eq!(cat(&one, "A"), "A2");
}

#[test]
fn what_was_made_before_comes_back_where_the_code_is_as_before() {
    let (_folder, one, other) = agreed();
    made(&one, "A", 1);
    one.kptn(&["push"]).succeeds();
    made(&one, "A", 0);
    one.kptn(&["push"]).succeeds();
    other.kptn(&["pull"]).succeeds();
    assert_eq!(cat(&other, "A"), "A0");
}

#[test]
fn after_a_pull_of_the_past_a_pull_of_now_takes_now_and_a_push_takes_nothing_back() {
    let (_folder, one, other) = agreed();
    let first = one.git(&["rev-parse", "HEAD"]).trim().to_owned();
    make(&one, "A", 1);
    one.commit("another A");
    one.kptn(&["run"]).succeeds();
    one.kptn(&["push"]).succeeds();
    other.kptn(&["pull"]).succeeds();
    for now in [["pull"], ["push"]] {
        other.kptn(&["pull", "team", "--at", &first]).succeeds();
        assert_eq!(cat(&other, "A"), "A0");
        other.kptn(&now).succeeds();
        one.kptn(&["pull"]).succeeds();
        assert_eq!(cat(&one, "A"), "A1", "{now:?}");
    }
    other.kptn(&["pull"]).succeeds();
    assert_eq!(cat(&other, "A"), "A1");
}

#[test]
fn a_lease_holds_for_what_was_looked_at_and_keeps_what_only_they_have() {
    for look in [&["fetch"][..], &["pull", "--into", "theirs"], &["pull", "--for", "C"]] {
        let (_folder, one, other) = agreed();
        made(&one, "A", 1);
        made(&one, "B", 1);
        one.kptn(&["push"]).succeeds();
        made(&other, "A", 2);
        other.kptn(&["push"]).exits(3).says("both sides changed `A`").says("kptn fetch");
        other.kptn(&["push", "--force-with-lease"]).exits(3).says("is not as it was last seen here");
        other.kptn(&["pull"]).exits(3).says("only `main` has");
        // The refused pull looked at it; what comes after that is not known.
        made(&one, "C", 1);
        one.kptn(&["push"]).succeeds();
        other.kptn(&["push", "--force-with-lease"]).exits(3);
        other.kptn(look).succeeds();
        other.kptn(&["push", "--force-with-lease"]).succeeds();
        let third = project(&_folder.path().join("team"));
        third.kptn(&["pull"]).succeeds();
        assert_eq!(cat(&third, "A"), "A2", "{look:?}");
    }
}

#[test]
#[cfg(feature = "failpoints")]
fn a_push_whose_answer_was_lost_is_no_conflict_with_oneself() {
    let (_folder, one, _other) = agreed();
    made(&one, "A", 1);
    one.kptn_with(&[("KPTN_FAILPOINT", "remote.push.moved=kill")], &["push"]);
    one.kptn(&["push"]).succeeds().says("has all of it already");
    one.kptn(&["status", "--not-in-remote"]).succeeds().prints("every result is on a remote");
    made(&one, "A", 2);
    one.kptn(&["push"]).succeeds().says("pushed");
}

#[test]
fn a_remote_that_was_put_back_gets_what_it_lost() {
    for verb in ["push", "pull"] {
        let (folder, one, other) = agreed();
        let (remote, copy) = (folder.path().join("team"), folder.path().join("copy"));
        let copied = Command::new("cp").args(["-a"]).arg(&remote).arg(&copy).status();
        assert!(copied.expect("cp").success());
        made(&one, "A", 1);
        one.kptn(&["push"]).succeeds();
        fs::remove_dir_all(&remote).expect("removed");
        fs::rename(&copy, &remote).expect("put back");
        one.kptn(&[verb]).succeeds().says("had an earlier state than was seen here");
        assert_eq!(cat(&one, "A"), "A1", "{verb}");
        if verb == "pull" {
            one.kptn(&["push"]).succeeds();
        }
        other.kptn(&["pull"]).succeeds();
        assert_eq!(cat(&other, "A"), "A1", "{verb}");
        one.kptn(&["push"]).succeeds().says("has all of it already").never_says("earlier state");
    }
}

#[test]
fn an_edit_lets_no_branch_into_a_protected_one_by_a_pull() {
    let (_folder, one, other) = agreed();
    one.git(&["switch", "-qc", "mine"]);
    made(&one, "A", 1);
    one.kptn(&["push"]).succeeds();
    other.write("kptn.yaml", other.read("kptn.yaml") + "settings: {protected: [main]}\n");
    other.commit("main is protected");
    other.edit("kptn.yaml", "[main]", "[main, mine]");
    other.kptn(&["pull", "team", "--from", "mine", "--into", "main"]).exits(3).says("protected");
    assert_eq!(cat(&other, "A"), "A0");
}
