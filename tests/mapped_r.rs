//! Items of R tasks in forks of a warm session: the same as `Rscript`, or said and run as that.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use rustix::process::Signal;

use crate::support::{Library, Output, Project, wait_until};

/// Tells in the log whether this is a fork: `Rscript` itself does not load this package.
const IS_FORK: &str = "writeLines(paste('fork', isNamespaceLoaded('parallel')))\n";

/// A project with one mapped R task a script, each over the same items.
fn project_of(items: &str, scripts: &[(&str, &str)]) -> Project {
    let mut yaml = "graphs:\n  g:\n    tasks: {list: ".to_owned();
    for (name, _) in scripts {
        let _ = write!(yaml, ", {name}: list");
    }
    yaml += "}\ntasks:\n  list: {file: list.py, cache_result: true, iterable_item: STATE}\n";
    for (name, _) in scripts {
        let _ = writeln!(yaml, "  {name}: {{file: {name}.R, map_over: STATE}}");
    }
    let project = Project::new().yaml(&yaml).file("list.py", format!("def list():\n    return {items}\n"));
    scripts.iter().fold(project, |project, (name, script)| project.file(&format!("{name}.R"), script))
}

/// A project with one mapped R task `each` over `NC`, `SC` and `VA`.
fn project(script: &str) -> Project {
    project_of("['NC', 'SC', 'VA']", &[("each", script)])
}

fn fresh(project: Project) -> Project {
    project.edit("kptn.yaml", "graphs:\n", "settings: {workers: fresh}\ngraphs:\n");
    project
}

/// Runs one item after the other.
fn run(project: &Project) -> Output {
    project.kptn(&["run", "-k", "-j", "1"])
}

/// Returns what the items of a task printed, in their order.
fn printed(project: &Project, task: &str) -> String {
    project.kptn(&["output", task]).data
}

/// Tells whether any R of this project still runs.
fn is_r_running(project: &Project) -> bool {
    let folder = project.outside("").canonicalize().expect("the test's folder");
    let folder = folder.to_str().expect("a path in UTF-8").to_owned();
    let processes = fs::read_dir("/proc").expect("Linux has it").flatten();
    processes.into_iter().any(|process| {
        let words = fs::read(process.path().join("cmdline")).unwrap_or_default();
        let words = String::from_utf8_lossy(&words).into_owned();
        words.contains("--no-restore") && words.contains(&folder)
    })
}

