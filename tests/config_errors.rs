//! What a person can get wrong in `kptn.yaml`: each gives exit code 2, points at the place, says what to do,
//! and writes nothing.

use crate::support::{Output, Project};

const TASK: &str = "def A(output_dir):\n    pass\n\ndef B(output_dir):\n    pass\n";

/// Runs `kptn check` and `kptn run` on a `kptn.yaml`, and returns what `check` said.
#[track_caller]
fn refused(yaml: impl AsRef<[u8]>) -> Output {
    let project = Project::new().file("kptn.yaml", yaml).file("t.py", TASK);
    let before = listing(&project);
    let output = project.kptn(&["check"]).exits(2).never_says("panicked");
    project.kptn(&["run"]).exits(2).never_says("panicked");
    assert_eq!(listing(&project), before, "something was written");
    assert!(output.stdout.is_empty() || output.stdout.len() < 10_000);
    output
}

/// Lists everything in the working tree that git does not know.
fn listing(project: &Project) -> String {
    project.git(&["status", "--short", "--ignored"])
}

/// Returns a `kptn.yaml` with one graph `g`, and these tasks.
fn yaml(graph: &str, tasks: &str) -> String {
    format!("graphs:\n  g:\n    tasks:\n{graph}tasks:\n{tasks}")
}

#[test]
fn a_cycle_is_shown_as_a_path() {
    refused(yaml("      A: B\n      B: A\n", "  A: {file: 't.py:A'}\n  B: {file: 't.py:B'}\n"))
        .says("A -> B -> A");
}

#[test]
fn an_unknown_dependency_is_named_with_the_nearest_name() {
    refused(yaml("      clean:\n      B: clen\n", "  clean: {file: 't.py:A'}\n  B: {file: 't.py'}\n"))
        .says("kptn.yaml:5:")
        .says("clen")
        .says("`clean`");
}

#[test]
fn a_task_of_a_graph_that_is_not_defined_is_an_error() {
    refused(yaml("      A:\n      B:\n", "  A: {file: 't.py'}\n")).says("`B`").says("kptn.yaml:5:");
}

#[test]
fn a_duplicate_key_is_an_error_at_its_place() {
    refused(yaml("      A:\n", "  A: {file: 't.py'}\n  A: {file: 't.py'}\n")).says("kptn.yaml:7:").says("A");
}

#[test]
fn a_tab_is_an_error_at_its_place() {
    refused("graphs:\n\tg:\n    tasks:\n").says("kptn.yaml:2:").says("tab");
}

#[test]
fn no_as_a_us_state_stays_text_or_is_explained() {
    let project = Project::new()
        .yaml(&yaml("      A:\n", "  A:\n    file: t.py\n    args:\n      state: NO\n"))
        .file("t.py", "def A(state):\n    assert state == 'NO', repr(state)\n");
    project.kptn(&["run"]).succeeds();
}

#[test]
fn text_that_is_not_utf8_is_an_error() {
    refused(b"graphs:\n  g:\n    tasks:\n      caf\xe9:\n").says("UTF-8").says("kptn.yaml");
}

#[test]
fn an_empty_file_says_what_it_needs() {
    refused("").says("empty").says("kptn.yaml");
    refused("# nothing\n").says("empty");
}

#[test]
fn a_missing_script_lists_the_places_looked_at() {
    refused(yaml("      A:\n", "  A: {file: gone/run.R}\n")).says("gone/run.R").says("`A`");
}

#[test]
fn a_missing_function_is_named_with_the_nearest_name() {
    let project = Project::new()
        .yaml(&yaml("      clean:\n", "  clean: {file: t.py}\n"))
        .file("t.py", "def claen():\n    pass\n");
    project.kptn(&["check"]).exits(2).says("`clean`").says("claen");
    project.kptn(&["run"]).exits(2).says("`clean`").says("claen");
}

#[test]
fn a_wrong_type_says_what_was_found_and_what_is_wanted() {
    refused(yaml("      A:\n", "  A: {file: t.py, retries: many}\n")).says("kptn.yaml:6:").says("many");
    refused(yaml("      A:\n", "  A: {file: t.py, outputs: {a: b}}\n")).says("kptn.yaml:6:").says("outputs");
    refused("graphs: [g]\ntasks: {}\n").says("kptn.yaml:1:").says("graphs");
}

