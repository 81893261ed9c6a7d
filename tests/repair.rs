//! `fsck --repair`: what is damaged goes aside, what lost something is stale, and the next run makes it whole.

use std::fs;

use crate::support::{Project, python_task, tasks_yaml};

fn project() -> Project {
    let project = Project::new()
        .yaml(&tasks_yaml(
            "A: , B: A",
            &["A: {outputs: [a.txt]}", "B: {outputs: [b.txt], cache_result: true}"],
        ))
        .file("A.py", python_task("A", "(output_dir / 'a.txt').write_text('one' * 20000)"))
        .file(
            "B.py",
            python_task(
                "B",
                "(output_dir / 'b.txt').write_text('two')\n    print('done')\n    return {'rows': 3}",
            ),
        );
    project.commit("two tasks");
    project.kptn(&["run"]).succeeds();
    project.trace();
    project
}

/// Changes bytes of a small object behind the store's back.
fn damage_small(project: &Project, digest: &str) {
    let small = rusqlite::Connection::open(project.path(".git/kptn/small.db")).expect("small.db");
    let sql = format!(
        "UPDATE objects SET bytes = CAST(bytes || X'00' AS BLOB) WHERE hex(digest) = '{}'",
        digest.to_uppercase()
    );
    assert_eq!(small.execute(&sql, []).expect("a statement"), 1, "{digest} is there");
}

/// Changes bytes of the only large object.
fn damage_large(project: &Project) {
    let script = "f=$(find .git/kptn/objects -type f | head -1); chmod u+w $f; printf x >> $f";
    assert!(project.program("sh").args(["-c", script]).status().expect("sh").success());
}

fn record_of(project: &Project, task: &str) -> String {
    let history = project.kptn(&["log", task, "--json"]).succeeds().json();
    history["records"][0]["record"].as_str().expect("a digest").to_owned()
}

fn snapshot_of_main(project: &Project) -> String {
    let state = rusqlite::Connection::open(project.path(".git/kptn/state.db")).expect("state.db");
    state.query_row("SELECT hex(snapshot) FROM branches", [], |row| row.get(0)).expect("a branch")
}

/// Asserts that a repair mends everything, that exactly `runs` run then, and that all is whole afterwards.
#[track_caller]
fn mends(project: &Project, runs: &str) {
    project.kptn(&["fsck"]).exits(1);
    project.kptn(&["fsck", "--repair"]).succeeds().prints("all whole now");
    project.kptn(&["run"]).succeeds();
    assert_eq!(project.ran(), runs);
    project.kptn(&["fsck"]).succeeds().prints("all whole");
    assert_eq!(project.not_fresh(), "");
    project.remove("scratch");
    project.kptn(&["restore"]).succeeds();
    assert_eq!(project.read_output("a.txt"), "one".repeat(20_000));
    project.kptn(&["gc", "--yes"]).succeeds();
}

fn set_aside(project: &Project) -> usize {
    fs::read_dir(project.path(".git/kptn/damaged")).map_or(0, Iterator::count)
}

#[test]
fn a_state_that_lost_a_file_to_damage_can_be_gone_back_to_and_its_task_is_stale() {
    let project = project();
    damage_large(&project);
    project.edit("A.py", "'one'", "'uno'");
    project.kptn(&["run"]).succeeds();
    project.remove("scratch");
    project.kptn(&["fsck", "--repair"]).succeeds();
    project.kptn(&["undo"]).succeeds();
    project.edit("A.py", "'uno'", "'one'");
    assert!(project.not_fresh().contains("A=stale"), "{}", project.not_fresh());
    project.trace();
    project.kptn(&["run"]).succeeds();
    project.kptn(&["fsck"]).succeeds();
    project.kptn(&["restore"]).succeeds();
    assert_eq!(project.read_output("a.txt"), "one".repeat(20_000));
}

#[test]
fn a_damaged_file_is_taken_back_from_the_output_folder_or_made_again() {
    let project = project();
    damage_large(&project);
    mends(&project, "");
    assert_eq!(set_aside(&project), 1);
    damage_large(&project);
    project.remove("scratch");
    mends(&project, "A");
    assert_eq!(set_aside(&project), 2, "what was set aside first is still there");
}

#[test]
fn a_damaged_record_makes_its_task_stale_as_an_operation() {
    let project = project();
    damage_small(&project, &record_of(&project, "B"));
    mends(&project, "B");
    let log = project.kptn(&["log"]).succeeds();
    log.prints("fsck repair");
}