/// Scripts that look at what differs most easily between R and an imitation of it.
const SCRIPTS: &[(&str, &str)] = &[
    ("empty", ""),
    (
        "visible",
        "1:3\ninvisible(2)\nx <- 3\n(x)\nf <- function(a) { # said\n  a }\nf\nNULL\nlist(a = 1, 'b')\n'é'\nsummary(lm(dist ~ speed, cars))",
    ),
    (
        "places",
        "sys.nframe(); sys.call(); parent.frame(); environment(); interactive(); search()\nls(all.names = TRUE); exists('.Random.seed'); warnings()\nf <- function() sys.calls()\nf()\nidentical(environment(commandArgs), environment(Sys.getenv))\nargs(commandArgs); bindingIsLocked('commandArgs', baseenv())",
    ),
    ("arguments", "commandArgs(); commandArgs(TRUE); basename(getwd()); Sys.getenv('STATE')"),
    (
        "environment",
        "all <- Sys.getenv()\nall <- all[!names(all) %in% c('R_SESSION_TMPDIR', 'KPTN_INPUTS')]\nprint(as.list(all[order(names(all))]))\nstr(options()[setdiff(names(options()), '')])",
    ),
    (
        "failing",
        "f <- function(x) g(x)\ng <- function(x) stop('no data for ', x)\nwarning('early')\nf(1)\ncat('never\\n')",
    ),
    ("plainly", "stop('no data', call. = FALSE)"),
    (
        "warnings",
        "for (i in 1:60) warning(i)\nh <- function() { warning('in h'); 1 }\nh()\noptions(warn = 1)\nwarning('now')\nmessage('to stderr')\nas.integer('x')",
    ),
    ("unparsed", "cat('one\\n')\nx <- 1\nx y\ncat('never\\n')"),
    ("unfinished", "cat('one\\n')\nf <- function(x) {\n  1\n"),
    (
        "quitting",
        "f <- function() { on.exit(cat('on.exit\\n')); quit(status = 3) }\nreg.finalizer(globalenv(), function(e) cat('finalizer\\n'), onexit = TRUE)\n.Last <- function() cat('last\\n')\nf()\ncat('never\\n')",
    ),
    ("quietly", "q('no', 0, FALSE)\nstop('never')"),
    (
        "leaving",
        "reg.finalizer(globalenv(), function(e) cat('finalizer\\n'), onexit = TRUE)\n.Last <- function() cat('last\\n')\nlocal(on.exit(cat('on.exit\\n')))\ncat('end')",
    ),
    (
        "reads",
        "x <- readLines(stdin(), 2)\nthis is no R\nnor is this\nx\nreadLines(file('stdin'))\nscan('stdin', quiet = TRUE)",
    ),
    (
        "changes",
        "Sys.getenv(c('STATE', 'OTHER')); getOption('digits'); basename(getwd())\nSys.setenv(STATE = 'changed', OTHER = 'x'); options(digits = 3); setwd(tempdir())\npi; Sys.getenv('STATE'); dirname(getwd()) == dirname(tempdir())",
    ),
    ("seeded", "set.seed(as.integer(Sys.getenv('KPTN_SEED'))); runif(3); sample(10); rnorm(1); RNGkind()"),
    (
        "shell",
        "system('echo $STATE; exit 3')\nsystem2('sh', c('-c', shQuote('echo $0 >&2')), stdout = TRUE)\nx <- pipe('cat', 'w'); writeLines('piped', x); close(x)\nsystem('cat', intern = TRUE)",
    ),
    (
        "connections",
        "showConnections(TRUE)[, 1:3]; closeAllConnections()\nx <- textConnection('a'); readLines(x); print('still here'); x <- file('c.txt', 'w'); cat('b\\n', file = x); close(x); cat(readLines('c.txt'), '\\n'); invisible(file.remove('c.txt'))",
    ),
    (
        "many",
        "library(parallel)\nunlist(mclapply(1:4, function(x) x^2, mc.cores = 2))\np <- mcparallel(7)\nmccollect(p)[[1]]",
    ),
    (
        "classes",
        "setClass('P', representation(x = 'numeric'))\nsetMethod('show', 'P', function(object) cat('a P of', object@x, '\\n'))\nnew('P', x = 1)\nA <- setRefClass('A', fields = list(n = 'numeric'), methods = list(add = function() { n <<- n + 1; invisible(.self) }))\na <- A$new(n = 1); a$add()$n",
    ),
    (
        "plots",
        "plot(1:3)\ninvisible(dev.off())\nfile.exists('Rplots.pdf'); invisible(file.remove('Rplots.pdf'))\npdf(NULL); hist(rnorm(5))",
    ),
    (
        "tables",
        "suppressMessages(library(data.table))\nx <- data.table(a = 1:4, b = c('x', 'y'))\nx[, .(s = sum(a)), by = b]\ngetDTthreads() >= 1",
    ),
    (
        "large",
        "file <- tempfile(); writeBin(as.numeric(1:25e6), file)\nx <- readBin(file, 'numeric', 25e6); unlink(file)\nobject.size(x) > 2e8; sum(x)\ny <- x; y[1] <- 0; sum(x) - sum(y)",
    ),
    ("windows", "x <- 1\r\nif (x == 1) {\r\n  print('crlf')\r\n}\r\n"),
];

