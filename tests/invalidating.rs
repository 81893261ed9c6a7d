//! `kptn invalidate`: a result is bad for everybody, until another one takes its place.

use std::path::Path;

use crate::support::{Project, python_task, tasks_yaml};

/// `A` -> `B`, and the list `L` -> `M` item by item, with a remote in a folder.
fn project(folder: &Path, more: &str) -> Project {
    let tasks = [
        "A: {outputs: [A.txt]}",
        "B: {outputs: [B.txt]}",
        "L: {cache_result: true, iterable_item: n}",
        "M: {map_over: n, outputs: ['${n}.txt']}",
    ];
    let yaml = tasks_yaml("A: , B: A, L: , M: L", &tasks);
    let team = folder.join("team").display().to_string();
    let item = "def M(n, output_dir):\n    import os\n    with open(os.environ['TRACE'], 'a') as trace:\n        \
                trace.write('M' + n + '\\n')\n    (output_dir / f'{n}.txt').write_text(n)\n";
    let project = Project::new()
        .yaml(&format!("{yaml}\nremotes:\n  team: {{url: 'file://{team}'{more}}}\n"))
        .file("A.py", python_task("A", "(output_dir / 'A.txt').write_text('a')"))
        .file("B.py", python_task("B", "(output_dir / 'B.txt').write_text('b')"))
        .file("L.py", "def L():\n    return ['NC', 'SC']\n")
        .file("M.py", item);
    project.commit("a pipeline");
    project
}

/// One clone that has run and pushed, and another one that has pulled.
fn two() -> (tempfile::TempDir, Project, Project) {
    let folder = tempfile::tempdir().expect("a folder");
    let one = project(folder.path(), "");
    one.kptn(&["run"]).succeeds();
    one.kptn(&["push"]).succeeds();
    let other = project(folder.path(), "");
    other.kptn(&["pull"]).succeeds();
    one.ran();
    (folder, one, other)
}

#[test]
fn a_bad_result_is_stale_for_everybody_until_it_is_made_again() {
    let (folder, one, other) = two();
    let told = one.kptn(&["invalidate", "A", "--why", "the file of March"]).succeeds();
    told.says("bad A: what").says("the next `kptn push` tells others");
    assert_eq!(one.not_fresh(), "A=stale B=maybe");
    one.kptn(&["status", "A"]).succeeds().prints(": the file of March");
    one.kptn(&["why", "A"]).succeeds().prints("invalidated by").prints(": the file of March");
    one.kptn(&["push"]).succeeds().says("pushed");
    one.kptn(&["push"]).succeeds().says("has all of it already");

    // Who has it already, who has nothing yet, and who has it on another branch.
    assert_eq!(other.not_fresh(), "");
    other.kptn(&["pull"]).succeeds().says("not fresh under this code");
    assert_eq!(other.not_fresh(), "A=stale B=maybe");
    let third = project(folder.path(), "");
    third.kptn(&["pull", "--lazy"]).succeeds();
    assert_eq!(third.not_fresh(), "A=stale B=maybe");
    one.git(&["switch", "-qc", "try"]);
    one.kptn(&["branch", "clone", "main"]).succeeds();
    assert_eq!(one.not_fresh(), "A=stale B=maybe");

    // It makes the same bytes: B is spared, and others take what is good now.
    other.kptn(&["run"]).succeeds();
    assert_eq!((other.ran().as_str(), other.not_fresh().as_str()), ("A", ""));
    other.kptn(&["push"]).succeeds();
    third.kptn(&["pull"]).succeeds();
    assert_eq!(third.not_fresh(), "");
    for _ in 0..2 {
        one.kptn(&["gc", "--remote", "--yes", "--keep", "0d", "--grace", "0d"]).succeeds();
    }
    one.kptn(&["fsck", "--remote", "--full"]).succeeds();
    project(folder.path(), "").kptn(&["pull"]).succeeds();
}

#[test]
fn no_branch_takes_it_by_its_fingerprint_but_each_takes_a_good_one() {
    let (_folder, one, _other) = two();
    one.kptn(&["invalidate", "A", "M"]).succeeds();
    one.git(&["switch", "-qc", "fresh"]);
    one.kptn(&["run"]).succeeds();
    assert_eq!(one.ran(), "A MNC MSC", "B and L were taken from main");
    one.git(&["switch", "-q", "main"]);
    one.kptn(&["run"]).succeeds();
    assert_eq!(one.ran(), "", "what is good now was taken from the other branch");
    assert_eq!(one.not_fresh(), "");
}

