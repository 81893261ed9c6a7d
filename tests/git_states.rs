//! Whose state it is: branches, detached HEADs, worktrees, and repositories of every kind, by real git.

use crate::support::{Project, gated_task, python_task, tasks_yaml};

/// A -> B, in a repository that `git init` made with these words, committed.
fn chain_in(init: &[&str]) -> Project {
    let project = Project::without_git();
    project.git(&[&["init", "-q", "-b", "main"], init].concat());
    write_chain(&project, "");
    project.commit("first");
    project
}

fn chain() -> Project {
    chain_in(&[])
}

fn write_chain(project: &Project, folder: &str) {
    project.write(
        &format!("{folder}kptn.yaml"),
        tasks_yaml("A: , B: A", &["A: {outputs: [A.txt]}", "B: {outputs: [B.txt]}"]),
    );
    for (task, text) in [("A", "a"), ("B", "b")] {
        let body = format!("(output_dir / '{task}.txt').write_text('{text}')");
        project.write(&format!("{folder}{task}.py"), python_task(task, &body));
    }
}

fn branch_of(project: &Project, words: &[&str]) -> String {
    let report = project.kptn(&[&["status", "--json"], words].concat()).succeeds().json();
    report["place"]["branch"].as_str().unwrap_or_default().to_owned()
}

#[test]
fn a_detached_head_reads_the_nearest_branch_and_records_under_its_commit() {
    let project = chain();
    project.kptn(&["run"]).succeeds().never_says("detached");
    project.git(&["switch", "-q", "--detach"]);
    let short = project.git(&["rev-parse", "HEAD"])[..12].to_owned();
    let line =
        format!("note: HEAD is detached: reading the state of `main`, recording under `detached/{short}`");
    let status = project.kptn(&["status"]).succeeds().says(&line);
    assert!(status.stderr.starts_with(&line), "the first line: {}", status.stderr);
    assert_eq!(project.not_fresh(), "");
    assert_eq!(project.ran(), "A B");

    // What is tried here stays here.
    project.edit("B.py", "write_text('b')", "write_text('tried')");
    project.kptn(&["run"]).succeeds().says("detached");
    assert_eq!(project.ran(), "B");
    assert_eq!(branch_of(&project, &[]), format!("detached/{short}"));
    project.kptn(&["status"]).says(&format!("this is the state of `detached/{short}`"));
    assert_eq!(project.not_fresh(), "");
    project.edit("B.py", "write_text('tried')", "write_text('b')");
    project.git(&["switch", "-q", "main"]);
    assert_eq!(project.not_fresh(), "");
    project.kptn(&["run"]).succeeds();
    assert_eq!(project.ran(), "");
}

#[test]
fn the_branch_can_be_named_by_a_flag_the_environment_or_the_ci() {
    let project = chain();
    project.git(&["switch", "-q", "--detach"]);
    project.kptn_with(&[("KPTN_BRANCH", "main")], &["run"]).succeeds().says("`main`, as `KPTN_BRANCH` says");
    assert_eq!(project.ran(), "A B");
    assert!(project.exists("scratch/main/B.txt"));
    let ci = [("KPTN_BRANCH", "auto"), ("GITHUB_HEAD_REF", "topic"), ("GITHUB_BASE_REF", "main")];
    project
        .kptn_with(&ci, &["status"])
        .succeeds()
        .says("`topic`, as `GITHUB_HEAD_REF` says")
        .prints("branch topic");
    assert_eq!(branch_of(&project, &["--branch", "main"]), "main");
    project.kptn(&["run", "--branch", "main"]).succeeds().says("as `--branch` says");
    assert_eq!(project.ran(), "", "the state that the first run left on main");
    project.kptn(&["status", "--branch", "-x"]).exits(2);
    project.git(&["switch", "-q", "main"]);
    project.kptn(&["status", "--branch", "main"]).succeeds().never_says("--branch");
}

#[test]
fn in_the_middle_of_a_rebase_the_branch_that_is_rebased_is_read() {
    let project = chain();
    project.git(&["switch", "-q", "-c", "topic"]);
    project.edit("A.py", "write_text('a')", "write_text('topic')");
    project.commit("topic");
    project.kptn(&["run"]).succeeds();
    project.git(&["switch", "-q", "main"]);
    project.edit("A.py", "write_text('a')", "write_text('main')");
    project.commit("main");
    project.kptn(&["run"]).succeeds();
    project.git(&["switch", "-q", "topic"]);
    let stopped = project.program("git").args(["rebase", "main"]).output().expect("git");
    assert!(!stopped.status.success(), "it conflicts");
    project.kptn(&["status"]).says("HEAD is detached: reading the state of `topic`");
    project.git(&["rebase", "--abort"]);
    assert_eq!(project.not_fresh(), "");
}