#[test]
fn a_fork_prints_fails_and_ends_as_rscript_does() {
    let long = format!(
        "x <- 0\n{}x\ny <- '{}'\nnchar(y)",
        "x <- x + 1 # and so on\n".repeat(6000),
        "z".repeat(9000)
    );
    let early = format!("cat('early\\n'); quit(status = 2)\n{}", "stop('never')\n".repeat(9000));
    let mut scripts = SCRIPTS.to_vec();
    scripts.retain(|(name, _)| *name != "tables" || has_data_table());
    scripts.extend([("long", long.as_str()), ("early", early.as_str())]);
    let make = || {
        let project = project_of("['NC', 'S C']", &scripts);
        project.edit(
            "kptn.yaml",
            "file: arguments.R,",
            "file: arguments.R, cli_args: '--state ${STATE} \"a b\" -e',",
        );
        project
    };
    let (forked, plain) = (make(), fresh(make()));
    let (said, expected) = std::thread::scope(|scope| {
        let expected = scope.spawn(|| run(&plain).exits(1));
        (run(&forked).exits(1), expected.join().expect("no panic"))
    });
    assert!(!said.stderr.contains("plain Rscript"), "{}", said.whole());
    let failed = |output: &Output| -> Vec<String> {
        let failed = output.messages.lines().filter(|line| line.contains("failed") && !line.contains("ran"));
        failed.map(|line| line.split(" [TIME]").next().unwrap_or_default().to_owned()).collect()
    };
    assert_eq!(failed(&said), failed(&expected));
    for (task, script) in &scripts {
        let (text, expected) = (printed(&forked, task), printed(&plain, task));
        assert_eq!(text, expected, "{task}");
        assert!(script.is_empty() || *task == "quietly" || text.lines().count() >= 2, "{task}: {text}");
    }
    for project in [&forked, &plain] {
        let left: Vec<_> = fs::read_dir(project.outside("tmp")).expect("the folder").flatten().collect();
        assert!(left.is_empty(), "{left:?}");
    }
}

fn has_data_table() -> bool {
    ["/usr/lib/R/site-library", "/usr/local/lib/R/site-library"]
        .iter()
        .any(|library| Path::new(library).join("data.table").is_dir())
}

#[test]
fn items_are_forks_and_have_nothing_of_each_other() {
    let script = format!(
        "{IS_FORK}cat('random', runif(1), '\\n')\ncat('temporary', tempdir(), list.files(tempdir()), '\\n')\n\
         cat('there', exists('left'), '\\n'); left <- 1; writeLines('x', tempfile())\n"
    );
    let project = project(&script);
    run(&project).succeeds().never_says("plain Rscript");
    let text = printed(&project, "each");
    let told = |word: &str| -> Vec<String> {
        text.lines().filter_map(|line| line.strip_prefix(word)).map(|line| line.trim().to_owned()).collect()
    };
    assert_eq!(told("fork"), ["TRUE", "TRUE", "TRUE"], "{text}");
    assert_eq!(told("there"), ["FALSE", "FALSE", "FALSE"], "{text}");
    for word in ["random", "temporary"] {
        let mut values = told(word);
        values.sort();
        values.dedup();
        assert_eq!(values.len(), 3, "{text}");
    }
    assert_eq!(fs::read_dir(project.outside("tmp")).expect("the folder").count(), 0);
    assert!(!is_r_running(&project));
}

#[test]
fn a_fork_that_crashes_is_tried_once_alone_in_a_clean_folder() {
    let project = project(&format!(
        "{IS_FORK}cat('line\\n', file = file.path(Sys.getenv('KPTN_OUTPUT_DIR'), Sys.getenv('STATE')), append = TRUE)\n\
         if (Sys.getenv('STATE') == 'SC' && isNamespaceLoaded('parallel')) tools::pskill(Sys.getpid(), 11)\n"
    ));
    project.edit("kptn.yaml", "map_over: STATE}", "map_over: STATE, outputs: ['${STATE}']}");
    run(&project)
        .succeeds()
        .says("[SC] killed by SIGSEGV in a fork of a warm R; tried once as plain Rscript");
    assert_eq!(project.read_output("SC"), "line\n");
    assert_eq!(printed(&project, "each").matches("fork TRUE").count(), 3);
    assert_eq!(fs::read_dir(project.outside("tmp")).expect("the folder").count(), 0);

    project.edit("each.R", " && isNamespaceLoaded('parallel')", "");
    run(&project).exits(1).says("killed by SIGSEGV").says("1 failed");
}

