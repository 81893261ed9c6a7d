//! Git hooks: how they are put in place beside others', and what each does when real git calls it.

use std::process::Command;

use crate::support::{Output, Project, python_task, tasks_yaml};

/// A -> B -> C, run and committed on main, with the hooks in place.
fn hooked() -> Project {
    let project = unhooked();
    project.kptn(&["hooks", "install"]).succeeds();
    project
}

fn unhooked() -> Project {
    let project = Project::new();
    let outputs = ["A: {outputs: [A.txt]}", "B: {outputs: [B.txt]}", "C: {outputs: [C.txt]}"];
    project.write("kptn.yaml", tasks_yaml("A: , B: A, C: B", &outputs));
    project.write(".gitignore", "scratch/\nflows/\n__pycache__/\n");
    for task in ["A", "B", "C"] {
        let body = format!("(output_dir / '{task}.txt').write_text('{task} 1')");
        project.write(&format!("{task}.py"), python_task(task, &body));
    }
    project.commit("first");
    project.kptn(&["run"]).succeeds();
    project.trace();
    project
}

fn edit(project: &Project, task: &str, text: &str) {
    let body = format!("(output_dir / '{task}.txt').write_text('{task} {text}')");
    project.write(&format!("{task}.py"), python_task(task, &body));
}

fn git(project: &Project, words: &[&str]) -> Output {
    let mut command = project.program("git");
    command.args(words);
    project.finish(command, words)
}

/// Returns the lines that kptn said.
fn said(output: &Output) -> Vec<&str> {
    output.stderr.lines().filter(|line| line.starts_with("kptn: ")).collect()
}

fn hook(project: &Project, path: &str, script: &str) {
    project.write(path, script);
    let mut command = Command::new("chmod");
    command.arg("+x").arg(project.path(path));
    assert!(command.status().expect("chmod").success());
}

#[test]
fn a_new_branch_starts_with_its_parents_state_and_says_so_in_one_line() {
    let project = hooked();
    let made = git(&project, &["switch", "-c", "feature/x"]).succeeds();
    assert_eq!(said(&made), ["kptn: feature/x: cloned from main, 3 fresh"]);
    assert_eq!(project.not_fresh(), "");
    project.kptn(&["run"]).succeeds();
    assert_eq!(project.ran(), "");

    // A file, a branch with a state, a branch that is left: nothing to say.
    edit(&project, "B", "2");
    let quiet =
        [&["checkout", "B.py"][..], &["switch", "main"], &["switch", "feature/x"], &["checkout", "-f"]];
    for words in quiet {
        assert_eq!(said(&git(&project, words).succeeds()), [""; 0], "{words:?}");
    }
    // What is not committed yet goes along, and is stale.
    edit(&project, "B", "2");
    let made = git(&project, &["switch", "-c", "feature/y"]).succeeds();
    assert_eq!(said(&made), ["kptn: feature/y: cloned from feature/x, 1 fresh, 1 stale (B: code), 1 maybe"]);
}

#[test]
fn the_parent_is_the_branch_at_the_same_commit_else_the_nearest() {
    let project = hooked();
    project.git(&["switch", "-q", "-c", "topic"]);
    edit(&project, "C", "topic");
    project.commit("topic");
    project.kptn(&["run"]).succeeds();
    // From another branch: what main has is fresh, what topic has would not be.
    let made = git(&project, &["switch", "-c", "x", "main"]).succeeds();
    assert_eq!(said(&made), ["kptn: x: cloned from main, 3 fresh"]);
    project.git(&["switch", "-q", "topic"]);
    project.write("notes.md", "");
    project.commit("a note");
    let made = git(&project, &["switch", "-c", "y"]).succeeds();
    assert_eq!(said(&made), ["kptn: y: cloned from topic, 3 fresh"]);
    // A tag, a commit: no branch, nothing to clone for.
    assert_eq!(said(&git(&project, &["switch", "--detach", "main"]).succeeds()), [""; 0]);
    // Out of a detached HEAD.
    let made = git(&project, &["switch", "-c", "z", "topic"]).succeeds();
    assert_eq!(said(&made), ["kptn: z: cloned from topic, 3 fresh"]);
}

#[test]
fn branches_of_remotes_and_new_worktrees_are_new_branches_too() {
    let project = hooked();
    project.git(&["clone", "-q", "--bare", ".", "../origin.git"]);
    project.git(&["-C", "../origin.git", "branch", "fetched", "main"]);
    let origin = project.outside("origin.git").display().to_string();
    project.git(&["remote", "add", "origin", &origin]);
    project.git(&["fetch", "-q", "origin"]);
    let made = git(&project, &["switch", "fetched"]).succeeds();
    assert_eq!(said(&made), ["kptn: fetched: cloned from main, 3 fresh"]);
    let made = git(&project, &["switch", "-c", "own", "origin/main"]).succeeds();
    assert_eq!(said(&made).len(), 1, "{}", made.stderr);
    let made = git(&project, &["worktree", "add", "../tree", "-b", "tree", "main"]).succeeds();
    assert_eq!(said(&made), ["kptn: tree: cloned from main, 3 fresh"]);
    let status = project.kptn_in("../tree", &["status"]).succeeds();
    status.prints("3 fresh · branch tree");
}

