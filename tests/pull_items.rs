//! Production's failure on a laptop: `pull prod 'B[NC]'`, `--items failed`, `--for`, `--at`.

use std::fs;
use std::path::Path;

use crate::support::{Output, Project, tasks_yaml};

const LARGE: usize = 100_000;

/// `A` lists three states; `B` makes a large file of each; `C`, item by item, fails for NC.
fn project(remotes: &Path) -> Project {
    let tasks = [
        "A: {cache_result: true, iterable_item: n}",
        "B: {map_over: n, outputs: ['b/${n}.txt']}",
        "C: {map_over: n, map_deps: item, outputs: ['c/${n}.txt']}",
        "D: {outputs: [d.txt]}",
    ];
    let yaml = tasks_yaml("A: , B: A, C: [A, B], D: ", &tasks);
    let remotes = remotes.display();
    let project = Project::new()
        .yaml(&format!("{yaml}\nremotes:\n  prod: {{url: 'file://{remotes}/prod', branch: main}}\n"))
        .file("A.py", "def A():\n    return ['NC', 'SC', 'VA']\n")
        .file("B.py", mapped("B", &format!("(output_dir / 'b' / f'{{n}}.txt').write_text(n * {LARGE})")))
        .file(
            "C.py",
            mapped(
                "C",
                "print('reading', n)\n    text = (output_dir / 'b' / f'{n}.txt').read_text()\n    \
                 assert n != 'NC', 'no data of NC'\n    (output_dir / 'c' / f'{n}.txt').write_text(text[:2])",
            ),
        )
        .file("D.py", format!("def D(output_dir):\n    (output_dir / 'd.txt').write_text('d' * {LARGE})\n"));
    project.commit("a pipeline");
    project
}

fn mapped(name: &str, body: &str) -> String {
    format!(
        "import os\nfrom pathlib import Path\n\n\ndef {name}(n, output_dir: Path):\n    \
         with open(os.environ['TRACE'], 'a') as trace:\n        trace.write('{name}' + n + '\\n')\n    \
         (output_dir / '{}').mkdir(exist_ok=True)\n    {body}\n",
        name.to_lowercase()
    )
}

/// Production, whose run failed and which has pushed, and a laptop with the same code.
fn failed() -> (tempfile::TempDir, Project, Project) {
    let folder = tempfile::tempdir().expect("a folder");
    let prod = project(folder.path());
    prod.kptn(&["run", "-k"]).exits(1);
    prod.kptn(&["push"]).succeeds();
    let laptop = project(folder.path());
    (folder, prod, laptop)
}

/// The names of large objects here: outputs of B and D alone are that large.
fn large_objects(project: &Project) -> usize {
    let folders = fs::read_dir(project.path(".git/kptn/objects")).into_iter().flatten().flatten();
    folders.map(|folder| fs::read_dir(folder.path()).into_iter().flatten().count()).sum()
}

fn pull(project: &Project, words: &[&str]) -> Output {
    project.kptn(&[&["pull", "prod"], words].concat()).succeeds()
}

#[test]
fn one_item_comes_with_what_it_reads_its_log_and_its_reason_and_can_be_debugged() {
    let (_folder, prod, laptop) = failed();
    let pulled = pull(&laptop, &["C[NC]"]);
    pulled.says("failed C[NC]: AssertionError: no data of NC").says("kptn debug 'C[NC]'");
    assert_eq!(large_objects(&laptop), 1, "what B made of NC, and of no other");
    laptop.kptn(&["output", "C[NC]"]).succeeds().prints("reading NC").never_says("reading SC");
    laptop.kptn(&["status", "C[NC]"]).succeeds().prints("no data of NC");

    // It fails here as it did there; once it is mended, it does not.
    laptop.kptn(&["debug", "C[NC]"]).exits(1);
    assert_eq!(laptop.ran(), "CNC");
    assert_eq!(large_objects(&laptop), 1, "an item reads its namesake alone");
    laptop.edit("C.py", "assert n != 'NC', 'no data of NC'", "assert n != 'NC' or text");
    laptop.kptn(&["debug", "C[NC]"]).succeeds();
    laptop.kptn(&["fsck"]).succeeds();
    // Nothing of production's has changed.
    prod.kptn(&["push"]).succeeds().says("has all of it already");
}

