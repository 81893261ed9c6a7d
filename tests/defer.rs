//! `kptn run TASK --defer REMOTE`: what the task reads, and is not fresh here, is read as the remote has it.

use std::fs;
use std::path::Path;

use crate::support::{Project, python_task, tasks_yaml};

const LARGE: usize = 100_000;

/// `A` -> `B` -> `C`, and `D` alone; all but `C` leave a file too large for the database.
fn project(remotes: &Path, more: &str) -> Project {
    let outputs =
        ["A: {outputs: [A.txt]}", "B: {outputs: [B.txt]}", "C: {outputs: [C.txt]}", "D: {outputs: [D.txt]}"];
    let yaml = tasks_yaml("A: , B: A, C: B, D: ", &outputs);
    let prod = remotes.join("prod").display().to_string();
    let project = Project::new()
        .yaml(&format!("{yaml}\nremotes:\n  prod: {{url: 'file://{prod}', branch: main}}\n{more}"))
        .file("A.py", python_task("A", &format!("(output_dir / 'A.txt').write_text('a' * {LARGE})")))
        .file("B.py", reads("B", "A", &format!("text * {LARGE}")))
        .file("C.py", reads("C", "B", "text"))
        .file("D.py", python_task("D", &format!("(output_dir / 'D.txt').write_text('d' * {LARGE})")));
    project.commit("four tasks");
    project
}

/// A task that writes what it makes of the first letter of another one's file.
fn reads(name: &str, before: &str, text: &str) -> String {
    python_task(
        name,
        &format!(
            "text = (output_dir / '{before}.txt').read_text()[0]\n    (output_dir / '{name}.txt').write_text({text})"
        ),
    )
}

/// Production that has run and pushed, and a laptop with the same code and no state.
fn two(more: &str) -> (tempfile::TempDir, Project, Project) {
    let folder = tempfile::tempdir().expect("a folder");
    let prod = project(folder.path(), "");
    prod.kptn(&["run"]).succeeds();
    prod.kptn(&["push", "prod"]).succeeds();
    let laptop = project(folder.path(), more);
    (folder, prod, laptop)
}

fn large_objects(project: &Project) -> usize {
    let folders = fs::read_dir(project.path(".git/kptn/objects")).into_iter().flatten().flatten();
    folders.map(|folder| fs::read_dir(folder.path()).into_iter().flatten().count()).sum()
}

#[test]
fn what_a_task_reads_comes_from_the_remote_and_the_branch_here_does_not_get_it() {
    let (_folder, _prod, laptop) = two("");
    laptop.edit("B.py", "text *", "'b' + text *");
    laptop.kptn(&["run", "B"]).exits(2).says("--defer REMOTE");
    let planned = laptop.kptn(&["run", "B", "--defer", "prod", "-n"]).succeeds();
    planned.says("`A` would be read as prod (main) has it");
    assert_eq!(large_objects(&laptop), 0, "a plan brings no file");
    laptop.kptn(&["run", "B", "--defer", "prod"]).succeeds().says("reads `A` as prod (main) has it");
    assert_eq!(laptop.ran(), "B");
    assert!(laptop.read_output("B.txt").starts_with("baaa"));
    assert_eq!(large_objects(&laptop), 2, "what A left there came, and B was made");

    // Neither is A's here, nor is B sure.
    assert_eq!(laptop.not_fresh(), "A=stale B=maybe C=stale D=stale");
    let why = laptop.kptn(&["why", "B"]).succeeds();
    why.prints("it was made with A of prod (main)");
    laptop.kptn(&["run", "B", "--defer", "prod"]).succeeds();
    assert_eq!(laptop.ran(), "", "the same again is nothing to do");
    laptop.kptn(&["fsck"]).succeeds();

    // C reads what was made here; that it goes back to production's A is on its record.
    laptop.kptn(&["run", "B", "C", "--defer", "prod"]).succeeds();
    assert_eq!(laptop.ran(), "C");
    laptop.kptn(&["why", "C"]).succeeds().prints("it was made with A of prod (main)");
    laptop.edit("A.py", "'a' *", "'x' *");
    laptop.kptn(&["run", "A"]).succeeds();
    assert_eq!(laptop.not_fresh(), "B=stale C=maybe D=stale");
    laptop.kptn(&["run"]).succeeds();
    assert!(laptop.read_output("B.txt").starts_with("bxx"));
    let why = laptop.kptn(&["why", "B"]).succeeds();
    assert!(!why.stdout.contains("prod (main)"), "{}", why.stdout);
}

#[test]
fn what_is_fresh_here_is_read_here_and_what_is_stale_is_not() {
    let (_folder, _prod, laptop) = two("");
    laptop.edit("A.py", "'a' *", "'x' *");
    laptop.kptn(&["run", "A", "B"]).succeeds();
    laptop.edit("C.py", "_text(text)", "_text(text + '!')");
    let run = laptop.kptn(&["run", "C", "--defer", "prod"]).succeeds();
    run.never_says("reads");
    assert_eq!(laptop.read_output("C.txt"), "x!");
    laptop.edit("A.py", "'x' *", "'y' *");
    laptop.kptn(&["run", "C", "--defer", "prod"]).succeeds().says("reads `B` as prod (main) has it");
    assert_eq!(laptop.read_output("C.txt"), "a!");
    assert_eq!(laptop.not_fresh(), "A=stale B=maybe C=maybe D=stale");
    laptop.kptn(&["restore", "B"]).succeeds();
    assert!(laptop.read_output("B.txt").starts_with("xx"), "what B is here was replaced, not lost");
}