#[test]
fn a_bisection_reads_and_a_stash_hides_nothing() {
    let project = chain();
    project.kptn(&["run"]).succeeds();
    for n in 0..3 {
        project.write("notes.md", format!("{n}"));
        project.commit("note");
    }
    project.git(&["bisect", "start", "HEAD", "HEAD~3"]);
    project.kptn(&["status"]).says("reading the state of `main`");
    assert_eq!(project.not_fresh(), "");
    project.git(&["bisect", "reset"]);
    project.edit("B.py", "write_text('b')", "write_text('x')");
    assert_eq!(project.not_fresh(), "B=stale");
    project.git(&["stash", "-q"]);
    assert_eq!(project.not_fresh(), "");
    project.git(&["stash", "pop", "-q"]);
    assert_eq!(project.not_fresh(), "B=stale");
}

#[test]
fn linked_worktrees_share_a_store_and_run_side_by_side() {
    let project = chain();
    project.write("B.py", gated_task("B", "(output_dir / 'B.txt').write_text('b')"));
    project.commit("a gate");
    project.git(&["worktree", "add", "-q", "../other", "-b", "other"]);
    let here = project.start(&["run"]);
    project.wait_for("B");
    // A comes from the branch that runs meanwhile; only what is changed here runs.
    project.write("../other/A.py", project.read("A.py") + "\n\nX = 1\n");
    project.write("../other/B.py", python_task("B", "(output_dir / 'B.txt').write_text('other')"));
    project.trace();
    project.kptn_in("../other", &["run"]).succeeds().says("1 ran").says("1 reused");
    assert_eq!(project.ran(), "B");
    assert_eq!(project.read("../other/scratch/other/B.txt"), "other");
    project.open_gate("B");
    let (code, _, messages) = here.wait();
    assert_eq!(code, Some(0), "{messages}");
    assert_eq!(project.read_output("B.txt"), "b");
    assert!(!project.exists("../other/.git/kptn"), "a file names the repository, and the store is there");
    assert_eq!(project.not_fresh(), "");
}

#[test]
fn branch_names_of_every_kind_get_folders_of_their_own_that_can_be_read() {
    let project = chain();
    let names = ["feature/x", "feature-x", "Feature/X2", "feature/x2", "été/à-faire", "日本", "x#1", "nul"];
    let mut folders = Vec::new();
    for name in names {
        project.git(&["switch", "-q", "-c", name]);
        let report = project.kptn(&["status", "--json"]).succeeds().json();
        assert_eq!(report["place"]["branch"], name);
        folders.push(report["place"]["outputs_dir"].as_str().unwrap_or_default().to_lowercase());
    }
    assert!(folders[4].starts_with("scratch/ete-a-faire"), "{folders:?}");
    folders.sort();
    folders.dedup();
    assert_eq!(folders.len(), names.len(), "{folders:?}");
}

#[test]
fn repositories_that_libgit2_cannot_open_work_through_git() {
    for init in [&["--ref-format=reftable"][..], &["--object-format=sha256"]] {
        let project = chain_in(init);
        project.kptn(&["hooks", "install"]).succeeds();
        project.kptn(&["run"]).succeeds();
        assert_eq!(project.ran(), "A B", "{init:?}");
        let said = project.finish(switch(&project, &["-c", "topic"]), &[]);
        said.says("kptn: topic: cloned from main, 2 fresh");
        project.git(&["branch", "-m", "renamed"]);
        project.kptn(&["status"]).says("git renamed `topic` to `renamed`");
        project.git(&["switch", "-q", "--detach"]);
        project.kptn(&["run"]).succeeds().says("reading the state of `main`");
        assert_eq!(project.ran(), "", "{init:?}");
        // In a folder below, as the user's shell may be.
        project.write("sub/x", "");
        project.kptn_in("sub", &["status"]).succeeds();
    }
}

fn switch(project: &Project, words: &[&str]) -> std::process::Command {
    let mut command = project.program("git");
    command.arg("switch").args(words);
    command
}

#[test]
fn a_repository_that_git_itself_refuses_is_named_with_what_is_wrong() {
    let project = chain();
    project.git(&["config", "core.repositoryFormatVersion", "1"]);
    project.git(&["config", "extensions.fromTheFuture", "true"]);
    project.kptn(&["status"]).exits(4).says("fromthefuture");

    let project = chain_in(&["--ref-format=reftable"]);
    let other = [("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")];
    project.kptn_with(&other, &["status"]).exits(4).says("does not trust").says("safe.directory");
}

