//! `kptn run`: what runs, in which order, with which values; what is spared, refused, restored and reused.

use crate::support::{Project, python_task, tasks_yaml};

/// A -> B -> C and A -> D, each writing `<name>.txt`, each leaving its name in the trace.
fn diamond() -> Project {
    Project::new()
        .yaml(&tasks_yaml(
            "A: , B: A, C: [B], D: A",
            &[
                "A: {outputs: [A.txt]}",
                "B: {outputs: [B.txt], tags: [slow]}",
                "C: {outputs: [C.txt]}",
                "D: {outputs: [D.txt]}",
            ],
        ))
        .file("A.py", python_task("A", "(output_dir / 'A.txt').write_text('a')"))
        .file(
            "B.py",
            python_task("B", "(output_dir / 'B.txt').write_text((output_dir / 'A.txt').read_text() + 'b')"),
        )
        .file(
            "C.py",
            python_task("C", "(output_dir / 'C.txt').write_text((output_dir / 'B.txt').read_text() + 'c')"),
        )
        .file(
            "D.py",
            python_task("D", "(output_dir / 'D.txt').write_text((output_dir / 'A.txt').read_text() + 'd')"),
        )
}

#[test]
fn everything_runs_once_and_then_nothing() {
    let project = diamond();
    project.kptn(&["run"]).succeeds().says("4 ran");
    let trace = project.trace();
    let place = |name: &str| trace.iter().position(|word| word == name);
    assert!(place("A") < place("B") && place("B") < place("C") && place("A") < place("D"), "{trace:?}");
    assert_eq!(project.read_output("C.txt"), "abc");
    project.kptn(&["run"]).succeeds().says("4 fresh");
    assert_eq!(project.ran(), "");
}

#[test]
fn an_edit_runs_what_it_reaches_and_the_same_bytes_spare_the_rest() {
    let project = diamond();
    project.kptn(&["run"]).succeeds();
    project.trace();
    project.edit("B.py", "+ 'b'", "+ 'B'");
    project.kptn(&["run"]).succeeds().says("2 ran").says("2 fresh");
    assert_eq!(project.ran(), "B C");
    project.edit("A.py", "'a'", "'a' + ''");
    project.kptn(&["run"]).succeeds().says("1 ran").says("spared");
    assert_eq!(project.ran(), "A");
}

#[test]
fn a_run_says_how_outputs_compare_with_before() {
    let project = diamond();
    project.kptn(&["run"]).succeeds();
    project.edit("A.py", "'a'", "'a' + ''");
    project.edit("D.py", "+ 'd'", "+ 'dd'");
    project.kptn(&["run"]).succeeds().says("outputs unchanged").says("1 file changed").says("D.txt");
}

#[test]
fn a_subset_whose_dependencies_are_stale_is_refused_with_both_ways_on() {
    let project = diamond();
    project.kptn(&["run", "C"]).exits(2).says("A").says("B").says("+C").says("--no-deps");
    assert_eq!(project.ran(), "");
    project.kptn(&["run", "+C"]).succeeds().says("3 ran");
    assert_eq!(project.ran(), "A B C");
    project.edit("A.py", "'a'", "'A'");
    project.edit("C.py", "+ 'c'", "+ 'C'");
    project.kptn(&["run", "C", "--no-deps"]).succeeds().says("1 ran");
    assert_eq!(project.ran(), "C");
    assert_eq!(project.read_output("C.txt"), "abC");
}

#[test]
fn selectors_choose_what_runs() {
    let project = diamond();
    for (selectors, expected) in [
        (vec!["+B"], "A B"),
        (vec!["A+"], "A B C D"),
        (vec!["+B*", "+D"], "A B D"),
        (vec!["+C", "--exclude", "C"], "A B"),
        (vec!["A", "B"], "A B"),
    ] {
        let words = [vec!["run", "-f"], selectors.clone()].concat();
        project.kptn(&words).succeeds();
        assert_eq!(project.ran(), expected, "{selectors:?}");
    }
    project.kptn(&["run", "-f", "tag:slow"]).succeeds();
    assert_eq!(project.ran(), "B");
    project.kptn(&["run"]).succeeds();
    project.trace();
    project.edit("D.py", "+ 'd'", "+ 'D'");
    project.kptn(&["run", "state:stale"]).succeeds();
    assert_eq!(project.ran(), "D");
    project.kptn(&["run", "Dd"]).exits(2).says("Dd").says("`D`");
}