#[test]
fn where_a_fork_would_differ_items_run_as_rscript_and_that_is_said_once() {
    let cases: &[(&str, &str, &str, &str)] = &[
        ("kptn.yaml", "map_over: STATE}", "map_over: STATE, prefix_args: nice}", "`prefix_args`"),
        (".Rprofile", "", "x <- Sys.getenv('STATE')", "mentions `STATE`"),
        (
            "kptn.yaml",
            "graphs:",
            "settings: {r_preload: [leaves]}\ngraphs:",
            "keeps a file in its temporary folder",
        ),
        ("kptn.yaml", "graphs:", "settings: {r_preload: [opens]}\ngraphs:", "keeps a connection open"),
        ("kptn.yaml", "graphs:", "settings: {r_preload: [arrow]}\ngraphs:", "loads arrow"),
    ];
    let library = Library::with(&[
        ("leaves", "function(...) writeLines('x', file.path(tempdir(), 'x'))"),
        ("opens", "function(...) assign('kept', textConnection('x'), globalenv())"),
        ("arrow", "function(...) NULL"),
    ]);
    for (file, old, new, said) in cases {
        let project = project(IS_FORK).with_env("R_LIBS", &library.path().display().to_string());
        if old.is_empty() {
            project.write(file, new);
        } else {
            project.edit(file, old, new);
        }
        let output = run(&project).succeeds().says(said);
        assert_eq!(output.stderr.matches("items run as plain Rscript").count(), 1, "{}", output.whole());
        assert_eq!(printed(&project, "each").matches("fork FALSE").count(), 3, "{said}");
    }
}

#[test]
fn packages_are_loaded_before_from_where_the_script_would_take_them() {
    let library = Library::with(&[("tells", "function(...) cat('loaded by', Sys.getpid(), '\\n')")]);
    let script = format!(
        "{IS_FORK}writeLines(paste('before', isNamespaceLoaded('tells')))\nlibrary(tells)\ncat('from', where(), '\\n')\n"
    );
    let from = format!("from {}", library.path().canonicalize().expect("a path").display());

    let by_profile = project(&script);
    by_profile.write(".Rprofile", format!("cat('profile\\n'); .libPaths('{}')\n", library.path().display()));
    run(&by_profile).succeeds().never_says("plain Rscript");
    let text = by_profile.kptn(&["output", "each"]).stdout;
    assert_eq!(text.matches("fork TRUE\nbefore TRUE").count(), 3, "{text}");
    assert_eq!((text.matches(&from).count(), text.matches("profile\n").count()), (3, 3), "{text}");

    // What the script itself says about its library comes too late for a session: it loads nothing then.
    let by_script = project(
        &script
            .replace("library(tells)", &format!(".libPaths('{}')\nlibrary(tells)", library.path().display())),
    );
    run(&by_script).succeeds().never_says("plain Rscript");
    let text = by_script.kptn(&["output", "each"]).stdout;
    assert_eq!(text.matches("fork TRUE\nbefore FALSE").count(), 3, "{text}");
    assert_eq!(text.matches(&from).count(), 3, "{text}");

    let chosen = project(&script).with_env("R_LIBS", &library.path().display().to_string());
    chosen.edit("kptn.yaml", "graphs:", "settings: {r_preload: false}\ngraphs:");
    run(&chosen).succeeds().never_says("plain Rscript");
    assert_eq!(printed(&chosen, "each").matches("fork TRUE\nbefore FALSE").count(), 3);
}

