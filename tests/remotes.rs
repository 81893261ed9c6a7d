//! Two clones of a repository share state through a folder: push, pull, conflicts, and nothing run twice.

use std::fs;

use crate::support::{Project, python_task, tasks_yaml};

/// A -> B, with a remote `team` in a folder that both clones can reach.
fn project(remote: &str) -> Project {
    let yaml = tasks_yaml("A: , B: A", &["A: {outputs: [A.txt]}", "B: {outputs: [B.txt]}"]);
    Project::new()
        .yaml(&format!("{yaml}\nremotes:\n  team: {{url: 'file://{remote}'}}\n"))
        .file("A.py", python_task("A", "(output_dir / 'A.txt').write_text('a' * 100000)"))
        .file("B.py", python_task("B", "(output_dir / 'B.txt').write_text('b')"))
}

/// A folder for a remote, and two projects with the same code that know it.
fn two() -> (tempfile::TempDir, Project, Project) {
    let folder = tempfile::tempdir().expect("a folder");
    let url = folder.path().join("team").display().to_string();
    (folder, project(&url), project(&url))
}

#[test]
fn what_one_clone_pushed_another_pulls_and_runs_nothing() {
    let (_folder, one, other) = two();
    one.kptn(&["run"]).succeeds();
    one.kptn(&["push", "-n"]).succeeds().says("would push");
    one.kptn(&["push"]).succeeds().says("pushed");
    one.kptn(&["push", "team"]).succeeds().says("has all of it already");

    other.kptn(&["pull"]).succeeds().says("pulled 2 tasks").says("kptn restore");
    assert_eq!(other.not_fresh(), "");
    other.kptn(&["run"]).succeeds();
    assert_eq!(other.ran(), "");
    other.kptn(&["restore"]).succeeds();
    assert_eq!(other.read_output("A.txt"), "a".repeat(100_000));
    other.kptn(&["fsck"]).succeeds();
}

#[test]
fn tasks_of_both_sides_merge_and_the_same_task_is_a_conflict() {
    let (_folder, one, other) = two();
    one.kptn(&["run"]).succeeds();
    one.kptn(&["push"]).succeeds();
    other.kptn(&["pull"]).succeeds();

    one.edit("B.py", "'b'", "'b2'");
    one.kptn(&["run"]).succeeds();
    one.kptn(&["push"]).succeeds();
    other.edit("B.py", "'b'", "'b3'");
    other.kptn(&["run"]).succeeds();
    other.kptn(&["push"]).exits(3).says("`B`").says("kptn pull");
    other.kptn(&["pull"]).exits(3).says("only `main` has").says("--into");
    assert_eq!(other.read_output("B.txt"), "b3");
    other.kptn(&["pull", "--into", "theirs"]).succeeds();
    other.kptn(&["pull", "--force"]).succeeds().says("gave up");
    other.kptn(&["push"]).succeeds().says("has all of it already");
}

#[test]
fn what_a_push_kept_of_others_is_kept_by_the_next_one_too() {
    let (_folder, one, other) = two();
    one.kptn(&["run"]).succeeds();
    one.kptn(&["push"]).succeeds();
    other.kptn(&["pull"]).succeeds();
    one.edit("B.py", "'b'", "'b2'");
    one.kptn(&["run"]).succeeds();
    one.kptn(&["push"]).succeeds();
    for text in ["'c' * 9", "'d' * 9"] {
        let code = python_task("A", &format!("(output_dir / 'A.txt').write_text({text})"));
        other.write("A.py", code);
        other.kptn(&["run", "A"]).succeeds();
        other.kptn(&["push"]).succeeds().says("kept 1 task");
    }
    one.kptn(&["pull", "--into", "both"]).succeeds();
    let both = one.kptn(&["cat", "B", "B.txt", "--branch", "both"]).succeeds();
    assert_eq!(both.stdout, "b2");
}