#[test]
fn an_unknown_field_is_named_with_the_nearest_name() {
    refused(yaml("      A:\n", "  A: {file: t.py, ouputs: [a]}\n"))
        .says("ouputs")
        .says("`outputs`")
        .says("kptn.yaml:6:");
    refused("graphs: {}\ntasks: {}\nsetings: {}\n").says("setings").says("`settings`");
}

#[test]
fn two_tasks_that_claim_one_output_are_both_named() {
    refused(yaml(
        "      A:\n      B:\n",
        "  A: {file: 't.py:A', outputs: [x.csv]}\n  B: {file: 't.py:B', outputs: [x.csv]}\n",
    ))
    .says("x.csv")
    .says("`A`")
    .says("`B`");
}

#[test]
fn an_output_that_leaves_its_folder_is_an_error() {
    for output in ["../x", "/x", "a/../../x"] {
        refused(yaml("      A:\n", &format!("  A: {{file: t.py, outputs: ['{output}']}}\n"))).says(output);
    }
}

#[test]
fn a_hundred_thousand_nested_brackets_are_an_error() {
    refused("graphs: ".to_owned() + &"[".repeat(100_000)).says("kptn.yaml");
    refused("graphs: ".to_owned() + &"{a: ".repeat(100_000)).says("kptn.yaml");
}

#[test]
fn an_alias_bomb_is_an_error() {
    let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..12 {
        let inner = format!("*a{}, ", level - 1).repeat(10);
        bomb += &format!("a{level}: &a{level} [{inner}]\n");
    }
    refused(bomb).says("kptn.yaml");
}

#[test]
fn a_file_of_ten_megabytes_is_read_or_refused_quickly() {
    let comment = "# ".to_owned() + &"x".repeat(100) + "\n";
    let large = yaml("      A:\n", "  A: {file: t.py}\n") + &comment.repeat(100_000);
    let project = Project::new().yaml(&large).file("t.py", TASK);
    project.kptn(&["check"]).succeeds();
    let words = yaml("      A:\n", &format!("  A: {{file: t.py, tags: [{}]}}\n", "word, ".repeat(2_000_000)));
    let project = Project::new().yaml(&words).file("t.py", TASK);
    let output = project.kptn(&["check"]).never_says("panicked");
    assert!(matches!(output.code, Some(0 | 2)), "{:?}", output.code);
}

#[test]
fn names_with_spaces_and_accents_work() {
    let project = Project::new()
        .yaml(&yaml(
            "      'état des lieux':\n      B: 'état des lieux'\n",
            "  'état des lieux': {file: 'dossier à part/run.py:lieux', outputs: ['sortie é.txt']}\n  B: {file: 't.py'}\n",
        ))
        .file("dossier à part/run.py", "def lieux(output_dir):\n    open(f'{output_dir}/sortie é.txt', 'w').write('oui')\n")
        .file("t.py", TASK);
    project.kptn(&["run"]).succeeds();
    assert_eq!(project.read_output("sortie é.txt"), "oui");
    assert_eq!(project.not_fresh(), "");
}

#[test]
fn every_error_is_shown_not_only_the_first() {
    refused(yaml("      A: [X, Y]\n", "  A: {file: t.py, ouputs: [a]}\n")).says("X").says("Y").says("ouputs");
}

#[test]
fn what_older_projects_may_not_use_is_refused_by_name() {
    refused(yaml("      A:\n", "  A: {file: q.sql}\n")).says(".sql");
    refused(yaml("      A:\n", "  A: {file: t.py, outputs: ['duckdb://x']}\n")).says("duckdb://");
    refused(yaml("      A:\n", "  A: {file: t.py, duckdb_checkpoint: true}\n")).says("duckdb_checkpoint");
    refused("profiles:\n  dev: {}\n").says("profiles");
}