#[test]
fn a_dry_run_says_what_would_run_and_does_nothing() {
    let project = diamond();
    let output = project.kptn(&["run", "-n"]).succeeds();
    assert!((output.stdout + &output.stderr).contains('D'));
    assert_eq!(project.ran(), "");
    assert!(!project.exists("scratch") && !project.exists("flows"));
}

#[test]
fn force_runs_what_is_fresh() {
    let project = diamond();
    project.kptn(&["run"]).succeeds();
    project.trace();
    project.kptn(&["run", "-f", "D"]).succeeds().says("1 ran");
    assert_eq!(project.ran(), "D");
    project.kptn(&["run", "--force"]).succeeds().says("4 ran");
}

#[test]
fn a_failure_shows_the_traceback_and_the_log_and_stops_what_follows() {
    let project = diamond();
    project.edit(
        "B.py",
        "(output_dir / 'B.txt')",
        "raise ValueError('no such county'); (output_dir / 'B.txt')",
    );
    let output = project
        .kptn(&["run", "-j", "1"])
        .exits(1)
        .says("ValueError: no such county")
        .says("B.py")
        .says("1 failed");
    assert!(output.stderr.contains(".log"), "{}", output.whole());
    assert!(!project.ran().contains('C'));
    assert!(project.not_fresh().contains("B=failed"));
    project.kptn(&["output", "B"]).succeeds().prints("no such county");
    project.edit("B.py", "raise ValueError('no such county'); ", "");
    project.kptn(&["run"]).succeeds();
    assert_eq!(project.not_fresh(), "");
}

#[test]
fn keep_going_runs_what_does_not_depend_on_the_failure() {
    let project = diamond();
    project.edit("B.py", "(output_dir / 'B.txt')", "1 / 0; (output_dir / 'B.txt')");
    project.kptn(&["run", "-k"]).exits(1).says("2 ran").says("1 failed");
    assert_eq!(project.ran(), "A B D");
    project.kptn(&["retry"]).exits(1);
    assert_eq!(project.ran(), "B");
}

#[test]
fn an_error_in_r_is_shown_and_a_plain_stop_too() {
    let project = Project::new()
        .yaml("graphs:\n  g:\n    tasks: {A: , B: }\ntasks:\n  A: {file: a.R}\n  B: {file: b.R}\n")
        .file("a.R", "cat('before\\n')\nstop('bad county')\n")
        .file("b.R", "f <- function() undefined_thing + 1\nf()\n");
    project.kptn(&["run", "-k"]).exits(1).says("bad county").says("undefined_thing").says("2 failed");
}

#[test]
fn a_literal_output_that_was_not_written_is_an_error_that_names_what_was() {
    let project = Project::new()
        .yaml(&tasks_yaml("A: ", &["A: {outputs: [expected.csv]}"]))
        .file("A.py", python_task("A", "(output_dir / 'expectd.csv').write_text('x')"));
    project.kptn(&["run"]).exits(1).says("expected.csv").says("expectd.csv");
}

#[test]
fn a_glob_that_matches_nothing_is_a_warning() {
    let project = Project::new().yaml(&tasks_yaml("A: ", &["A: {outputs: ['*.parquet', 'folder/']}"])).file(
        "A.py",
        python_task(
            "A",
            "(output_dir / 'folder').mkdir(exist_ok=True); (output_dir / 'folder' / 'x').write_text('x')",
        ),
    );
    project.kptn(&["run"]).succeeds().says("*.parquet");
    assert_eq!(project.not_fresh(), "");
}

#[test]
fn values_reach_python_by_name() {
    let project = Project::new()
        .yaml(
            "graphs:\n  g:\n    config: {place: here}\n    tasks:\n      facts:\n      user: {deps: facts, args: {given: {ref: facts}, size: 4}}\n\
             tasks:\n  facts: {file: t.py, cache_result: true}\n  user: {file: t.py, args: {size: 3, word: yes please}}\n\
             config: {place: there, year: 2020}\n",
        )
        .file(
            "t.py",
            "from pathlib import Path\n\n\ndef facts():\n    return {'b': [1, 2.5, None], 'a': 'é'}\n\n\n\
             def user(given, size, word, place, year, output_dir, pipeline_config, other=5, **rest):\n\
             \x20   assert given == {'a': 'é', 'b': [1, 2.5, None]}, given\n\
             \x20   assert (size, word, place, year, other) == (4, 'yes please', 'here', 2020, 5)\n\
             \x20   assert isinstance(output_dir, Path) and output_dir.is_dir()\n\
             \x20   assert Path(pipeline_config.scratch_dir) == output_dir\n",
        );
    project.kptn(&["run"]).succeeds().says("2 ran");
}

