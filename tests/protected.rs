//! No verb goes round protection: whatever is tried, a protected branch has what was made on it or promoted to it.

use crate::support::{Project, python, python_task, tasks_yaml};

/// `A` -> `B`; `main` and `release` are protected, `dev` is another one with an edit of `A`, committed and run.
fn dev() -> Project {
    let outputs = ["A: {outputs: [A.txt]}", "B: {outputs: [B.txt]}"];
    let project = Project::new()
        .yaml(&(tasks_yaml("A: , B: A", &outputs) + "settings: {protected: [main, release]}\n"))
        .file(".gitignore", "scratch/\nflows/\n__pycache__/\n")
        .file("A.py", python_task("A", "(output_dir / 'A.txt').write_text('main')"))
        .file(
            "B.py",
            python_task("B", "(output_dir / 'B.txt').write_text((output_dir / 'A.txt').read_text())"),
        );
    project.commit("main");
    project.kptn(&["run"]).succeeds();
    project.git(&["switch", "-qc", "dev"]);
    project.edit("A.py", "'main'", "'dev'");
    project.commit("dev");
    project.kptn(&["run"]).succeeds();
    assert_eq!(project.ran(), "A A B B");
    project
}

#[test]
fn no_move_lets_in_what_was_made_on_another_branch() {
    let project = dev();
    let before = project.records_on("main", &["A", "B"]);
    project.kptn(&["tag", "of-dev"]).succeeds();
    project.kptn(&["branch", "clone", "dev", "copy"]).succeeds();
    let refused = |words: &[&str]| {
        project.kptn(words).exits(3).says("is protected, and `A` was made on `dev`").says("kptn promote dev");
        assert_eq!(project.records_on("main", &["A", "B"]), before, "{words:?}");
        assert_eq!(project.records_on("release", &["A", "B"]), ["none", "none"], "{words:?}");
    };
    for to in ["main", "release"] {
        refused(&["branch", "clone", "dev", to, "--force"]);
        refused(&["branch", "clone", "copy", to, "--force"]);
        refused(&["branch", "clone", "dev", to, "--force", "--at", "of-dev"]);
        refused(&["branch", "clone", "dev", to, "--force", "--at", "2"]);
    }
    refused(&["branch", "rename", "dev", "release"]);
    project.kptn(&["branch", "delete", "main", "--force"]).succeeds();
    project.kptn(&["branch", "rename", "copy", "main"]).exits(3).says("`A` was made on `dev`");
    project.kptn(&["undo"]).succeeds();
    assert_eq!(project.records_on("main", &["A", "B"]), before);
    // To its own past it goes at any time, also from elsewhere.
    project.kptn(&["branch", "clone", "main", "release"]).succeeds();
    assert_eq!(project.records_on("release", &["A", "B"]), before);
}

#[test]
fn git_lets_nothing_in_either() {
    let project = dev();
    project.kptn(&["hooks", "install"]).succeeds();
    let mut switch = project.program("git");
    switch.args(["switch", "-c", "release"]);
    project.finish(switch, &[]).succeeds().says("kptn: release: not cloned from dev, since it is protected");
    assert_eq!(project.records_on("release", &["A", "B"]), ["none", "none"]);
    assert_eq!(project.not_fresh(), "A=stale B=stale");
    project.git(&["switch", "-q", "dev"]);
    project.git(&["branch", "-qD", "release"]);
    project.kptn(&["status"]).succeeds();
    project.git(&["branch", "-m", "release"]);
    project.kptn(&["status"]).succeeds();
    assert_eq!(project.records_on("release", &["A", "B"]), ["none", "none"], "nor by being called so");
}

