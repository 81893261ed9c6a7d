//! `renamed_from`: a task's records go with it to its new name.

use crate::support::{Project, python_task};

/// `A` makes a file; `items` a list; `each` maps over it; `last` reads files alone.
fn project() -> Project {
    let each = "import os\n\n\ndef each(X, output_dir):\n    with open(os.environ['TRACE'], 'a') as trace:\n        \
                trace.write(f'each-{X}\\n')\n    (output_dir / f'{X}.txt').write_text(X)\n";
    let project = Project::new()
        .yaml(
            "graphs:\n  g:\n    tasks: {A: , items: A, each: items, last: [A, each]}\ntasks:\n  \
             A: {file: 'A.py:A', outputs: [a.txt]}\n  \
             items: {file: 'items.py:items', cache_result: true, iterable_item: X}\n  \
             each: {file: 'each.py:each', map_over: X, outputs: ['${X}.txt']}\n  \
             last: {file: 'last.py:last', outputs: [last.txt]}\n",
        )
        .file("A.py", python_task("A", "(output_dir / 'a.txt').write_text('a')"))
        .file("items.py", "def items():\n    return ['x', 'y']\n")
        .file("each.py", each)
        .file("last.py", python_task("last", "(output_dir / 'last.txt').write_text('z')"));
    project.commit("project");
    project.kptn(&["run"]).succeeds();
    project.ran();
    project
}

fn rename(project: &Project) {
    project.edit(
        "kptn.yaml",
        "{A: , items: A, each: items, last: [A, each]}",
        "{B: , items: B, one: items, last: [B, one]}",
    );
    project.edit("kptn.yaml", "  A: {", "  B: {renamed_from: A, ");
    project.edit("kptn.yaml", "  each: {", "  one: {renamed_from: each, ");
}

#[test]
fn a_renamed_task_stays_fresh_with_its_files_items_and_past_and_what_depends_on_it_too() {
    let project = project();
    rename(&project);
    project.kptn(&["check"]).succeeds();
    assert_eq!(project.not_fresh(), "");
    project.kptn(&["plan"]).succeeds().prints("nothing to do");
    assert_eq!(project.kptn(&["cat", "B"]).succeeds().stdout, "a");
    assert_eq!(project.kptn(&["cat", "one[y]"]).succeeds().stdout, "y");
    project.remove("scratch/main/x.txt");
    project.kptn(&["restore"]).succeeds();
    assert_eq!(project.read_output("x.txt"), "x");
    project.kptn(&["log", "B"]).succeeds().prints("main");
    project.kptn(&["log"]).succeeds().never_says("rename");
    project.kptn(&["run"]).succeeds().never_says("in no graph any more");
    assert_eq!(project.ran(), "");
    // What is recorded next goes on from there: the records moved, and can be moved back.
    project.edit("last.py", "'z'", "'zz'");
    project.edit("items.py", "'y'", "'y', 'w'");
    project.kptn(&["run"]).succeeds();
    assert_eq!(project.ran(), "each-w last");
    project.kptn(&["log"]).succeeds().prints("rename B, one");
    assert_eq!(project.read_output("a.txt"), "a");
    project.kptn(&["log", "scratch/main/w.txt"]).succeeds().prints("one[w]");
    project.edit("each.py", "write_text(X)", "write_text(X * 2)");
    assert_eq!(project.not_fresh(), "last=maybe one=stale");
    project.kptn(&["fsck"]).succeeds();
}

#[test]
fn another_branch_finds_the_records_and_an_old_one_still_has_its_names() {
    let project = project();
    project.git(&["switch", "-qc", "renamed"]);
    rename(&project);
    project.commit("rename");
    project.kptn(&["run"]).succeeds();
    assert_eq!(project.ran(), "", "by fingerprint, from main");
    project.kptn(&["branch", "clone", "main", "--force"]).succeeds();
    assert_eq!(project.not_fresh(), "", "the clone has the old names");
    project.kptn(&["run"]).succeeds();
    project.commit("the runner");
    project.git(&["switch", "-q", "main"]);
    assert_eq!(project.not_fresh(), "");
    project.kptn(&["run"]).succeeds();
    assert_eq!(project.ran(), "");
}

#[test]
fn a_renamed_task_can_be_accepted_and_renamed_again() {
    let project = project();
    rename(&project);
    project.edit("A.py", "as trace", "as journal");
    project.edit("A.py", "trace.write", "journal.write");
    project.kptn(&["accept", "B", "-m", "a name"]).succeeds();
    assert_eq!(project.not_fresh(), "");
    project.kptn(&["status", "--json"]).succeeds().never_says("\"A\"");
    project.edit(
        "kptn.yaml",
        "{B: , items: B, one: items, last: [B, one]}",
        "{C: , items: C, one: items, last: [C, one]}",
    );
    project.edit("kptn.yaml", "  B: {renamed_from: A, ", "  C: {renamed_from: [A, B], ");
    assert_eq!(project.not_fresh(), "");
    project.kptn(&["run"]).succeeds();
    assert_eq!(project.ran(), "");
    // The line is what makes it the same task.
    project.edit("kptn.yaml", "renamed_from: [A, B], ", "");
    assert_ne!(project.not_fresh(), "");
}

#[test]
fn a_name_that_somebody_else_has_is_refused() {
    let project = project();
    project.edit("kptn.yaml", "  each: {", "  each: {renamed_from: A, ");
    project.kptn(&["check"]).exits(2).says("`each` is renamed from `A`, which is still a task");
    project.edit("kptn.yaml", "renamed_from: A", "renamed_from: old");
    project.edit("kptn.yaml", "  last: {", "  last: {renamed_from: [old], ");
    project.kptn(&["check"]).exits(2).says("are renamed from `old`");
    project.edit("kptn.yaml", "renamed_from: [old]", "renamed_from: [a/b]");
    project.kptn(&["check"]).exits(2).says("a/b");
}