#[test]
fn values_reach_r_as_environment() {
    let project = Project::new()
        .yaml(
            "graphs:\n  g:\n    tasks: {facts: , user: facts}\n\
             tasks:\n  facts: {file: t.py, cache_result: true}\n\
             \x20 user: {file: r/user.R, args: {DATA_YEAR: 2019}, cli_args: \"--name 'two words'\", prefix_args: EXTRA=1, env: {MODE: fast}}\n",
        )
        .file("t.py", "def facts():\n    return [1, 'x']\n")
        .file(
            "r/user.R",
            "out <- Sys.getenv('KPTN_OUTPUT_DIR')\n\
             stopifnot(dir.exists(out), Sys.getenv('OUTPUT_PIPELINE_DIR') == out, Sys.getenv('INPUT_PIPELINE_DIR') == out)\n\
             stopifnot(Sys.getenv('EXTERNAL_FILE_PATH') == file.path(out, 'externals'))\n\
             stopifnot(Sys.getenv('DATA_YEAR') == '2019', Sys.getenv('EXTRA') == '1', Sys.getenv('MODE') == 'fast')\n\
             stopifnot(Sys.getenv('KPTN_TASK') == 'user', Sys.getenv('KPTN_GRAPH') == 'g', Sys.getenv('KPTN_BRANCH') == 'main')\n\
             stopifnot(Sys.getenv('facts') == '[1,\"x\"]', file.exists(Sys.getenv('KPTN_INPUTS')))\n\
             stopifnot(Sys.getenv('USER_OWN') == 'passed on')\n\
             stopifnot(identical(commandArgs(TRUE), c('--name', 'two words')))\n\
             stopifnot(basename(getwd()) == 'r')\n",
        )
        .with_env("USER_OWN", "passed on");
    project.kptn(&["run"]).succeeds().says("2 ran");
}

#[test]
fn the_first_word_is_a_graph_if_one_has_that_name() {
    let project = Project::new()
        .yaml(
            "graphs:\n  one:\n    tasks: {A: , B: }\n  two:\n    tasks: {A: , C: }\n\
             tasks:\n  A: {file: A.py, outputs: [A.txt]}\n  B: {file: B.py}\n  C: {file: C.py}\n",
        )
        .file("A.py", python_task("A", "(output_dir / 'A.txt').write_text('a')"))
        .file("B.py", python_task("B", "pass"))
        .file("C.py", python_task("C", "pass"));
    project.kptn(&["run", "one"]).succeeds();
    assert_eq!(project.ran(), "A B");
    project.kptn(&["run", "A"]).exits(2).says("one").says("two").says("-g");
    project.kptn(&["run", "C"]).succeeds();
    assert_eq!(project.ran(), "C");
    // Graph `two` has never run A, but its fingerprint is known: nothing runs.
    project.kptn(&["run", "-g", "two"]).succeeds();
    assert_eq!(project.ran(), "");
}

#[test]
fn a_branch_starts_with_what_others_have_finished() {
    let project = diamond();
    project.commit("project");
    project.kptn(&["run"]).succeeds();
    project.trace();
    project.git(&["switch", "-q", "-c", "dev"]);
    project.kptn(&["run"]).succeeds();
    assert_eq!(project.ran(), "");
    project.edit("C.py", "+ 'c'", "+ 'C'");
    project.kptn(&["run"]).succeeds();
    assert_eq!(project.ran(), "C");
    assert_eq!(project.read("scratch/dev/C.txt"), "abC");
    assert_eq!(project.read_output("C.txt"), "abc");
}

#[test]
fn cache_false_is_never_taken_from_elsewhere() {
    let project = diamond();
    project.edit(
        "kptn.yaml",
        "{file: D.py, outputs: [D.txt]}",
        "{file: D.py, outputs: [D.txt], cache: false}",
    );
    project.commit("project");
    project.kptn(&["run"]).succeeds();
    project.trace();
    project.kptn(&["run"]).succeeds();
    assert_eq!(project.ran(), "", "its own record still counts on its own branch");
    project.git(&["switch", "-q", "-c", "dev"]);
    project.kptn(&["run"]).succeeds();
    assert_eq!(project.ran(), "D");
}

