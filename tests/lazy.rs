//! `kptn pull --lazy`: records come at once, outputs and logs when something needs them.

use std::fs;
use std::path::Path;

use crate::support::{Project, python_task, tasks_yaml};

const LARGE: usize = 100_000;

/// `A` -> `B` and `C` alone, each with a file too large for the database, and two folders that are remotes.
fn project(remotes: &Path) -> Project {
    let outputs = ["A: {outputs: [A.txt]}", "B: {outputs: [B.txt]}", "C: {outputs: [C.txt]}"];
    let yaml = tasks_yaml("A: , B: A, C: ", &outputs);
    let remotes = remotes.display();
    let project = Project::new().yaml(&format!(
        "{yaml}\nremotes:\n  prod: {{url: 'file://{remotes}/prod'}}\n  team: {{url: 'file://{remotes}/team'}}\n"
    ));
    for (task, before) in [("A", ""), ("B", "A"), ("C", "")] {
        let read = if before.is_empty() {
            "''".to_owned()
        } else {
            format!("(output_dir / '{before}.txt').read_text()[0]")
        };
        let body = format!(
            "print('made {task}')\n    (output_dir / '{task}.txt').write_text(({read} + '{task}') * {LARGE})"
        );
        project.write(&format!("{task}.py"), python_task(task, &body));
    }
    project.commit("three tasks");
    project
}

/// A project that has pushed to `prod`, and another one with the same code that has pulled from there.
fn pulled(words: &[&str]) -> (tempfile::TempDir, Project) {
    let folder = tempfile::tempdir().expect("a folder");
    let one = project(folder.path());
    one.kptn(&["run"]).succeeds();
    one.kptn(&["push", "prod"]).succeeds();
    let other = project(folder.path());
    other.kptn(&[&["pull", "prod"], words].concat()).succeeds();
    (folder, other)
}

/// How many objects are files of the store: here, outputs alone are that large.
fn large_objects(project: &Project) -> usize {
    let folders = fs::read_dir(project.path(".git/kptn/objects")).into_iter().flatten().flatten();
    folders.map(|folder| fs::read_dir(folder.path()).into_iter().flatten().count()).sum()
}

#[test]
fn all_is_fresh_without_a_file_and_each_comes_when_it_is_needed() {
    let (_folder, project) = pulled(&["--lazy"]);
    assert_eq!(large_objects(&project), 0);
    assert_eq!(project.not_fresh(), "");
    project.kptn(&["run"]).succeeds();
    assert_eq!((project.ran(), large_objects(&project)), (String::new(), 0));
    project.kptn(&["fsck"]).succeeds();
    project.kptn(&["gc", "--yes", "--keep", "0d", "--grace", "0d"]).succeeds();

    // A task's direct dependencies come before it runs, and nothing else.
    project.edit("B.py", "'B')", "'b')");
    project.kptn(&["run"]).succeeds();
    assert_eq!(project.ran(), "B");
    assert!(project.read_output("B.txt").starts_with("AbAb"));
    assert!(!project.output("C.txt").exists());
    assert_eq!(large_objects(&project), 2, "A came, and B was made");

    // A person's reading, and what a task printed.
    assert_eq!(project.kptn(&["cat", "C"]).succeeds().stdout, "C".repeat(LARGE));
    project.kptn(&["output", "C"]).succeeds().prints("made C");
    assert_eq!(large_objects(&project), 3);
    project.kptn(&["restore"]).succeeds();
    assert_eq!(project.read_output("C.txt"), "C".repeat(LARGE));
    project.kptn(&["fsck"]).succeeds();
}

#[test]
fn a_branch_shares_what_was_left_at_the_remote_and_gc_keeps_it() {
    let (_folder, project) = pulled(&["--lazy"]);
    project.git(&["switch", "-qc", "feature"]);
    project.kptn(&["branch", "clone", "main"]).succeeds();
    assert_eq!(project.not_fresh(), "");
    for _ in 0..2 {
        project.kptn(&["gc", "--yes", "--keep", "0d", "--grace", "0d"]).succeeds();
    }
    project.kptn(&["restore", "A"]).succeeds().says("1 file put back");
    assert_eq!(project.read("scratch/feature/A.txt"), "A".repeat(LARGE));
    assert_eq!(large_objects(&project), 1);
    // What came and is collected comes again.
    project.kptn(&["path", "C"]).succeeds();
    assert_eq!(project.read("scratch/feature/C.txt"), "C".repeat(LARGE));
}

