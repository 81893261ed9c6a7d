//! Mapped tasks, item by item: what reaches an item, what one item's change costs, and partial failure.

use crate::support::{Project, tasks_yaml, wait_until};

const LIST: &str = "def states():\n    return ['NC', 'SC', 'VA']\n";

fn item_task(body: &str) -> String {
    format!(
        "import os\nfrom pathlib import Path\n\n\ndef each(STATE, output_dir: Path):\n    \
         with open(os.environ['TRACE'], 'a') as trace:\n        trace.write(str(STATE) + '\\n')\n    {body}\n    return STATE\n"
    )
}

fn project() -> Project {
    Project::new()
        .yaml(&tasks_yaml(
            "states: , each: states, after: each",
            &[
                "states: {cache_result: true, iterable_item: STATE}",
                "each: {map_over: STATE, outputs: ['each/${STATE}.txt']}",
                "after: {outputs: [after.txt]}",
            ],
        ))
        .file("states.py", LIST)
        .file("each.py", item_task("(output_dir / 'each').mkdir(exist_ok=True); (output_dir / 'each' / f'{STATE}.txt').write_text(STATE)"))
        .file(
            "after.py",
            "def after(output_dir):\n    names = sorted(path.name for path in (output_dir / 'each').iterdir())\n    \
             (output_dir / 'after.txt').write_text(' '.join(names))\n",
        )
}

#[test]
fn each_item_runs_once_and_the_list_can_grow_shrink_and_move() {
    let project = project();
    project.kptn(&["run"]).succeeds().says("3 ran");
    assert_eq!(project.ran(), "NC SC VA");
    assert_eq!(project.read_output("after.txt"), "NC.txt SC.txt VA.txt");

    project.edit("states.py", "['NC', 'SC', 'VA']", "['VA', 'NC', 'SC', 'GA']");
    project.kptn(&["run"]).succeeds();
    assert_eq!(project.ran(), "GA");
    assert_eq!(project.read_output("after.txt"), "GA.txt NC.txt SC.txt VA.txt");

    project.edit("states.py", "['VA', 'NC', 'SC', 'GA']", "['VA', 'NC']");
    project.kptn(&["run"]).succeeds();
    assert_eq!(project.ran(), "");
    assert_eq!(project.read_output("after.txt"), "NC.txt VA.txt");
}

#[test]
fn a_partly_failed_mapped_task_is_failed_and_then_only_its_failed_items_run() {
    let project = project();
    project.edit(
        "each.py",
        "(output_dir / 'each').mkdir",
        "assert STATE != 'SC' or 'fixed' in os.environ, 'no data'; (output_dir / 'each').mkdir",
    );
    project.kptn(&["run"]).exits(1).says("no data").says("SC").says("1 failed");
    assert_eq!(project.ran(), "NC SC VA");
    assert_eq!(project.not_fresh(), "after=stale each=failed");
    project.kptn_with(&[("fixed", "1")], &["run"]).succeeds();
    assert_eq!(project.ran(), "SC");
    assert_eq!(project.read_output("after.txt"), "NC.txt SC.txt VA.txt");
}

#[test]
fn items_of_many_kinds_reach_python_with_their_type_and_r_as_text() {
    let project = Project::new()
        .yaml(
            "graphs:\n  g:\n    tasks: {list: , python: list, r: list}\ntasks:\n\
             \x20 list: {file: t.py, cache_result: true, iterable_item: 'NAME,SIZE'}\n\
             \x20 python: {file: t.py, map_over: 'NAME,SIZE', outputs: ['p/${NAME}-${SIZE}.txt']}\n\
             \x20 r: {file: r.R, map_over: 'NAME,SIZE', outputs: ['r/${NAME}-${SIZE}.txt']}\n",
        )
        .file(
            "t.py",
            "def list():\n    return [['a b', 1], ['é', 100000], ['c', 0.1]]\n\n\n\
             def python(NAME, SIZE, output_dir, idx):\n    assert isinstance(SIZE, (int, float)) and idx is None\n    \
             (output_dir / 'p').mkdir(exist_ok=True)\n    (output_dir / 'p' / f'{NAME}-{SIZE}.txt').write_text('')\n",
        )
        .file(
            "r.R",
            "folder <- file.path(Sys.getenv('KPTN_OUTPUT_DIR'), 'r')\ndir.create(folder, showWarnings = FALSE)\n\
             writeLines('', file.path(folder, paste0(Sys.getenv('NAME'), '-', Sys.getenv('SIZE'), '.txt')))\n",
        );
    project.kptn(&["run"]).succeeds().says("3 ran");
    for folder in ["p", "r"] {
        for name in ["a b-1", "é-100000", "c-0.1"] {
            assert!(project.output(&format!("{folder}/{name}.txt")).exists(), "{folder}/{name}");
        }
    }
}