#[test]
fn refresh_always_runs_each_time() {
    let project = diamond();
    project.edit(
        "kptn.yaml",
        "{file: A.py, outputs: [A.txt]}",
        "{file: A.py, outputs: [A.txt], refresh: always}",
    );
    project.kptn(&["run"]).succeeds();
    project.trace();
    assert_eq!(project.not_fresh(), "A=stale B=maybe C=maybe D=maybe");
    project.kptn(&["run"]).succeeds().says("3 spared");
    assert_eq!(project.ran(), "A");
}

#[test]
fn retries_try_again_and_a_timeout_stops() {
    let project = Project::new()
        .yaml(&tasks_yaml("A: , B: ", &["A: {outputs: [A.txt], retries: 2}", "B: {timeout: 1s}"]))
        .file("A.py", python_task("A", "assert (output_dir / 'A.txt').write_text('a') and len(open(os.environ['TRACE']).readlines()) >= 3"))
        .file("B.py", "import time\n\n\ndef B():\n    time.sleep(600)\n");
    project.kptn(&["run", "A"]).succeeds();
    assert_eq!(project.trace().len(), 3);
    project.kptn(&["run", "B"]).exits(1).says("timeout");
}

#[test]
fn independent_tasks_run_at_the_same_time_as_far_as_allowed() {
    // Each waits for the other's mark: they end only if both run at once.
    let meet = |me: &str, other: &str| {
        python_task(
            me,
            &format!(
                "import time; (output_dir / '{me}.mark').write_text(''); start = time.time()\n    \
                 while not (output_dir / '{other}.mark').exists():\n        \
                 assert time.time() - start < LIMIT, 'alone'\n        time.sleep(0.01)"
            ),
        )
        .replace("LIMIT", "float(os.environ.get('LIMIT', '30'))")
    };
    let project = Project::new()
        .yaml(&tasks_yaml(
            "A: , B: ",
            &["A: {tags: [database], compute: {cpu: 256}}", "B: {tags: [database], compute: {cpu: 256}}"],
        ))
        .file("A.py", meet("A", "B"))
        .file("B.py", meet("B", "A"));
    project.kptn(&["run", "-j", "2"]).succeeds().says("2 ran");
    project.write("kptn.yaml", project.read("kptn.yaml") + "settings: {concurrency: {database: 1}}\n");
    project.remove("scratch");
    project.kptn_with(&[("LIMIT", "0.3")], &["run", "-f", "-j", "2", "-k"]).exits(1).says("alone");
    project.remove("scratch");
    project.kptn_with(&[("LIMIT", "0.3")], &["run", "-f", "-j", "1", "-k"]).exits(1).says("alone");
}

#[test]
fn a_task_larger_than_the_machine_runs_alone_with_a_warning() {
    let project = Project::new()
        .yaml(&tasks_yaml("A: ", &["A: {compute: {cpu: 1000 vCPU, memory: 100000 GB}}"]))
        .file("A.py", python_task("A", "pass"));
    project.kptn(&["run"]).succeeds().says("1 ran").says("A");
}

#[test]
fn verbose_streams_the_lines_of_tasks_with_their_names() {
    let project = diamond();
    project.edit(
        "B.py",
        "(output_dir / 'B.txt')",
        "print('reading counties', flush=True); (output_dir / 'B.txt')",
    );
    let output = project.kptn(&["run", "-v"]).succeeds();
    let line = output.stderr.lines().find(|line| line.contains("reading counties"));
    assert!(line.is_some_and(|line| line.contains('B')), "{}", output.whole());
    let quiet = project.kptn(&["run", "-f"]).succeeds();
    assert!(!quiet.stderr.contains("reading counties"));
}

#[test]
fn json_events_are_lines_on_stdout() {
    let project = diamond();
    let events = project.kptn(&["run", "--json"]).succeeds().json_lines();
    let kinds: Vec<_> = events.iter().filter_map(|event| event["event"].as_str()).collect();
    assert_eq!(kinds.first(), Some(&"run_started"), "{kinds:?}");
    assert_eq!(kinds.last(), Some(&"run_finished"), "{kinds:?}");
    assert_eq!(kinds.iter().filter(|kind| **kind == "task_finished").count(), 4, "{kinds:?}");
}