#[test]
fn nothing_is_made_for_it_from_a_commit_that_it_does_not_have() {
    let project = dev();
    let before = project.records_on("main", &["A", "B"]);
    project.edit("B.py", "read_text()", "read_text() + '!'");
    let refused = |env: &[(&str, &str)], words: &[&str]| {
        project
            .kptn_with(env, words)
            .exits(2)
            .says("`main` is protected, and the commit that is checked out");
        assert_eq!(project.records_on("main", &["A", "B"]), before, "{words:?}");
        assert_eq!(project.ran(), "", "{words:?}");
    };
    let main = [("KPTN_BRANCH", "main")];
    refused(&main, &["run"]);
    refused(&[], &["run", "-b", "main", "-f"]);
    refused(&[("KPTN_BRANCH", "auto"), ("CI_COMMIT_BRANCH", "main")], &["run"]);
    refused(&main, &["retry"]);
    refused(&main, &["task", "run", "B"]);
    refused(&main, &["accept", "B", "-m", "x", "--force"]);
    refused(&main, &["promote", "dev"]);
    // The runner that is started by hand is no way round.
    let mut by_hand = project.program(&python().display().to_string());
    by_hand.arg("flows/g.py").envs(main).env("KPTN_BIN", env!("CARGO_BIN_EXE_kptn"));
    let answer = project.finish(by_hand, &["flows/g.py"]);
    assert_ne!(answer.code, Some(0), "{}", answer.whole());
    assert_eq!((project.records_on("main", &["A", "B"]), project.ran()), (before.clone(), String::new()));
    // Looking is free, and so is what is stale there because of this tree.
    project.kptn_with(&main, &["status"]).succeeds();
    // Standing on main, a person may accept.
    project.git(&["stash", "-q"]);
    project.git(&["switch", "-q", "main"]);
    project.write("scratch/main/B.txt", "by hand");
    project.kptn(&["accept", "B", "-m", "x"]).exits(3).says("`main` is protected");
    project.kptn(&["accept", "B", "-m", "x", "--force"]).succeeds();
}

#[test]
fn a_ci_machine_names_the_branch_whose_commit_it_has_checked_out() {
    let project = dev();
    let main = [("KPTN_BRANCH", "main")];
    project.git(&["switch", "-q", "--detach", "main"]);
    project.kptn_with(&main, &["run", "-f"]).succeeds().says("2 ran");
    project.git(&["switch", "-q", "--detach", "dev"]);
    project.kptn_with(&main, &["run", "-f"]).exits(2).says("git switch main");
    // As a CI machine has it: no local branch, and perhaps not even the remote's.
    let url = format!("file://{}", project.path("").display());
    project.git(&["clone", "-q", &url, "../ci", "--branch", "main"]);
    let in_ci = |words: &[&str]| project.git(&[&["-C", "../ci"], words].concat());
    in_ci(&["switch", "-q", "--detach", "origin/main"]);
    in_ci(&["branch", "-qD", "main"]);
    let run = || {
        let mut command = project.command(&["run", "-f", "-b", "main"]);
        command.current_dir(project.path("../ci"));
        project.finish(command, &["run"])
    };
    run().succeeds().says("2 ran");
    in_ci(&["switch", "-q", "--detach", "origin/dev"]);
    run().exits(2).says("is not on it");
    in_ci(&["switch", "-q", "--detach", "origin/main"]);
    in_ci(&["update-ref", "-d", "refs/remotes/origin/main"]);
    in_ci(&["update-ref", "-d", "refs/remotes/origin/HEAD"]);
    run().exits(2).says("git has no `main` here").says("git fetch origin main");
}

#[test]
fn the_protection_that_a_branch_has_committed_holds_until_it_commits_another() {
    let project = dev();
    project.git(&["switch", "-q", "main"]);
    project.edit("A.py", "'main'", "'dev'");
    project.edit("kptn.yaml", "[main, release]", "[]");
    assert_eq!(project.not_fresh(), "A=stale B=maybe", "the edit here opens nothing");
    project.kptn(&["run"]).succeeds();
    assert_eq!(project.ran(), "A B");
    let made = project.records_on("main", &["A", "B"]);
    assert!(project.records_on("dev", &["A", "B"]).iter().all(|record| !made.contains(record)));
    // An edit on another branch opens nothing either.
    project.git(&["checkout", "-q", "."]);
    project.git(&["switch", "-q", "dev"]);
    project.edit("kptn.yaml", "[main, release]", "[]");
    project.commit("nothing is protected");
    project.kptn(&["branch", "clone", "dev", "main", "--force"]).exits(3);
    assert_eq!(project.records_on("main", &["A", "B"]), made);
}

