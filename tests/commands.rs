//! One or two tests a command: what it prints, where, and with which exit code.

use crate::support::{Project, python_task, tasks_yaml};

fn two_tasks() -> Project {
    Project::new()
        .yaml(&tasks_yaml("A: , B: A", &["A: {outputs: [A.txt]}", "B: {outputs: [B.txt]}"]))
        .file("A.py", python_task("A", "print('lines of A'); (output_dir / 'A.txt').write_text('a')"))
        .file("B.py", python_task("B", "(output_dir / 'B.txt').write_text('b')"))
}

#[test]
fn init_writes_a_project_that_works() {
    for words in [vec!["init"], vec!["init", "--python"], vec!["init", "--r"]] {
        let project = Project::new();
        project.kptn(&words).succeeds();
        project.kptn(&["check"]).succeeds().never_says("warning");
        project.kptn(&["run"]).succeeds();
        assert_eq!(project.not_fresh(), "", "{words:?}");
        // It never writes over what is there.
        let before = project.read("kptn.yaml");
        project.kptn(&words).exits(2).says("kptn.yaml");
        assert_eq!(project.read("kptn.yaml"), before);
    }
}

#[test]
fn status_lists_each_task_with_its_reason() {
    let project = two_tasks();
    project.kptn(&["status"]).succeeds().prints("A").prints("stale").prints("B");
    project.kptn(&["status", "--exit-code"]).exits(1);
    project.kptn(&["run"]).succeeds();
    project.kptn(&["status", "--exit-code"]).succeeds();
    assert!(project.kptn(&["status", "--json"]).json()["rows"].is_array());
}

#[test]
fn status_writes_nothing_into_the_working_tree() {
    let project = two_tasks();
    project.commit("project");
    project.kptn(&["status"]).succeeds();
    project.kptn(&["plan"]).succeeds();
    project.kptn(&["check"]).succeeds();
    assert_eq!(project.git(&["status", "--short", "--ignored"]), "");
}

#[test]
fn why_names_what_changed_from_what_to_what_and_shows_the_hunk() {
    let project = two_tasks();
    project.edit("kptn.yaml", "{file: A.py, ", "{file: A.py, env: {SIZE: '3'}, ");
    project.kptn(&["why", "A"]).succeeds();
    project.kptn(&["run"]).succeeds();
    project.kptn(&["why", "A"]).succeeds().prints("fresh");
    project.edit("kptn.yaml", "SIZE: '3'", "SIZE: '4'");
    project.edit("A.py", "write_text('a')", "write_text('aa')");
    let why = project.kptn(&["why", "A", "--diff"]).succeeds();
    let why = why.prints("SIZE").prints("3").prints("4").prints("A.py");
    assert!(
        why.stdout.contains("write_text('a')") && why.stdout.contains("write_text('aa')"),
        "{}",
        why.stdout
    );
    project.kptn(&["why", "B"]).succeeds().prints("A");
    project.kptn(&["why", "AA"]).exits(2).says("`A`");
}

#[test]
fn plan_lists_what_would_run() {
    let project = two_tasks();
    project.kptn(&["plan"]).succeeds().prints("A").prints("B");
    project.kptn(&["run"]).succeeds();
    project.edit("B.py", "'b'", "'bb'");
    let plan = project.kptn(&["plan", "--json"]).succeeds();
    assert!(plan.stdout.contains("\"B\""), "{}", plan.stdout);
}

#[test]
fn graph_draws_in_every_format() {
    let project = two_tasks();
    project.kptn(&["graph"]).succeeds().prints("A").prints("B");
    project.kptn(&["graph", "--format", "mermaid"]).succeeds().prints("flowchart").prints("-->");
    project.kptn(&["graph", "--format", "dot"]).succeeds().prints("digraph").prints("->");
    let svg = project.kptn(&["graph", "--format", "svg"]).succeeds().prints("<svg").prints("</svg>");
    let parse = "import sys, xml.etree.ElementTree as tree; tree.fromstring(sys.argv[1])";
    assert!(project.program("python3").args(["-c", parse, &svg.stdout]).status().expect("python").success());
}

#[test]
fn the_committed_schema_is_the_printed_one() {
    let printed = Project::new().kptn(&["config", "schema"]).succeeds().json();
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/reference/kptn.schema.json");
    let committed: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(path).expect("the schema")).expect("JSON");
    assert_eq!(printed, committed, "run `kptn config schema > docs/reference/kptn.schema.json`");
}

#[test]
fn doctor_names_interpreters_and_a_foreign_kptn() {
    let project = two_tasks();
    project.kptn(&["doctor"]).succeeds().prints("python").prints("store");
    project.write("bin/kptn", "#!/usr/bin/env python3\nprint('kptn 0.1.17')\n");
    project.program("chmod").args(["+x", "bin/kptn"]).status().expect("chmod");
    let path = format!("{}:{}", project.path("bin").display(), crate::support::search_path());
    let output = project.kptn_with(&[("PATH", &path)], &["doctor"]);
    assert!(output.stdout.contains("bin/kptn"), "{}", output.whole());
}

