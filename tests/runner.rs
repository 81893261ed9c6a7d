//! The generated Python runner: readable, the standard library alone, run by `kptn` or by hand.

use crate::support::{Project, python_task, tasks_yaml};

fn two_tasks() -> Project {
    Project::new()
        .yaml(&tasks_yaml("A: , B: A", &["A: {outputs: [A.txt]}", "B: {outputs: [B.txt]}"]))
        .file("A.py", python_task("A", "(output_dir / 'A.txt').write_text('a')"))
        .file("B.py", python_task("B", "(output_dir / 'B.txt').write_text('b')"))
}

/// Runs a script with Python, by hand.
fn by_hand(project: &Project, words: &[&str]) -> crate::support::Output {
    let mut command = project.program("python3");
    command.args(words);
    project.finish(command, words)
}

#[test]
fn it_can_be_run_by_hand_with_flags_and_tasks() {
    let project = two_tasks();
    project.kptn(&["render"]).succeeds();
    by_hand(&project, &["flows/g.py"]).succeeds();
    assert_eq!(project.ran(), "A B");
    by_hand(&project, &["flows/g.py"]).succeeds();
    assert_eq!(project.ran(), "");
    by_hand(&project, &["flows/g.py", "-f", "-j", "1", "B"]).succeeds();
    assert_eq!(project.ran(), "B");
    assert_eq!(project.not_fresh(), "");
    project.edit("B.py", "(output_dir / 'B.txt')", "1 / 0; (output_dir / 'B.txt')");
    by_hand(&project, &["flows/g.py"]).exits(1).says("ZeroDivisionError");
}

#[test]
fn it_is_short_uses_the_standard_library_alone_and_names_no_version() {
    let project = two_tasks();
    project.kptn(&["render"]).succeeds();
    let text = project.read("flows/g.py");
    assert!(text.lines().count() < 400, "{} lines", text.lines().count());
    assert!(!text.contains(env!("CARGO_PKG_VERSION")));
    let check = "import ast, sys\nfor node in ast.walk(ast.parse(open('flows/g.py').read())):\n    \
                 names = [a.name for a in node.names] if isinstance(node, ast.Import) else [node.module] if isinstance(node, ast.ImportFrom) else []\n    \
                 for name in names:\n        assert name.split('.')[0] in sys.stdlib_module_names, name\n";
    by_hand(&project, &["-c", check]).succeeds();
    project.kptn(&["render"]).succeeds();
    assert_eq!(project.read("flows/g.py"), text, "rendered again");
}

#[test]
fn one_that_a_person_edited_is_run_as_it_is() {
    let project = two_tasks();
    project.kptn(&["run"]).succeeds();
    let edited = project.read("flows/g.py") + "\n# mine\n";
    project.write("flows/g.py", &edited);
    project.kptn(&["run", "-f"]).succeeds().says("flows/g.py").says("2 ran");
    assert_eq!(project.read("flows/g.py"), edited);
}

#[test]
fn an_older_projects_runner_is_kept_aside() {
    let project = two_tasks().file("flows/g.py", "import kptn\n\ndef g():\n    pass\n");
    project.kptn(&["run"]).succeeds().says("flows/g.py").says("2 ran");
    let texts = project.program("grep").args(["-rl", "import kptn", "flows"]).output().expect("grep");
    assert!(!texts.stdout.is_empty(), "the older runner is gone");
}

#[test]
fn names_that_are_no_python_names_and_names_of_the_standard_library_work() {
    for graph in ["json", "statistics", "my graph-1.é"] {
        let project = Project::new()
            .yaml(&format!(
                "graphs:\n  '{graph}':\n    tasks: {{'a task-1': , class: 'a task-1'}}\n\
                 tasks:\n  a task-1: {{file: 'A.py:A', outputs: [A.txt]}}\n  class: {{file: 'B.py:B'}}\n"
            ))
            .file("A.py", python_task("A", "(output_dir / 'A.txt').write_text('a')"))
            .file("B.py", python_task("B", "pass"));
        project.kptn(&["run"]).succeeds().says("2 ran");
        by_hand(&project, &[&format!("flows/{graph}.py"), "-f"]).succeeds();
        assert_eq!(project.ran(), "A A B B", "{graph}");
    }
}

#[test]
fn it_calls_the_binary_that_rendered_it_whatever_else_is_on_path() {
    let project = two_tasks();
    project.write("bin/kptn", "#!/bin/sh\necho foreign >&2\nexit 9\n");
    project.program("chmod").args(["+x", "bin/kptn"]).status().expect("chmod");
    let path = format!("{}:{}", project.path("bin").display(), crate::support::search_path());
    project.kptn_with(&[("PATH", &path)], &["run"]).succeeds();
    let mut command = project.program("python3");
    command.args(["flows/g.py", "-f"]).env("PATH", path);
    project.finish(command, &["flows/g.py"]).succeeds().never_says("foreign");
}

#[test]
fn task_run_runs_one_task() {
    let project = two_tasks();
    project.kptn(&["task", "run", "A"]).succeeds();
    assert_eq!(project.ran(), "A");
    assert_eq!(project.not_fresh(), "B=stale");
    project.kptn(&["task", "run", "A"]).succeeds();
    assert_eq!(project.ran(), "", "entering twice is harmless");
}