#[test]
fn a_remote_is_no_way_in_and_what_was_promoted_goes_along() {
    let project = dev();
    let url = format!("file://{}", project.outside("remote").display());
    project.write("kptn.yaml", project.read("kptn.yaml") + &format!("remotes: {{team: {{url: '{url}'}}}}\n"));
    project.commit("a remote");
    let before = project.records_on("main", &["A", "B"]);
    project.kptn(&["push"]).succeeds();
    project.kptn(&["push", "--to", "main"]).exits(3).says("`main` is protected, and `A` was made on `dev`");
    project
        .kptn(&["pull", "--into", "main", "--from", "dev", "--force"])
        .exits(3)
        .says("`main` is protected");
    assert_eq!(project.records_on("main", &["A", "B"]), before);
    // Promoted here and pushed: a colleague's main takes it.
    project.git(&["switch", "-q", "main"]);
    project.git(&["merge", "-q", "dev"]);
    project.kptn(&["promote", "dev", "-m", "reviewed"]).succeeds();
    project.kptn(&["push"]).succeeds();
    let source = format!("file://{}", project.path("").display());
    project.git(&["clone", "-q", &source, "../colleague", "--branch", "main"]);
    project.kptn_in("../colleague", &["pull", "team"]).succeeds();
    project.kptn_in("../colleague", &["run"]).succeeds();
    project.trace();
    project.kptn_in("../colleague", &["status"]).succeeds().prints("2 fresh");
    project.kptn_in("../colleague", &["log", "A"]).succeeds().prints("pulled from team");
}

#[test]
fn what_a_branch_had_before_it_was_protected_stays_and_is_promoted_where_it_is() {
    let project = dev();
    let url = format!("file://{}", project.outside("remote").display());
    project.edit("kptn.yaml", "settings: {protected: [main, release]}", "");
    project.write("kptn.yaml", project.read("kptn.yaml") + &format!("remotes: {{team: {{url: '{url}'}}}}\n"));
    project.commit("nothing is protected");
    project.git(&["switch", "-q", "main"]);
    project.git(&["merge", "-q", "dev"]);
    project.kptn(&["run"]).succeeds().says("2 reused");
    project.write("kptn.yaml", project.read("kptn.yaml") + "settings: {protected: main}\n");
    project.commit("main is protected");
    assert_eq!(project.not_fresh(), "");
    project
        .kptn(&["push"])
        .exits(3)
        .says("`main` is protected, and `A` was made on `dev`")
        .says("kptn promote dev");
    project.kptn(&["promote", "dev"]).succeeds().says("main took 2 results of dev");
    project.kptn(&["push"]).succeeds();
    project.kptn(&["promote", "dev"]).succeeds().says("nothing of dev to promote to main");
    assert_eq!((project.not_fresh(), project.ran()), (String::new(), String::new()));
}

#[test]
fn an_edit_that_protects_a_branch_does_not_let_its_work_in() {
    let project = dev();
    let before = project.records_on("main", &["A", "B"]);
    project.edit("kptn.yaml", "[main, release]", "[main, release, dev]");
    project.kptn(&["branch", "clone", "dev", "main", "--force"]).exits(3).says("`A` was made on `dev`");
    assert_eq!(project.records_on("main", &["A", "B"]), before);
    // As after a merge: the code is the same, and the record is at hand.
    project.git(&["stash", "-q"]);
    project.git(&["switch", "-q", "main"]);
    project.git(&["merge", "-q", "dev"]);
    project.git(&["stash", "pop", "-q"]);
    project.trace();
    project.kptn(&["run"]).succeeds();
    assert_eq!(project.ran(), "A B", "nothing is taken over");
}

#[test]
fn every_file_of_the_branchs_own_commit_that_protects_it_counts() {
    let project = dev();
    // Another file of the same project, which protects nothing.
    project
        .write("alt.yaml", project.read("kptn.yaml").replace("settings: {protected: [main, release]}", ""));
    let clone = ["branch", "clone", "dev", "main", "--force"];
    project.kptn(&[&["--config", "alt.yaml"], &clone[..]].concat()).exits(3).says("`A` was made on `dev`");
    // `pyproject.toml` protects it too, and is edited away here.
    project.git(&["switch", "-q", "main"]);
    project.edit("kptn.yaml", "settings: {protected: [main, release]}", "");
    project.write("pyproject.toml", "[tool.kptn]\nprotected = ['main']\ntasks_conf_path = 'kptn.yaml'\n");
    project.commit("in the other file");
    project.git(&["switch", "-q", "dev"]);
    project.edit("kptn.yaml", "settings: {protected: [main, release]}", "");
    project.kptn(&clone).exits(3).says("`A` was made on `dev`");
}