#[test]
fn it_can_be_switched_off_and_never_goes_round_protection() {
    let project = hooked();
    let yaml = project.read("kptn.yaml");
    project.write("kptn.yaml", yaml.clone() + "settings: {auto_clone: false}\n");
    assert_eq!(said(&git(&project, &["switch", "-c", "off"]).succeeds()), [""; 0]);
    project.write("kptn.yaml", yaml + "settings: {protected: release}\n");
    let made = git(&project, &["switch", "-c", "release", "main"]).succeeds();
    assert_eq!(said(&made).len(), 1);
    made.says("kptn: release: not cloned from main, since it is protected");
    assert_eq!(project.not_fresh(), "A=stale B=stale C=stale");
}

#[test]
fn a_merge_says_what_became_stale_and_what_is_computed_already() {
    let project = hooked();
    project.git(&["switch", "-q", "-c", "feature"]);
    edit(&project, "B", "2");
    project.commit("two");
    project.kptn(&["run"]).succeeds();
    project.git(&["switch", "-q", "main"]);
    let merged = git(&project, &["merge", "-q", "feature"]).succeeds();
    assert_eq!(said(&merged), ["kptn: main: 3 fresh (2 to be taken from feature)"]);
    project.trace();
    project.kptn(&["run"]).succeeds().says("2 reused");
    assert_eq!(project.ran(), "", "nothing is computed twice");
    project.git(&["switch", "-q", "feature"]);
    edit(&project, "C", "3");
    project.commit("three");
    project.git(&["switch", "-q", "main"]);
    let merged = git(&project, &["merge", "-q", "feature"]).succeeds();
    assert_eq!(said(&merged), ["kptn: main: 2 fresh, 1 stale (C: code)"]);
}

#[test]
fn a_rebase_says_the_same_once_and_an_amended_commit_says_nothing() {
    let project = hooked();
    project.git(&["switch", "-q", "-c", "topic"]);
    project.write("notes.md", "a");
    project.commit("a note");
    project.write("notes.md", "b");
    project.commit("another");
    project.git(&["switch", "-q", "main"]);
    edit(&project, "A", "2");
    project.commit("two");
    project.git(&["switch", "-q", "topic"]);
    let rebased = git(&project, &["rebase", "-q", "main"]).succeeds();
    assert_eq!(said(&rebased), ["kptn: topic: 0 fresh, 1 stale (A: code), 2 maybe"]);
    let amended = git(&project, &["commit", "-q", "--amend", "-m", "better words"]).succeeds();
    assert_eq!(said(&amended), [""; 0]);
}

/// Returns the commit that has what a task ran, if it was attested.
fn attested(project: &Project, task: &str) -> Option<String> {
    let why = project.kptn(&["why", task, "--json"]).succeeds().json();
    why["compared_with"]["attested"].as_str().map(str::to_owned)
}

#[test]
fn a_commit_attests_just_the_records_that_ran_what_it_has() {
    let project = hooked();
    assert_eq!(attested(&project, "A"), None, "made from a commit: there is nothing to add");
    edit(&project, "A", "2");
    edit(&project, "C", "2");
    project.kptn(&["run"]).succeeds();
    project.git(&["add", "A.py"]);
    project.git(&["commit", "-q", "-m", "A alone"]);
    let first = project.git(&["rev-parse", "HEAD"]).trim().to_owned();
    assert_eq!(attested(&project, "A"), Some(first.clone()));
    assert_eq!(attested(&project, "C"), None, "its code is not committed");
    project.commit("C too");
    assert_eq!(attested(&project, "A"), Some(first), "once is enough");
    assert!(attested(&project, "C").is_some());
    // The commit is replaced: the one that stands in for it is named.
    let before = attested(&project, "C");
    project.git(&["commit", "-q", "--amend", "-m", "C as well"]);
    assert_ne!(attested(&project, "C"), before);
    assert_eq!(attested(&project, "C").as_deref(), Some(project.git(&["rev-parse", "HEAD"]).trim()));
}

