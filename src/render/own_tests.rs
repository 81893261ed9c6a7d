//! The runner by itself: its text, and its rules as real Python follows them.
//!
//! The rules are tried without processes: a few lines of Python load the
//! rendered file, feed its scheduler messages and print what it answers.

use std::path::Path;
use std::process::{Command, Stdio};

use indexmap::IndexMap;
use serde_json::{Value, json};

use super::*;
use crate::model::{Compute, GraphName, Language, Settings, TaskName};
use crate::model::{Task, testing};
use crate::render::{RunnerState, state_of};

const TALK: &str = r#"
import importlib.util, json, sys
spec = importlib.util.spec_from_file_location("runner", sys.argv[1])
runner = importlib.util.module_from_spec(spec)
spec.loader.exec_module(runner)
hello, *messages = json.load(sys.stdin)
said = []
scheduler = runner.Scheduler(hello, lambda message: said.append(" ".join(str(v) for v in (next(iter(message)), *message.values()) if v is not True)))
scheduler.move()
answers = [", ".join(said)]
for message in messages:
    said.clear()
    scheduler.hear(message)
    answers.append(", ".join(said))
print(json.dumps(answers))
"#;

fn task(name: &str, deps: &[&str]) -> Task {
    let deps = deps.iter().map(|dep| TaskName::parse(dep).unwrap()).collect();
    Task { deps, ..testing::task(name, testing::script(Language::Python, "t.py")) }
}

fn graph(name: &str, tasks: Vec<Task>) -> Graph {
    let name = GraphName::parse(name).unwrap();
    let tasks = tasks.into_iter().map(|task| (task.name.clone(), task)).collect();
    Graph { namespace: name.clone(), name, tasks, config: Default::default(), place: None }
}

fn project(root: &Path, graphs: Vec<Graph>) -> Project {
    Project {
        root: root.to_owned(),
        config_path: root.join("kptn.yaml"),
        settings: Settings { flows_dir: root.join("flows"), ..Settings::default() },
        graphs: graphs.into_iter().map(|graph| (graph.name.clone(), graph)).collect::<IndexMap<_, _>>(),
        unused_tasks: Vec::new(),
        remotes: Default::default(),
    }
}

fn rendered(root: &Path, graph: &Graph) -> Rendered {
    python(&project(root, vec![graph.clone()]), graph).unwrap()
}

fn hello(graph: &Graph, slots: u32) -> Value {
    let tasks: Vec<_> = graph.tasks.keys().collect();
    json!({"hello": 1, "run": "r", "tasks": tasks, "cpu_units": 1024 * slots, "memory_mib": 1000, "slots": slots,
           "concurrency": {"db": 1}, "after_failure": "stop"})
}

/// Returns what the scheduler says at first, then after each message.
fn talk(graph: &Graph, hello: Value, messages: &[Value]) -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("runner.py");
    std::fs::write(&file, rendered(folder.path(), graph).text).unwrap();
    let mut command = Command::new("python3");
    command.args(["-B", "-c", TALK]).arg(&file).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let script: Vec<_> = std::iter::once(&hello).chain(messages).collect();
    serde_json::to_writer(child.stdin.take().unwrap(), &script).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    serde_json::from_slice(&output.stdout).unwrap()
}

fn done(task: &str, outcome: &str) -> Value {
    json!({"done": task, "outcome": outcome})
}

#[test]
fn a_task_starts_when_its_own_dependencies_are_done_not_a_level() {
    let graph = graph("g", vec![task("C", &["A"]), task("A", &[]), task("B", &[]), task("D", &["B", "C"])]);
    let script = [done("A", "ran"), done("C", "spared"), done("B", "reused"), done("D", "ran")];
    assert_eq!(
        talk(&graph, hello(&graph, 2), &script),
        ["start A, start B", "start C", "", "start D", "end"]
    );
}

