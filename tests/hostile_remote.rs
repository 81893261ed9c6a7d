//! What a remote holds may be made by anyone who can write there: nothing of it leaves the output folder.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use kptn::model::{
    BranchName, Deferred, Record, RemoteSettings, SNAPSHOT_FORMAT, Snapshot, SnapshotEntry, UNFINISHED_FORMAT,
};
use kptn::remote::Take;

use crate::support::{Machine, Project, python_task, tasks_yaml};

/// A project whose remote is a folder, and that folder.
fn project() -> (tempfile::TempDir, Project) {
    let remote = tempfile::tempdir().expect("a folder");
    let yaml = tasks_yaml("a: , b: a", &["a: {outputs: ['*.txt']}", "b: {outputs: [b.csv]}"]);
    let project = Project::without_git()
        .yaml(&format!(
            "{yaml}\nremotes:\n  prod: {{url: 'file://{}', branch: main}}\n",
            remote.path().display()
        ))
        .file("a.py", python_task("a", "(output_dir / 'a.txt').write_text('a')"))
        .file("b.py", python_task("b", "(output_dir / 'b.csv').write_text('b')"));
    (remote, project)
}

fn settings(remote: &Path) -> RemoteSettings {
    RemoteSettings { url: format!("file://{}", remote.display()), ..RemoteSettings::default() }
}

/// Every file and link below a folder, but for the store and the output folder.
fn around(project: &Project) -> Vec<String> {
    fn walk(folder: &Path, found: &mut Vec<String>) {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.ends_with(".kptn") || path.ends_with("scratch") {
                continue;
            }
            if path.is_dir() && !path.is_symlink() {
                walk(&path, found);
            } else {
                found.push(path.display().to_string());
            }
        }
    }
    let mut found = Vec::new();
    walk(&project.outside(""), &mut found);
    found.sort();
    found
}

#[test]
fn a_path_that_leads_out_of_the_output_folder_is_refused_before_anything_is_written() {
    let outside = tempfile::tempdir().expect("a folder");
    let absolute = outside.path().join("x").display().to_string();
    let paths = [
        "../../escaped.txt",
        "sub/../../../escaped.txt",
        absolute.as_str(),
        "",
        ".",
        ".gitignore",
        ".kept/x",
        "a\0b",
    ];
    for path in paths {
        let (remote, project) = project();
        let mut machine = Machine::new();
        let files = vec![machine.file("a.txt", b"fine"), machine.file(path, b"hostile")];
        let snapshot = machine.snapshot(vec![machine.record_of("a", files)]);
        machine.push(&settings(remote.path()), snapshot).expect("pushed");
        let before = around(&project);
        let refused = project.kptn(&["pull", "prod"]).exits(4);
        refused.says("`a` at file://").says("nothing is taken of it");
        for words in [&["status"][..], &["restore"], &["cat", "a"], &["fsck"]] {
            assert!(project.kptn(words).code.is_some_and(|code| code < 70), "{path:?} {words:?}");
        }
        assert_eq!(around(&project), before, "{path:?}");
        assert!(!outside.path().join("x").exists());
        assert!(!project.path("scratch").join("default/a.txt").exists(), "nothing was taken of it");
        project.kptn(&["run"]).succeeds();
    }
}

#[test]
fn two_entries_on_one_path_and_a_file_that_is_also_a_folder_are_refused() {
    for (one, other) in [("a.txt", "a.txt"), ("a.txt", "a.txt/b"), ("x/y.txt", "x"), ("A.txt", "./A.txt")] {
        let (remote, project) = project();
        let mut machine = Machine::new();
        let files = vec![machine.file(one, b"one"), machine.file(other, b"other")];
        let snapshot = machine.snapshot(vec![machine.record_of("a", files)]);
        machine.push(&settings(remote.path()), snapshot).expect("pushed");
        project.kptn(&["pull", "prod"]).exits(4).says("`a`");
        project.kptn(&["run"]).succeeds();
        project.kptn(&["fsck"]).succeeds();
    }
}

#[test]
fn nothing_is_written_through_a_link_or_over_what_git_tracks() {
    let outside = tempfile::tempdir().expect("a folder");
    let (remote, project) = project();
    let mut machine = Machine::new();
    let snapshot = machine.snapshot(vec![
        machine.record_of("a", vec![machine.file("a.txt", b"fine"), machine.file("link/x.txt", b"hostile")]),
    ]);
    machine.push(&settings(remote.path()), snapshot).expect("pushed");
    project.kptn(&["pull", "prod"]).succeeds();
    fs::create_dir_all(project.path("scratch/default")).expect("a folder");
    std::os::unix::fs::symlink(outside.path(), project.path("scratch/default/link")).expect("a link");
    project.kptn(&["restore", "a"]).exits(1).says("link/x.txt");
    project.kptn(&["path", "a"]);
    assert_eq!(fs::read_dir(outside.path()).expect("read").count(), 0);
}

