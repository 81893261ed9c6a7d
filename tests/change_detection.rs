//! Change detection through the real binary: which edits make which tasks stale, and which do not.
//!
//! The unit tests beside `fingerprint` try the single cases in all their spellings; here each kind of edit is
//! made once in a project that has really run, so that scanner, index, store and plan are all in the way.

use crate::support::Project;

/// One edit, and what `status` must say afterwards.
struct Edit {
    what: &'static str,
    file: &'static str,
    old: &'static str,
    new: &'static str,
    expected: &'static str,
}

/// Makes each edit, compares what is not fresh, takes the edit back, and checks that all is fresh again.
#[track_caller]
fn try_edits(project: &Project, edits: &[Edit]) {
    assert_eq!(project.not_fresh(), "", "before any edit");
    let mut wrong = Vec::new();
    for edit in edits {
        project.edit(edit.file, edit.old, edit.new);
        let found = project.not_fresh();
        if found != edit.expected {
            wrong.push(format!("{}: expected `{}`, found `{found}`", edit.what, edit.expected));
        }
        project.edit(edit.file, edit.new, edit.old);
        let after = project.not_fresh();
        if !after.is_empty() {
            wrong.push(format!("{}: taken back, but `{after}`", edit.what));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn python_project() -> Project {
    let mut yaml = "graphs:\n  g:\n    tasks:\n".to_owned();
    let names = [
        "constant",
        "method",
        "inherited",
        "decorated",
        "callback",
        "dispatch",
        "module",
        "relative",
        "star",
        "reexport",
    ];
    for name in names {
        yaml += &format!("      {name}:\n");
    }
    yaml += "tasks:\n";
    for name in names {
        let file = if name == "relative" { "package/relative.py".to_owned() } else { format!("{name}.py") };
        yaml += &format!("  {name}: {{file: {file}, outputs: [{name}.txt]}}\n");
    }
    let write = |name: &str, value: &str| {
        format!("\n\ndef {name}(output_dir):\n    (output_dir / \"{name}.txt\").write_text(str({value}))\n")
    };
    Project::new()
        .yaml(&yaml)
        .file("constant.py", "LIMIT = 3\nUNUSED = 7\n".to_owned() + &write("constant", "LIMIT"))
        .file("method.py", "class Cleaner:\n    def clean(self):\n        return 1\n".to_owned() + &write("method", "Cleaner().clean()"))
        .file("base.py", "class Base:\n    def clean(self):\n        return 2\n")
        .file(
            "inherited.py",
            "from base import Base\n\n\nclass Cleaner(Base):\n    pass\n".to_owned() + &write("inherited", "Cleaner().clean()"),
        )
        .file(
            "decorated.py",
            "def twice(function):\n    return lambda output_dir: (function(output_dir), function(output_dir))\n\n\n\
             @twice\ndef decorated(output_dir):\n    (output_dir / \"decorated.txt\").write_text(\"4\")\n",
        )
        .file("callback.py", "def step(x):\n    return x + 5\n".to_owned() + &write("callback", "list(map(step, [1]))"))
        .file(
            "dispatch.py",
            "def first():\n    return 6\n\n\nTABLE = {\"first\": first}\n".to_owned() + &write("dispatch", "TABLE[\"first\"]()"),
        )
        .file("package/__init__.py", "from .inner import deep\n")
        .file("package/m.py", "def f():\n    return 7\n")
        .file("package/inner.py", "def deep():\n    return 8\n\n\ndef shallow():\n    return 9\n")
        .file("module.py", "from package import m\n".to_owned() + &write("module", "m.f()"))
        .file("package/relative.py", "from .inner import shallow\n".to_owned() + &write("relative", "shallow()"))
        .file("many.py", "def one():\n    return 10\n\n\ndef two():\n    return 11\n")
        .file("star.py", "from many import *\n".to_owned() + &write("star", "one()"))
        .file("reexport.py", "from package import deep\n".to_owned() + &write("reexport", "deep()"))
        .file("stranger.py", "def nobody():\n    return 12\n")
}

#[test]
fn edits_of_python_code_are_seen_where_they_are_used() {
    let project = python_project();
    project.kptn(&["run"]).succeeds().says("10 ran");
    let edit = |what, file, old, new, expected| Edit { what, file, old, new, expected };
    try_edits(
        &project,
        &[
            edit("a constant", "constant.py", "LIMIT = 3", "LIMIT = 4", "constant=stale"),
            edit("a method", "method.py", "return 1", "return 21", "method=stale"),
            edit("an inherited method", "base.py", "return 2", "return 22", "inherited=stale"),
            edit(
                "a decorator",
                "decorated.py",
                "lambda output_dir: (",
                "lambda output_dir: (0, ",
                "decorated=stale",
            ),
            edit("a callback", "callback.py", "x + 5", "x + 25", "callback=stale"),
            edit("a dispatch table's function", "dispatch.py", "return 6", "return 26", "dispatch=stale"),
            edit(
                "a dispatch table",
                "dispatch.py",
                "{\"first\": first}",
                "{\"first\": lambda: 6}",
                "dispatch=stale",
            ),
            edit("from pkg import m", "package/m.py", "return 7", "return 27", "module=stale"),
            edit("a relative import", "package/inner.py", "return 9", "return 29", "relative=stale"),
            edit("import *", "many.py", "return 10", "return 30", "star=stale"),
            edit("a re-export", "package/inner.py", "return 8", "return 28", "reexport=stale"),
        ],
    );
}

#[test]
fn edits_that_change_nothing_are_not_seen() {
    let project = python_project();
    project.kptn(&["run"]).succeeds();
    let edit = |what, file, old, new| Edit { what, file, old, new, expected: "" };
    try_edits(
        &project,
        &[
            edit("a comment", "constant.py", "LIMIT = 3", "LIMIT = 3  # three"),
            edit("blank lines", "method.py", "class Cleaner:\n", "\n\nclass Cleaner:\n\n"),
            edit("reformatting", "callback.py", "return x + 5", "return (\n        x\n        + 5\n    )"),
            edit("an unrelated constant", "constant.py", "UNUSED = 7", "UNUSED = 8"),
            edit("an unrelated function", "many.py", "return 11", "return 31"),
            edit("an unrelated module", "stranger.py", "return 12", "return 32"),
            edit("compute", "kptn.yaml", "method.txt]}", "method.txt], compute: {cpu: 512}}"),
            edit("tags", "kptn.yaml", "method.txt]}", "method.txt], tags: [slow]}"),
            edit(
                "the order of keys",
                "kptn.yaml",
                "{file: method.py, outputs: [method.txt]}",
                "{outputs: [method.txt], file: method.py}",
            ),
        ],
    );
}

#[test]
fn edits_of_r_code_are_seen_through_source() {
    let use_of = |source: &str, name: &str| {
        format!(
            "{source}\nwriteLines(as.character(value()), file.path(Sys.getenv(\"KPTN_OUTPUT_DIR\"), \"{name}.txt\"))\n"
        )
    };
    let value = |number: u32| format!("value <- function() {{\n  # why\n  {number}\n}}\n");
    let project = Project::new()
        .yaml(
            "graphs:\n  g:\n    tasks: {single: , local: , path: , here: , sys: }\ntasks:\n\
             \x20 single: {file: r/single.R, outputs: [single.txt]}\n\
             \x20 local: {file: r/local.R, outputs: [local.txt]}\n\
             \x20 path: {file: r/path.R, outputs: [path.txt]}\n\
             \x20 here: {file: r/here.R, outputs: [here.txt]}\n\
             \x20 sys: {file: r/sys.R, outputs: [sys.txt]}\n",
        )
        .file("r/single.R", use_of("source('x1.R')", "single"))
        .file("r/local.R", use_of("source(\"x2.R\", local = TRUE)", "local"))
        .file("r/path.R", use_of("source(file.path(\"lib\", \"x3.R\"))", "path"))
        .file(
            "r/here.R",
            use_of(
                "value <- function() 4\nif (requireNamespace(\"here\", quietly = TRUE)) source(here::here(\"a\", \"x4.R\"))",
                "here",
            ),
        )
        .file("r/sys.R", use_of("sys.source(\"x5.R\", envir = environment())", "sys"))
        .file("r/x1.R", value(1))
        .file("r/x2.R", value(2))
        .file("r/lib/x3.R", value(3))
        .file("a/x4.R", value(4))
        .file("r/x5.R", value(5));
    project.kptn(&["run"]).succeeds().says("5 ran");
    let edit = |what, file, old, new, expected| Edit { what, file, old, new, expected };
    try_edits(
        &project,
        &[
            edit("source('x')", "r/x1.R", "  1\n", "  11\n", "single=stale"),
            edit("source(local = TRUE)", "r/x2.R", "  2\n", "  12\n", "local=stale"),
            edit("source(file.path())", "r/lib/x3.R", "  3\n", "  13\n", "path=stale"),
            edit("source(here::here())", "a/x4.R", "  4\n", "  14\n", "here=stale"),
            edit("sys.source()", "r/x5.R", "  5\n", "  15\n", "sys=stale"),
            edit("the script", "r/sys.R", "as.character", "as.numeric", "sys=stale"),
            edit("a comment", "r/x1.R", "# why", "# because", ""),
            edit("reformatting", "r/x2.R", "function() {", "function( )  {", ""),
        ],
    );
}

fn values_project() -> Project {
    Project::new()
        .yaml(
            "graphs:\n  g:\n    tasks:\n      A:\n      R:\n      B: A\n\
             tasks:\n\
             \x20 A:\n\
             \x20   file: a.py\n\
             \x20   outputs: [a.txt]\n\
             \x20   args: {size: 3}\n\
             \x20   env: {MODE: fast}\n\
             \x20   secret_env: [TOKEN]\n\
             \x20   inputs: [data/*.csv, {probe: cat probe.txt}]\n\
             \x20 R: {file: r.R, outputs: [r.txt], cli_args: --size 4, prefix_args: FLAG=1}\n\
             \x20 B: {file: b.py, outputs: [b.txt]}\n\
             config:\n\
             \x20 label: one\n\
             \x20 other: two\n",
        )
        .file(
            "a.py",
            "def A(output_dir, size, label):\n    (output_dir / 'a.txt').write_text(f'{size} {label}')\n",
        )
        .file(
            "b.py",
            "def B(output_dir):\n    (output_dir / 'b.txt').write_text((output_dir / 'a.txt').read_text() + 'b')\n",
        )
        .file("r.R", "writeLines(commandArgs(TRUE), file.path(Sys.getenv('KPTN_OUTPUT_DIR'), 'r.txt'))\n")
        .file("data/one.csv", "1\n")
        .file("probe.txt", "state of the database\n")
        .file("requirements.txt", "numpy==1.0\n")
        .with_env("TOKEN", "hunter2")
}

#[test]
fn changed_values_are_seen() {
    let project = values_project();
    project.kptn(&["run"]).succeeds().says("3 ran");
    let edit = |what, file, old, new, expected| Edit { what, file, old, new, expected };
    try_edits(
        &project,
        &[
            edit("an arg", "kptn.yaml", "size: 3", "size: 5", "A=stale B=maybe"),
            edit("an arg's type", "kptn.yaml", "size: 3", "size: '3'", "A=stale B=maybe"),
            edit(
                "a config value that only A names, and R gets",
                "kptn.yaml",
                "label: one",
                "label: uno",
                "A=stale B=maybe R=stale",
            ),
            edit("a config value that R alone gets", "kptn.yaml", "other: two", "other: due", "R=stale"),
            edit("env", "kptn.yaml", "MODE: fast", "MODE: slow", "A=stale B=maybe"),
            edit("cli_args", "kptn.yaml", "--size 4", "--size 5", "R=stale"),
            edit("prefix_args", "kptn.yaml", "FLAG=1", "FLAG=2", "R=stale"),
            edit("an input file", "data/one.csv", "1", "2", "A=stale B=maybe"),
            edit("a dependency", "kptn.yaml", "B: A\n", "B:\n", "B=stale"),
        ],
    );
    // Nothing but a run asks a probe.
    project.edit("probe.txt", "state", "mood");
    project.kptn(&["run"]).succeeds().says("1 ran").says("1 spared");
    project.write("data/two.csv", "2\n");
    assert_eq!(project.not_fresh(), "A=stale B=maybe", "an input file more");
    project.remove("data/two.csv");
    assert_eq!(project.not_fresh(), "", "the input file is gone again");
    project.edit("kptn.yaml", "outputs: [a.txt]", "outputs: [a.txt, 'a2*']");
    assert_eq!(project.not_fresh(), "A=stale B=maybe", "a declared output");
}

#[test]
fn a_secret_is_never_counted_and_never_stored() {
    let project = values_project();
    project.kptn(&["run"]).succeeds();
    let other = project.kptn_with(&[("TOKEN", "another")], &["status", "--json"]).succeeds();
    assert!(!other.stdout.contains("stale"), "{}", other.stdout);
    let found =
        project.program("grep").args(["-rlaF", "hunter2", ".git/kptn", "scratch"]).output().expect("grep");
    assert_eq!(String::from_utf8_lossy(&found.stdout), "");
}

#[test]
fn a_lock_file_makes_its_language_stale_unless_told_otherwise() {
    let project = values_project().file(
        "a.py",
        "try:\n    import numpy\nexcept ImportError:\n    numpy = None\n\n\n".to_owned()
            + "def A(output_dir, size, label):\n    print(numpy)\n",
    );
    project.edit("kptn.yaml", "    outputs: [a.txt]\n", "");
    project.edit("b.py", "(output_dir / 'a.txt').read_text() + ", "");
    project.kptn(&["run"]).succeeds();
    project.edit("requirements.txt", "1.0", "2.0");
    let stale = project.not_fresh();
    assert!(stale.starts_with("A=stale"), "{stale}");
    assert!(!stale.contains('R'), "R does not read requirements.txt: {stale}");
    project.write("kptn.yaml", project.read("kptn.yaml") + "settings: {lockfiles: ignore}\n");
    project.edit("requirements.txt", "2.0", "1.0");
    project.kptn(&["run"]).succeeds();
    project.edit("requirements.txt", "1.0", "3.0");
    assert_eq!(project.not_fresh(), "");
}

#[test]
fn an_edited_output_is_kept_aside_and_its_task_runs_again() {
    let project = values_project();
    project.kptn(&["run"]).succeeds();
    project.write("scratch/main/a.txt", "by hand");
    assert_eq!(project.not_fresh(), "A=stale B=maybe");
    project.kptn(&["run"]).succeeds().says("1 ran").says("1 spared").says(".kept");
    assert_eq!(project.read_output("a.txt"), "3 one");
    let kept =
        project.program("grep").args(["-rlF", "by hand", "scratch/main/.kept"]).output().expect("grep");
    assert_eq!(String::from_utf8_lossy(&kept.stdout).lines().count(), 1);
}

#[test]
fn an_absent_output_is_put_back_and_not_made_again() {
    let project = values_project();
    project.kptn(&["run"]).succeeds();
    project.remove("scratch/main");
    assert_eq!(project.not_fresh(), "");
    project.kptn(&["run"]).succeeds().never_says("1 ran");
    project.kptn(&["restore"]).succeeds();
    assert_eq!(project.read_output("b.txt"), "3 oneb");
    assert_eq!(project.read_output("a.txt"), "3 one");
}

#[test]
fn an_output_whose_bytes_are_gone_everywhere_is_stale() {
    let project = values_project();
    project.edit("a.py", "f'{size} {label}'", "'a' * 100_000");
    project.kptn(&["run"]).succeeds();
    project.remove("scratch/main/a.txt");
    project.remove("scratch/main/b.txt");
    // Large bytes are files of their own; both are gone.
    project.remove(".git/kptn/objects");
    assert_eq!(project.not_fresh(), "A=stale B=stale");
    project.kptn(&["run"]).succeeds();
    assert_eq!(project.read_output("b.txt").len(), 100_001);
    assert_eq!(project.not_fresh(), "");
}

#[test]
fn a_change_upstream_of_a_task_without_outputs_goes_through_it() {
    let project = Project::new()
        .yaml("graphs:\n  g:\n    tasks: {A: , B: A, C: B}\ntasks:\n  A: {file: t.py, outputs: [a.txt]}\n  B: {file: t.py}\n  C: {file: t.py, outputs: [c.txt]}\n")
        .file(
            "t.py",
            "import os\n\n\ndef trace(name):\n    with open(os.environ['TRACE'], 'a') as file:\n        file.write(name + '\\n')\n\n\n\
             def A(output_dir):\n    trace('A')\n    (output_dir / 'a.txt').write_text('1')\n\n\n\
             def B():\n    trace('B')\n\n\n\
             def C(output_dir):\n    trace('C')\n    (output_dir / 'c.txt').write_text('c')\n",
        );
    project.kptn(&["run"]).succeeds();
    assert_eq!(project.ran(), "A B C");
    project.kptn(&["run"]).succeeds();
    assert_eq!(project.ran(), "");
    project.edit("t.py", "write_text('1')", "write_text('2')");
    project.kptn(&["run"]).succeeds();
    assert_eq!(project.ran(), "A B C");
    // The same bytes again: nothing after A has anything to do.
    project.edit("t.py", "write_text('2')", "write_text('2' + '')");
    project.kptn(&["run"]).succeeds();
    assert_eq!(project.ran(), "A");
}

#[test]
fn the_same_body_with_another_closure_is_never_shared() {
    let body = "from helper import value\n\n\ndef T(output_dir):\n    (output_dir / 't.txt').write_text(str(value()))\n";
    let project = Project::new()
        .yaml("graphs:\n  g:\n    tasks: {T: }\ntasks:\n  T: {file: t.py, outputs: [t.txt]}\n")
        .file("t.py", body)
        .file("helper.py", "def value():\n    return 1\n");
    project.commit("one");
    project.kptn(&["run"]).succeeds();
    project.git(&["switch", "-q", "-c", "other"]);
    project.edit("helper.py", "return 1", "return 2");
    project.kptn(&["run"]).succeeds().says("1 ran");
    assert_eq!(project.read("scratch/other/t.txt"), "2");
    assert_eq!(project.read("scratch/main/t.txt"), "1");
}

#[test]
fn the_place_of_a_project_does_not_count() {
    let project = values_project();
    project.edit("kptn.yaml", ", {probe: cat probe.txt}", "");
    let fingerprint = |project: &Project, folder: &str| -> String {
        let why = project.kptn_in(folder, &["why", "A", "--json"]).succeeds().json();
        why["fingerprint"].as_str().unwrap_or_else(|| panic!("{why}")).to_owned()
    };
    let here = fingerprint(&project, ".");
    project.program("sh").args(["-c", "mkdir copy; cp -r kptn.yaml a.py b.py r.R data probe.txt requirements.txt copy/; cd copy; sed -i 's/$/\\r/' a.py r.R; git init -q ../elsewhere"]).status().expect("sh");
    assert_eq!(fingerprint(&project, "copy"), here, "another folder, other line ends");
}