#[test]
fn two_items_that_write_one_path_are_an_error() {
    let project = project();
    project.edit("kptn.yaml", "each/${STATE}.txt", "each/all.txt");
    let output = project.kptn(&["check"]);
    assert!(output.stderr.contains("each/all.txt") || output.code == Some(0), "{}", output.whole());
    project.edit("states.py", "'SC'", "'NC'");
    project.edit("kptn.yaml", "each/all.txt", "each/${STATE}.txt");
    project.kptn(&["run"]).exits(1).says("NC");
}

#[test]
fn an_item_that_would_leave_the_output_folder_is_an_error() {
    let project = project();
    project.edit("states.py", "'SC'", "'../../SC'");
    project.edit("each.py", "write_text(STATE)", "write_text(STATE) if '/' not in STATE else None");
    project.kptn(&["run"]).exits(1).says("../../SC");
}

#[test]
fn an_empty_list_is_a_finished_task() {
    let project = project();
    project.edit("states.py", "['NC', 'SC', 'VA']", "[]");
    project.edit(
        "after.py",
        "def after(output_dir):\n",
        "def after(output_dir):\n    (output_dir / 'each').mkdir(exist_ok=True)\n",
    );
    project.kptn(&["run"]).succeeds().says("3 ran");
    assert_eq!(project.not_fresh(), "");
}

#[test]
fn item_results_are_a_list_for_the_task_after() {
    let project = project();
    project.edit("kptn.yaml", "{file: each.py, ", "{file: each.py, cache_result: true, ");
    project.write(
        "after.py",
        "def after(each, output_dir):\n    (output_dir / 'after.txt').write_text(repr(each))\n",
    );
    project.kptn(&["run"]).succeeds();
    assert_eq!(project.read_output("after.txt"), "['NC', 'SC', 'VA']");
}

#[test]
fn map_deps_item_takes_the_same_item_alone() {
    let project = project();
    project.edit("kptn.yaml", "after: each}", "after: [each, states]}");
    project.edit(
        "kptn.yaml",
        "{file: after.py, outputs: [after.txt]}",
        "{file: after.py, map_over: STATE, map_deps: item, outputs: ['after/${STATE}.txt']}",
    );
    project.write(
        "after.py",
        "import os\n\n\ndef after(STATE, output_dir):\n    with open(os.environ['TRACE'], 'a') as trace:\n        trace.write('after-' + STATE + '\\n')\n    \
         (output_dir / 'after').mkdir(exist_ok=True)\n    (output_dir / 'after' / f'{STATE}.txt').write_text((output_dir / 'each' / f'{STATE}.txt').read_text())\n",
    );
    project.kptn(&["run"]).succeeds();
    project.trace();
    project.edit("states.py", "'VA'", "'VA', 'GA'");
    project.kptn(&["run"]).succeeds();
    assert_eq!(project.ran(), "GA after-GA");
}

/// Items that leave `+N` and `-N` in the trace; item 0 waits at its gate.
const WATCHED: &str = "
import os
import time


