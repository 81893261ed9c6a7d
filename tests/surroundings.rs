//! What surrounds a task's code: the project's R profile, an input that is empty, the place of its script.

use std::os::unix::fs::symlink;

use crate::support::{Library, Project};

/// `.Rprofile` and `renv/activate.R` as renv writes them, in what matters here: the library is found from the
/// folder that R was started in, which must be the project's.
fn renv(project: &Project, library: &Library) {
    project.write(".Rprofile", "source(\"renv/activate.R\")\n");
    project.write(
        "renv/activate.R",
        "local({\n  project <- Sys.getenv(\"RENV_PROJECT\", getwd())\n  Sys.setenv(RENV_PROJECT = project)\n  \
         .libPaths(file.path(project, \"renv\", \"library\"))\n})\n",
    );
    project.write("renv.lock", "{\"R\": {\"Version\": \"4.0.0\"}, \"Packages\": {}}\n");
    symlink(library.path(), project.path("renv/library")).expect("a link");
}

#[test]
fn a_profile_of_renv_counts_for_scripts_in_subfolders_plain_and_warm() {
    let library = Library::with(&[("marker", "function(...) NULL")]);
    let script = "library(marker)\ncat(basename(getwd()), basename(.libPaths()[1]), exists('where'), '\\n')\n\
                  cat('warm', isNamespaceLoaded('parallel'), '\\n')\n";
    let project = Project::new()
        .yaml(
            "graphs:\n  g:\n    tasks: {list: , plain: , each: list, apart: list}\ntasks:\n  \
             list: {file: list.py, cache_result: true, iterable_item: X}\n  \
             plain: {file: R/deep/plain.R}\n  \
             each: {file: R/deep/each.R, map_over: X}\n  \
             apart: {file: R/deep/apart.R, map_over: X, workers: fresh}\n",
        )
        .file("list.py", "def list():\n    return ['x', 'y']\n");
    for name in ["plain", "each", "apart"] {
        project.write(&format!("R/deep/{name}.R"), script);
    }
    project.kptn(&["run"]).exits(1).says("marker");
    renv(&project, &library);
    assert_eq!(project.not_fresh(), "apart=stale each=stale plain=stale");
    project.kptn(&["run"]).succeeds().says("3 ran");
    let printed = |task: &str| project.kptn(&["output", task]).succeeds().stdout;
    let line = "deep library TRUE \n";
    assert_eq!(printed("plain"), format!("{line}warm FALSE \n"));
    assert_eq!(printed("each"), format!("{line}warm TRUE \n").repeat(2));
    assert_eq!(printed("apart"), format!("{line}warm FALSE \n").repeat(2));
    project.kptn(&["doctor"]).succeeds().prints("(renv)").prints("renv.lock");
    project.remove(".Rprofile");
    project.kptn(&["doctor"]).succeeds().prints("renv is off").prints("renv::activate()");
}

#[test]
fn every_task_has_an_empty_standard_input() {
    let python = "import sys\n\n\ndef NAME(X=None):\n    print(repr(sys.stdin.read()))\n    try:\n        input('? ')\n    \
                  except EOFError:\n        print('end')\n";
    let r = "print(readLines(file('stdin')))\nprint(nchar(system('cat', intern = TRUE)))\n";
    let project = Project::new()
        .yaml(
            "graphs:\n  g:\n    tasks: {list: , py: , r: , pys: list, rs: list, pyf: list, rf: list}\ntasks:\n  \
             list: {file: list.py, cache_result: true, iterable_item: X}\n  \
             py: {file: py.py}\n  r: {file: r.R}\n  \
             pys: {file: pys.py, map_over: X}\n  rs: {file: rs.R, map_over: X}\n  \
             pyf: {file: pyf.py, map_over: X, workers: fresh}\n  rf: {file: rf.R, map_over: X, workers: fresh}\n",
        )
        .file("list.py", "def list():\n    return ['x', 'y']\n");
    for name in ["py", "pys", "pyf"] {
        project.write(&format!("{name}.py"), python.replace("NAME", name));
    }
    for name in ["r", "rs", "rf"] {
        project.write(&format!("{name}.R"), r);
    }
    // What kptn itself is given goes to nobody.
    let script = format!("printf 'one\\ntwo\\n' | '{}' run", env!("CARGO_BIN_EXE_kptn"));
    let mut shell = project.program("bash");
    shell.args(["-c", &script]);
    project.finish(shell, &[&script]).succeeds().says("7 ran");
    for (task, times) in [("py", 1), ("pys", 2), ("pyf", 2)] {
        let printed = project.kptn(&["output", task]).succeeds().stdout;
        assert_eq!(printed, "''\n? end\n".repeat(times), "{task}");
    }
    for (task, times) in [("r", 1), ("rs", 2), ("rf", 2)] {
        let printed = project.kptn(&["output", task]).succeeds().stdout;
        assert_eq!(printed, "character(0)\ninteger(0)\n".repeat(times), "{task}");
    }
}

/// Moves scripts, and says so in `kptn.yaml`.
fn moves(project: &Project, moved: &[(&str, &str)]) {
    for (from, to) in moved {
        let text = project.read(from);
        project.remove(from);
        project.write(to, text);
    }
}

#[test]
fn a_script_that_was_moved_with_equal_code_stays_fresh() {
    let write = "dir <- Sys.getenv('KPTN_OUTPUT_DIR')\n";
    let project = Project::new()
        .yaml(
            "graphs:\n  g:\n    tasks: {r: , p: r, each: p}\ntasks:\n  r: {file: r.R, outputs: [r.txt]}\n  \
             p: {file: p.py, outputs: [p.txt], cache_result: true, iterable_item: X}\n  \
             each: {file: each.R, map_over: X, outputs: ['${X}.txt']}\n",
        )
        .file("r.R", format!("{write}writeLines('r', file.path(dir, 'r.txt'))\n"))
        .file(
            "each.R",
            format!("{write}x <- Sys.getenv('X')\nwriteLines(x, file.path(dir, paste0(x, '.txt')))\n"),
        )
        .file("lib.py", "def half(x):\n    return x // 2\n")
        .file(
            "p.py",
            "import lib\n\nSIZE = 3\n\n\ndef double(x):\n    return 2 * x\n\n\ndef p(output_dir):\n    \
             (output_dir / 'p.txt').write_text(str(lib.half(double(SIZE))))\n    return ['x', 'y']\n",
        );
    project.kptn(&["run"]).succeeds();
    moves(&project, &[("r.R", "R/clean/r.R"), ("each.R", "R/each.R"), ("p.py", "pkg/deep/module.py")]);
    project.edit("kptn.yaml", "file: r.R", "file: R/clean/r.R");
    project.edit("kptn.yaml", "file: each.R", "file: R/each.R");
    project.edit("kptn.yaml", "file: p.py", "file: 'pkg/deep/module.py:p'");
    assert_eq!(project.not_fresh(), "");
    project.kptn(&["run"]).succeeds().says("nothing to do");
    // They run where they are now.
    project.kptn(&["run", "-f"]).succeeds().says("3 ran");
    project.edit("pkg/deep/module.py", "SIZE = 3", "SIZE = 30");
    assert_eq!(project.not_fresh(), "each=maybe p=stale");
    project.edit("R/clean/r.R", "'r', file", "'rr', file");
    assert_eq!(project.not_fresh(), "each=maybe p=stale r=stale");
}