#[test]
fn where_the_remote_is_away_status_holds_and_what_needs_a_file_says_so() {
    let (folder, project) = pulled(&["--lazy"]);
    fs::rename(folder.path().join("prod"), folder.path().join("away")).expect("renamed");
    assert_eq!(project.not_fresh(), "");
    let refused = project.kptn(&["restore"]).exits(4);
    refused
        .says("cannot bring 3 objects that a remote has")
        .says("`prod` does not give them")
        .says("nothing at");
    project.kptn(&["cat", "C"]).exits(4).says("`prod` does not give them");
    project.edit("B.py", "'B')", "'b')");
    let failed = project.kptn(&["run"]);
    assert_ne!(failed.code, Some(0));
    failed.says("`prod` does not give them");
    assert_eq!(project.ran(), "");
    fs::rename(folder.path().join("away"), folder.path().join("prod")).expect("renamed");
    project.kptn(&["run"]).succeeds();
    assert_eq!(project.ran(), "B");
    project.kptn(&["fsck"]).succeeds();
}

#[test]
fn a_whole_pull_brings_what_a_lazy_one_left_and_a_push_hands_it_on() {
    let (folder, project) = pulled(&["--lazy"]);
    project.kptn(&["push", "team"]).succeeds().says("pushed");
    assert_eq!(large_objects(&project), 3, "they came by way of this machine");
    fs::rename(folder.path().join("prod"), folder.path().join("away")).expect("renamed");
    let third = self::project(folder.path());
    third.kptn(&["pull", "team"]).succeeds();
    third.kptn(&["restore"]).succeeds().says("3 files put back");

    let (_folder, project) = pulled(&["--lazy"]);
    project.kptn(&["pull", "prod"]).succeeds();
    assert_eq!(large_objects(&project), 3);
    let (_folder, project) = pulled(&["--lazy", "-s", "B"]);
    assert_eq!(project.not_fresh(), "A=stale B=maybe C=stale");
}

/// Takes from `prod` what nothing there needs.
fn collected_at_prod(project: &Project) {
    for _ in 0..2 {
        project.kptn(&["gc", "--remote", "prod", "--yes", "--keep", "0d", "--grace", "0d"]).succeeds();
    }
}

#[test]
fn what_the_remote_has_no_more_is_lost_and_made_again() {
    let folder = tempfile::tempdir().expect("a folder");
    let one = project(folder.path());
    // Each push has a pack of its own.
    for words in [["run", "+B"], ["run", "C"]] {
        one.kptn(&words).succeeds();
        one.kptn(&["push", "prod"]).succeeds();
    }
    let other = project(folder.path());
    other.kptn(&["pull", "prod", "--lazy"]).succeeds();
    other.kptn(&["fsck"]).succeeds().prints("stay at a remote until something needs them");
    one.edit("C.py", "'C')", "'c')");
    one.kptn(&["run"]).succeeds();
    one.kptn(&["push", "prod"]).succeeds();
    collected_at_prod(&one);

    // What is there still comes; the rest is named, and its task runs again.
    let restored = other.kptn(&["restore"]);
    restored.says("lost C.txt");
    assert_eq!(large_objects(&other), 2);
    assert_eq!(other.not_fresh(), "C=stale");
    other.kptn(&["cat", "C"]).exits(1).says("kptn run -f C");
    other.kptn(&["run"]).succeeds();
    assert_eq!((other.ran(), other.not_fresh()), ("C".to_owned(), String::new()));
    other.kptn(&["fsck"]).succeeds();
}

/// The file below the refs of `prod` that is called so.
fn key_of(folder: &Path, name: &str) -> std::path::PathBuf {
    let projects = fs::read_dir(folder.join("prod/refs")).expect("refs").flatten();
    projects.map(|project| project.path().join(name)).find(|path| path.exists()).expect("the branch")
}

