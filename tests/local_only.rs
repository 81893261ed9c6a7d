//! `local_only: true`: that a task finished goes to a remote; what it made and printed does not.

use std::fs;
use std::path::Path;

use crate::support::{Project, python_task, tasks_yaml};

/// `A` -> `B`; `A` is `local_only`, prints and returns something, and writes more than a pack takes.
fn project(folder: &Path, a: &str) -> Project {
    let a = format!("A: {{outputs: [A.txt], cache_result: true{a}}}");
    let yaml = tasks_yaml("A: , B: A", &[&a, "B: {outputs: [B.txt]}"]);
    let remote = folder.join("team").display().to_string();
    let project = Project::new()
        .yaml(&format!("{yaml}\nremotes:\n  team: {{url: 'file://{remote}'}}\n"))
        .file(
            "A.py",
            python_task(
                "A",
                "print('sec' + 'ret-line')\n    (output_dir / 'A.txt').write_text(('sec' + 'ret-file') * 200000)\n    return 'sec' + 'ret-result'",
            ),
        )
        .file("B.py", python_task("B", "print('open-' + 'line')\n    (output_dir / 'B.txt').write_text('open-' + 'file')"));
    project.commit("two tasks");
    project
}

fn kept(folder: &Path) -> Project {
    project(folder, ", local_only: true")
}

/// All bytes of the remote, as text. What is short is stored as it is; code does not have the words in one piece.
fn bytes_below(folder: &Path) -> String {
    let mut all = String::new();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            all += &bytes_below(&path);
        } else {
            all += &String::from_utf8_lossy(&fs::read(&path).expect("a key"));
        }
    }
    all
}

fn collect(project: &Project) {
    for _ in 0..2 {
        project.kptn(&["gc", "--remote", "--yes", "--keep", "0d", "--grace", "0d"]).succeeds();
    }
    project.kptn(&["fsck", "--remote", "--full"]).succeeds();
}