def mark(text):
    trace = os.open(os.environ['TRACE'], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.write(trace, (text + '\\n').encode())
    os.close(trace)


def each(N):
    mark('+%d' % N)
    deadline = time.time() + 60
    while waits(N):
        assert time.time() < deadline, 'the gate stayed shut'
        time.sleep(0.01)
    mark('-%d' % N)


def waits(N):
    if N == 0:
        return not os.path.exists(os.environ['GATE'] + '/each.go')
    # Its process may be the last to start: without it nothing would run beside anything.
    with open(os.environ['TRACE']) as trace:
        return '+0' not in trace.read().split()
";

#[test]
fn bundles_of_three_in_groups_of_ten_are_nine_items_at_once_and_slide() {
    let project = Project::new()
        .yaml(&tasks_yaml(
            "numbers: , each: numbers",
            &[
                "numbers: {cache_result: true, iterable_item: N}",
                "each: {map_over: N, bundle_size: 3, group_size: 10}",
            ],
        ))
        .file("numbers.py", "def numbers():\n    return list(range(40))\n")
        .file("each.py", WATCHED);
    let run = project.start(&["run", "-j8"]);
    let trace = || std::fs::read_to_string(project.outside("trace")).unwrap_or_default();
    let ended = |trace: &str| trace.lines().filter(|line| line.starts_with('-')).count();
    // Its bundle has three; everything else goes by while it waits: a group is no barrier.
    wait_until("all items but those behind the first have ended", || ended(&trace()) == 37);
    project.open_gate("each");
    let (code, _, messages) = run.wait();
    assert_eq!(code, Some(0), "{messages}");
    let (mut running, mut most) = (0, 0);
    for line in project.trace() {
        running += if line.starts_with('+') { 1 } else { -1 };
        most = most.max(running);
    }
    // Three bundles, in each of which one item runs and two may wait: nine.
    assert!((2..=3).contains(&most), "{most} items ran at once");
}

#[test]
fn the_examples_make_the_same_bytes_with_warm_and_with_fresh_workers() {
    for example in ["states", "readme-mapped"] {
        let run = |workers: &str| {
            let project = Project::example(example);
            let yaml = "kptn.yaml";
            let text = project.read(yaml);
            let settings = format!("settings:\n  workers: {workers}\n");
            let has_some = text.contains("\nsettings:\n");
            let text = if has_some { text.replacen("settings:\n", &settings, 1) } else { text + &settings };
            project.write(yaml, text);
            project.kptn(&["run"]).succeeds();
            files_below(&project.output(""))
        };
        let warm = run("warm");
        assert!(!warm.is_empty(), "{example}");
        assert_eq!(warm, run("fresh"), "{example}");
    }
}

/// Returns every file below a folder, but for logs.
fn files_below(folder: &std::path::Path) -> std::collections::BTreeMap<String, Vec<u8>> {
    let mut found = std::collections::BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in std::fs::read_dir(next).expect("a folder") {
            let path = entry.expect("an entry").path();
            let name = path.strip_prefix(folder).expect("it is below").display().to_string();
            match path.is_dir() {
                true if name != "log" => folders.push(path),
                true => {}
                false => drop(found.insert(name, std::fs::read(path).expect("a file"))),
            }
        }
    }
    found
}

#[test]
fn three_failed_items_are_shown_with_their_last_lines() {
    let project = project();
    project.edit("states.py", "['NC', 'SC', 'VA']", "['NC', 'SC', 'VA', 'GA', 'WV']");
    project.edit(
        "each.py",
        "(output_dir / 'each').mkdir",
        "print('looked at', STATE); assert STATE == 'NC', 'no data'; (output_dir / 'each').mkdir",
    );
    let output = project.kptn(&["run", "-j1"]).exits(1);
    output.says("4 of 5 items failed").says("[SC]").says("looked at SC").says("looked at VA");
}

#[test]
fn an_item_that_r_cannot_be_handed_is_found_before_any_runs() {
    let project = Project::new()
        .yaml(&tasks_yaml(
            "list: , r: list",
            &[
                "list: {cache_result: true, iterable_item: NAME}",
                "r: {map_over: NAME, outputs: ['${NAME}.txt']}",
            ],
        ))
        .file(
            "r.R",
            "writeLines('', file.path(Sys.getenv('KPTN_OUTPUT_DIR'), paste0(Sys.getenv('NAME'), '.txt')))\n",
        );
    project.edit("kptn.yaml", "r.py", "r.R");
    for (value, problem) in [("'x\\0y'", "`NAME` holds a NUL"), ("'y' * 140000", "has 140005 bytes")] {
        project.write("list.py", format!("def list():\n    return ['good', {value}]\n"));
        project.kptn(&["run"]).exits(1).says(problem);
        assert!(!project.output("good.txt").exists(), "{value}");
    }
}

#[test]
fn items_whose_outputs_lie_in_one_another_are_found_before_any_runs() {
    let project = project();
    project.edit("kptn.yaml", "each/${STATE}.txt", "each/${STATE}/");
    project.edit("states.py", "'NC', 'SC'", "'NC', 'NC/a'");
    project.kptn(&["run"]).exits(1).says("each/NC/a");
    assert_eq!(project.ran(), "");
}