#[test]
fn dependencies_that_are_not_looked_at_hold_nothing_up() {
    let graph = graph("g", vec![task("A", &[]), task("B", &["A"]), task("C", &["B"])]);
    let mut hello = hello(&graph, 1);
    hello["tasks"] = json!(["C"]);
    assert_eq!(talk(&graph, hello.clone(), &[done("C", "ran")]), ["start C", "end"]);
    hello["tasks"] = json!([]);
    assert_eq!(talk(&graph, hello, &[]), ["end"]);
}

#[test]
fn slots_cores_memory_and_tags_limit_what_runs_at_once() {
    let mut tasks: Vec<_> = ["A", "B", "C", "D", "E"].into_iter().map(|name| task(name, &[])).collect();
    tasks[0].tags = vec!["db".into(), "free".into()];
    tasks[1].tags = vec!["db".into()];
    tasks[2].compute = Compute { cpu_units: 2048, memory_mib: Some(600) };
    tasks[3].compute = Compute { cpu_units: 256, memory_mib: Some(500) };
    tasks[4].compute = Compute { cpu_units: 2048, memory_mib: None };
    let graph = graph("g", tasks);
    let script = [done("A", "ran"), done("C", "ran"), done("B", "ran")];
    assert_eq!(
        talk(&graph, hello(&graph, 4), &script),
        ["start A, start C", "start B", "start D, start E", ""]
    );
}

#[test]
fn a_task_larger_than_the_machine_runs_alone() {
    let mut tasks = vec![task("A", &[]), task("B", &[]), task("C", &[])];
    tasks[1].compute = Compute { cpu_units: 64 * 1024, memory_mib: Some(1) };
    tasks[2].compute = Compute { cpu_units: 1, memory_mib: Some(100_000) };
    let graph = graph("g", tasks);
    let script = [done("A", "ran"), done("B", "ran")];
    assert_eq!(talk(&graph, hello(&graph, 2), &script), ["start A", "start B", "start C"]);
}

#[test]
fn after_a_failure_nothing_starts_or_only_what_depends_on_it_does_not() {
    let graph = graph("g", vec![task("A", &[]), task("B", &[]), task("C", &["A"]), task("D", &[])]);
    let script = [done("A", "failed"), done("B", "ran")];
    assert_eq!(talk(&graph, hello(&graph, 2), &script), ["start A, start B", "", "end"]);
    let mut keep_going = hello(&graph, 2);
    keep_going["after_failure"] = json!("keepgoing");
    let script = [done("A", "failed"), done("B", "ran"), done("D", "ran")];
    assert_eq!(talk(&graph, keep_going, &script), ["start A, start B", "start D", "", "end"]);
    let script = [json!({"stop": "the branch was switched"}), done("A", "ran"), done("B", "ran")];
    assert_eq!(talk(&graph, hello(&graph, 2), &script), ["start A, start B", "", "", "end"]);
}

#[test]
fn a_mapped_task_borrows_what_is_left_and_gives_it_back_for_a_ready_task() {
    let graph = graph("g", vec![task("M", &[]), task("A", &[]), task("B", &["A"]), task("C", &["A"])]);
    let script = [
        json!({"ask": "M", "slots": 9}),
        done("A", "ran"),
        json!({"free": "M", "slots": 1}),
        json!({"free": "M", "slots": 1}),
        done("C", "ran"),
        done("B", "ran"),
        json!({"ask": "M", "slots": 0}),
        done("M", "ran"),
    ];
    assert_eq!(
        talk(&graph, hello(&graph, 4), &script),
        [
            "start M, start A",
            "lend M 2",
            "start B, reclaim M 1",
            "start C",
            "lend M 1",
            "lend M 1",
            "lend M 1",
            "",
            "end"
        ]
    );
}

#[test]
fn as_many_lent_slots_are_reclaimed_as_there_are_tasks_to_start() {
    let first = ["M", "A"].map(|name| task(name, &[]));
    let after = ["B", "C", "D"].map(|name| task(name, &["A"]));
    let graph = graph("g", first.into_iter().chain(after).collect());
    let script = [json!({"ask": "M", "slots": 2}), done("A", "ran"), json!({"free": "M", "slots": 2})];
    assert_eq!(
        talk(&graph, hello(&graph, 4), &script),
        ["start M, start A", "lend M 2", "start B, reclaim M 1, reclaim M 1", "start C, start D"]
    );
}