#[test]
fn what_can_be_known_without_running_is_found_by_check() {
    let map = |maker: &str, user: &str| {
        yaml(
            "      A:\n      B: A\n",
            &format!("  A: {{file: 't.py:A', {maker}}}\n  B: {{file: 't.py:B', {user}}}\n"),
        )
    };
    refused(map("iterable_item: STATE", "map_over: STATE")).says("cache_result");
    refused(map("cache_result: true, iterable_item: STATE", "map_over: COUNTY")).says("COUNTY").says("STATE");

    let project = Project::new()
        .yaml(&yaml("      A:\n", "  A: {file: a.R, cache_result: true}\n"))
        .file("a.R", "x <- 1\n");
    project.kptn(&["check"]).exits(2).says("cache_result");
    let project = Project::new()
        .yaml(&yaml("      A:\n", "  A: {file: t.py}\n"))
        .file("t.py", "def A(nobody_supplies_this):\n    pass\n");
    project.kptn(&["check"]).exits(2).says("nobody_supplies_this");
    let project = Project::new()
        .yaml(&yaml("      A:\n", "  A: {file: a.R}\n"))
        .file("a.R", "f <- Sys.getenv('X')\nsource(f)\n");
    project.kptn(&["check"]).succeeds().says("source").says("a.R:2");
}

#[test]
fn without_a_project_the_message_says_how_to_begin() {
    Project::new().kptn(&["status"]).exits(2).says("kptn.yaml").says("kptn init");
}

#[test]
fn names_that_are_no_names_are_errors() {
    let long = "a".repeat(300);
    for name in ["''", "a/b", "'..'", "\"a\\nb\"", "\"a\\e[31mb\"", "~", long.as_str()] {
        let output = refused(yaml(&format!("      {name}:\n"), &format!("  {name}: {{file: 't.py:A'}}\n")));
        let output = output.says("kptn.yaml:4:7");
        assert!(!output.stderr.contains('\u{1b}'), "a terminal would obey: {:?}", output.stderr);
    }
}

#[test]
fn a_task_that_depends_on_itself_is_a_circle() {
    refused(yaml("      A: A\n", "  A: {file: 't.py:A'}\n")).says("A -> A");
}

#[test]
fn graphs_that_extend_each_other_or_nothing_are_errors() {
    let extending = |first: &str, second: &str| {
        format!(
            "graphs:\n  g: {{extends: {first}, tasks: {{A: }}}}\n  h: {{extends: {second}, tasks: {{A: }}}}\ntasks:\n  A: {{file: t.py}}\n"
        )
    };
    refused(extending("h", "g")).says("g -> h -> g");
    refused(extending("g", "g")).says("g -> g");
    refused(extending("hh", "hh")).says("`hh`").says("kptn.yaml:2:");
}

#[test]
fn what_yaml_has_and_kptn_does_not_is_an_error_at_its_place() {
    for (text, says) in [
        ("- a\n- b\n".to_owned(), "a list"),
        ("hello\n".to_owned(), "hello"),
        (yaml("      A:\n", "  A: *nowhere\n"), "anchor"),
        (yaml("      A:\n", "  A: !!python/object:os.system {file: t.py}\n"), "!!python/object:os.system"),
        (yaml("      A:\n", "  A: {file: t.py}\n") + "---\ngraphs: {}\n", "second document"),
        ("? [a, b]\n: c\n".to_owned() + &yaml("      A:\n", "  A: {file: t.py}\n"), "name"),
    ] {
        refused(text).says(says).says("kptn.yaml:");
    }
    refused(
        ("\u{feff}".to_owned() + &yaml("      A:\n", "  A: {file: t.py}\n"))
            .encode_utf16()
            .flat_map(u16::to_le_bytes)
            .collect::<Vec<_>>(),
    )
    .says("UTF-8");
}

#[test]
fn numbers_and_times_out_of_range_are_errors() {
    for field in [
        "retries: -1",
        "retries: 99999999999999999999",
        "timeout: soon",
        "timeout: -5s",
        "timeout: 0",
        "refresh: sometimes",
        "refresh: 99999999999999999d",
        "compute: {cpu: .nan}",
        "compute: {cpu: .inf}",
        "compute: {cpu: -1}",
        "compute: {memory: lots}",
        "bundle_size: 0",
    ] {
        refused(yaml("      A:\n", &format!("  A: {{file: t.py, {field}}}\n"))).says("kptn.yaml:6:");
    }
    refused(yaml("      A:\n", "  A: {file: t.py}\n") + "settings: {concurrency: {db: 0}}\n")
        .says("kptn.yaml:7:");
}