#[test]
fn a_denied_package_is_loaded_by_the_fork_alone() {
    let library = Library::with(&[("arrow", "function(...) NULL"), ("opens", "function(...) NULL")]);
    let tells = "writeLines(paste('before', isNamespaceLoaded('arrow'), isNamespaceLoaded('opens')))\n";
    let script = format!("{IS_FORK}{tells}library(arrow)\nx <- opens::where()\n");
    let project = project(&script).with_env("R_LIBS", &library.path().display().to_string());
    run(&project).succeeds().never_says("plain Rscript");
    assert_eq!(printed(&project, "each").matches("fork TRUE\nbefore FALSE TRUE").count(), 3);
}

#[test]
fn a_session_with_a_second_thread_does_not_fork() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (source, object) = (folder.path().join("thread.c"), folder.path().join("thread.so"));
    let code = "#include <pthread.h>\n#include <unistd.h>\nstatic void *sleeps(void *x) { for (;;) pause(); return x; }\n\
                __attribute__((constructor)) static void begin(void) { pthread_t t; pthread_create(&t, 0, sleeps, 0); }\n";
    fs::write(&source, code).expect("a file");
    let compiled = std::process::Command::new("cc")
        .args(["-shared", "-fPIC", "-pthread", "-o"])
        .args([&object, &source])
        .status()
        .expect("cc");
    assert!(compiled.success());
    let on_load = format!("function(...) dyn.load('{}')", object.display());
    let library = Library::with(&[("threaded", &on_load)]);
    let project = project(&format!("{IS_FORK}library(threaded)\n"))
        .with_env("R_LIBS", &library.path().display().to_string());
    let output = run(&project).succeeds().says("has 2 threads");
    assert_eq!(output.stderr.matches("items run as plain Rscript").count(), 1, "{}", output.whole());
    assert_eq!(printed(&project, "each").matches("fork FALSE").count(), 3);
}

#[test]
fn only_the_item_that_failed_runs_again() {
    let project = project(&format!("{IS_FORK}if (Sys.getenv('STATE') == 'VA') stop('no data')\n"));
    run(&project).exits(1).says("VA: Error: no data").says("1 of 3 items failed");
    // What it printed, and no other item.
    let own = project.kptn(&["output", "each[VA]"]).succeeds().stdout;
    assert_eq!((own.matches("fork TRUE").count(), own.matches("no data").count()), (1, 1), "{own}");
    project.edit("each.R", "stop('no data')", "cat('mended\\n')");
    project.kptn(&["retry"]).succeeds().never_says("plain Rscript");
    // The code changed for all three; `retry` is about the one that failed.
    let logs =
        project.program("sh").args(["-c", "cat .git/kptn/runs/*/logs/each*.log"]).output().expect("sh");
    let logs = String::from_utf8_lossy(&logs.stdout).into_owned();
    assert_eq!(
        (logs.matches("fork TRUE").count(), logs.matches("fork TRUE\nmended").count()),
        (4, 1),
        "{logs}"
    );
}

#[test]
fn what_serve_started_ends_when_serve_alone_is_killed() {
    let project = project(WAITING);
    let running = project.start(&["run"]);
    wait_until("an item runs", || project.outside("gate/ready").exists());
    let root = project.path("").canonicalize().expect("the project");
    for process in fs::read_dir("/proc").expect("Linux has it").flatten() {
        let words = fs::read(process.path().join("cmdline")).unwrap_or_default();
        let is_serve = String::from_utf8_lossy(&words).replace('\0', " ").contains("task serve");
        let is_ours = fs::read_link(process.path().join("cwd")).is_ok_and(|folder| folder.starts_with(&root));
        let id = process.file_name().to_str().and_then(|name| name.parse().ok());
        if let (true, true, Some(id)) = (is_serve, is_ours, id.and_then(rustix::process::Pid::from_raw)) {
            rustix::process::kill_process(id, Signal::KILL).expect("it can be killed");
        }
    }
    let (code, _, messages) = running.wait();
    assert_ne!(code, Some(0), "{messages}");
    wait_until("every R ended", || !is_r_running(&project));
}