#[test]
fn all_failed_items_come_and_a_run_goes_on_with_them_alone() {
    let (_folder, _prod, laptop) = failed();
    laptop.kptn(&["pull", "C[NC]", "--into", "alone"]).succeeds().says("failed C[NC]");
    pull(&laptop, &["--items", "failed"]).says("failed C[NC]: AssertionError: no data of NC");
    assert_eq!(large_objects(&laptop), 1);
    assert_eq!(laptop.not_fresh(), "C=failed D=stale");
    laptop.edit("A.py", "return", "# to be sure\n    return");
    laptop.kptn(&["run", "C"]).exits(1);
    assert_eq!(laptop.ran(), "CNC", "what finished there counts here");
    assert_eq!(large_objects(&laptop), 1, "and what it read came alone");
}

#[test]
fn a_whole_pull_and_a_part_bring_failures_along() {
    let (_folder, prod, laptop) = failed();
    pull(&laptop, &[]).says("`C` did not finish there");
    assert_eq!(laptop.not_fresh(), "C=failed");
    laptop.kptn(&["output", "C[NC]"]).succeeds().prints("reading NC");
    laptop.kptn(&["why", "C[NC]"]).succeeds().prints("no data of NC");

    let (_folder, _, other) = failed();
    pull(&other, &["--for", "C"]).says("failed C: ");
    assert_eq!(other.not_fresh(), "C=failed D=stale");
    assert_eq!(large_objects(&other), 3, "what C reads, and nothing of D");
    pull(&other, &["--into", "debug/tuesday", "C[NC]"]).says("kptn debug 'C[NC]' --branch debug/tuesday");

    // What finishes there since is no failure here any more.
    prod.edit("C.py", "    assert n != 'NC', 'no data of NC'\n", "");
    prod.commit("mended");
    prod.kptn(&["run"]).succeeds();
    prod.kptn(&["push"]).succeeds();
    pull(&laptop, &["-s", "D"]).says("which is not here: `git fetch`");
    laptop.git(&["fetch", "-q", &prod.path("").display().to_string()]);
    let pulled = pull(&laptop, &[]);
    pulled.says("1 commit after this tree").says("1 of 4 pulled tasks is not fresh under this code");
    laptop.edit("C.py", "    assert n != 'NC', 'no data of NC'\n", "");
    assert_eq!(laptop.not_fresh(), "");
}

#[test]
fn what_two_sides_did_not_finish_is_merged_and_nothing_new_is_not_pushed_again() {
    let (folder, prod, laptop) = failed();
    prod.kptn(&["push"]).succeeds().says("has all of it already");
    pull(&laptop, &[]);
    laptop.edit("D.py", "'d' *", "'e' *");
    laptop.kptn(&["run", "D"]).succeeds();
    laptop.kptn(&["push"]).succeeds();
    pull(&prod, &[]);
    assert_eq!(prod.not_fresh(), "C=failed");
    prod.kptn(&["fsck", "--remote"]).succeeds();
    prod.kptn(&["gc", "--remote", "--yes", "--keep", "0d", "--grace", "0d"]).succeeds();
    prod.kptn(&["gc", "--remote", "--yes", "--keep", "0d", "--grace", "0d"]).succeeds();
    prod.kptn(&["fsck", "--remote", "--full"]).succeeds();
    let third = project(folder.path());
    pull(&third, &["C[NC]"]).says("failed C[NC]");
    third.kptn(&["output", "C[NC]"]).succeeds().prints("reading NC");
}