#[test]
fn a_part_is_pulled_and_a_fetch_moves_nothing() {
    let (_folder, one, other) = two();
    one.kptn(&["run"]).succeeds();
    one.kptn(&["push"]).succeeds();
    other.kptn(&["fetch"]).succeeds().says("no branch was moved");
    assert_eq!(other.not_fresh(), "A=stale B=stale");
    other.kptn(&["pull", "--for", "B"]).succeeds().says("pulled 1 task");
    assert_eq!(other.not_fresh(), "B=stale");
    other.kptn(&["run"]).succeeds();
    assert_eq!(other.ran(), "B");
}

#[test]
fn what_cannot_be_done_with_a_remote_says_what_to_do() {
    let (folder, one, _other) = two();
    one.kptn(&["pull"]).exits(4).says("nothing at").says("kptn push");
    one.kptn(&["push"]).exits(2).says("no state to push").says("kptn run");
    one.kptn(&["push", "taem"]).exits(2).says("did you mean `team`");
    one.edit("kptn.yaml", "'}", "', writable: false}");
    one.kptn(&["run"]).succeeds();
    one.kptn(&["push"]).exits(2).says("writable: false");
    assert!(!folder.path().join("team").exists(), "nothing was made");
    one.edit("kptn.yaml", "file://", "s3://AKIA:secret@bucket");
    let refused = one.kptn(&["push"]).exits(2);
    assert!(!refused.whole().contains("caused by: AKIA"), "{}", refused.whole());
}

#[test]
fn a_push_that_is_killed_leaves_the_branch_as_it_was_and_goes_on() {
    for point in ["remote.send.written", "remote.send.named", "remote.push.moved"] {
        let (folder, one, other) = two();
        one.kptn(&["run"]).succeeds();
        one.kptn_with(&[("KPTN_FAILPOINT", &format!("{point}=kill"))], &["push"]);
        let moved = point == "remote.push.moved";
        assert_eq!(folder.path().join("team/refs").exists(), moved, "{point}");
        one.kptn(&["push"]).succeeds();
        other.kptn(&["pull"]).succeeds();
        assert_eq!(other.not_fresh(), "", "{point}");
        other.kptn(&["fsck"]).succeeds();
    }
}

#[test]
fn a_pull_that_is_killed_leaves_the_old_or_the_new_state_and_goes_on() {
    let points = kptn::failpoint::FAILPOINTS.iter().map(|(point, _)| *point);
    let points: Vec<_> = points
        .filter(|point| {
            ["remote.pull.", "state.move.", "store.flush."].iter().any(|kind| point.starts_with(kind))
        })
        .collect();
    assert!(points.len() > 9, "{points:?}");
    let lazy = points.iter().filter(|point| point.starts_with("remote.pull."));
    let all = points.iter().map(|point| (point, &["pull"][..]));
    for (point, words) in all.chain(lazy.map(|point| (point, &["pull", "--lazy"][..]))) {
        let (_folder, one, other) = two();
        one.kptn(&["run"]).succeeds();
        one.kptn(&["push"]).succeeds();
        let killed = other.kptn_with(&[("KPTN_FAILPOINT", &format!("{point}=kill"))], words);
        assert_ne!(killed.code, Some(0), "{point} {words:?}");
        let not_fresh = other.not_fresh();
        let moved = ["remote.pull.moved", "remote.pull.taken", "state.move.committed"].contains(point);
        assert_eq!(not_fresh.is_empty(), moved, "{point} {words:?}: {not_fresh}");
        other.kptn(&["fsck"]).succeeds();
        let again = other.kptn(words).succeeds();
        if point.starts_with("state.move.") || moved {
            again.says("0 objects, 0 B");
        }
        assert_eq!(other.not_fresh(), "", "{point} {words:?}");
        other.kptn(&["restore"]).succeeds();
        other.kptn(&["fsck"]).succeeds();
    }
}

#[test]
fn a_remote_is_tried_and_left_as_it_was() {
    let (folder, one, _other) = two();
    fs::create_dir(folder.path().join("team")).expect("a folder");
    one.kptn(&["remote", "check"]).succeeds().says("two who write at once are told apart");
    assert!(!folder.path().join("team/kptn.json").exists());
    one.kptn(&["remote"]).succeeds().prints("team");
}
