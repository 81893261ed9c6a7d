//! `kptn branch clone --at`: a branch starts with what another one had at some moment, and `--restore` puts the files there.

use crate::support::{Project, python_task, tasks_yaml};

/// `A` writes a word and `B` doubles it; run with `one` and with `two`, committed between, tagged `v1` and `v2`.
fn two_states() -> Project {
    let project = Project::new()
        .yaml(&tasks_yaml("A: , B: A", &["A: {outputs: [a.txt]}", "B: {outputs: [b.txt]}"]))
        .file(".gitignore", "scratch/\nflows/\n__pycache__/\n")
        .file("A.py", python_task("A", "(output_dir / 'a.txt').write_text('one')"))
        .file(
            "B.py",
            python_task("B", "(output_dir / 'b.txt').write_text((output_dir / 'a.txt').read_text() * 2)"),
        );
    project.commit("one");
    project.kptn(&["run"]).succeeds();
    project.kptn(&["tag", "v1"]).succeeds();
    project.edit("A.py", "'one'", "'two'");
    project.commit("two");
    project.kptn(&["run"]).succeeds();
    project.kptn(&["tag", "v2"]).succeeds();
    project.trace();
    project
}

#[test]
fn a_state_is_named_by_operation_run_tag_commit_or_time_and_a_clone_of_it_is_undone() {
    let project = two_states();
    project.kptn(&["branch", "clone", "main", "first", "--at", "1"]).succeeds();
    let (first, now) = (project.records_on("first", &["A", "B"]), project.records_on("main", &["A", "B"]));
    assert!(first[0] != now[0] && first[1] != now[1] && !first.contains(&"none".to_owned()), "{first:?}");
    let log = project.kptn(&["log", "--json"]).succeeds().json();
    let entries = log["entries"].as_array().cloned().unwrap_or_default();
    let run = entries.last().and_then(|entry| entry["run"].as_str()).expect("a run").to_owned();
    let commit = project.git(&["rev-parse", "HEAD~1"]).trim().to_owned();
    let at_ms = entries.last().and_then(|entry| entry["at_ms"].as_u64()).expect("a time");
    // The run of operation 1 was opened before it was closed.
    let second =
        entries.iter().find(|entry| entry["operation"] == 3).and_then(|entry| entry["at_ms"].as_u64());
    assert!(Some(at_ms) < second);
    for word in ["1", "#1", run.as_str(), &run[..12], "v1", "2", commit.as_str(), &commit[..8]] {
        project.kptn(&["branch", "clone", "main", "again", "--at", word]).succeeds();
        assert_eq!(project.records_on("again", &["A", "B"]), first, "{word}");
        project.kptn(&["undo"]).succeeds();
        assert_eq!(project.records_on("again", &["A", "B"]), ["none", "none"], "{word}");
    }
    let says =
        |word: &str| project.kptn(&["branch", "clone", "main", "said", "--at", word, "--force"]).succeeds();
    says("1")
        .says("said has what main had after operation 1 (run, ")
        .says("files come when a task needs them");
    says("v2").says("said has what main had at v2");
    assert_eq!(project.records_on("said", &["A", "B"]), now);
    says("0 seconds ago");
    assert_eq!(project.records_on("said", &["A", "B"]), now);
    project
        .kptn(&["branch", "clone", "main", "none", "--at", "9 years ago"])
        .exits(2)
        .says("is no branch, tag");
    project.kptn(&["log"]).succeeds().prints("clone main at v2");
    project.kptn(&["fsck"]).succeeds();

    // Standing on the commit of then, all of it is fresh.
    project.git(&["switch", "-qc", "old", &commit]);
    project.kptn(&["branch", "clone", "main", "--at", "v1"]).succeeds();
    assert_eq!(project.not_fresh(), "");
    project.kptn(&["run"]).succeeds();
    assert_eq!(project.ran(), "");
    // A branch goes back to a state of its own, too.
    project.git(&["switch", "-q", "main"]);
    project.kptn(&["branch", "clone", "main"]).exits(2).says("onto itself");
    project.kptn(&["branch", "clone", "main", "--at", "1"]).succeeds();
    assert_eq!(project.records_on("main", &["A", "B"]), first);
    let report = project.kptn(&["branch", "list", "--json"]).succeeds().json();
    assert_eq!(report["branches"][0]["cloned_from"], serde_json::Value::Null, "{report}");
}

