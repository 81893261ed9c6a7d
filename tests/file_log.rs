//! `kptn log PATH`: which task, run and commit made a file.

use crate::support::{Project, python_task};

/// `A` makes a file in a folder, `list` two items, `each` a file for each; the second item is added by `grow`.
fn project() -> Project {
    let project = Project::new()
        .yaml(
            "graphs:\n  g:\n    tasks: {A: , list: , each: list}\ntasks:\n  A: {file: A.py, outputs: [deep/a.txt]}\n  \
             list: {file: list.py, cache_result: true, iterable_item: X}\n  \
             each: {file: each.py, map_over: X, outputs: ['each/${X}.txt']}\n",
        )
        .file("A.py", python_task("A", "(output_dir / 'deep/a.txt').write_text('one')"))
        .file("list.py", "def list():\n    return ['x']\n")
        .file(
            "each.py",
            "def each(X, output_dir):\n    (output_dir / 'each' / f'{X}.txt').write_text(X)\n",
        );
    project.commit("project");
    project.kptn(&["run"]).succeeds();
    project
}

fn head(project: &Project) -> String {
    project.git(&["rev-parse", "HEAD"]).trim().to_owned()
}

#[test]
fn a_file_leads_to_its_task_item_run_and_commit() {
    let project = project();
    let first = head(&project);
    let report = project.kptn(&["log", "scratch/main/deep/a.txt", "--json"]).succeeds().json();
    assert_eq!(report["state"], "as_made");
    assert_eq!((&report["path"], &report["branch"]), (&"deep/a.txt".into(), &"main".into()));
    let made = &report["made_by"];
    assert_eq!((&made["task"], &made["graph"], &made["item"]), (&"A".into(), &"g".into(), &().into()));
    assert_eq!((&made["commit"], &made["dirty"]), (&first.clone().into(), &false.into()));
    let operation = &project.kptn(&["log", "--json"]).succeeds().json()["entries"][0];
    assert_eq!(made["run"], operation["run"]);
    let of_task = project.kptn(&["log", "A", "--json"]).succeeds().json();
    assert_eq!(of_task["records"][0]["record"], made["record"]);

    // An item keeps the run and commit that made it, though another run recorded the task since.
    project.edit("list.py", "['x']", "['x', 'y']");
    project.commit("another item");
    project.kptn(&["run"]).succeeds();
    let made = |file: &str| {
        let report = project.kptn(&["log", file, "--json"]).succeeds().json();
        (
            report["made_by"]["item"].clone(),
            report["made_by"]["commit"].clone(),
            report["made_by"]["run"].clone(),
        )
    };
    let (x, y) = (made("scratch/main/each/x.txt"), made("scratch/main/each/y.txt"));
    assert_eq!((x.0, x.1, x.2), ("x".into(), first.into(), operation["run"].clone()));
    assert_eq!((y.0, y.1), ("y".into(), head(&project).into()));
    project
        .kptn(&["log", "scratch/main/each/y.txt"])
        .succeeds()
        .prints("each[y] of g")
        .prints("as it was made");
}

#[test]
fn a_path_is_relative_to_the_folder_absolute_or_as_the_task_declares_it() {
    let project = project();
    let absolute = project.output("deep/a.txt").display().to_string();
    for (folder, path) in [
        (".", "scratch/main/deep/a.txt"),
        (".", "./scratch/../scratch/main/deep/a.txt"),
        ("scratch/main/deep", "a.txt"),
        (".", absolute.as_str()),
        (".", "deep/a.txt"),
    ] {
        project.kptn_in(folder, &["log", path]).succeeds().prints("A of g");
    }
    std::os::unix::fs::symlink(project.output(""), project.path("link")).expect("a link");
    project.kptn(&["log", "link/deep/a.txt"]).succeeds().prints("A of g");
}

#[test]
fn an_edit_an_absence_and_another_state_are_said() {
    let project = project();
    std::fs::write(project.output("deep/a.txt"), "mine").unwrap();
    project
        .kptn(&["log", "scratch/main/deep/a.txt"])
        .succeeds()
        .prints("edited since")
        .prints("kptn accept A");
    project.kptn(&["accept", "A", "-m", "a typo"]).succeeds();
    let accepted = project.kptn(&["log", "scratch/main/deep/a.txt"]).succeeds();
    accepted.prints("as it was made").prints("a typo");
    project.remove("scratch/main/deep/a.txt");
    project.kptn(&["log", "scratch/main/deep/a.txt"]).succeeds().prints("not there").prints("kptn path A");
    // Bytes of an earlier state are those of its record.
    std::fs::write(project.output("deep/a.txt"), "one").unwrap();
    let earlier = project.kptn(&["log", "scratch/main/deep/a.txt"]).succeeds();
    earlier.prints("as it was made").prints("which this branch does not have now").never_says("a typo");
    // A file of another branch's output folder is looked for there.
    project.git(&["switch", "-qc", "dev"]);
    project.kptn(&["branch", "clone", "main"]).succeeds();
    let report = project.kptn(&["log", "scratch/main/each/x.txt", "--json"]).succeeds().json();
    assert_eq!((&report["branch"], &report["state"]), (&"main".into(), &"as_made".into()));
}

#[test]
fn a_name_of_a_task_is_the_task_and_what_nobody_made_is_an_error_with_a_way_on() {
    let project = project();
    std::fs::write(project.output("A"), "a file called like a task").unwrap();
    project.kptn_in("scratch/main", &["log", "A"]).succeeds().prints("made on");
    project.kptn_in("scratch/main", &["log", "./A"]).exits(2).says("no record has `A`").says("kptn accept");
    project
        .kptn(&["log", "scratch/main/none.txt"])
        .exits(2)
        .says("no record has `none.txt`")
        .says("kptn path TASK");
    project.kptn(&["log", "kptn.yaml"]).exits(2).says("in no output folder").says("scratch/main");
    project.kptn(&["log", "scratch/main/deep"]).exits(2).says("is a folder");
    project.kptn(&["log", "scratch/main"]).exits(2).says("is a folder");
    project.kptn(&["log", "AA"]).exits(2).says("did you mean `A`?");
    project.kptn(&["log", "scratch/main/deep/a.txt", "-g", "gg"]).exits(2).says("gg");
}
