//! `run open` and `run close`: a run that goes on between processes, as engines carry it out.

use serde_json::Value;

use crate::support::{Project, gated_task, python_task, tasks_yaml};

/// A diamond: A before B and C, those before D.
fn diamond() -> Project {
    let tasks = ["A", "B", "C", "D"];
    let yaml = tasks_yaml(
        "A: , B: A, C: A, D: [B, C]",
        &[
            "A: {outputs: [A.txt]}",
            "B: {outputs: [B.txt], tags: [db], retries: 2, compute: {memory: 512}}",
            "C: {outputs: [C.txt]}",
            "D: {outputs: [D.txt]}",
        ],
    );
    tasks.iter().fold(Project::new().yaml(&yaml), |project, name| {
        let body = format!("(output_dir / '{name}.txt').write_text('{name}')");
        project.file(&format!("{name}.py"), python_task(name, &body))
    })
}

fn open(project: &Project, words: &[&str]) -> String {
    let output = project.kptn(&[&["run", "open", "--engine", "test"], words].concat()).succeeds();
    output.stdout.trim().to_owned()
}

fn task(project: &Project, run: &str, name: &str) {
    project.kptn(&["task", "run", name, "--run", run]).succeeds();
}

#[test]
fn an_engine_opens_runs_each_task_in_a_process_of_its_own_and_closes() {
    let project = diamond();
    project.kptn(&["run", "A"]).succeeds();
    project.ran();
    let report = project.kptn(&["run", "open", "--engine", "test", "--json"]).succeeds().json();
    let names: Vec<_> = report["tasks"].as_array().into_iter().flatten().map(|one| &one["task"]).collect();
    assert_eq!(names, ["B", "C", "D"], "{report}");
    assert_eq!((&report["version"], &report["fresh"], &report["graph"]), (&1.into(), &1.into(), &"g".into()));
    assert_eq!(report["tasks"][0]["deps"], Value::Array(Vec::new()), "A does not run");
    assert_eq!(report["tasks"][2]["deps"], serde_json::json!(["B", "C"]));
    let known = ["mapped", "tags", "retries", "memory_mib"].map(|name| report["tasks"][0][name].clone());
    assert_eq!(known, [false.into(), serde_json::json!(["db"]), 2.into(), 512.into()]);

    let run = report["run"].as_str().expect("a run");
    project.kptn(&["task", "run", "D", "--run", run]).exits(2).says("`B`, which is not done yet");
    task(&project, run, "A");
    assert_eq!(project.ran(), "", "the run was not opened for it");
    for name in ["B", "C", "C", "D"] {
        task(&project, run, name);
    }
    assert_eq!(project.ran(), "B C D", "entering twice is harmless");
    project.kptn(&["run", "close", "--run", run]).succeeds().says("3 ran").says("1 fresh");
    assert_eq!(project.not_fresh(), "");
    project.kptn(&["log"]).succeeds().prints("3 ran, 1 fresh");

    let again = project.kptn(&["run", "close", "--run", run, "--json"]).succeeds().json();
    assert_eq!((&again["was_closed"], &again["counts"]["ran"]), (&true.into(), &3.into()));
    project.kptn(&["task", "run", "D", "--run", run]).exits(3).says("is closed");
}

#[test]
fn it_ends_in_the_state_of_a_local_run() {
    let (local, engine) = (diamond(), diamond());
    local.kptn(&["run"]).succeeds();
    let outputs = |project: &Project, run: &str| {
        let closed = project.kptn(&["run", "close", "--json", "--run", run]).succeeds().json();
        assert!(closed["outputs"].is_string(), "{closed}");
        closed["outputs"].clone()
    };
    let run = open(&engine, &[]);
    ["A", "C", "B", "D"].iter().for_each(|name| task(&engine, &run, name));
    let made = outputs(&engine, &run);
    assert_eq!(made, outputs(&local, &open(&local, &[])));
    local.edit("A.py", "write_text('A')", "write_text('other')");
    local.kptn(&["run"]).succeeds();
    assert_ne!(made, outputs(&local, &open(&local, &[])));
}

