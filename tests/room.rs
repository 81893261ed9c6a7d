//! What takes room, and what may leave an output folder.

use crate::support::{Project, python_task, tasks_yaml};

fn project() -> Project {
    let project = Project::new()
        .yaml(&tasks_yaml("A: , B: A", &["A: {outputs: [in/a.txt]}", "B: {outputs: [b.txt]}"]))
        .file(
            "A.py",
            python_task(
                "A",
                "(output_dir / 'in').mkdir(exist_ok=True)\n    (output_dir / 'in/a.txt').write_text('one' * 20000)",
            ),
        )
        .file("B.py", python_task("B", "(output_dir / 'b.txt').write_text('two' * 10000)"));
    project.commit("two tasks");
    project.kptn(&["run"]).succeeds();
    project.trace();
    project
}

#[test]
fn du_tells_own_from_shared_by_branch_and_by_task() {
    let project = project();
    project.git(&["switch", "-qc", "dev"]);
    project.kptn(&["branch", "clone", "main"]).succeeds();
    project.edit("B.py", "'two'", "'six'");
    project.kptn(&["run"]).succeeds();
    let report = project.kptn(&["du", "--json"]).succeeds().json();
    let row = |list: &str, name: &str| {
        let rows = report[list].as_array().expect("rows");
        rows.iter().find(|row| row["name"] == name).unwrap_or_else(|| panic!("no {name} in {report}")).clone()
    };
    let bytes = |row: &serde_json::Value, of: &str| row[of].as_u64().expect("bytes");
    for branch in ["main", "dev"] {
        let row = row("branches", branch);
        assert!((60_000..70_000).contains(&bytes(&row, "shared_bytes")), "{row}");
        assert!((30_000..40_000).contains(&bytes(&row, "own_bytes")), "{row}");
    }
    assert_eq!(row("branches", "dev")["current"], true);
    let (a, b) = (row("tasks", "A"), row("tasks", "B"));
    assert!(bytes(&a, "own_bytes") == 0 && bytes(&a, "shared_bytes") > 60_000, "{a}");
    assert!(bytes(&b, "own_bytes") > 30_000 && bytes(&b, "shared_bytes") < 10_000, "{b}");
    assert_eq!(report["unneeded"]["objects"], 0);
    project.kptn(&["du", "main"]).succeeds().prints("tasks of main").prints("what branches have, each once");
    project.kptn(&["du", "mian"]).exits(2).says("did you mean `main`?");
}

#[test]
fn clean_removes_what_the_store_has_and_names_what_stays() {
    let project = project();
    project.write("scratch/main/mine/notes.md", "mine");
    project.write("scratch/main/b.txt", "edited");
    project.kptn(&["clean", "-n"]).succeeds().says("1 file (60 kB) would be removed");
    assert_eq!(project.read_output("in/a.txt").len(), 60_000);
    let cleaned = project.kptn(&["clean"]).succeeds();
    cleaned.says("stays b.txt: edited").says("stays mine/notes.md: unknown").says("1 file (60 kB) removed");
    assert!(!project.output("in").exists(), "a folder goes with the last file in it");
    assert_eq!(project.read_output("b.txt"), "edited");
    assert_eq!(project.read_output("mine/notes.md"), "mine");
    project.remove("scratch/main/b.txt");
    assert_eq!(project.not_fresh(), "");
    project.kptn(&["restore"]).succeeds();
    assert_eq!(project.read_output("in/a.txt").len(), 60_000);
    project.kptn(&["run"]).succeeds();
    assert_eq!(project.ran(), "");
}

#[test]
fn clean_of_another_branch_leaves_this_one_alone_and_never_follows_a_link() {
    let project = project();
    project.git(&["switch", "-qc", "dev"]);
    project.kptn(&["branch", "clone", "main"]).succeeds();
    project.kptn(&["restore"]).succeeds();
    project.kptn(&["clean", "main"]).succeeds().says("2 files (90 kB) removed");
    assert!(!project.exists("scratch/main/b.txt"));
    assert_eq!(project.read("scratch/dev/b.txt").len(), 30_000);
    // A link to the very bytes is not what was recorded.
    std::fs::rename(project.path("scratch/dev/b.txt"), project.outside("b.txt")).expect("a move");
    std::os::unix::fs::symlink(project.outside("b.txt"), project.path("scratch/dev/b.txt")).expect("a link");
    project.kptn(&["clean"]).succeeds().says("stays b.txt: edited").says("1 file (60 kB) removed");
    assert_eq!(std::fs::read(project.outside("b.txt")).expect("the file").len(), 30_000);
    project.kptn(&["clean", "mian"]).exits(2).says("did you mean `main`?");
}