#[test]
fn one_item_runs_again_and_the_others_stay() {
    let (_folder, one, other) = two();
    one.kptn(&["invalidate", "M[NC]", "--why", "last year's"]).succeeds().says("bad M[NC]");
    assert_eq!(one.not_fresh(), "M=stale");
    one.kptn(&["why", "M[NC]"]).succeeds().prints(": last year's");
    one.kptn(&["why", "M[SC]"]).succeeds().prints("fresh");
    one.kptn(&["push"]).succeeds();
    other.kptn(&["pull"]).succeeds();
    other.kptn(&["why", "M[NC]"]).succeeds().prints(": last year's");
    for project in [&one, &other] {
        project.kptn(&["run"]).succeeds();
        assert_eq!((project.ran().as_str(), project.not_fresh().as_str()), ("MNC", ""));
    }
}

#[test]
fn undo_takes_it_back_and_the_next_push_says_so() {
    let (_folder, one, other) = two();
    let told = one.kptn(&["--json", "invalidate", "A"]).succeeds().json();
    one.kptn(&["push"]).succeeds();
    other.kptn(&["pull"]).succeeds();
    assert_eq!(other.not_fresh(), "A=stale B=maybe");
    one.kptn(&["undo", &told["operation"].to_string()]).succeeds();
    assert_eq!(one.not_fresh(), "");
    // Others' pushes do not bring it back.
    other.edit("B.py", "'b'", "'bb'");
    other.kptn(&["run", "B", "--no-deps"]).succeeds();
    one.kptn(&["push"]).succeeds().says("pushed");
    other.kptn(&["push"]).succeeds();
    one.kptn(&["pull"]).succeeds();
    assert!(!one.not_fresh().contains("A="), "{}", one.not_fresh());
    other.kptn(&["pull"]).succeeds();
    assert_eq!(other.not_fresh(), "");
    one.edit("B.py", "'b'", "'bb'");
    assert_eq!(one.not_fresh(), "");
    // And an undo of the undo marks it again.
    let log = one.kptn(&["log", "--json"]).succeeds().json();
    let undo = log["entries"].as_array().and_then(|all| all.iter().find(|one| one["verb"] == "undo"));
    let number = undo.map(|one| one["operation"].to_string()).expect("an undo in the log");
    one.kptn(&["undo", &number]).succeeds();
    assert_eq!(one.not_fresh(), "A=stale B=maybe");
}

#[test]
fn what_a_remote_has_is_marked_there_at_once_and_nothing_else_goes() {
    let (folder, one, _other) = two();
    let laptop = project(folder.path(), "");
    let told = laptop.kptn(&["invalidate", "A", "M[SC]", "--remote", "team", "-m", "broken"]).succeeds();
    told.says("bad A").says("bad M[SC]").says("whoever pulls team (main)");
    one.kptn(&["pull"]).succeeds();
    assert_eq!(one.not_fresh(), "A=stale B=maybe M=stale");
    one.kptn(&["run"]).succeeds();
    assert_eq!(one.ran(), "A MSC");
    one.kptn(&["push"]).succeeds();
    one.kptn(&["fsck", "--remote", "--full"]).succeeds();
    laptop.kptn(&["run", "B", "--defer", "team"]).succeeds();

    laptop.kptn(&["invalidate", "A", "--remote", "team"]).succeeds();
    laptop.edit("B.py", "'b'", "'bb'");
    laptop.kptn(&["run", "B", "--defer", "team"]).exits(2).says("is invalidated");
    laptop.kptn(&["invalidate", "A"]).exits(2).says("has never finished");
    laptop.kptn(&["invalidate", "X", "--remote", "team"]).exits(2).says("`X`");
    laptop.kptn(&["invalidate", "M[XX]", "--remote", "team"]).exits(2).says("XX");
    let reader = project(folder.path(), ", writable: false");
    reader.kptn(&["invalidate", "A", "--remote", "team"]).exits(2).says("writable: false");
}