#[test]
fn a_failure_and_what_was_left_undone_end_as_a_local_run_does() {
    let project = diamond();
    project.edit("C.py", "(output_dir /", "1 / 0; (output_dir /");
    let run = open(&project, &["-k"]);
    task(&project, &run, "A");
    task(&project, &run, "B");
    project.kptn(&["task", "run", "C", "--run", &run]).exits(1).says("ZeroDivisionError");
    project.kptn(&["task", "run", "D", "--run", &run]).exits(2).says("`C`, which failed");
    project.kptn(&["run", "close", "--run", &run]).exits(1).says("1 failed").says("1 skipped");
    project.kptn(&["run", "close", "--run", &run]).exits(1);
    assert_eq!(project.not_fresh(), "C=failed D=stale");

    let run = open(&project, &["A", "-f"]);
    project.kptn(&["run", "close", "--run", &run]).exits(1).says("1 skipped");
}

#[test]
fn a_task_that_an_engine_tries_again_is_not_tried_again_by_kptn() {
    let project = diamond();
    project.edit("B.py", "(output_dir /", "1 / 0; (output_dir /");
    let run = open(&project, &[]);
    task(&project, &run, "A");
    project.ran();
    project.kptn(&["task", "run", "B", "--run", &run, "--no-retries"]).exits(1);
    assert_eq!(project.ran(), "B");
    project.kptn(&["task", "run", "B", "--run", &run]).exits(1);
    assert_eq!(project.ran(), "B B B");
}

#[test]
fn an_open_run_has_its_branch_to_itself_until_it_is_closed_given_up_or_silent_for_too_long() {
    let project = diamond();
    let run = open(&project, &[]);
    let hint = format!("kptn run close --run {run}");
    project.kptn(&["run"]).exits(3).says("a run of test is open on `main`").says(&hint);
    project.kptn(&["run", "open", "--engine", "other"]).exits(3).says(&hint);
    project.kptn(&["status"]).prints(&format!("the run `{run}` of test goes on"));
    project.kptn(&["branch", "delete", "main", "--force"]).exits(3);
    task(&project, &run, "A");

    // Who knows that the engine is gone says so; the late tasks of that one do nothing.
    let next = project.kptn(&["run", "open", "--engine", "other", "--take-over"]).succeeds();
    next.clone().says(&run).says("given up");
    project.kptn(&["task", "run", "B", "--run", &run]).exits(3).says("was given up");
    project.kptn(&["task", "bundles", "B", "--run", &run]).exits(2);
    project.kptn(&["run", "close", "--run", &run]).exits(3).says("was given up");
    let next = next.stdout.trim().to_owned();
    project.kptn(&["run", "close", "--run", &next]).exits(1);

    // One that may be silent for no time is given up by whoever comes next.
    let silent = open(&project, &["--lease", "0s"]);
    project.kptn(&["run"]).succeeds().says(&silent).says("given up");
    assert_eq!(project.ran(), "A B C D");
}

#[test]
fn while_a_task_of_it_runs_nobody_gives_a_run_up_or_closes_it() {
    let project = diamond().file("A.py", gated_task("A", "(output_dir / 'A.txt').write_text('A')"));
    let run = open(&project, &["--lease", "0s"]);
    let running = project.start(&["task", "run", "A", "--run", &run]);
    project.wait_for("A");
    project.kptn(&["run"]).exits(3);
    project.kptn(&["run", "open", "--engine", "other", "--take-over"]).exits(3);
    project.kptn(&["run", "close", "--run", &run]).exits(3);
    let closing = project.start(&["run", "close", "--wait", "--run", &run]);
    project.open_gate("A");
    let (code, _, _) = running.wait();
    assert_eq!(code, Some(0));
    let (code, _, said) = closing.wait();
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("1 ran"), "{said}");
}

#[test]
fn a_task_that_is_stopped_is_no_success() {
    let project = diamond().file("A.py", gated_task("A", "(output_dir / 'A.txt').write_text('A')"));
    let run = open(&project, &[]);
    let running = project.start(&["task", "run", "A", "--run", &run]);
    project.wait_for("A");
    running.signal(rustix::process::Signal::TERM);
    let (code, _, _) = running.wait();
    assert_eq!(code, Some(1));
    project.kptn(&["run", "close", "--run", &run]).exits(1).says("4 skipped");
}

#[test]
fn an_engine_that_opens_again_under_its_key_finds_the_same_run() {
    let project = diamond();
    let run = open(&project, &["--key", "flow-1"]);
    task(&project, &run, "A");
    let report = project.kptn(&["run", "open", "--key", "flow-1", "--json"]).succeeds().json();
    assert_eq!((&report["run"], &report["found"]), (&run.clone().into(), &true.into()));
    project.kptn(&["run", "open", "--key", "flow-2"]).exits(3);
    ["B", "C", "D"].iter().for_each(|name| task(&project, &run, name));
    project.kptn(&["run", "close", "--run", &run]).succeeds();
    assert_ne!(open(&project, &["--key", "flow-1"]), run, "that one is closed");
}