#[test]
fn what_a_collection_has_announced_comes_at_once() {
    let folder = tempfile::tempdir().expect("a folder");
    let one = project(folder.path());
    one.kptn(&["run"]).succeeds();
    one.kptn(&["push", "prod", "--to", "past"]).succeeds();
    let other = project(folder.path());
    // Announced, and not deleted yet: nothing that is on no branch is promised.
    let (there, away) = (key_of(folder.path(), "past.json"), folder.path().join("past.json"));
    fs::rename(&there, &away).expect("renamed");
    fs::rename(folder.path().join("prod/history"), folder.path().join("history")).expect("renamed");
    one.kptn(&["gc", "--remote", "prod", "--yes", "--keep", "0d", "--grace", "0d"])
        .succeeds()
        .prints("announced");
    fs::rename(&away, &there).expect("renamed");
    other.kptn(&["pull", "prod", "--from", "past", "--lazy"]).succeeds().never_says("until something needs");
    assert_eq!(large_objects(&other), 3);
}

#[test]
fn an_index_that_was_taken_away_is_no_answer() {
    let (folder, project) = pulled(&["--lazy"]);
    let head = folder.path().join("prod/index/head");
    fs::rename(&head, folder.path().join("head")).expect("renamed");
    project.kptn(&["restore"]).exits(4).says("index/head").says("kptn remote check prod");
    assert_eq!(project.not_fresh(), "");
    fs::rename(folder.path().join("head"), head).expect("renamed");
    project.kptn(&["restore"]).succeeds().says("3 files put back");
}

#[test]
fn a_dry_run_tells_the_size_of_what_another_remote_has() {
    let (_folder, project) = pulled(&["--lazy"]);
    project.kptn(&["push", "team", "-n"]).succeeds().says("kB").never_says("0 B");
    let told = project.kptn(&["push", "team", "-n", "--json"]).succeeds();
    assert!(told.json()["bytes"].as_u64().is_some_and(|bytes| bytes > 3 * LARGE as u64), "{told:?}");
}

#[test]
fn a_remote_whose_address_changed_is_reached_once_something_is_pulled_from_it() {
    let (folder, project) = pulled(&["--lazy"]);
    // Another name for the same place, so that the promise holds and its words do not.
    project.edit("kptn.yaml", "  prod: {", "  production: {");
    project.kptn(&["fetch", "production"]).succeeds();
    fs::rename(folder.path().join("prod"), folder.path().join("away")).expect("renamed");
    project.kptn(&["restore"]).exits(4).says("`production` does not give them");
}

#[test]
fn a_person_is_asked_before_much_comes_and_no_leaves_the_branch_as_it_was() {
    let (folder, _) = pulled(&[]);
    let fresh = |above: &str| {
        let project = project(folder.path());
        project.write(
            "kptn.yaml",
            project.read("kptn.yaml") + &format!("settings: {{pull: {{ask_above: {above}}}}}\n"),
        );
        project
    };
    let other = fresh("1 KB");
    let asked = "400 kB will come (6 objects); go on? [y/N] ";
    other.in_terminal(80, &["pull", "prod"], &[(asked, "n\n")]).exits(1);
    assert_eq!((other.not_fresh().as_str(), large_objects(&other)), ("A=stale B=stale C=stale", 0));
    other.in_terminal(80, &["pull", "prod"], &[(asked, "y\n")]).succeeds();
    assert_eq!((other.not_fresh().as_str(), large_objects(&other)), ("", 3));

    let never = |project: &Project, words: &[&str]| {
        let shown = project.in_terminal(80, words, &[]).succeeds();
        assert!(!shown.stdout.contains("go on?"), "{}", shown.stdout);
    };
    never(&fresh("1 KB"), &["pull", "prod", "--yes"]);
    never(&fresh("1 KB"), &["pull", "prod", "--lazy"]);
    never(&fresh("1 MB"), &["pull", "prod"]);
    never(&project(folder.path()), &["pull", "prod"]);
    // Nobody is there to answer.
    fresh("1 KB").kptn(&["pull", "prod"]).succeeds();
    fresh("many").kptn(&["pull", "prod"]).exits(2).says("`many` is no size");
}
