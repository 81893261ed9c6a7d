//! `path` and `cat`: what a task left, read from beside the pipeline.

use crate::support::{Project, gated_task, python_task, tasks_yaml};

/// A makes two files and a folder, B returns a value, C maps over it.
fn project() -> Project {
    let project = Project::new().yaml(
        "graphs:\n  g:\n    tasks: {A: , B: A, C: B}\ntasks:\n  \
         A: {file: A.py, outputs: [a.csv, deep/er/b.csv, parts/]}\n  \
         B: {file: B.py, cache_result: true, iterable_item: X}\n  \
         C: {file: C.py, map_over: X, outputs: ['c/${X}.txt'], cache_result: true}\n",
    );
    let body = "(output_dir / 'a.csv').write_text('a')\n    (output_dir / 'deep/er/b.csv').write_text('b' * 100000)\n    \
                (output_dir / 'parts/1').write_text('1'); (output_dir / 'parts/2').write_text('2')";
    project.write("A.py", python_task("A", body));
    project.write("B.py", "def B():\n    return ['x', 'y']\n");
    project.write(
        "C.py",
        "def C(X, output_dir):\n    open(f'{output_dir}/c/{X}.txt', 'w').write(X)\n    return {'is': X}\n",
    );
    project.commit("project");
    project
}

fn ran() -> Project {
    let project = project();
    project.kptn(&["run"]).succeeds();
    project
}

#[test]
fn path_puts_a_file_there_and_prints_where_it_is() {
    let project = ran();
    project.remove("scratch/main");
    let at = |path: &str| format!("{}\n", project.output(path).canonicalize().expect(path).display());
    let printed = project.kptn(&["path", "A", "a.csv"]).succeeds().stdout;
    assert_eq!(printed, at("a.csv"));
    assert!(!project.output("deep").exists(), "only what was asked for");
    let end = project.kptn(&["path", "A", "b.csv"]).succeeds().stdout;
    assert_eq!(end, at("deep/er/b.csv"), "the end of a path is enough");
    let folder = project.kptn(&["path", "A", "parts/"]).succeeds().stdout;
    assert_eq!(folder, at("parts"));
    assert_eq!(project.read_output("parts/2"), "2");
    let all = project.kptn_in("scratch", &["path", "A"]).succeeds().stdout;
    assert_eq!(all.lines().count(), 4);
    let report = project.kptn(&["path", "A", "a.csv", "--json"]).succeeds().json();
    assert_eq!(report["task"], "A");
    assert_eq!(report["restored"].as_array().map(Vec::len), Some(0));
}

#[test]
fn an_edit_is_left_alone_and_said_and_cat_prints_what_was_made() {
    let project = ran();
    project.write("scratch/main/a.csv", "mine");
    project.kptn(&["path", "A", "a.csv"]).succeeds().says("edited").says("kptn cat");
    assert_eq!(project.read_output("a.csv"), "mine");
    assert_eq!(project.kptn(&["cat", "A", "a.csv"]).succeeds().stdout, "a");
}

#[test]
fn cat_prints_bytes_or_a_result_and_touches_nothing() {
    let project = ran();
    project.remove("scratch/main");
    assert_eq!(project.kptn(&["cat", "B"]).succeeds().stdout, "[\"x\",\"y\"]\n");
    assert_eq!(project.kptn(&["cat", "A", "deep/er/b.csv"]).succeeds().stdout, "b".repeat(100_000));
    assert_eq!(project.kptn(&["cat", "C[y]"]).succeeds().stdout, "{\"is\":\"y\"}\n");
    assert_eq!(project.kptn(&["cat", "C[y]", "y.txt"]).succeeds().stdout, "y");
    project.kptn(&["cat", "A"]).exits(2).says("left 4 files").says("deep/er/b.csv");
    project.kptn(&["cat", "A", "parts"]).exits(2).says("folder").says("parts/1");
    assert!(!project.exists("scratch/main"));
}