#[test]
fn doctor_says_how_store_and_hooks_stand_and_what_to_do() {
    let project = two_tasks();
    let doctor = || project.kptn(&["doctor"]).succeeds();
    doctor().prints("git hooks").prints("not installed").prints("kptn hooks install").prints("copies ");
    project.kptn(&["hooks", "install"]).succeeds();
    doctor().prints("installed in").never_says("kptn hooks install");
    project.write(".git/hooks/pre-push", "# A hook of kptn: another version\n");
    doctor().prints("of another kptn or missing").prints("kptn hooks install");
    project.git(&["config", "kptn.program", "/nowhere/kptn"]);
    doctor().prints("/nowhere/kptn, which is not there");
    let elsewhere = project.outside("Dropbox/store");
    let store = [("KPTN_STORE", elsewhere.to_str().unwrap())];
    project.kptn_with(&store, &["doctor"]).succeeds().prints("Dropbox").prints("settings.store");
    let without = Project::without_git().yaml(&project.read("kptn.yaml")).file("A.py", "").file("B.py", "");
    without.kptn(&["doctor"]).succeeds().prints("git init").never_says("git hooks");
}

#[test]
fn completions_look_where_the_flags_say_that_were_typed() {
    let project =
        Project::new().file("other.yaml", "graphs:\n  o:\n    tasks: {O: }\ntasks:\n  O: {file: A.py}\n");
    let deep = "graphs:\n  g:\n    tasks: {A: , B: }\n  h:\n    tasks: {B: , C: }\ntasks:\n  A: {file: A.py}\n  \
                B: {file: A.py}\n  C: {file: A.py}\n";
    project.write("deep folder/kptn.yaml", deep);
    project.write("deep folder/A.py", "");
    project.write("A.py", "");
    project.commit("project");
    let asked = |words: &[&str]| {
        let mut command = project.command(&[&["--", "kptn"], words].concat());
        command.env("COMPLETE", "fish");
        let output = project.finish(command, words).succeeds().stdout;
        let single = |line: &&str| line.len() == 1 && *line != ".";
        output.lines().filter(single).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(asked(&["path", ""]), "");
    // The shell hands on what was typed, with its quotes; a second time what was learned is used.
    for _ in 0..2 {
        assert_eq!(asked(&["-C", "'deep folder'", "path", ""]), "A B C");
        assert_eq!(asked(&["path", "--project=deep folder", ""]), "A B C");
        assert_eq!(asked(&["-C", "deep folder", "-g", "h", "run", ""]), "B C");
        assert_eq!(asked(&["-C", "deep folder", "run", ""]), "g h A B C");
        assert_eq!(asked(&["--config", "other.yaml", "log", ""]), "O");
        assert_eq!(asked(&["-C", "deep folder", "status", "-g", ""]), "g h");
        project.kptn(&["-C", "deep folder", "path", "A"]).exits(2);
    }
}

#[test]
fn completions_know_tasks_and_branches() {
    for shell in ["bash", "zsh", "fish"] {
        Project::new().kptn(&["completions", shell]).succeeds().prints("COMPLETE").prints("kptn");
    }
    let project = two_tasks();
    project.commit("project");
    project.git(&["branch", "feature/x"]);
    // As the script for fish asks.
    let asked = |words: &[&str]| {
        let mut command = project.command(&[&["--"], words].concat());
        command.env("COMPLETE", "fish");
        project.finish(command, words).succeeds().stdout
    };
    assert_eq!(asked(&["kptn", "path", ""]).lines().filter(|line| ["A", "B"].contains(line)).count(), 2);
    assert!(asked(&["kptn", "run", "+"]).contains("+B"));
    assert!(asked(&["kptn", "cat", "A", "--branch", "fea"]).contains("feature/x"));
    project.write("kptn.yaml", "graphs: [");
    let broken = asked(&["kptn", "path", ""]);
    assert!(!broken.contains("error:"), "{broken}");
}

#[test]
fn manual_pages_are_made_of_what_the_commands_say() {
    let project = two_tasks();
    project.kptn(&["man"]).succeeds().prints(".TH kptn");
    project.kptn(&["man", "run"]).succeeds().prints("in parallel");
    project.kptn(&["man", "walk"]).exits(2).says("walk");
    project.kptn(&["man", "--dir", "man"]).succeeds();
    assert!(project.read("man/kptn-run.1").contains("in parallel") && project.exists("man/kptn.1"));
}

#[test]
fn render_writes_the_runner_and_check_tells_whether_it_is_current() {
    let project = two_tasks();
    project.kptn(&["render", "--check"]).exits(1).says("flows/g.py");
    project.kptn(&["render"]).succeeds();
    project.kptn(&["render", "--check"]).succeeds();
    project.kptn(&["codegen"]).succeeds();
    project.edit("kptn.yaml", "B: A}", "B: }");
    project.kptn(&["render", "--check"]).exits(1);
}

#[test]
fn output_shows_what_a_task_printed() {
    let project = two_tasks();
    project.kptn(&["run"]).succeeds();
    project.kptn(&["output", "A"]).succeeds().prints("lines of A");
    project.kptn(&["logs", "A"]).succeeds().prints("lines of A");
}

#[test]
fn log_lists_runs_newest_first() {
    let project = two_tasks();
    project.kptn(&["run"]).succeeds();
    project.edit("B.py", "'b'", "'bb'");
    project.kptn(&["run"]).succeeds();
    let log = project.kptn(&["log"]).succeeds();
    let entries = project.kptn(&["log", "--json"]).succeeds();
    assert!(log.stdout.contains("run"), "{}", log.stdout);
    assert!(entries.stdout.contains("\"ran\""), "{}", entries.stdout);
}

#[test]
fn restore_puts_back_what_is_asked_for() {
    let project = two_tasks();
    project.kptn(&["run"]).succeeds();
    project.remove("scratch/main");
    project.kptn(&["restore", "A"]).succeeds();
    assert!(project.output("A.txt").exists() && !project.output("B.txt").exists());
    project.kptn(&["restore"]).succeeds();
    assert_eq!(project.read_output("B.txt"), "b");
}

#[test]
fn fsck_finds_a_changed_object() {
    let project = two_tasks();
    let large = "(output_dir / 'A.txt').write_text('a' * 100000)";
    project.edit("A.py", "(output_dir / 'A.txt').write_text('a')", large);
    project.kptn(&["run"]).succeeds();
    project.kptn(&["fsck"]).succeeds();
    let script = "f=$(find .git/kptn/objects -type f | head -1); chmod u+w $f; printf x >> $f";
    assert!(project.program("sh").args(["-c", script]).status().expect("sh").success());
    let output = project.kptn(&["fsck"]);
    assert_ne!(output.code, Some(0), "{}", output.whole());
}

#[test]
fn what_was_once_a_command_is_answered_with_the_new_way() {
    let project = two_tasks();
    project.kptn(&["stauts"]).exits(2).says("status");
    project.kptn(&["codegen", "--help"]).succeeds();
    project.kptn(&["--version"]).succeeds().prints(env!("CARGO_PKG_VERSION"));
}

#[test]
fn a_closed_pipe_is_a_quiet_end() {
    let project = two_tasks();
    project.edit("A.py", "(output_dir / 'A.txt')", "print('line\\n' * 100_000); (output_dir / 'A.txt')");
    project.edit("A.py", ".write_text('a')", ".write_text('a' * 1_000_000)");
    project.kptn(&["run"]).succeeds();
    for words in ["config schema", "output A", "cat A", "man run", "graph --format svg", "run -f -v A --json"]
    {
        let script = format!(
            "'{}' {words} | head -c 10 >/dev/null; exit ${{PIPESTATUS[0]}}",
            env!("CARGO_BIN_EXE_kptn")
        );
        let output = project.program("bash").args(["-c", &script]).output().expect("bash");
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!errors.contains("error") && !errors.contains("panicked"), "{words}: {errors}");
        assert_eq!(output.status.code(), Some(0), "{words}: {errors}");
    }
    assert_eq!(project.not_fresh(), "", "what ran was recorded, though nobody listened");
}

