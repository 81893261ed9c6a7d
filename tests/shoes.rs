//! `env`, `shell` and `debug`: standing in a task's shoes, in a real terminal where it needs one.

use crate::support::{Project, python_task};

/// `list` returns two items; `py` and `script` (R, in a folder of its own) map over nothing; `each` maps.
fn project() -> Project {
    let project = Project::new().yaml(
        "graphs:\n  g:\n    tasks: {list: , py: list, script: list, each: list}\n    config: {level: 3}\ntasks:\n  \
         list: {file: list.py, cache_result: true, iterable_item: X, outputs: [list.txt]}\n  \
         py: {file: py.py, outputs: [py.txt], args: {size: 4}, env: {MODE: \"it's\"}}\n  \
         script: {file: R/script.R, outputs: [script.txt], env: {MODE: fast}, cli_args: --n 5}\n  \
         each: {file: each.py, map_over: X, outputs: ['${X}.txt']}\n",
    );
    project.write(
        "list.py",
        python_task("list", "(output_dir / 'list.txt').write_text('xy')\n    return ['x', 'y']"),
    );
    project.write(
        "py.py",
        "def py(output_dir, size, list):\n    half = size / 2\n    open(f'{output_dir}/py.txt', 'w').write(str(half))\n",
    );
    project.write(
        "R/script.R",
        "size <- as.numeric(commandArgs(TRUE)[2])\nhalf <- size / 2\n\
         writeLines(paste(half, Sys.getenv('MODE')), file.path(Sys.getenv('KPTN_OUTPUT_DIR'), 'script.txt'))\n",
    );
    project.write("each.py", "def each(X, output_dir):\n    open(f'{output_dir}/{X}.txt', 'w').write(X)\n");
    project.commit("project");
    project.kptn(&["run"]).succeeds();
    project
}

#[test]
fn a_script_runs_by_hand_in_the_environment_that_is_printed() {
    let project = project();
    project.remove("scratch/main");
    let printed = project.kptn(&["env", "script"]).succeeds().stdout;
    assert!(project.output("list.txt").exists(), "inputs are put there");
    assert!(printed.contains("export MODE='fast'\n") && printed.contains("export level='3'\n"), "{printed}");
    let by_hand = format!("{printed}\ncd R && Rscript script.R --n 7");
    let ran = project.program("sh").args(["-c", &by_hand]).output().expect("sh");
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    assert_eq!(project.read_output("script.txt"), "3.5 fast\n");
}