#[test]
fn a_push_warns_of_stale_tasks_or_is_refused() {
    let project = hooked();
    project.git(&["init", "-q", "--bare", "../origin.git"]);
    let origin = project.outside("origin.git").display().to_string();
    project.git(&["remote", "add", "origin", &origin]);
    assert_eq!(said(&git(&project, &["push", "-q", "origin", "main"]).succeeds()), [""; 0], "all is fresh");
    edit(&project, "C", "2");
    project.commit("two");
    let pushed = git(&project, &["push", "-q", "origin", "main"]).succeeds();
    assert_eq!(said(&pushed), ["kptn: main: pushed with 1 stale (C: code)"]);
    project.write("kptn.yaml", project.read("kptn.yaml") + "settings: {hooks: {pre_push: block}}\n");
    project.commit("block");
    let refused = git(&project, &["push", "-q", "origin", "main"]).exits(1);
    refused.says("kptn: main: push refused: 1 stale (C: code)").says("--no-verify");
    // Another commit than the one that is checked out is nobody's business here.
    git(&project, &["push", "-q", "origin", "HEAD~2:refs/heads/old"]).succeeds();
    git(&project, &["push", "-q", "origin", "--delete", "old"]).succeeds();
    project.edit("kptn.yaml", "pre_push: block", "pre_push: off");
    assert_eq!(said(&git(&project, &["push", "-q", "origin", "main"]).succeeds()), [""; 0]);
}

#[test]
fn a_push_warns_of_results_that_are_on_no_remote_or_is_refused() {
    let project = hooked();
    let url = format!("file://{}", project.outside("team").display());
    project.write("kptn.yaml", project.read("kptn.yaml") + &format!("remotes: {{team: {{url: '{url}'}}}}\n"));
    project.commit("a remote");
    project.git(&["init", "-q", "--bare", "../origin.git"]);
    let push = || git(&project, &["push", "-q", "../origin.git", "main"]);
    let warned = push().succeeds();
    assert_eq!(
        said(&warned),
        ["kptn: main: pushed with 3 results on no remote (A, B, C); `kptn push` sends them"]
    );
    project.kptn(&["status", "--not-in-remote"]).succeeds().prints("team was never seen from here");
    project.kptn(&["push"]).succeeds();
    // Nobody is asked from here on.
    std::fs::rename(project.outside("team"), project.outside("gone")).expect("the remote");
    project
        .kptn(&["status", "--not-in-remote"])
        .succeeds()
        .prints("every result is on a remote: team was seen");
    edit(&project, "C", "2");
    project.commit("two");
    assert_eq!(said(&push().succeeds()), ["kptn: main: pushed with 1 stale (C: code)"]);
    project.kptn(&["run"]).succeeds();
    let report = project.kptn(&["status", "--not-in-remote", "--json"]).succeeds().json();
    let rows = report["rows"].as_array().cloned().unwrap_or_default();
    assert_eq!(rows.iter().map(|row| row["task"].clone()).collect::<Vec<_>>(), ["C"]);
    assert_eq!(report["remotes"][0]["remote"], "team");
    project.write("kptn.yaml", project.read("kptn.yaml") + "settings: {hooks: {pre_push: block}}\n");
    project.commit("block");
    push()
        .exits(1)
        .says("kptn: main: push refused: 1 result on no remote (C); `kptn push` first, or push with");
    std::fs::rename(project.outside("gone"), project.outside("team")).expect("the remote");
    project.kptn(&["push"]).succeeds();
    assert_eq!(said(&push().succeeds()), [""; 0]);
    let other = Project::new().yaml(&tasks_yaml("A: ", &["A: {}"])).file("A.py", python_task("A", "pass"));
    other.kptn(&["status", "--not-in-remote"]).exits(2).says("the project has no remotes");
}

#[test]
fn hooks_that_were_there_run_first_and_come_back() {
    let project = unhooked();
    let own = "#!/bin/sh\necho own \"$@\" >> own.log\nexit 7\n";
    hook(&project, ".git/hooks/post-checkout", own);
    hook(&project, ".git/hooks/pre-push", "#!/bin/sh\ncat >> own.log\nexit 5\n");
    let installed = project.kptn(&["hooks", "install"]).succeeds();
    installed.prints("post-checkout  installed, after the one that was there before");
    let made = git(&project, &["switch", "-c", "x"]).exits(1);
    assert_eq!(
        said(&made),
        ["kptn: x: cloned from main, 3 fresh"],
        "its exit code counts, and kptn does its work"
    );
    assert!(project.read("own.log").starts_with("own "));
    // Once more is harmless; the chain stays one long.
    project.kptn(&["hooks", "install"]).succeeds();
    project.git(&["init", "-q", "--bare", "../origin.git"]);
    git(&project, &["push", "-q", "../origin.git", "x"]).exits(1);
    assert!(project.read("own.log").contains("refs/heads/x"), "it was told what is pushed");

    project.kptn(&["hooks", "uninstall"]).succeeds().prints("post-checkout  not of kptn");
    assert_eq!(project.read(".git/hooks/post-checkout"), own);
    assert!(!project.exists(".git/hooks/post-merge"));
    assert_eq!(said(&git(&project, &["switch", "-c", "y"])), [""; 0]);
    let config = git(&project, &["config", "--get", "kptn.program"]);
    assert_eq!(config.code, Some(1), "nothing is left in the settings");
}

