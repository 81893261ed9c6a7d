//! Kills a real process at every fail point of the store and the state, and fills its disk there.
//!
//! Afterwards nothing may be damaged, what was recorded must be whole, and doing
//! the same again must end where an undisturbed process ends.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::*;
use crate::failpoint::FAILPOINTS;
use crate::model::{Digest, Fingerprint, GraphName, LinkMode, RunId, TaskName};
use crate::process::{Captured, Launch, run_captured};
use crate::store::is_temporary;

/// Where the other process is to work.
const ROOT: &str = "KPTN_TEST_FAULT_ROOT";

/// What a task leaves: a record that names a large output and a small one.
type Record = Vec<Digest>;

fn key() -> BranchKey {
    BranchKey { project: ProjectId::parse("/").unwrap(), branch: BranchName::parse("main").unwrap() }
}

fn graph() -> GraphName {
    GraphName::parse("g").unwrap()
}

fn task() -> TaskName {
    TaskName::parse("a").unwrap()
}

/// One run of one task: output taken in, recorded, given back, folded.
fn run_a_task(root: &Path) -> Result<(), StateError> {
    let store = Store::open(&root.join("store"))?;
    let state = State::open(&root.join("store"))?;
    let source = root.join("source");
    fs::write(&source, vec![7; 100_000]).unwrap();
    let record: Record = vec![store.put_file(&source)?.digest, store.put_bytes(b"small")?];
    let digest = store.put_json(&record)?;
    store.flush()?;
    let (key, run) = (key(), RunId::new(1, 1));
    if state.record_of(&key, &graph(), &task())?.is_none() {
        state.finish_task(&Finished {
            branch: &key,
            graph: &graph(),
            task: &task(),
            record: digest,
            fingerprint: Fingerprint(digest),
            outputs: digest,
            base: None,
            run: &run,
            indexing: Indexing::Yes,
            now_ms: 1,
        })?;
    }
    store.give(&record[0], &root.join("out"), false, LinkMode::Copy)?;
    if state.run(&run)?.is_none() {
        state.write(|transaction| {
            transaction.execute(
                "INSERT INTO runs VALUES (?1, '/', 'main', 'g', 'open', 1, NULL, NULL, 1, 'h')",
                [run.as_str()],
            )?;
            Ok(())
        })?;
    }
    let entry = LogEntry { verb: "run", at_ms: 1, ..LogEntry::default() };
    state.close_run(&store, &run, &RunCounts::default(), &entry)?;
    let copy = copy();
    if state.point(&copy)?.is_none() {
        let to = Target::WhatIsOn(&key);
        let wanted = Move { key: &copy, from: None, to, cloned_from: Some(&key.branch), promotes: None };
        state.move_branch(&wanted, &Protection::default(), &entry)?;
    }
    Ok(())
}

fn copy() -> BranchKey {
    BranchKey { branch: BranchName::parse("copy").unwrap(), ..key() }
}

/// Not a test of its own: what the tests below start as another process.
#[test]
fn another_process() {
    let Some(root) = std::env::var_os(ROOT) else { return };
    let root = PathBuf::from(root);
    if let Err(error) = run_a_task(&root) {
        println!("failed: {error}");
        run_a_task(&root).unwrap();
        println!("then done");
    }
}

fn start(root: &Path, failpoint: &str) -> Captured {
    let launch = Launch::new(std::env::current_exe().unwrap())
        .arguments(["--exact", "state::fault_tests::another_process", "--nocapture"])
        .variable(ROOT, root)
        .variable("KPTN_FAILPOINT", failpoint);
    run_captured(&launch, Duration::from_secs(60)).unwrap()
}

/// Everything that is recorded is whole, and nothing else is broken.
fn is_sound(root: &Path, name: &str) {
    let store = Store::open(&root.join("store")).unwrap();
    let state = State::open(&root.join("store")).unwrap();
    let report = store.check_objects().unwrap();
    assert_eq!((&report.damaged, &report.strangers), (&vec![], &vec![]), "{name}");
    let candidates = state.records(&key(), &graph()).unwrap().into_values();
    for record in candidates.chain(state.roots(None).unwrap().records.into_keys()) {
        for object in store.load_json::<Record>(&record).unwrap() {
            assert!(store.get(&object).unwrap().is_some(), "{name}");
        }
    }
    assert!(!root.join("out").exists() || fs::read(root.join("out")).unwrap() == vec![7; 100_000], "{name}");
}

/// The end is what an undisturbed process leaves.
fn is_done(root: &Path, name: &str) {
    is_sound(root, name);
    let state = State::open(&root.join("store")).unwrap();
    assert_eq!(state.operations(&key(), 9).unwrap().len(), 1, "{name}");
    assert_eq!(state.operations(&copy(), 9).unwrap().len(), 1, "{name}");
    assert_eq!(state.point(&copy()).unwrap(), state.point(&key()).unwrap(), "{name}");
    let run = state.run(&RunId::new(1, 1)).unwrap().unwrap();
    assert_eq!(run.state, RunState::Closed, "{name}");
    assert_eq!(fs::read(root.join("out")).unwrap(), vec![7; 100_000], "{name}");
    assert_eq!(fs::read_dir(root.join("store/tmp")).unwrap().count(), 0, "{name}");
}

fn ours() -> impl Iterator<Item = &'static str> {
    let names = FAILPOINTS.iter().map(|(name, _)| *name);
    names.filter(|name| name.starts_with("store.") || name.starts_with("state."))
}

#[test]
fn a_process_killed_anywhere_loses_nothing_that_was_recorded_and_the_next_one_ends_well() {
    for name in ours() {
        let folder = tempfile::tempdir().unwrap();
        let killed = start(folder.path(), &format!("{name}=kill"));
        assert_eq!(killed.ended.signal, Some(9), "{name} was not hit: {}", killed.text());
        is_sound(folder.path(), name);
        let next = start(folder.path(), "");
        assert!(next.ended.is_success(), "{name}: {} {}", next.text(), next.complaint());
        is_done(folder.path(), name);
    }
}

#[test]
fn a_disk_that_is_full_anywhere_is_said_and_once_there_is_room_the_same_process_goes_on() {
    for name in ours() {
        let folder = tempfile::tempdir().unwrap();
        let full = start(folder.path(), &format!("{name}:1=enospc"));
        let said = full.text();
        assert!(said.contains("failed: no space left on the disk to write `"), "{name}: {said}");
        assert!(full.ended.is_success() && said.contains("then done"), "{name}: {said} {}", full.complaint());
        is_done(folder.path(), name);
        let left = fs::read_dir(folder.path()).unwrap().flatten();
        assert!(!left.into_iter().any(|entry| is_temporary(&entry.file_name())), "{name}");
    }
}