#[test]
fn a_close_that_crashes_can_be_repeated() {
    for point in ["state.close.begun", "state.close.stored", "state.close.committed"] {
        let project = diamond();
        let run = open(&project, &[]);
        ["A", "B", "C", "D"].iter().for_each(|name| task(&project, &run, name));
        let close = ["run", "close", "--run", &run];
        let failed = project.kptn_with(&[("KPTN_FAILPOINT", &format!("{point}=kill"))], &close);
        assert_ne!(failed.code, Some(0), "{point}");
        project.kptn(&close).succeeds();
        assert_eq!(project.not_fresh(), "", "{point}");
        project.kptn(&["run"]).succeeds().says("fresh");
    }
}

#[test]
fn graphs_and_tasks_may_be_called_open_and_close() {
    let project = Project::new()
        .yaml("graphs:\n  open:\n    tasks: {close: , A: close}\ntasks:\n  close: {file: 'C.py:C'}\n  A: {file: A.py}\n")
        .file("C.py", python_task("C", "pass"))
        .file("A.py", python_task("A", "pass"));
    project.kptn(&["run", "open", "close"]).succeeds();
    assert_eq!(project.ran(), "C");
    project.kptn(&["run", "close", "A", "-g", "open"]);
    project.kptn(&["run", "-f", "close"]).succeeds();
    project.ran();
    let run = open(&project, &["open", "-f"]);
    project.kptn(&["task", "run", "close", "--run", &run]).succeeds();
    task(&project, &run, "A");
    project.kptn(&["run", "close", "--run", &run]).succeeds().says("2 ran");

    let project = diamond();
    project.kptn(&["run", "close"]).exits(2).says("--run ID");
}

#[test]
fn a_mapped_task_is_what_its_bundles_came_to() {
    let project = Project::new()
        .yaml(&tasks_yaml(
            "list: , each: list, last: each",
            &[
                "list: {cache_result: true, iterable_item: N}",
                "each: {map_over: N, bundle_size: 2, outputs: ['${N}.txt']}",
                "last: {outputs: [last.txt]}",
            ],
        ))
        .file("list.py", "def list():\n    return [1, 2, 3, 4, 5]\n")
        .file("each.py", "import os\n\n\ndef each(N, output_dir):\n    with open(os.environ['TRACE'], 'a') as trace:\n        trace.write(f'{N}\\n')\n    assert N != 4 or (output_dir / 'four').exists()\n    (output_dir / f'{N}.txt').write_text('one')\n")
        .file("last.py", python_task("last", "(output_dir / 'last.txt').write_text('z')"));
    for force in [&[][..], &["-f"]] {
        let run = open(&project, &[&["--key", "k"], force].concat());
        task(&project, &run, "list");
        let report = project.kptn(&["task", "bundles", "each", "--json", "--run", &run]).succeeds().json();
        let bundles: Vec<_> =
            report["bundles"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        assert_eq!(bundles.len(), 3, "{report}");
        for (at, bundle) in bundles.iter().enumerate() {
            let fails = at == 1 && force.is_empty();
            let output = project.kptn(&["task", "run", "each", "--run", &run, "--bundle", bundle]);
            output.exits(i32::from(fails));
        }
        if force.is_empty() {
            project.kptn(&["task", "run", "last", "--run", &run]).exits(2).says("failed");
            project.write("scratch/main/four", "");
            project.kptn(&["task", "run", "each", "--run", &run, "--bundle", bundles[1]]).succeeds();
        }
        task(&project, &run, "each");
        for bundle in bundles {
            project.kptn(&["task", "run", "each", "--run", &run, "--bundle", bundle]).succeeds();
        }
        task(&project, &run, "last");
        let items = if force.is_empty() { "1 2 3 4 4 5 last" } else { "1 2 3 4 5 last" };
        assert_eq!(project.ran(), items, "no item runs twice in one run");
        let closed = project.kptn(&["run", "close", "--run", &run, "--json"]).succeeds().json();
        assert_eq!(closed["counts"]["ran"], 3, "{closed}");
        assert_eq!(project.not_fresh(), "");
    }
}