#[test]
fn lent_slots_are_not_reclaimed_where_they_would_not_help() {
    let mut tasks = vec![task("M", &[]), task("A", &[]), task("B", &[]), task("C", &["A"])];
    tasks[1].tags = vec!["db".into()];
    tasks[2].tags = vec!["db".into()];
    tasks[3].compute.memory_mib = Some(2000);
    let graph = graph("g", tasks);
    // B waits for A's token alone, so lending goes on. C waits for the whole machine, which M's first slot holds.
    let script = [
        json!({"ask": "M", "slots": 1}),
        done("A", "ran"),
        json!({"ask": "M", "slots": 1}),
        json!({"free": "M", "slots": 9}),
        done("B", "ran"),
        done("M", "ran"),
    ];
    assert_eq!(
        talk(&graph, hello(&graph, 8), &script),
        ["start M, start A", "lend M 1", "start B", "", "", "", "start C"]
    );
}

#[test]
fn names_that_mean_something_to_python_are_only_names() {
    let graph = graph("été #1 $x", vec![task("class", &[]), task("日本 None\u{2028}x", &["class"])]);
    let root = Path::new("/p");
    assert_eq!(rendered(root, &graph).path, root.join("flows/été #1 $x.py"));
    let script = [done("class", "ran")];
    assert_eq!(talk(&graph, hello(&graph, 1), &script), ["start class", "start 日本 None\u{2028}x"]);
}