#[test]
fn a_state_of_the_past_is_pulled_by_commit_and_by_time() {
    let (_folder, prod, laptop) = failed();
    let first = prod.git(&["rev-parse", "--short", "HEAD"]).trim().to_owned();
    prod.edit("D.py", "'d' *", "'e' *");
    prod.commit("another D");
    prod.kptn(&["run", "D"]).succeeds();
    prod.kptn(&["push"]).succeeds();
    pull(&laptop, &["--at", &first, "--into", "then"]);
    pull(&laptop, &["--into", "now"]);
    assert!(laptop.kptn(&["cat", "D", "--branch", "then"]).succeeds().stdout.starts_with("dd"));
    assert!(laptop.kptn(&["cat", "D", "--branch", "now"]).succeeds().stdout.starts_with("ee"));
    laptop.kptn(&["pull", "prod", "--at", "2001-01-01"]).exits(2).says("had no state then yet");
    laptop
        .kptn(&["pull", "prod", "--at", "abcdef1"])
        .exits(2)
        .says("was never pushed from the commit abcdef1");
    laptop.kptn(&["pull", "prod", "--at", "2999-01-01"]).succeeds();
}

#[test]
fn names_that_are_wrong_say_so() {
    let (_folder, _prod, laptop) = failed();
    laptop.kptn(&["pull", "prod", "X[NC]"]).exits(2).says("X");
    laptop.kptn(&["pull", "prod", "D[NC]"]).exits(2).says("`D`");
    laptop.kptn(&["pull", "prod", "C[XX]"]).exits(2).says("XX");
    laptop.kptn(&["pull", "prod", "C", "--items", "failed"]).exits(2);
    laptop.kptn(&["pull", "prod", "--items", "stale"]).exits(2);
}

#[test]
fn what_became_of_an_item_here_is_not_replaced_by_a_pull() {
    let (_folder, prod, laptop) = failed();
    pull(&laptop, &[]);
    laptop.edit("C.py", "n != 'NC'", "n != 'SC'");
    laptop.kptn(&["run", "C"]).exits(1);
    assert_eq!(laptop.ran(), "CNC CSC CVA");
    prod.edit("C.py", "print('reading'", "print('now reading'");
    prod.kptn(&["run", "C"]).exits(1);
    prod.kptn(&["push"]).succeeds();
    pull(&laptop, &[]);
    laptop.kptn(&["run", "C"]).exits(1);
    assert_eq!(laptop.ran(), "CSC", "what finished here is still there");
}

#[test]
fn a_protected_branch_takes_no_finished_items_of_others() {
    let (_folder, _prod, laptop) = failed();
    laptop.write("kptn.yaml", laptop.read("kptn.yaml") + "settings: {protected: [main]}\n");
    laptop.commit("main is protected");
    pull(&laptop, &[]).says("`C` did not finish there");
    laptop.kptn(&["run", "C"]).exits(1);
    assert_eq!(laptop.ran(), "CNC CSC CVA");
}

#[test]
fn a_part_is_pulled_again_and_what_this_machine_made_is_not_dropped() {
    let (_folder, prod, laptop) = failed();
    let first = prod.git(&["rev-parse", "HEAD"]).trim().to_owned();
    pull(&laptop, &["C[NC]"]);
    prod.edit("B.py", "n * ", "'b' + n * ");
    prod.commit("another B");
    prod.kptn(&["run", "-k"]).exits(1);
    prod.kptn(&["push"]).succeeds();
    pull(&laptop, &["C[NC]"]).says("failed C[NC]");
    pull(&laptop, &["--at", &first]);
    pull(&laptop, &[]);
    laptop.edit("D.py", "'d' *", "'e' *");
    laptop.kptn(&["run", "D"]).succeeds();
    pull(&laptop, &["-s", "D", "--at", &first]).says("kept this branch's own `D`");
    prod.edit("D.py", "'d' *", "'f' *");
    prod.kptn(&["run", "D"]).succeeds();
    prod.kptn(&["push"]).succeeds();
    laptop.kptn(&["pull", "prod", "-s", "D"]).exits(3).says("only `main` has: `D`");
}