#[test]
fn shallow_and_partial_clones_work() {
    let project = chain();
    project.write("notes.md", "more");
    project.commit("second");
    let url = format!("file://{}", project.path("").display());
    project.git(&["config", "uploadpack.allowFilter", "true"]);
    for (name, how) in [("shallow", "--depth=1"), ("partial", "--filter=blob:none")] {
        let place = format!("../{name}");
        project.git(&["clone", "-q", how, &url, &place]);
        project.kptn_in(&place, &["run"]).succeeds();
        assert_eq!(project.ran(), "A B", "{name}");
        let detach = ["-C", place.as_str(), "switch", "-q", "--detach"];
        project.git(&detach);
        project.kptn_in(&place, &["status"]).succeeds().says("reading the state of `main`").prints("2 fresh");
    }
}

#[test]
fn a_submodule_has_a_store_of_its_own_and_a_bare_repository_serves_its_worktrees() {
    let inner = chain();
    let outer = chain();
    let inner_path = inner.path("").display().to_string();
    outer.git(&["-c", "protocol.file.allow=always", "submodule", "--quiet", "add", &inner_path, "sub"]);
    outer.kptn_in("sub", &["run"]).succeeds();
    assert!(outer.exists(".git/modules/sub/kptn/state.db") && !outer.exists(".git/kptn"));
    assert_eq!(outer.ran(), "A B");
    outer.kptn(&["run"]).succeeds();
    assert_eq!(outer.ran(), "A B", "the outer project is another one");

    let project = chain();
    project.git(&["clone", "-q", "--bare", ".", "../bare.git"]);
    project.git(&["-C", "../bare.git", "worktree", "add", "-q", "../tree", "-b", "topic"]);
    project.kptn_in("../tree", &["run"]).succeeds();
    assert!(project.exists("../bare.git/kptn/state.db"));
    assert!(project.exists("../tree/scratch/topic/B.txt"));
}

#[test]
fn projects_of_one_repository_keep_apart() {
    let project = Project::new();
    for folder in ["one/", "two/"] {
        write_chain(&project, folder);
    }
    project.edit("two/A.py", "write_text('a')", "write_text('two')");
    project.commit("both");
    project.kptn_in("one", &["run"]).succeeds();
    assert_eq!(project.ran(), "A B");
    let status = project.kptn_in("two", &["status"]).succeeds();
    // Equal work is taken from the other one; what differs never ran here.
    status.prints("A     stale   never ran");
    project.kptn_in("two", &["run"]).succeeds();
    assert_eq!(project.read("two/scratch/main/A.txt"), "two");
    assert_eq!(project.read("one/scratch/main/A.txt"), "a");
    project.kptn_in("one", &["run"]).succeeds();
    assert_eq!(project.trace().iter().filter(|task| *task == "A").count(), 1, "one has its own still");
}

#[test]
fn a_branch_that_git_renames_or_deletes_is_noticed_once_and_nothing_is_dropped() {
    let project = chain();
    project.git(&["switch", "-q", "-c", "topic"]);
    project.kptn(&["run"]).succeeds();
    project.kptn(&["status"]).succeeds();
    project.git(&["branch", "-m", "better"]);
    project
        .kptn(&["status"])
        .says("git renamed `topic` to `better`: its state is `better` now")
        .prints("2 fresh");
    project.kptn(&["status"]).never_says("renamed");
    project.trace();
    project.git(&["switch", "-q", "main"]);
    project.git(&["branch", "-q", "-D", "better"]);
    project.kptn(&["status"]).says("git has no branch `better` any more: its state is kept");
    project.kptn(&["status"]).never_says("better");
    // Its work is still there to be taken.
    project.kptn(&["run"]).succeeds();
    assert_eq!(project.ran(), "");
}

#[test]
fn a_state_without_a_branch_in_git_is_not_missed_there() {
    let project = chain();
    project.kptn(&["run", "--branch", "elsewhere"]).succeeds();
    project.kptn(&["status"]).never_says("no branch");
    project.kptn(&["status"]).never_says("no branch");
}

#[test]
fn a_protected_branch_takes_no_state_by_being_given_its_name() {
    let project = chain();
    project.write("kptn.yaml", project.read("kptn.yaml") + "settings: {protected: release}\n");
    project.commit("protected");
    project.git(&["switch", "-q", "-c", "topic"]);
    project.kptn(&["run"]).succeeds();
    project.kptn(&["status"]).succeeds();
    project.git(&["branch", "-m", "release"]);
    project.kptn(&["status"]).says("git has no branch `topic` any more");
    assert_eq!(project.not_fresh(), "A=stale B=stale");
}