#[test]
fn outputs_that_are_none_are_errors() {
    for output in ["", ".", "./", "~/x", "C:/x", "a\\b", "https://x/y", "[a", "x[!", ".gitignore", ".kept/x"]
    {
        refused(yaml("      A:\n", &format!("  A: {{file: t.py, outputs: ['{output}']}}\n")))
            .says("kptn.yaml:6:");
    }
    let output = refused(yaml("      A:\n", "  A: {file: t.py, outputs: [\"a\\e[31m\\0b\"]}\n"));
    assert!(!output.stderr.contains(['\u{1b}', '\0']), "a terminal would obey: {:?}", output.stderr);
    refused(yaml("      A:\n", "  A: {file: t.py, outputs: ['${x']}\n")).says("`${`");
    refused(yaml(
        "      A:\n      B:\n",
        "  A: {file: 't.py:A', outputs: [d/]}\n  B: {file: 't.py:B', outputs: [d/x.csv]}\n",
    ))
    .says("`A`")
    .says("`B`");
}

#[test]
fn brackets_in_outputs_that_are_closed_are_patterns() {
    let project = Project::new()
        .yaml(&yaml("      A:\n", "  A: {file: t.py, outputs: ['[ab].txt', '[[]x].txt', '[]x].csv']}\n"))
        .file("t.py", "def A(output_dir):\n    (output_dir / 'a.txt').write_text('1')\n");
    project.kptn(&["check"]).succeeds();
    project.kptn(&["run"]).succeeds();
}

#[test]
fn a_folder_that_holds_the_project_is_not_kptns_to_fill() {
    for settings in [
        "outputs_dir: .",
        "outputs_dir: /",
        "outputs_dir: ..",
        "outputs_dir: a/../..",
        "outputs_dir: .git/x",
        "store: .",
        "store: ../",
    ] {
        refused(yaml("      A:\n", "  A: {file: t.py}\n") + &format!("settings: {{{settings}}}\n"))
            .says("kptn.yaml:7:")
            .says("a folder of its own");
    }
}

#[test]
fn environment_names_that_are_none_or_kptns_own_are_errors() {
    for field in [
        "env: {'A=B': x}",
        "env: {'': x}",
        "env: {KPTN_TASK: x}",
        "secret_env: ['A=B']",
        "secret_env: [KPTN_TASK]",
    ] {
        refused(yaml("      A:\n", &format!("  A: {{file: t.py, {field}}}\n"))).says("kptn.yaml:6:");
    }
}

#[test]
fn files_that_include_themselves_or_nothing_are_errors() {
    let including = |file: &str| {
        format!(
            "graphs:\n  g:\n    config: {{include: {file}}}\n    tasks: {{A: }}\ntasks:\n  A: {{file: t.py}}\n"
        )
    };
    refused(including("nope.yaml")).says("nope.yaml").says("kptn.yaml:3:");
    refused(including("kptn.yaml")).says("include itself");
}

#[test]
fn an_interpreter_that_is_named_and_not_there_is_named_in_the_error() {
    let project = Project::new()
        .yaml(&(yaml("      A:\n", "  A: {file: t.py}\n") + "settings: {python: ./no/such}\n"))
        .file("t.py", TASK);
    project.kptn(&["run"]).exits(4).says("settings.python").says("no/such");
}

#[test]
fn an_input_that_is_not_there_is_said_by_check_and_by_status() {
    let project = Project::new()
        .yaml(&yaml("      A:\n", "  A: {file: t.py, inputs: [gone.csv]}\n"))
        .file("t.py", TASK);
    project.kptn(&["check"]).succeeds().says("`A` will run every time: input `gone.csv` does not exist");
    project.kptn(&["status"]).succeeds().prints("input `gone.csv` does not exist");
}
