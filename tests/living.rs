//! A branch on which a run goes on: what has finished there is shared, whatever was written where so far.

use rustix::process::Signal;

use crate::support::{Project, gated_task, python_task, tasks_yaml, wait_until};

/// Items `x`, `y`, `z` one after the other; `z` waits until somebody writes into the pipe `gate/z`.
const ITEMS: &str = "import os
from pathlib import Path


def B(n, output_dir: Path):
    with open(os.environ['TRACE'], 'a') as trace:
        trace.write(n + '\\n')
    if n == 'z':
        Path(os.environ['GATE'], 'z').read_text()
    (output_dir / 'b').mkdir(exist_ok=True)
    (output_dir / 'b' / f'{n}.txt').write_text(n)
";

fn mapped() -> Project {
    let tasks = [
        "A: {cache_result: true, iterable_item: n}",
        "B: {map_over: n, outputs: ['b/${n}.txt'], reuse: never}",
    ];
    let project = Project::new()
        .yaml(&tasks_yaml("A: , B: A", &tasks))
        .file(".gitignore", "scratch/\nflows/\n__pycache__/\n")
        .file("A.py", python_task("A", "return ['x', 'y', 'z']"))
        .file("B.py", ITEMS);
    project.commit("mapped");
    project
}

#[test]
fn items_that_a_run_has_only_in_its_journal_come_along_with_a_clone() {
    let project = mapped();
    let pipe = project.outside("gate").join("z");
    let mut mkfifo = project.program("mkfifo");
    mkfifo.arg(&pipe);
    project.finish(mkfifo, &["z"]).succeeds();
    let running = project.start(&["run", "-j", "1"]);
    let ran = || std::fs::read_to_string(project.outside("trace")).unwrap_or_default();
    wait_until("z waits at the pipe", || ran().ends_with("z\n"));
    project.kptn(&["branch", "clone", "main", "dev"]).succeeds();
    let items = |branch: &str| {
        let report = project.kptn(&["status", "-b", branch, "--json"]).succeeds().json();
        let row =
            report["rows"].as_array().and_then(|rows| rows.iter().find(|row| row["task"] == "B").cloned());
        row.map(|row| row["items"].clone()).unwrap_or_default()
    };
    assert_eq!(items("dev"), serde_json::json!({"total": 3, "stale": 1, "failed": 0}));
    // Everything is killed: the clone needs nothing of the run any more.
    running.signal_group(Signal::KILL);
    running.wait();
    std::fs::remove_file(&pipe).expect("the pipe");
    std::fs::write(&pipe, "").expect("a file in its place");
    project.trace();
    project.kptn(&["run", "-b", "dev"]).succeeds();
    assert_eq!(project.ran(), "z");
    project.kptn(&["run"]).succeeds();
    assert_eq!(project.ran(), "z", "main has its own as well");
    project.kptn(&["fsck"]).succeeds();
}

/// A first run, on `dev`, that stands at the gate of its only task.
fn first_run() -> (Project, crate::support::Running) {
    let project = Project::new()
        .yaml(&tasks_yaml("A: ", &["A: {outputs: [A.txt]}"]))
        .file(".gitignore", "scratch/\nflows/\n__pycache__/\n")
        .file("A.py", gated_task("A", "(output_dir / 'A.txt').write_text('a')"));
    project.commit("a gate");
    project.git(&["switch", "-qc", "dev"]);
    let running = project.start(&["run"]);
    project.wait_for("A");
    (project, running)
}

#[test]
fn of_a_first_run_that_has_finished_nothing_there_is_nothing_to_clone() {
    let (project, running) = first_run();
    let refused = project.kptn(&["branch", "clone", "dev", "x"]).exits(2);
    refused.says("nothing has finished on `dev` yet").says("kptn status -b dev");
    project.open_gate("A");
    assert_eq!(running.wait().0, Some(0));
    project.kptn(&["branch", "clone", "dev", "x"]).succeeds();
}

#[test]
fn a_branch_that_git_renames_during_its_first_run_keeps_its_state() {
    let (project, running) = first_run();
    project.git(&["branch", "-m", "new"]);
    project.kptn(&["status"]).succeeds();
    project.open_gate("A");
    running.wait();
    project.kptn(&["status"]).succeeds().says("git renamed `dev` to `new`: its state is `new` now");
    let rows = project.kptn(&["branch", "list", "--json"]).succeeds().json();
    assert_eq!(rows["branches"][0]["branch"], "new", "{rows}");
    assert_eq!(rows["branches"].as_array().map(Vec::len), Some(1), "{rows}");
    project.kptn(&["fsck"]).succeeds();
}

#[test]
fn a_name_under_which_a_run_was_only_begun_is_free() {
    let (project, running) = first_run();
    project.git(&["switch", "-q", "main"]);
    running.signal(rustix::process::Signal::KILL);
    running.wait();
    project.open_gate("A");
    project.kptn(&["run"]).succeeds();
    project.kptn(&["branch", "rename", "main", "dev"]).succeeds();
    let rows = project.kptn(&["branch", "list", "--json"]).succeeds().json();
    assert_eq!(rows["branches"].as_array().map(Vec::len), Some(1), "{rows}");
    project.git(&["switch", "-q", "dev"]);
    assert_eq!(project.not_fresh(), "");
    // One that has a state is not.
    project.git(&["switch", "-qc", "other"]);
    project.kptn(&["branch", "clone", "dev"]).succeeds();
    project.kptn(&["branch", "rename", "other", "dev"]).exits(3).says("dev");
    project.kptn(&["fsck"]).succeeds();
}