#[test]
fn threads_of_libraries_are_the_users_affair() {
    let script = format!("{IS_FORK}cat('threads', Sys.getenv('OMP_NUM_THREADS', 'unset'), '\\n')\n");
    let silent = project(&script);
    run(&silent).succeeds().never_says("plain Rscript");
    assert_eq!(printed(&silent, "each").matches("fork TRUE\nthreads unset").count(), 3);
    let asked = project(&script).with_env("OMP_NUM_THREADS", "3");
    run(&asked).succeeds();
    assert_eq!(printed(&asked, "each").matches("threads 3").count(), 3);
}

#[test]
fn an_item_that_takes_too_long_is_stopped_and_the_session_goes_on() {
    let project = project(&format!(
        "{IS_FORK}if (Sys.getenv('STATE') == 'SC') {{ system('sleep 300 &'); while (TRUE) sqrt(2) }}\n"
    ));
    project.edit("kptn.yaml", "map_over: STATE}", "map_over: STATE, timeout: 3s}");
    run(&project).exits(1).says("stopped after 3 s").never_says("plain Rscript");
    assert_eq!(printed(&project, "each").matches("fork TRUE").count(), 3);
    assert!(!is_r_running(&project));
}

#[test]
fn a_fork_that_sleeps_until_its_time_is_up_is_tried_once_alone() {
    let project = project(&format!("{IS_FORK}if (isNamespaceLoaded('parallel')) Sys.sleep(300)\n"));
    project.edit("kptn.yaml", "map_over: STATE}", "map_over: STATE, timeout: 5s}");
    project.edit("list.py", "['NC', 'SC', 'VA']", "['NC']");
    run(&project).succeeds().says("asleep in a fork of a warm R; tried once as plain Rscript");
    assert!(printed(&project, "each").ends_with("fork FALSE\n"));
}

#[test]
fn a_background_child_is_stopped_and_said() {
    let project = project(&format!("{IS_FORK}system('sleep 300 &')\n"));
    run(&project).succeeds().says("[NC] background child stopped").says("[VA] background child stopped");
    assert_eq!(printed(&project, "each").matches("fork TRUE").count(), 3);
}

/// An item that waits until it is killed, after it said that it is there.
const WAITING: &str = "invisible(file.create(file.path(Sys.getenv('GATE'), 'ready')))\nSys.sleep(300)\n";

#[test]
fn ctrl_c_leaves_no_session_and_no_fork() {
    let project = project(WAITING);
    let running = project.start(&["run"]);
    wait_until("an item runs", || project.outside("gate/ready").exists());
    assert!(is_r_running(&project));
    running.signal_group(Signal::INT);
    let (code, _, messages) = running.wait();
    assert_ne!(code, Some(0), "{messages}");
    wait_until("every R ended", || !is_r_running(&project));
}

#[test]
fn a_killed_run_leaves_no_session_and_no_fork() {
    let project = project(WAITING);
    let running = project.start(&["run"]);
    wait_until("an item runs", || project.outside("gate/ready").exists());
    running.signal_group(Signal::KILL);
    drop(running.wait());
    wait_until("every R ended", || !is_r_running(&project));
}

#[test]
fn what_an_item_allocates_is_gone_for_the_next_one() {
    let script = "kib <- function(name) as.numeric(gsub('[^0-9]', '', grep(name, readLines('/proc/self/status'), value = TRUE)))\n\
                  cat('kib', kib('VmRSS'), '')\nx <- numeric(12e6); x[] <- 1\ncat(kib('VmRSS'), '\\n')\n";
    let project = project(script);
    run(&project).succeeds().never_says("plain Rscript");
    let text = printed(&project, "each");
    let numbers: Vec<Vec<f64>> = text
        .lines()
        .map(|line| line.split_whitespace().skip(1).map(|word| word.parse().expect("a number")).collect())
        .collect();
    let [first, _, last] = numbers.as_slice() else { panic!("{text}") };
    assert!(first[1] > first[0] + 80_000.0, "{text}");
    assert!(last[0] < first[0] + 20_000.0, "{text}");
}