#[test]
fn a_task_that_once_succeeded_there_brings_its_failure_with_where_it_was_tried() {
    let (_folder, prod, laptop) = failed();
    prod.edit("C.py", "    assert n != 'NC', 'no data of NC'\n", "");
    prod.commit("mended");
    prod.kptn(&["run"]).succeeds();
    prod.edit("C.py", "    text = ", "    assert n != 'VA', 'no data of VA'\n    text = ");
    prod.commit("broken again");
    prod.kptn(&["run", "-k"]).exits(1);
    prod.kptn(&["push"]).succeeds();
    laptop.git(&["pull", "-q", &prod.path("").display().to_string(), "HEAD:main"]);
    let commit = prod.git(&["rev-parse", "--short=12", "HEAD"]).trim().to_owned();
    let pulled = pull(&laptop, &["--for", "C"]);
    pulled.says("failed C: ").says(&format!("at {commit} with ")).says("python");
    assert_eq!(laptop.not_fresh(), "C=failed D=stale");
    let json = pull(&laptop, &["--items", "failed", "--json"]).json();
    assert_eq!(json["failed"][0]["name"], "C[VA]");
    assert_eq!(json["failed"][0]["tried"]["commit"].as_str().map(|full| &full[..12]), Some(&*commit));
}

#[test]
fn two_machines_that_changed_nothing_do_not_push_in_turn() {
    let (_folder, prod, laptop) = failed();
    pull(&laptop, &[]);
    laptop.kptn(&["push"]).succeeds().says("has all of it already");
    prod.kptn(&["push"]).succeeds().says("has all of it already");
}

#[test]
fn a_first_run_in_which_nothing_finished_is_pushed_and_pulled() {
    let folder = tempfile::tempdir().expect("a folder");
    let prod = project(folder.path());
    prod.edit("A.py", "    return", "    raise ValueError('no list')\n    return");
    prod.commit("broken");
    prod.kptn(&["run", "A"]).exits(1);
    prod.kptn(&["push"]).succeeds();
    let laptop = project(folder.path());
    pull(&laptop, &["--for", "A"]).says("failed A: ").says("no list");
    laptop.edit("A.py", "    return", "    raise ValueError('no list')\n    return");
    assert_eq!(laptop.not_fresh(), "A=failed B=stale C=stale D=stale");
    laptop.kptn(&["output", "A"]).succeeds();
}

#[test]
fn fifty_moves_back_a_state_is_found_by_its_commit_and_a_tag_of_it() {
    let (folder, prod, laptop) = failed();
    let first = prod.git(&["rev-parse", "HEAD"]).trim().to_owned();
    // A move that lost its swap is in the history as any other.
    let projects = fs::read_dir(folder.path().join("prod/history")).expect("the history").flatten();
    let history = projects.map(|project| project.path().join("main")).next().expect("a project");
    let key = fs::read_dir(&history).expect("its moves").flatten().next().expect("a move").path();
    let lost = fs::read_to_string(&key).expect("read");
    let mut lost: serde_json::Value = serde_json::from_str(&lost).expect("JSON");
    for (generation, commit) in (1..=40).map(|number| (number + 1, format!("{number:040}"))) {
        prod.git(&["commit", "-q", "--allow-empty", "-m", &commit]);
        let text = format!("def D(output_dir):\n    (output_dir / 'd.txt').write_text('{generation}')\n");
        prod.write("D.py", text);
        prod.kptn(&["run", "D"]).succeeds();
        prod.kptn(&["push"]).succeeds();
        if generation == 5 {
            lost["generation"] = generation.into();
            lost["commit"] = "f".repeat(40).into();
            lost["write_id"] = "ffffffffffffffff".into();
            fs::write(history.join(format!("{generation:010}-ffffffffffffffff.json")), lost.to_string())
                .expect("written");
        }
    }
    pull(&laptop, &["--at", &first, "--into", "then"]);
    assert!(laptop.kptn(&["cat", "D", "--branch", "then"]).succeeds().stdout.starts_with("dd"));
    laptop.git(&["tag", "release"]);
    pull(&laptop, &["--at", "release", "--into", "tagged"]);
    laptop.kptn(&["pull", "prod", "--at", &"f".repeat(40)]).exits(2).says("was never pushed from");
    laptop.kptn(&["pull", "prod", "--at", "yesterdy"]).exits(2).says("`yesterdy` is no time, and no commit");
}