#[test]
fn what_cannot_be_read_is_answered_with_what_can() {
    let project = project();
    project.kptn(&["path", "A"]).exits(2).says("never finished").says("kptn run +A");
    project.kptn(&["run"]).succeeds();
    // Twice: with and without what was learned of the project before.
    for _ in 0..2 {
        project.kptn(&["path", "A", "a.cvs"]).exits(2).says("did you mean `a.csv`");
        project.kptn(&["path", "B"]).exits(2).says("left no file");
        project.kptn(&["cat", "C[z]"]).exits(2).says("`z`");
        project.kptn(&["cat", "A[z]"]).exits(2).says("no items");
        project.kptn(&["path", "AA"]).exits(2).says("`AA`");
        project.kptn(&["path", "g"]).exits(2).says("is a graph");
        project.kptn(&["path", "-g", "h", "A"]).exits(2).says("`h`");
    }
}

#[test]
fn another_branch_is_read_into_its_own_folder() {
    let project = ran();
    project.git(&["switch", "-q", "-c", "try"]);
    // Nothing ran here yet: the other branch's record stands for it.
    let here = project.kptn(&["path", "A", "a.csv"]).succeeds().stdout;
    assert!(here.ends_with("scratch/try/a.csv\n"), "{here}");
    project.edit("A.py", "write_text('a')", "write_text('other')");
    project.kptn(&["run", "A"]).succeeds();
    assert_eq!(project.kptn(&["cat", "A", "a.csv"]).succeeds().stdout, "other");
    assert_eq!(project.kptn(&["cat", "A", "a.csv", "--branch", "main"]).succeeds().stdout, "a");
    project.remove("scratch/main");
    let there = project.kptn(&["path", "A", "a.csv", "-b", "main"]).succeeds().stdout;
    assert!(there.ends_with("scratch/main/a.csv\n"), "{there}");
    project.kptn(&["path", "A", "-b", "nowhere"]).exits(2).says("nowhere");
    project.edit("kptn.yaml", "graphs:", "settings: {outputs_dir: out}\ngraphs:");
    project.kptn(&["path", "A", "a.csv", "-b", "main"]).exits(2).says("kptn cat -b main");
}

#[test]
fn a_changed_kptn_yaml_is_noticed_by_the_quick_way() {
    let project = ran();
    // Bearings are taken of files that are surely older than their reading: their change time is out of our hands.
    project.kptn(&["path", "A", "a.csv"]).succeeds();
    project.edit("kptn.yaml", "graphs:", "settings: {outputs_dir: elsewhere}\ngraphs:");
    let moved = project.kptn(&["path", "A", "a.csv"]).succeeds().stdout;
    assert!(moved.ends_with("elsewhere/a.csv\n"), "{moved}");
    let moved = project.kptn_with(&[("KPTN_STORE", "other")], &["path", "A"]);
    moved.exits(2).says("never finished");
}

#[test]
fn nothing_is_put_back_while_a_run_writes() {
    let project = Project::new()
        .yaml(&tasks_yaml("A: , B: A", &["A: {outputs: [A.txt]}", "B: {outputs: [B.txt]}"]))
        .file("A.py", python_task("A", "(output_dir / 'A.txt').write_text('a')"))
        .file("B.py", gated_task("B", "(output_dir / 'B.txt').write_text('b')"));
    project.kptn(&["run", "A"]).succeeds();
    let run = project.start(&["run"]);
    project.wait_for("B");
    project.kptn(&["path", "A"]).succeeds();
    project.remove("scratch/main/A.txt");
    project.kptn(&["path", "A"]).exits(3).says("kptn cat");
    assert_eq!(project.kptn(&["cat", "A"]).succeeds().stdout, "a");
    project.open_gate("B");
    assert_eq!(run.wait().0, Some(0));
}

#[test]
fn a_reader_that_leaves_early_is_no_error() {
    let project = ran();
    let script =
        format!("'{}' cat A deep/er/b.csv | head -c 3; exit ${{PIPESTATUS[0]}}", env!("CARGO_BIN_EXE_kptn"));
    let output = project.program("bash").args(["-c", &script]).output().expect("bash");
    assert_eq!((output.status.code(), output.stdout.as_slice()), (Some(0), b"bbb".as_slice()));
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
}