#[test]
fn a_size_that_is_a_lie_is_no_more_than_that() {
    let (remote, project) = project();
    let mut machine = Machine::new();
    let mut file = machine.file("a.txt", b"small");
    file.size = 10 << 30;
    let snapshot = machine.snapshot(vec![machine.record_of("a", vec![file])]);
    machine.push(&settings(remote.path()), snapshot).expect("pushed");
    project.kptn(&["pull", "prod"]).succeeds();
    project.kptn(&["restore", "a"]);
    assert_eq!(project.read("scratch/default/a.txt"), "small");
    project.kptn(&["run"]).succeeds();
    project.kptn(&["fsck"]).succeeds();
}

#[test]
fn names_from_there_are_shown_without_their_control_characters() {
    let (remote, project) = project();
    let mut machine = Machine::new();
    let file = machine.file("\u{1b}]0;owned\u{7}.txt", b"x");
    let snapshot = machine.snapshot(vec![machine.record_of("a", vec![file])]);
    machine.push(&settings(remote.path()), snapshot).expect("pushed");
    for words in [&["pull", "prod"][..], &["restore", "a"], &["status", "a"], &["path", "a"], &["diff"]] {
        let whole = project.kptn(words).whole();
        let path_is_data = words[0] == "path";
        assert!(path_is_data || !whole.contains('\u{1b}'), "{words:?}: {whole:?}");
    }
}

#[test]
fn what_is_parsed_is_never_larger_than_that_can_be() {
    let (remote, project) = project();
    let mut machine = Machine::new();
    let bomb = machine.store.put_bytes(&vec![b' '; 300 << 20]).expect("a large object");
    let snapshot = Snapshot::of(Vec::new(), vec![machine.record("a", b"fine")]);
    let snapshot = snapshot.beside(None, Some(bomb), BTreeSet::new());
    let snapshot = machine.store.put_json(&snapshot).expect("a snapshot");
    machine.store.flush().expect("on disk");
    machine.push(&settings(remote.path()), snapshot).expect("pushed");
    let mut fresh = Machine::new();
    let refused = fresh.pull(&settings(remote.path()), Take::All).expect_err("too large").to_string();
    assert!(refused.contains("at most 268435456 are read"), "{refused}");
    assert!(!fresh.store.has(&bomb).expect("a look"), "nothing of it came");
    project.kptn(&["pull", "prod"]).exits(4).says("at most 268435456 are read");
    // The same of a key: nobody reads half a gigabyte of JSON.
    let path = remote.path().join("index/head");
    fs::File::options().write(true).open(&path).expect("the head").set_len(300 << 20).expect("longer");
    project.kptn(&["pull", "prod"]).exits(4).says("`index/head`").says("at most 268435456 are read");
}

#[test]
fn a_record_made_of_what_a_remote_has_keeps_older_programs_away() {
    let (remote, _project) = project();
    let (settings, mut machine) = (settings(remote.path()), Machine::new());
    let format = || fs::read_to_string(remote.path().join("kptn.json")).expect("a format");
    let entry = machine.record("a", b"fine");
    let snapshot = machine.snapshot(vec![entry.clone()]);
    machine.push(&settings, snapshot).expect("pushed");
    assert_eq!(format(), r#"{"format":2,"min_reader":2,"min_writer":2}"#);
    let mut record: Record = machine.store.load_json(&entry.record).expect("the record");
    record.deferred.push(Deferred {
        task: record.task.clone(),
        remote: "prod".to_owned(),
        branch: BranchName::parse("main").expect("a branch"),
        record: entry.record,
    });
    let entry = SnapshotEntry { record: machine.store.put_json(&record).expect("a record"), ..entry };
    let snapshot = machine.snapshot(vec![entry]);
    machine.push(&settings, snapshot).expect("pushed");
    assert_eq!(format(), r#"{"format":4,"min_reader":4,"min_writer":4}"#);
}

#[test]
fn a_newer_snapshot_or_what_it_names_is_refused_by_who_merges_and_who_pulls() {
    let (remote, project) = project();
    let remote = settings(remote.path());
    let mut newer = Machine::new();
    let open = format!(r#"{{"format":{},"tasks":[]}}"#, UNFINISHED_FORMAT + 1);
    let open = newer.store.put_bytes(open.as_bytes()).expect("an object");
    let snapshot = Snapshot::of(Vec::new(), vec![newer.record("a", b"fine")]);
    let mut snapshot = snapshot.beside(Some(open), None, BTreeSet::new());
    for format in [1, SNAPSHOT_FORMAT + 1] {
        snapshot.format = format;
        let digest = newer.store.put_json(&snapshot).expect("a snapshot");
        newer.store.flush().expect("on disk");
        newer.push(&remote, digest).expect("pushed");
        project.kptn(&["pull", "prod"]).exits(4).says("written by a newer kptn");
        let mut other = Machine::new();
        let mine = other.snapshot(vec![other.record("b", b"mine")]);
        let refused = other.push(&remote, mine).expect_err("a newer one").to_string();
        assert!(refused.contains("written by a newer kptn"), "{refused}");
    }
}