#[test]
fn a_damaged_result_log_or_code_makes_its_task_stale() {
    for part in ["/result", "/log", "/code/0/source"] {
        let project = project();
        let record = record_of(&project, "B");
        let small = rusqlite::Connection::open(project.path(".git/kptn/small.db")).expect("small.db");
        let sql = format!("SELECT bytes FROM objects WHERE hex(digest) = '{}'", record.to_uppercase());
        let bytes: Vec<u8> = small.query_row(&sql, [], |row| row.get(0)).expect("the record");
        drop(small);
        let record: serde_json::Value = serde_json::from_slice(&bytes).expect("JSON");
        let Some(digest) = record.pointer(part).and_then(|digest| digest.as_str()) else {
            panic!("no {part} in {record}")
        };
        damage_small(&project, digest);
        mends(&project, "B");
    }
}

#[test]
fn a_branch_whose_state_cannot_be_read_goes_back_to_one_that_can() {
    let project = project();
    project.edit("B.py", "'two'", "'six'");
    project.kptn(&["run"]).succeeds();
    project.trace();
    damage_small(&project, &snapshot_of_main(&project));
    // B's second record is still found, by its fingerprint.
    mends(&project, "");
    assert_eq!(project.read_output("b.txt"), "six");
}

#[test]
fn a_branch_whose_only_state_cannot_be_read_has_none() {
    let project = project();
    damage_small(&project, &snapshot_of_main(&project));
    mends(&project, "");
}

#[test]
fn a_branch_on_which_a_run_goes_on_is_left_alone() {
    let project = project();
    let record = record_of(&project, "B");
    project
        .write("A.py", crate::support::gated_task("A", "(output_dir / 'a.txt').write_text('one' * 20000)"));
    let running = project.start(&["run"]);
    project.wait_for("A");
    damage_small(&project, &record);
    project.kptn(&["fsck", "--repair"]).exits(1).prints("is in use by `kptn run`");
    project.open_gate("A");
    running.wait();
    project.kptn(&["fsck", "--repair"]);
    project.kptn(&["run"]).succeeds();
    project.kptn(&["fsck"]).succeeds();
    assert_eq!(project.not_fresh(), "");
}

#[test]
fn two_tasks_that_own_one_file_are_named() {
    let project = project();
    let small = rusqlite::Connection::open(project.path(".git/kptn/small.db")).expect("small.db");
    let state = rusqlite::Connection::open(project.path(".git/kptn/state.db")).expect("state.db");
    let blob = |digest: &str| -> Vec<u8> {
        let sql = format!("SELECT bytes FROM objects WHERE hex(digest) = '{}'", digest.to_uppercase());
        small.query_row(&sql, [], |row| row.get(0)).expect("an object")
    };
    // A record of B that says it wrote A's file.
    let old = record_of(&project, "B");
    let text = String::from_utf8(blob(&old)).expect("JSON").replace("\"b.txt\"", "\"a.txt\"");
    let new = blake3::hash(text.as_bytes());
    small
        .execute(
            "INSERT INTO objects (digest, bytes) VALUES (?1, ?2)",
            (new.as_bytes().as_slice(), text.as_bytes()),
        )
        .expect("the record");
    let snapshot = String::from_utf8(blob(&snapshot_of_main(&project))).expect("JSON");
    let snapshot = snapshot.replace(&old, &new.to_hex());
    let digest = blake3::hash(snapshot.as_bytes());
    small
        .execute(
            "INSERT INTO objects (digest, bytes) VALUES (?1, ?2)",
            (digest.as_bytes().as_slice(), snapshot.as_bytes()),
        )
        .expect("the snapshot");
    state.execute("UPDATE branches SET snapshot = ?1", [digest.as_bytes().as_slice()]).expect("the branch");
    project.kptn(&["fsck"]).exits(1).prints("`a.txt` belongs to `A` and `B` on `main`");
}

#[cfg(feature = "failpoints")]
#[test]
fn a_repair_that_is_killed_is_gone_on_with() {
    for point in ["fsck.copied", "fsck.dropping"] {
        let project = project();
        damage_small(&project, &record_of(&project, "B"));
        let killed =
            project.kptn_with(&[("KPTN_FAILPOINT", &format!("{point}=kill"))], &["fsck", "--repair"]);
        assert_eq!(killed.code, None, "{point} was never hit: {}", killed.whole());
        mends(&project, "B");
    }
}