#[test]
fn what_is_no_state_of_the_branch_is_refused_and_names_what_it_is() {
    let project = two_states();
    project.kptn(&["branch", "clone", "main", "dev"]).succeeds();
    let refused =
        |source: &str, word: &str| project.kptn(&["branch", "clone", source, "x", "--at", word]).exits(2);
    refused("main", "5").says("operation 5 moved `dev`");
    refused("dev", "v1").says("the tag `v1` is of `main`").says("kptn branch clone main DST --at v1");
    refused("main", "nonsense").says("`nonsense` is no branch, tag, operation");
    refused("mian", "v1").says("did you mean `main`?");
    // What moved no branch leads to the state of then.
    project.kptn(&["gc", "--yes", "--keep", "0d"]).succeeds();
    project.kptn(&["branch", "clone", "main", "after-gc", "--at", "0 seconds ago"]).succeeds();
    assert_eq!(project.records_on("after-gc", &["A", "B"]), project.records_on("main", &["A", "B"]));
    // A branch without a state has a past.
    project.kptn(&["branch", "delete", "main"]).succeeds();
    project.kptn(&["branch", "clone", "main", "y"]).exits(2).says("no branch called `main` has a state");
    refused("main", "0 seconds ago").says("nothing was finished on `main` at");
    project.kptn(&["branch", "clone", "main", "y", "--at", "v1"]).succeeds();
}

#[test]
fn a_state_that_gc_has_collected_is_refused_and_a_tagged_one_never_is() {
    let project = two_states();
    project.kptn(&["tag", "--delete", "v1"]).succeeds();
    for grace in ["7d", "0d", "0d"] {
        project.kptn(&["gc", "--yes", "--keep", "0d", "--grace", grace]).succeeds();
    }
    let clone = |word: &str| project.kptn(&["branch", "clone", "main", "x", "--at", word]);
    clone("1").exits(3).says("that state is not in the store any more").says("`kptn gc` has collected it");
    assert_eq!(project.records_on("x", &["A", "B"]), ["none", "none"]);
    clone("v2").succeeds();
    project.kptn(&["fsck"]).succeeds();
}

#[test]
fn a_protected_branch_goes_back_to_what_it_was_and_takes_nothing_of_others_past() {
    let project = two_states();
    let yaml = project.read("kptn.yaml");
    project.write("kptn.yaml", yaml + "settings: {protected: [main, release]}\n");
    project.commit("protected");
    project.git(&["switch", "-qc", "dev"]);
    project.edit("B.py", "* 2", "* 3");
    project.kptn(&["run"]).succeeds();
    project.kptn(&["tag", "mine"]).succeeds();
    project.kptn(&["undo", "5"]).succeeds();
    let refused = |words: &[&str]| {
        let words = [&["branch", "clone", "dev"], words, &["--force"]].concat();
        project.kptn(&words).exits(3).says("is protected, and `B` was made on `dev`");
    };
    refused(&["main", "--at", "mine"]);
    refused(&["release", "--at", "mine"]);
    refused(&["main", "--at", "5"]);
    project.kptn(&["branch", "clone", "main", "release", "--at", "v1"]).succeeds();
    project.kptn(&["branch", "clone", "main", "main", "--at", "v1"]).succeeds();
    assert_eq!(project.records_on("main", &["A", "B"]), project.records_on("release", &["A", "B"]));
}

#[test]
fn restore_puts_the_files_there_where_the_branch_has_its_folder_here() {
    let project = two_states();
    project.git(&["switch", "-qc", "dev", "HEAD~1"]);
    let cloned = project.kptn(&["branch", "clone", "main", "--at", "v1", "--restore"]).succeeds();
    cloned.says("restored a.txt").says("2 files put back").never_says("files come when a task needs them");
    assert_eq!(project.read("scratch/dev/b.txt"), "oneone");
    // An edit is kept aside, another state's bytes are replaced.
    project.write("scratch/dev/a.txt", "mine");
    let again = project.kptn(&["branch", "clone", "main", "--restore", "--force"]).succeeds();
    again.says("a.txt: edited by hand, now .kept/");
    assert_eq!(project.read("scratch/dev/a.txt"), "two");
    assert_eq!(project.read("scratch/dev/b.txt"), "twotwo");
    // Another branch: only where its folder is here.
    project
        .kptn(&["branch", "clone", "main", "far", "--restore"])
        .succeeds()
        .says("far has no output folder here");
    assert!(!project.exists("scratch/far"));
    project.remove("scratch/main/b.txt");
    let other =
        project.kptn(&["branch", "clone", "main", "main", "--at", "v1", "--restore", "--json"]).succeeds();
    assert_eq!(other.json()["files"]["report"]["lost"], serde_json::json!([]), "{}", other.whole());
    assert_eq!(project.read_output("b.txt"), "oneone");
    project.kptn(&["fsck"]).succeeds();
}
