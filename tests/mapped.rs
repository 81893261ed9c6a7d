//! Mapped tasks, item by item: what reaches an item, what one item's change costs, and partial failure.

use crate::support::{Project, tasks_yaml};

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