#[test]
fn the_text_is_the_same_wherever_the_project_lies() {
    let graph = graph("g", vec![task("A", &[])]);
    let (one, other) = (rendered(Path::new("/a"), &graph).text, rendered(Path::new("/b/c"), &graph).text);
    assert_eq!(one, other);
    assert!(one.contains(r#"CONFIG = "../kptn.yaml""#), "{one}");
    assert!(!one.contains(env!("CARGO_PKG_VERSION")));
    assert_eq!(state_of(Some(&one), &other), RunnerState::Current);
}

#[test]
fn graphs_whose_names_differ_in_case_alone_get_two_files() {
    let graphs = vec![graph("A", vec![]), graph("a", vec![]), graph("Nul", vec![]), graph("b", vec![])];
    let project = project(Path::new("/p"), graphs);
    let mut names: Vec<_> =
        project.graphs.values().map(|graph| file_stem(&project, graph).to_lowercase()).collect();
    assert_eq!(names.pop().unwrap(), "b");
    assert!(names.iter().all(|name| name.contains('~')), "{names:?}");
    assert_ne!(names[0], names[1]);
}

/// A `kptn` in Python: says hello, runs what it is told to, and says how it was called.
const FAKE: &str = r#"#!/usr/bin/env python3
import json, os, signal, sys
if sys.argv[1:] == ["task", "serve", "--hello"]:
    print(json.dumps({"hello": 1})); sys.exit()
print(" ".join(sys.argv[1:3] + sys.argv[5:]), file=sys.stderr, flush=True)
signal.signal(signal.SIGINT, lambda *_: None)
for number in os.environ.get("KPTN_PASS_FDS", "").split(","):
    if number: os.write(int(number), b"handed on")
def say(**message):
    print(json.dumps(message), flush=True)
say(hello=1, run="r", tasks=json.loads(os.environ.get("FAKE_TASKS", '["A"]')), cpu_units=1024, memory_mib=1, slots=1, concurrency={}, after_failure="stop")
for line in sys.stdin:
    message = json.loads(line)
    print(line.strip(), file=sys.stderr, flush=True)
    if os.environ.get("FAKE_DIES"): os.kill(os.getpid(), signal.SIGKILL)
    if "start" in message:
        if os.environ.get("FAKE_SIGNAL"):
            os.kill(os.getppid(), int(os.environ["FAKE_SIGNAL"]))
            if os.environ["FAKE_SIGNAL"] == "15": continue
        say(done=message["start"], outcome="ran")
    if "end" in message: say(bye=7); sys.exit(7)
print("starter is gone", file=sys.stderr, flush=True)
say(bye=130)
"#;

/// Runs a whole runner against [`FAKE`]; returns its exit code and what was printed to stderr.
fn run(graph_name: &str, environment: &[(&str, &str)], arguments: &[&str]) -> (i32, String) {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    let rendered = rendered(root, &graph(graph_name, vec![task("A", &[])]));
    for (path, text) in [
        ("flows/statistics.py", "raise SystemExit('the standard library was shadowed')"),
        ("foreign/kptn", "#!/bin/sh\necho 'No such command: task' >&2; exit 2\n"),
        ("bin/kptn", FAKE),
    ] {
        let path = root.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        let executable = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        std::fs::set_permissions(&path, executable).unwrap();
    }
    std::fs::write(&rendered.path, &rendered.text).unwrap();
    let path = format!("{0}/foreign:{0}/bin:{1}", root.display(), std::env::var("PATH").unwrap());
    // By its own path, as some tests take it off PATH.
    let python =
        Command::new("python3").args(["-c", "import sys; print(sys.executable, end='')"]).output().unwrap();
    let mut command = Command::new(String::from_utf8(python.stdout).unwrap());
    command
        .arg(&rendered.path)
        .args(arguments)
        .env("PATH", path)
        .env_remove("KPTN_BIN")
        .env_remove("KPTN_PASS_FDS");
    for (name, value) in environment {
        command.env(name, value.replace("ROOT", &root.to_string_lossy()));
    }
    let output = command.output().unwrap();
    (output.status.code().unwrap_or(-1), String::from_utf8(output.stderr).unwrap())
}

#[test]
fn a_runner_started_by_hand_passes_its_words_on_and_leaves_with_serves_exit_code() {
    let expected = "task serve --graph json -f -j 2 A\n{\"start\": \"A\"}\n{\"end\": true}\n";
    assert_eq!(run("json", &[], &["-f", "-j", "2", "A"]), (7, expected.to_owned()));
}

#[test]
fn a_foreign_kptn_on_the_path_is_passed_over_and_none_at_all_is_said() {
    assert_eq!(run("g", &[("KPTN_BIN", "ROOT/bin/kptn")], &[]).0, 7);
    let (code, said) = run("g", &[("KPTN_BIN", "ROOT/none")], &[]);
    assert_eq!((code, said.contains("cannot start `")), (4, true), "{said}");
    let (code, said) = run("g", &[("PATH", "ROOT/foreign")], &[]);
    assert_eq!((code, said.contains("no kptn found")), (4, true), "{said}");
}

#[test]
fn descriptors_of_kptn_run_are_handed_on_to_serve() {
    use std::io::Read;
    use std::os::fd::AsRawFd;
    let (mut ours, handed_on) = std::io::pipe().unwrap();
    rustix::io::fcntl_setfd(&handed_on, rustix::io::FdFlags::empty()).unwrap();
    run("g", &[("KPTN_PASS_FDS", &handed_on.as_raw_fd().to_string())], &[]);
    drop(handed_on);
    let mut said = String::new();
    ours.read_to_string(&mut said).unwrap();
    assert_eq!(said, "handed on");
}

#[test]
fn an_interrupt_is_left_to_serve_and_an_end_closes_the_pipe() {
    let (code, said) = run("g", &[("FAKE_SIGNAL", "2")], &[]);
    assert_eq!((code, said.contains("starter is gone")), (7, false), "{said}");
    let (code, said) = run("g", &[("FAKE_SIGNAL", "15")], &[]);
    assert_eq!((code, said.contains("starter is gone")), (130, true), "{said}");
}

#[test]
fn a_serve_that_dies_and_one_that_knows_other_tasks_are_said() {
    let (code, said) = run("g", &[("FAKE_DIES", "1")], &[]);
    assert_eq!((code, said.contains("ended without a word")), (137, true), "{said}");
    let (code, said) = run("g", &[("FAKE_TASKS", r#"["A", "B"]"#)], &[]);
    assert_eq!((code, said.contains("does not know the task `B`; run `kptn render`")), (2, true), "{said}");
}