#[test]
fn graphs_of_one_cache_namespace_share_what_they_made() {
    let project = Project::new()
        .yaml(
            "settings: {cache_namespace: shared}\ngraphs:\n  one:\n    tasks: {A: }\n  two:\n    tasks: {A: , B: A}\n\
             tasks:\n  A: {file: A.py, outputs: [A.txt]}\n  B: {file: B.py, outputs: [B.txt]}\n",
        )
        .file("A.py", python_task("A", "(output_dir / 'A.txt').write_text('a')"))
        .file("B.py", python_task("B", "(output_dir / 'B.txt').write_text('b')"));
    project.kptn(&["run", "one"]).succeeds();
    project.kptn(&["run", "two"]).succeeds().says("1 fresh");
    assert_eq!(project.ran(), "A B");

    // Each under its own name, the other's A is not this one's; its record is taken all the same.
    project.edit("kptn.yaml", "settings: {cache_namespace: shared}\n", "");
    project.kptn(&["status", "two"]).succeeds().prints("B");
    project.edit("kptn.yaml", "file: A.py,", "file: A.py, reuse: never,");
    project.kptn(&["run", "one"]).succeeds();
    assert_eq!(project.ran(), "A");
}

#[test]
fn scratch_dir_says_where_outputs_go_unless_the_project_does() {
    let project = Project::new()
        .yaml(&tasks_yaml("A: ", &["A: {outputs: [A.txt]}"]))
        .file("A.py", python_task("A", "(output_dir / 'A.txt').write_text('a')"));
    let elsewhere = project.outside("elsewhere");
    let variable = [("SCRATCH_DIR", elsewhere.to_str().unwrap())];
    project.kptn_with(&variable, &["run"]).succeeds();
    assert!(elsewhere.join("A.txt").exists() && !project.output("A.txt").exists());
    project.edit("kptn.yaml", "graphs:", "settings: {outputs_dir: out}\ngraphs:");
    project.kptn_with(&variable, &["run", "-f"]).succeeds();
    assert!(project.exists("out/A.txt"));
}