#[test]
fn a_result_that_does_not_survive_json_is_an_error() {
    for value in ["{1: 2}", "float('nan')", "b'x'", "object()"] {
        let project = Project::new()
            .yaml(&tasks_yaml("A: ", &["A: {cache_result: true}"]))
            .file("A.py", format!("def A():\n    return {value}\n"));
        project.kptn(&["run"]).exits(1).says("JSON").says("A");
    }
}

#[test]
fn files_of_the_last_record_are_removed_before_a_task_runs_again() {
    let project = Project::new()
        .yaml(&tasks_yaml("A: , B: A", &["A: {outputs: ['parts/*.txt']}", "B: {outputs: [B.txt]}"]))
        .file("A.py", python_task("A", "(output_dir / 'parts').mkdir(exist_ok=True); [(output_dir / 'parts' / f'{n}.txt').write_text('x') for n in range(3)]"))
        .file("B.py", python_task("B", "(output_dir / 'B.txt').write_text(str(len(list((output_dir / 'parts').glob('*.txt')))))"));
    project.kptn(&["run"]).succeeds();
    assert_eq!(project.read_output("B.txt"), "3");
    project.write("scratch/main/parts/mine.md", "not an output");
    project.edit("A.py", "range(3)", "range(2)");
    project.kptn(&["run"]).succeeds();
    assert_eq!(project.read_output("B.txt"), "2");
    assert_eq!(project.read_output("parts/mine.md"), "not an output");
}

#[test]
fn a_failed_attempt_puts_the_last_good_outputs_back() {
    let project = diamond();
    project.kptn(&["run"]).succeeds();
    project.edit(
        "A.py",
        "(output_dir / 'A.txt')",
        "(output_dir / 'A.txt').write_text('half'); 1 / 0; (output_dir / 'A.txt')",
    );
    project.kptn(&["run"]).exits(1);
    assert_eq!(project.read_output("A.txt"), "a");
}

#[test]
fn without_git_everything_works_in_a_folder_of_its_own() {
    let project = Project::without_git()
        .yaml(&tasks_yaml("A: ", &["A: {outputs: [A.txt]}"]))
        .file("A.py", python_task("A", "(output_dir / 'A.txt').write_text('a')"));
    project.kptn(&["run"]).succeeds().says("1 ran");
    assert_eq!(project.not_fresh(), "");
    assert!(project.exists(".kptn") && project.exists("scratch/default/A.txt"));
}

#[test]
fn without_rscript_nothing_starts_and_the_hint_says_what_to_do() {
    let project = Project::new()
        .yaml("graphs:\n  g:\n    tasks: {A: , B: A}\ntasks:\n  A: {file: A.py}\n  B: {file: b.R}\n")
        .file("A.py", python_task("A", "pass"))
        .file("b.R", "1\n");
    // A PATH with what the test needs, and no R.
    for program in ["git", "sh"] {
        let found =
            project.program("sh").args(["-c", &format!("command -v {program}")]).output().expect("sh");
        let found = String::from_utf8_lossy(&found.stdout).trim().to_owned();
        project.write(&format!("bin/{program}"), format!("#!/bin/sh\nexec {found} \"$@\"\n"));
    }
    project.write("bin/python3", format!("#!/bin/sh\nexec {} \"$@\"\n", crate::support::python().display()));
    project.program("sh").args(["-c", "chmod +x bin/*"]).status().expect("chmod");
    let path = project.path("bin").display().to_string();
    project.kptn_with(&[("PATH", &path)], &["run"]).exits(4).says("Rscript").says("settings.rscript");
    assert_eq!(project.ran(), "");
}

#[test]
fn the_store_is_where_the_environment_or_the_settings_say() {
    let project = diamond();
    let elsewhere = project.outside("store").display().to_string();
    project.kptn_with(&[("KPTN_STORE", &elsewhere)], &["run"]).succeeds();
    assert!(!project.exists(".git/kptn/objects") && project.outside("store/state.db").exists());
    project.write("kptn.yaml", project.read("kptn.yaml") + "settings: {store: ../store}\n");
    project.trace();
    project.kptn(&["run"]).succeeds();
    assert_eq!(project.ran(), "", "the same store by another way");
}