#[test]
fn every_format_holds_the_same_and_kptn_inputs_has_the_values() {
    let project = project();
    project.kptn(&["env", "py"]).succeeds().prints(r"export MODE='it'\''s'");
    project.kptn(&["env", "py", "--format", "dotenv"]).succeeds().prints(r"MODE='it\'s'");
    project.kptn(&["env", "py", "-f", "r"]).succeeds().prints(r#"Sys.setenv("MODE" = "it's")"#);
    let json = project.kptn(&["env", "py", "-f", "json"]).succeeds().json();
    assert_eq!(json["MODE"], "it's");
    let inputs = std::fs::read(json["KPTN_INPUTS"].as_str().expect("a path")).expect("the file");
    let inputs: serde_json::Value = serde_json::from_slice(&inputs).expect("JSON");
    assert_eq!(inputs, serde_json::json!({"level": 3, "size": 4, "list": ["x", "y"]}));
    let item = project.kptn(&["env", "each[y]", "--json"]).succeeds().json();
    let inputs = std::fs::read(item["KPTN_INPUTS"].as_str().expect("a path")).expect("the file");
    assert!(String::from_utf8_lossy(&inputs).contains(r#""X":"y""#));
    project.kptn(&["env", "each"]).exits(2).says("'each[x]'");
    project.kptn(&["env", "each[z]"]).exits(2).says("z");
}

#[test]
fn a_command_runs_where_the_task_would_and_its_exit_code_comes_back() {
    let project = project();
    let said =
        project.kptn(&["shell", "script", "--", "sh", "-c", "pwd; echo $KPTN_TASK $MODE; exit 7"]).exits(7);
    assert!(said.stdout.ends_with("/R\nscript fast\n"), "{}", said.stdout);
    let import = "import py, os; print(py.py.__name__, os.environ['KPTN_TASK'])";
    project.kptn(&["shell", "py", "--", "python3", "-c", import]).succeeds().prints("py py");
    project.kptn(&["shell", "py", "--", "sh", "-c", "kill -9 $$"]).exits(137);
    project.kptn(&["shell", "py", "--", "no-such-program"]).exits(4).says("no-such-program");
}

#[test]
fn a_shell_has_the_terminal() {
    let project = project().with_env("SHELL", "/bin/sh").with_env("PS1", "shoes> ");
    let seen = project.in_terminal(
        60,
        &["shell", "py"],
        &[
            // The word of the program that is to be interrupted, not the terminal's echo, tells that it runs.
            ("shoes> ", "sh -c 'printf r%s\\\\n eady; exec sleep 100'\n"),
            ("ready\r\n", "\u{3}"),
            ("shoes> ", "echo in $KPTN_TASK\n"),
            ("in py", "exit 3\n"),
        ],
    );
    seen.exits(3).prints("in the shoes of `py`");
}

#[test]
fn pdb_stops_at_the_error_and_nothing_is_recorded() {
    let project = project();
    project.edit(
        "py.py",
        "size / 2\n",
        "size / 2\n    open(f'{output_dir}/py.txt', 'w').write('draft')\n    half / (size - 4)\n",
    );
    let before = project.not_fresh();
    let seen = project.in_terminal(80, &["debug", "py"], &[("(Pdb) ", "p half + 40\n"), ("42.0", "q\n")]);
    seen.exits(1).prints("ZeroDivisionError").prints("nothing was recorded").never_says("kptn_worker");
    assert_eq!(project.read_output("py.txt"), "2.0", "what is on record is there again");
    assert_eq!(project.not_fresh(), before);
    let kept = project.program("sh").args(["-c", "cat scratch/main/.kept/*/py.txt"]).output().expect("sh");
    assert_eq!(kept.stdout, b"draft");
    assert!(!project.kptn(&["log"]).succeeds().stdout.contains("debug"));
}

#[test]
fn breakpoints_and_ctrl_c_reach_python() {
    let project = project();
    project.edit(
        "py.py",
        "    half = size / 2\n",
        "    half = size / 2\n    breakpoint()\n    import time\n    print('wait' + 'ing', flush=True)\n    \
         while True:\n        time.sleep(0.01)\n",
    );
    // Only once it runs: at its prompt, pdb takes Ctrl-C for another line.
    let steps =
        [("(Pdb) ", "p half\n"), ("2.0", "c\n"), ("waiting", "\u{3}"), ("nterrupt", ""), ("(Pdb) ", "q\n")];
    project.in_terminal(40, &["debug", "py"], &steps).exits(1);
    // Leaving at a breakpoint is no error of the task's.
    project.in_terminal(40, &["debug", "py"], &[("(Pdb) ", "q\n")]).exits(1).never_says("Traceback");
}

#[test]
fn an_item_is_debugged_alone() {
    let project = project();
    project.edit("each.py", "    open", "    print('item', X)\n    open");
    project.kptn(&["debug", "each[y]"]).succeeds().prints("item y").never_says("item x");
    project.kptn(&["debug", "each"]).exits(2).says("'each[x]'");
}

#[test]
fn browser_works_in_r_and_the_script_gets_its_words_and_environment() {
    let project = project();
    project.edit("R/script.R", "half <- size / 2\n", "half <- size / 2\nbrowser()\n");
    let steps = [
        ("Browse[", "half * 16.8\n"),
        ("42", "Sys.getenv('MODE')\n"),
        ("fast", "basename(getwd())\n"),
        ("\"R\"", "c\n"),
    ];
    let seen = project.in_terminal(80, &["debug", "script"], &steps).succeeds();
    seen.prints("came to its end").prints("nothing was recorded");
}

#[test]
fn r_offers_its_frames_at_an_error_and_leaving_it_is_a_failure() {
    let project = project();
    project.write("R/script.R", "f <- function(x) { secret <- x + 40; stop('no ', secret) }\nf(2)\n");
    let steps = [("Selection: ", "0\n"), ("> ", "1 + 41\n"), ("[1] 42", "q('no')\n")];
    project.in_terminal(80, &["debug", "script"], &steps).exits(1).prints("no 42").prints("f(2)");
}

#[test]
fn a_debugged_task_keeps_runs_away() {
    let project = project();
    project.edit("py.py", "    half = size / 2\n", "    half = size / 2\n    breakpoint()\n");
    let script = format!(
        "'{0}' debug py <<END\nimport os; print('run', os.system('{0} run py'))\nc\nEND\n",
        env!("CARGO_BIN_EXE_kptn")
    );
    let output = project.program("bash").args(["-c", &script]).output().expect("bash");
    let text =
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(text.contains("run 768") && text.contains("debug py"), "{text}");
}

#[test]
fn a_recorded_attempt_is_as_one_of_a_run_and_undone_like_it() {
    let project = project();
    project.edit("py.py", "size / 2\n", "size / 4\n");
    project.edit("list.py", "'xy'", "'yx'");
    assert!(project.not_fresh().contains("list=stale") && project.not_fresh().contains("py=stale"));
    project.ran();
    let said = project.kptn(&["debug", "list", "--record"]).succeeds();
    said.says("recorded as").says("kptn undo");
    assert_eq!(project.ran(), "list");
    assert_eq!(project.read_output("list.txt"), "yx");
    let report = project.kptn(&["debug", "py", "--record", "--json"]).succeeds().json();
    assert_eq!(project.read_output("py.txt"), "1.0");
    assert!(!project.not_fresh().contains("list") && !project.not_fresh().contains("py="));
    project.kptn(&["run"]).succeeds();
    assert_eq!(project.ran(), "", "neither runs again");
    let history = project.kptn(&["log", "py", "--json"]).succeeds().json();
    assert_eq!(history["records"][0]["record"], report["recorded"]["record"]);
    assert!(history["records"][0]["accepted"].is_null());
    let log = project.kptn(&["log", "--json"]).succeeds().json();
    let commands: Vec<_> =
        log["entries"].as_array().expect("entries").iter().map(|one| one["command"].clone()).collect();
    assert!(commands.contains(&"kptn debug py --record --json".into()), "{log}");
    // Another branch finds what ran.
    project.git(&["switch", "-qc", "dev"]);
    project.kptn(&["run", "list"]).succeeds();
    assert_eq!(project.ran(), "");
    project.git(&["switch", "-q", "main"]);
    let number = log["entries"].as_array().expect("entries").iter().find(|one| one["command"] == commands[1]);
    let number = number.expect("the operation")["operation"].to_string();
    project.kptn(&["undo", &number]).succeeds().says("`py`");
    project.kptn(&["fsck"]).succeeds();
}

#[test]
fn a_failed_attempt_records_nothing_and_keeps_what_it_wrote() {
    let project = project();
    let operations = project.kptn(&["log", "--json"]).succeeds().stdout;
    let draft = "size / 2\n    open(f'{output_dir}/py.txt', 'w').write('draft')\n    half / (size - 4)\n";
    project.edit("py.py", "size / 2\n", draft);
    let before = project.not_fresh();
    project
        .in_terminal(80, &["debug", "py", "--record"], &[("(Pdb) ", "q\n")])
        .exits(1)
        .prints("nothing was recorded");
    assert_eq!(project.read_output("py.txt"), "2.0");
    assert_eq!(project.not_fresh(), before, "not even that it failed");
    let kept = project.program("sh").args(["-c", "cat scratch/main/.kept/*/py.txt"]).output().expect("sh");
    assert_eq!(kept.stdout, b"draft");
    // An output that was not written is a failure as in a run, and so is a result that was not returned.
    project.write("py.py", "def py(output_dir, size, list):\n    pass\n");
    project.kptn(&["debug", "py", "--record"]).exits(1).says("py.txt").says("nothing was recorded");
    project.write("list.py", "import sys\n\n\ndef list():\n    sys.exit(0)\n");
    project.kptn(&["debug", "list", "--record"]).exits(1).says("returned");
    assert_eq!(project.kptn(&["log", "--json"]).succeeds().stdout, operations);
    project.kptn(&["run", "script", "--no-deps"]).succeeds();
}

#[test]
fn a_recorded_item_is_a_row_of_its_table() {
    let project = project();
    project.edit("each.py", ".write(X)", ".write(X * 2)");
    let one = project.kptn(&["debug", "each[y]", "--record"]).succeeds();
    one.says("it is kept").says("1 item is not fresh");
    assert_eq!(project.read_output("y.txt"), "yy");
    assert_eq!(project.read_output("x.txt"), "x");
    project.kptn(&["status", "each[y]"]).succeeds().prints("fresh");
    assert_eq!(project.not_fresh(), "each=stale");
    project.kptn(&["debug", "each[x]", "--record"]).succeeds().says("recorded as");
    assert_eq!(project.not_fresh(), "");
    project.kptn(&["log", "scratch/main/x.txt"]).succeeds().prints("each[x]").prints("as it was made");
    project.kptn(&["undo"]).succeeds().says("`each`");
    project.kptn(&["fsck"]).succeeds();
}

#[test]
fn what_was_recorded_stands_on_dependencies_that_have_records_and_says_what_changed() {
    let project = project();
    project.git(&["switch", "-qc", "dev"]);
    project.kptn(&["debug", "py", "--record"]).exits(2).says("`list`").says("kptn run +list");
    project.git(&["switch", "-q", "main"]);
    // Code that changes itself while it runs is not what was decided on.
    project.edit("py.py", "    half", "    open('py.py', 'a').write('# more\\n')\n    half");
    project.kptn(&["debug", "py", "--record"]).succeeds().says("changed meanwhile");
    assert_eq!(project.not_fresh(), "py=stale");
    // A protected branch takes what runs on it, as of a run.
    let yaml = format!("settings: {{protected: [main]}}\n{}", project.read("kptn.yaml"));
    project.write("kptn.yaml", yaml);
    project.edit("py.py", "    open('py.py', 'a').write('# more\\n')\n", "");
    project.kptn(&["debug", "py", "--record"]).succeeds().says("recorded as");
    assert_eq!(project.not_fresh(), "");
}