#[test]
fn core_hooks_path_is_honoured_and_managers_are_left_alone() {
    let project = unhooked();
    project.git(&["config", "core.hooksPath", ".githooks"]);
    project.kptn(&["hooks", "install"]).succeeds().prints("/.githooks (`core.hooksPath`)");
    git(&project, &["switch", "-c", "x"]).succeeds().says("kptn: x: cloned from main");
    let script = project.read(".githooks/post-checkout");
    assert!(!script.contains(&project.path("").display().to_string()), "nothing of this machine is in it");

    project.git(&["config", "core.hooksPath", ".husky/_"]);
    let left = project.kptn(&["hooks", "install"]).succeeds();
    left.prints("left to husky").says("kptn hook NAME");
    assert!(!project.exists(".husky"));

    let project = unhooked();
    let theirs = "#!/bin/sh\n# File generated by pre-commit: https://pre-commit.com\nexit 0\n";
    hook(&project, ".git/hooks/pre-push", theirs);
    let installed = project.kptn(&["hooks", "install"]).succeeds();
    installed.prints("pre-push       left to pre-commit").prints("post-checkout  installed");
    assert_eq!(project.read(".git/hooks/pre-push"), theirs);
}

#[test]
fn a_hook_that_is_in_the_way_is_named_and_nothing_is_lost() {
    let project = unhooked();
    hook(&project, ".git/hooks/post-merge", "#!/bin/sh\n# one\n");
    project.write(".git/hooks/post-merge.before-kptn", "#!/bin/sh\n# two\n");
    project.kptn(&["hooks", "install"]).exits(3).says("post-merge.before-kptn").says("hint:");
    assert!(project.read(".git/hooks/post-merge").contains("one"));
    assert!(project.read(".git/hooks/post-merge.before-kptn").contains("two"));
}

#[test]
fn where_kptn_or_its_project_is_missing_git_goes_on_in_silence() {
    let project = hooked();
    project.git(&["config", "kptn.program", "/nowhere/kptn"]);
    project.kptn(&["hooks", "status"]).prints("which is not there");
    let made = git(&project, &["switch", "-c", "x"]).succeeds();
    assert_eq!(made.stderr.trim(), "Switched to a new branch 'x'");
    project.kptn(&["hooks", "install"]).succeeds();
    let good = project.read("kptn.yaml");
    project.write("kptn.yaml", "graphs: [");
    let made = git(&project, &["switch", "-c", "y"]).succeeds();
    assert_eq!(made.stderr.trim(), "Switched to a new branch 'y'");
    project.remove("kptn.yaml");
    git(&project, &["commit", "-q", "-am", "none"]).succeeds();
    let made = git(&project, &["switch", "-c", "z"]).succeeds();
    assert_eq!(made.stderr.trim(), "Switched to a new branch 'z'");
    project.write("kptn.yaml", good);
    // A hook of another repository that calls git in this one does not lead it astray.
    project.git(&["init", "-q", "../other"]);
    let dir = project.outside("other/.git").display().to_string();
    project.kptn_with(&[("GIT_DIR", &dir)], &["status"]).succeeds().prints("branch z");
}

#[test]
fn every_project_of_a_repository_is_told() {
    let project = Project::new();
    for folder in ["one", "two", "never"] {
        project.write(&format!("{folder}/kptn.yaml"), tasks_yaml("A: ", &["A: {outputs: [A.txt]}"]));
        let body = format!("(output_dir / 'A.txt').write_text('{folder}')");
        project.write(&format!("{folder}/A.py"), python_task("A", &body));
    }
    project.commit("projects");
    project.kptn_in("one", &["run"]).succeeds();
    project.kptn_in("two", &["run"]).succeeds();
    project.kptn_in("one", &["hooks", "install"]).succeeds();
    let made = git(&project, &["switch", "-c", "x"]).succeeds();
    assert_eq!(
        said(&made),
        ["kptn: one: x: cloned from main, 1 fresh", "kptn: two: x: cloned from main, 1 fresh"]
    );
    let without_git = Project::without_git().yaml(&tasks_yaml("A: ", &["A: {}"]));
    without_git.write("A.py", python_task("A", "pass"));
    without_git.kptn(&["hooks", "install"]).exits(4).says("git init");
}