#[test]
fn no_protected_branch_takes_it_by_whichever_verb() {
    let (_folder, _prod, laptop) = two("settings: {protected: [main]}\n");
    laptop.edit("B.py", "text *", "'b' + text *");
    laptop.commit("another B");
    let refused = laptop.kptn(&["run", "B", "--defer", "prod"]).exits(3);
    refused.says("`main` is protected").says("git switch -c");
    assert_eq!(laptop.ran(), "");
    laptop.git(&["switch", "-qc", "try"]);
    laptop.kptn(&["run", "B", "--defer", "prod"]).succeeds();
    laptop.kptn(&["push", "prod"]).succeeds();
    laptop.kptn(&["push", "prod", "--to", "main"]).exits(3).says("was made with `A` as `prod` had it");
    laptop.git(&["switch", "-q", "main"]);
    laptop.kptn(&["branch", "clone", "try"]).exits(3).says("(`--defer`)").says("kptn run -f +B");
    laptop.kptn(&["promote", "try"]);
    assert!(laptop.not_fresh().contains("B="), "nobody promotes it: {}", laptop.not_fresh());
    laptop.kptn(&["pull", "prod", "--from", "try", "--force"]).exits(3).says("(`--defer`)");
    // What A makes here is what production has: B's fingerprint is the same, and it runs all the same.
    laptop.kptn(&["run", "B", "+B"]).succeeds();
    assert_eq!(laptop.ran(), "A B B");
}

#[test]
fn a_list_of_items_is_read_from_there_and_what_is_not_there_says_so() {
    let folder = tempfile::tempdir().expect("a folder");
    let make = |words: &str| {
        let list = format!("L: {{cache_result: true, iterable_item: n{words}}}");
        let yaml = tasks_yaml("L: , M: L", &[&list, "M: {map_over: n, outputs: ['${n}.txt']}"]);
        let prod = folder.path().join("prod").display().to_string();
        let project = Project::new()
            .yaml(&format!("{yaml}\nremotes:\n  prod: {{url: 'file://{prod}', branch: main}}\n"))
            .file("L.py", "def L():\n    return ['NC', 'SC']\n")
            .file("M.py", "def M(n, output_dir):\n    (output_dir / f'{n}.txt').write_text(n)\n");
        project.commit("a list");
        project
    };
    let prod = make("");
    prod.kptn(&["run", "L"]).succeeds();
    prod.kptn(&["push"]).succeeds();
    let laptop = make("");
    laptop.kptn(&["run", "M", "--item", "SC", "--defer", "prod"]).succeeds();
    assert_eq!(laptop.read_output("SC.txt"), "SC");
    assert!(!laptop.output("NC.txt").exists());
    laptop.kptn(&["run", "M", "--defer", "prod"]).succeeds();
    assert_eq!(laptop.read_output("NC.txt"), "NC");

    let other = project(folder.path(), "");
    other.kptn(&["run", "B", "--defer", "prod"]).exits(2).says("has no result of `A`").says("kptn run +A");
    other.kptn(&["run", "B", "--defer", "prodd"]).exits(2).says("did you mean `prod`");
    other.kptn(&["run", "B", "--defer", "prod", "--no-deps"]).exits(2);
    let kept = make(", local_only: true");
    kept.kptn(&["run", "L"]).succeeds();
    kept.kptn(&["push", "--force-with-lease", "--to", "main"]).exits(3);
    kept.kptn(&["pull", "--force"]).succeeds();
    kept.kptn(&["run", "-f", "L"]).succeeds();
    kept.kptn(&["push"]).succeeds().says("local_only");
    make("")
        .kptn(&["run", "M", "--defer", "prod"])
        .exits(2)
        .says("does not have the files of `L`: `local_only`");
}

#[test]
fn an_edit_of_what_is_read_goes_aside_and_what_is_made_of_an_edit_is_never_fresh() {
    let (_folder, _prod, laptop) = two("");
    laptop.kptn(&["pull", "prod"]).succeeds();
    laptop.kptn(&["restore"]).succeeds();
    laptop.write("scratch/main/A.txt", "edited");
    laptop.edit("B.py", "text *", "'b' + text *");
    laptop.kptn(&["run", "B", "--defer", "prod"]).succeeds().says("what was there is kept in");
    assert!(laptop.read_output("B.txt").starts_with("ba"), "made of production's A");

    // Without the remote, the edit is read as it is, and B belongs to no fingerprint.
    laptop.write("scratch/main/A.txt", "edited");
    laptop.kptn(&["run", "-f", "B", "--no-deps"]).succeeds().says("uses `A.txt`, which was edited");
    assert!(laptop.read_output("B.txt").starts_with("be"));
    laptop.kptn(&["restore", "A"]).succeeds();
    assert!(laptop.not_fresh().contains("B="), "{}", laptop.not_fresh());
    laptop.kptn(&["run"]).succeeds();
    assert!(laptop.read_output("B.txt").starts_with("ba"));
}