#[test]
fn what_it_makes_and_prints_never_goes_and_a_puller_runs_it_there() {
    let folder = tempfile::tempdir().expect("a folder");
    let one = kept(folder.path());
    one.kptn(&["run"]).succeeds();
    one.kptn(&["push", "-n"]).succeeds().says("1 task is local_only: its files and logs stay here (`A`)");
    one.kptn(&["push"]).succeeds().says("1 task is local_only: its files and logs stay here (`A`)");
    let format = fs::read_to_string(folder.path().join("team/kptn.json")).expect("a format");
    assert_eq!(format, r#"{"format":4,"min_reader":4,"min_writer":4}"#, "who knows less would lose that");
    let there = bytes_below(&folder.path().join("team"));
    assert!(there.contains("open-file") && there.contains("open-line"));
    assert!(!there.contains("secret-"), "nothing that A made or printed is there");
    assert!(!folder.path().join("team/objects").exists());
    one.kptn(&["push"]).succeeds().says("has all of it already");
    one.kptn(&["push", "--repair"]).succeeds().says("has all of it already");
    collect(&one);

    // Where it was made, it stays as it is.
    one.kptn(&["pull", "--force"]).succeeds().never_says("not here");
    assert_eq!(one.not_fresh(), "");
    one.kptn(&["fsck"]).succeeds();

    for words in [&["pull"][..], &["pull", "--lazy"], &["pull", "--for", "B"]] {
        let other = kept(folder.path());
        other
            .kptn(words)
            .succeeds()
            .says("not here: `A.txt` of `A`, which is `local_only` where it was made");
        other.kptn(&["why", "A"]).succeeds().prints("`local_only` where it was made: A.txt");
        assert!(other.not_fresh().starts_with("A=stale"), "{}", other.not_fresh());
        other.kptn(&["fsck"]).succeeds();
        other.kptn(&["gc", "--yes", "--keep", "0d", "--grace", "0d"]).succeeds();
    }
    let other = kept(folder.path());
    other.kptn(&["pull"]).succeeds();
    other.kptn(&["push"]).succeeds().says("has all of it already");
    other.kptn(&["cat", "A"]).exits(1).says("neither this machine nor a remote");
    other.kptn(&["run"]).succeeds();
    assert_eq!(other.ran(), "A", "the same bytes: B is spared");
    other.kptn(&["push"]).succeeds().says("1 task is local_only");
    collect(&other);
    assert!(!bytes_below(&folder.path().join("team")).contains("secret-"));
}

#[test]
fn it_counts_from_the_next_push_on_and_another_branch_keeps_what_it_has() {
    let folder = tempfile::tempdir().expect("a folder");
    let one = project(folder.path(), "");
    one.kptn(&["run"]).succeeds();
    one.kptn(&["push", "--to", "whole"]).succeeds().never_says("local_only");
    one.kptn(&["push"]).succeeds();
    one.edit("kptn.yaml", "cache_result: true", "cache_result: true, local_only: true");
    assert_eq!(one.not_fresh(), "", "no ingredient");
    one.kptn(&["push"]).succeeds().says("pushed").says("1 task is local_only");
    collect(&one);
    let other = project(folder.path(), "");
    other.kptn(&["pull"]).succeeds().says("not here: `A.txt`");
    other.kptn(&["pull", "--from", "whole", "--force"]).succeeds().never_says("not here");
    other.kptn(&["restore"]).succeeds().says("2 files put back");
    // What came without its files from one branch is whole, once they came from another.
    assert_eq!(other.not_fresh(), "");
    other.kptn(&["push"]).succeeds().never_says("local_only");
    other.kptn(&["fsck", "--remote", "--full"]).succeeds();

    // What ran as `local_only` stays until it has run without.
    let two = kept(folder.path());
    two.kptn(&["run"]).succeeds();
    two.edit("kptn.yaml", ", local_only: true", "");
    two.kptn(&["push", "--to", "two"]).succeeds().says("1 task is local_only");
    two.kptn(&["run", "-f", "A"]).succeeds();
    two.kptn(&["push", "--to", "two"]).succeeds().never_says("local_only");
    two.kptn(&["fsck", "--remote", "--full"]).succeeds();
}

#[test]
fn a_failure_goes_without_its_lines_and_items_without_their_files() {
    let folder = tempfile::tempdir().expect("a folder");
    let remote = folder.path().join("team").display().to_string();
    let mapped = "(output_dir / f'{n}.txt').write_text('sec' + 'ret-' + n)";
    let code = |fails: &str| {
        format!(
            "from pathlib import Path\n\n\ndef M(n, output_dir: Path):\n    print('sec' + 'ret-line')\n    {mapped}\n    assert n != '{fails}', 'no'\n"
        )
    };
    let make = |words: &str| {
        let tasks = [
            "L: {cache_result: true, iterable_item: n}",
            &format!("M: {{map_over: n, outputs: ['${{n}}.txt']{words}}}"),
        ];
        let yaml = tasks_yaml("L: , M: L", &tasks);
        let project = Project::new()
            .yaml(&format!("{yaml}\nremotes:\n  team: {{url: 'file://{remote}'}}\n"))
            .file("L.py", "def L():\n    return ['a', 'b']\n")
            .file("M.py", code("b"));
        project.commit("a list");
        project
    };
    let one = make(", local_only: true");
    one.kptn(&["run", "-k"]).exits(1);
    one.kptn(&["push"]).succeeds();
    assert!(!bytes_below(&folder.path().join("team")).contains("secret-"));
    let other = make(", local_only: true");
    other.kptn(&["pull"]).succeeds().says("`M` did not finish there");
    other.kptn(&["status", "M[b]"]).succeeds().prints("no");

    one.write("M.py", code("c"));
    one.kptn(&["run"]).succeeds();
    one.kptn(&["push"]).succeeds().says("1 task is local_only");
    assert!(!bytes_below(&folder.path().join("team")).contains("secret-"));
    collect(&one);
    other.write("M.py", code("c"));
    other.kptn(&["pull"]).succeeds().says("not here: `a.txt`, `b.txt` of `M`");
    other.kptn(&["fsck"]).succeeds();
    other.kptn(&["run"]).succeeds();
    assert_eq!(other.not_fresh(), "");

    // The same shards, whole on one branch and without their files on another: neither takes from the other.
    let three = make("");
    three.write("M.py", code("c"));
    three.kptn(&["run"]).succeeds();
    three.kptn(&["push", "--to", "whole"]).succeeds();
    three.edit("kptn.yaml", "map_over: n", "map_over: n, local_only: true");
    three.kptn(&["push", "--to", "without"]).succeeds().says("1 task is local_only");
    collect(&three);
    let four = make("");
    four.write("M.py", code("c"));
    four.kptn(&["pull", "--from", "whole"]).succeeds();
    four.kptn(&["restore"]).succeeds().says("2 files put back");
}

#[test]
fn what_one_machine_alone_has_is_not_dropped_for_what_another_made() {
    let folder = tempfile::tempdir().expect("a folder");
    let (one, other) = (kept(folder.path()), kept(folder.path()));
    one.kptn(&["run"]).succeeds();
    one.kptn(&["push"]).succeeds();
    other.kptn(&["pull"]).succeeds();
    other.kptn(&["run"]).succeeds();
    other.kptn(&["push"]).succeeds();
    one.kptn(&["pull"]).exits(3).says("only `main` has: `A`");
    assert_eq!(one.kptn(&["cat", "A", "A.txt"]).succeeds().stdout.len(), "secret-file".len() * 200_000);
}

#[test]
fn items_whose_results_stay_elsewhere_run_here() {
    let folder = tempfile::tempdir().expect("a folder");
    let make = || {
        let tasks = [
            "L: {cache_result: true, iterable_item: n}",
            "M: {map_over: n, cache_result: true, local_only: true}",
            "S: {outputs: [s.txt]}",
        ];
        let yaml = tasks_yaml("L: , M: L, S: M", &tasks);
        let project = Project::new()
            .yaml(&format!(
                "{yaml}\nremotes:\n  team: {{url: 'file://{}'}}\n",
                folder.path().join("team").display()
            ))
            .file("L.py", "def L():\n    return [1, 2, 3]\n")
            .file("M.py", "def M(n):\n    return n * 2\n")
            .file("S.py", "def S(M, output_dir):\n    (output_dir / 's.txt').write_text(str(sum(M)))\n");
        project.commit("a list");
        project
    };
    let (one, other) = (make(), make());
    one.kptn(&["run"]).succeeds();
    one.kptn(&["push"]).succeeds();
    other.kptn(&["pull"]).succeeds();
    other.kptn(&["run"]).succeeds();
    assert_eq!(other.not_fresh(), "");
    assert_eq!(other.kptn(&["cat", "S"]).succeeds().stdout, "12");
}

#[test]
fn lines_that_went_before_do_not_go_again() {
    let folder = tempfile::tempdir().expect("a folder");
    let one = project(folder.path(), "");
    one.edit("A.py", "    return", "    raise ValueError('no')\n    return");
    one.kptn(&["run", "A"]).exits(1);
    one.kptn(&["push"]).succeeds();
    one.edit("kptn.yaml", "cache_result: true", "cache_result: true, local_only: true");
    one.kptn(&["push"]).succeeds();
    collect(&one);
    assert!(!bytes_below(&folder.path().join("team")).contains("secret-line"));
}
