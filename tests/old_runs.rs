//! `kptn gc` and what is no object: folders of runs, and damaged objects that were set aside.

use std::fs;

use crate::support::{Project, python_task, tasks_yaml};

const NOW: [&str; 4] = ["gc", "--yes", "--keep", "0d"];

/// Returns the names in a folder of the store, sorted.
fn names(project: &Project, folder: &str) -> Vec<String> {
    let entries = fs::read_dir(project.path(".git/kptn").join(folder)).into_iter().flatten().flatten();
    let mut names: Vec<_> = entries.map(|entry| entry.file_name().display().to_string()).collect();
    names.sort();
    names
}

fn two_runs() -> Project {
    let project = Project::new()
        .yaml(&tasks_yaml("A: ", &["A: {outputs: [A.txt]}"]))
        .file("A.py", python_task("A", "print('one'); (output_dir / 'A.txt').write_text('one')"));
    project.commit("one task");
    project.kptn(&["run"]).succeeds();
    project.edit("A.py", "print('one')", "print('two')");
    project.kptn(&["run"]).succeeds();
    project
}

#[test]
fn folders_of_old_runs_go_in_two_steps_and_come_back_with_undo() {
    let project = two_runs();
    let runs = names(&project, "runs");
    assert_eq!(runs.len(), 2);
    project.kptn(&["gc", "--yes"]).succeeds();
    assert_eq!(names(&project, "runs"), runs, "operations of late may want to tell of them");
    project.kptn(&["gc", "--keep", "0d"]).succeeds().prints("2 folders of old runs").prints("dry run");
    assert_eq!(names(&project, "runs"), runs);
    project.kptn(&NOW).succeeds().prints("2 folders of old runs");
    assert_eq!(names(&project, "runs"), [""; 0]);
    assert_eq!(names(&project, "trash/1/runs"), runs);
    project.kptn(&["output", "A"]).succeeds().prints("two");
    project.kptn(&["log"]).succeeds().prints("run g");
    project.kptn(&["undo"]).succeeds();
    assert_eq!(names(&project, "runs"), runs);
    // Put aside once more, and deleted when the grace time is over.
    project.kptn(&NOW).succeeds();
    project.kptn(&["gc", "--yes", "--keep", "0d", "--grace", "0d"]).succeeds();
    assert_eq!((names(&project, "runs"), names(&project, "trash/2")), (vec![], vec![]));
    assert_eq!(project.not_fresh(), "");
    project.kptn(&["fsck"]).succeeds();
}

#[test]
fn what_items_printed_and_what_failed_last_is_kept() {
    let tasks = ["A: {cache_result: true, iterable_item: n}", "B: {map_over: n, outputs: ['${n}.txt']}"];
    let item = "def B(n, output_dir):\n    print('item', n)\n    (output_dir / f'{n}.txt').write_text(n)\n";
    let project = Project::new()
        .yaml(&tasks_yaml("A: , B: A, C: ", &[tasks[0], tasks[1], "C: {outputs: [C.txt]}"]))
        .file("A.py", python_task("A", "return ['x', 'y']"))
        .file("B.py", item)
        .file("C.py", python_task("C", "(output_dir / 'C.txt').write_text('c')"));
    project.commit("items");
    project.kptn(&["run"]).succeeds();
    let of_items = names(&project, "runs");
    project.edit("C.py", "write_text('c')", "write_text('d')");
    project.kptn(&["run"]).succeeds();
    project.edit("C.py", "(output_dir / 'C.txt')", "print('no luck'); assert False; (output_dir / 'C.txt')");
    project.kptn(&["run"]).exits(1);
    let failed = names(&project, "runs").pop().expect("a run");
    project.kptn(&NOW).succeeds().prints("1 folder of an old run");
    let left = names(&project, "runs");
    assert_eq!(left, [of_items, vec![failed]].concat());
    project.kptn(&["output", "B[y]"]).succeeds().prints("item y");
    project.kptn(&["output", "C"]).succeeds().prints("no luck");
}

#[test]
fn damaged_objects_are_deleted_after_the_grace_time_and_never_before() {
    let project = two_runs();
    let big = "(output_dir / 'A.txt').write_text('big' * 20_000)";
    project.write("A.py", python_task("A", big));
    project.kptn(&["run"]).succeeds();
    let folder = project.path(".git/kptn/objects");
    let large = fs::read_dir(folder).into_iter().flatten().flatten().find_map(|part| {
        fs::read_dir(part.path()).into_iter().flatten().flatten().next().map(|entry| entry.path())
    });
    let large = large.expect("a large object");
    fs::remove_file(&large).expect("the object");
    fs::write(&large, "something else").expect("other bytes");
    // As old as can be: when it was damaged says nothing of when it was set aside.
    let mut touch = project.program("touch");
    touch.args(["-d", "2001-01-01"]).arg(&large);
    project.finish(touch, &[]).succeeds();
    project.kptn(&["fsck", "--repair"]).succeeds();
    assert_eq!(names(&project, "damaged").len(), 1);
    project.kptn(&["gc", "--yes"]).succeeds();
    project
        .kptn(&["gc", "--grace", "0d"])
        .succeeds()
        .prints("1 object (14 B) would be deleted that were set aside");
    assert_eq!(names(&project, "damaged").len(), 1);
    project
        .kptn(&["gc", "--yes", "--grace", "0d"])
        .succeeds()
        .prints("deleted that were set aside as damaged");
    assert_eq!(names(&project, "damaged").len(), 0);
    project.kptn(&["run"]).succeeds();
    project.kptn(&["fsck"]).succeeds();
}

#[cfg(feature = "failpoints")]
#[test]
fn a_collection_of_runs_that_is_killed_anywhere_is_undone_or_gone_on_with() {
    for point in ["gc.begun", "gc.moving", "gc.moved", "gc.closed"] {
        let project = two_runs();
        project.edit("A.py", "write_text('one')", "write_text('other')");
        project.kptn(&["run", "-f"]).succeeds();
        project.kptn(&["run", "-f", "--cache", "none"]).succeeds();
        let runs = names(&project, "runs");
        let killed = project.kptn_with(&[("KPTN_FAILPOINT", &format!("{point}=kill"))], &NOW);
        assert_eq!(killed.code, None, "{point} was not hit: {}", killed.whole());
        project.kptn(&["undo"]).succeeds().says("(gc, ");
        assert_eq!(names(&project, "runs"), runs, "{point}");
        for _ in 0..3 {
            project.kptn(&["gc", "--yes", "--keep", "0d", "--grace", "0d"]).succeeds();
        }
        assert_eq!((names(&project, "runs").len(), names(&project, "trash").len()), (0, 1), "{point}");
        assert_eq!(project.not_fresh(), "");
        project.kptn(&["fsck"]).succeeds();
    }
}
