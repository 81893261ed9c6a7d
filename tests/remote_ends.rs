//! Push and pull between two stores, through a folder.

use std::path::Path;

use kptn::model::{Digest, RemoteSettings};
use kptn::remote::{Fetched, RemoteError, Sent, Take};

use crate::support::Machine;

fn at(folder: &tempfile::TempDir) -> RemoteSettings {
    at_path(folder.path())
}

fn at_path(folder: &Path) -> RemoteSettings {
    RemoteSettings { url: format!("file://{}", folder.display()), ..RemoteSettings::default() }
}

fn files_below(folder: &Path) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        match entry.path() {
            path if path.is_dir() => found.extend(files_below(&path)),
            path => found.push(path),
        }
    }
    found.sort();
    found
}

fn bytes_of(size: usize, seed: u8) -> Vec<u8> {
    let mut bytes = vec![0; size];
    blake3::Hasher::new().update(&[seed]).finalize_xof().fill(&mut bytes);
    bytes
}

#[test]
fn what_one_machine_pushes_another_pulls_small_and_large() {
    let remote = tempfile::tempdir().unwrap();
    let (mut one, mut other) = (Machine::new(), Machine::new());
    let (noise, text) = (bytes_of(3 << 20, 1), b"state,value\nNC,1\n".repeat(200_000));
    let entries = vec![one.record("a", b"small"), one.record("b", &noise), one.record("c", &text)];
    let snapshot = one.snapshot(entries.clone());
    let pushed = one.push(&at(&remote), snapshot).unwrap();
    assert_eq!(pushed.sent.raw, pushed.sent.raw.max(noise.len() as u64 + text.len() as u64));
    assert!(pushed.sent.stored < noise.len() as u64 + 100_000, "{:?}", pushed.sent);

    let arrived = other.pull(&at(&remote), Take::State).unwrap();
    assert_eq!(arrived.snapshot.entries, entries);
    assert!(!other.store.has(&Digest::of(&noise)).unwrap());
    other.pull(&at(&remote), Take::All).unwrap();
    for bytes in [b"small".to_vec(), noise, text] {
        assert_eq!(other.store.load(&Digest::of(&bytes)).unwrap(), bytes);
    }
    let again = other.pull(&at(&remote), Take::All).unwrap();
    assert_eq!(again.fetched, Fetched::default());
}

#[test]
fn nothing_new_writes_nothing() {
    let remote = tempfile::tempdir().unwrap();
    let mut one = Machine::new();
    let snapshot = one.snapshot(vec![one.record("a", b"a")]);
    one.push(&at(&remote), snapshot).unwrap();
    let before = files_below(remote.path());
    let again = one.push(&at(&remote), snapshot).unwrap();
    assert_eq!((again.moved, again.sent), (None, Sent::default()));
    assert_eq!(files_below(remote.path()), before);
}

#[test]
fn different_tasks_merge_and_the_same_task_is_a_conflict_that_writes_nothing() {
    let remote = tempfile::tempdir().unwrap();
    let (mut one, mut other) = (Machine::new(), Machine::new());
    let (a, b) = (one.record("a", b"a1"), one.record("b", b"b1"));
    let first = one.snapshot(vec![a.clone(), b.clone()]);
    one.push(&at(&remote), first).unwrap();
    other.pull(&at(&remote), Take::All).unwrap();

    let a2 = one.record("a", b"a2");
    let second = one.snapshot(vec![a2.clone(), b.clone()]);
    one.push(&at(&remote), second).unwrap();
    let b2 = other.record("b", b"b2");
    let theirs = other.snapshot(vec![a.clone(), b2.clone()]);
    let merged = other.push(&at(&remote), theirs).unwrap();
    assert_eq!(merged.merged, 1);
    let now = one.pull(&at(&remote), Take::All).unwrap();
    assert_eq!(now.snapshot.entries, [a2, b2]);
    assert_eq!(now.snapshot.parents, [second, theirs]);

    let before = files_below(remote.path());
    let mine = other.snapshot(vec![other.record("a", b"a3"), b]);
    other.seen = Some(first);
    let refused = other.push(&at(&remote), mine);
    assert!(matches!(&refused, Err(RemoteError::Conflict { tasks, .. }) if tasks[0].task.as_str() == "a"));
    assert_eq!(files_below(remote.path()), before);
}

#[test]
fn a_damaged_or_hostile_remote_is_an_error_and_puts_nothing() {
    let remote = tempfile::tempdir().unwrap();
    let mut one = Machine::new();
    let large = bytes_of(2 << 20, 7);
    let snapshot = one.snapshot(vec![one.record("a", b"small"), one.record("b", &large)]);
    one.push(&at(&remote), snapshot).unwrap();
    for path in files_below(remote.path()) {
        if path.to_string_lossy().contains("history") || path.to_string_lossy().contains("locks") {
            continue;
        }
        let whole = std::fs::read(&path).unwrap();
        let flipped: Vec<u8> = whole
            .iter()
            .enumerate()
            .map(|(at, byte)| if at == whole.len() / 3 { !byte } else { *byte })
            .collect();
        for wrong in [whole[..whole.len() / 2].to_vec(), flipped, Vec::new()] {
            std::fs::write(&path, &wrong).unwrap();
            let mut other = Machine::new();
            let pulled = other.pull(&at(&remote), Take::All);
            // The tail of a pack is not read where the index is whole.
            if let Ok(arrived) = &pulled {
                assert_eq!(arrived.tip.snapshot, snapshot, "{}", path.display());
            }
            assert!(other.store.check_objects().unwrap().damaged.is_empty());
            if pulled.is_ok() {
                assert_eq!(other.store.load(&Digest::of(&large)).unwrap(), large);
            }
        }
        std::fs::write(&path, whole).unwrap();
    }
    Machine::new().pull(&at(&remote), Take::All).unwrap();
}

#[test]
fn a_push_that_was_cut_goes_on_with_what_is_left() {
    let remote = tempfile::tempdir().unwrap();
    let mut one = Machine::new();
    let first = one.snapshot(vec![one.record("a", &bytes_of(2 << 20, 1))]);
    one.push(&at(&remote), first).unwrap();
    // As a push leaves it that ended before the ref moved.
    let refs = files_below(&remote.path().join("refs"));
    let ref_before = std::fs::read(&refs[0]).unwrap();
    let second = one.snapshot(vec![one.record("a", &bytes_of(2 << 20, 2)), one.record("b", b"b")]);
    one.push(&at(&remote), second).unwrap();
    std::fs::write(&refs[0], ref_before).unwrap();
    one.seen = Some(first);
    let again = one.push(&at(&remote), second).unwrap();
    assert_eq!(again.sent, Sent::default());
    assert_eq!(Machine::new().pull(&at(&remote), Take::All).unwrap().tip.snapshot, second);
}

#[test]
fn many_small_files_are_few_keys() {
    let remote = tempfile::tempdir().unwrap();
    let mut one = Machine::new();
    let entries = (0..300).map(|n| one.record(&format!("t{n:03}"), &bytes_of(2048, n as u8))).collect();
    let snapshot = one.snapshot(entries);
    one.push(&at(&remote), snapshot).unwrap();
    let is_lock = |path: &std::path::PathBuf| path.starts_with(remote.path().join("locks"));
    let files: Vec<_> = files_below(remote.path()).into_iter().filter(|path| !is_lock(path)).collect();
    // One pack, one part of the index and its head, the branch and its history, `kptn.json`.
    assert_eq!(files.len(), 6, "{files:?}");
}

#[test]
fn pushers_at_the_same_time_all_get_through() {
    let remote = tempfile::tempdir().unwrap();
    let path = remote.path().to_owned();
    let threads: Vec<_> = (0..6)
        .map(|n| {
            let path = path.clone();
            std::thread::spawn(move || {
                let mut one = Machine::new();
                let snapshot = one.snapshot(vec![one.record(&format!("t{n}"), &[n])]);
                one.push(&at_path(&path), snapshot).unwrap();
            })
        })
        .collect();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    let arrived = Machine::new().pull(&at_path(&path), Take::All).unwrap();
    assert_eq!(arrived.snapshot.entries.len(), 6);
}

#[test]
fn what_is_no_remote_says_so() {
    let remote = tempfile::tempdir().unwrap();
    let mut one = Machine::new();
    assert!(matches!(one.pull(&at(&remote), Take::All), Err(RemoteError::NotOurs { .. })));
    let snapshot = one.snapshot(vec![one.record("a", b"a")]);
    one.push(&at(&remote), snapshot).unwrap();
    std::fs::write(remote.path().join("kptn.json"), r#"{"format":9,"min_reader":9,"min_writer":9}"#).unwrap();
    assert!(matches!(one.pull(&at(&remote), Take::All), Err(RemoteError::NewerFormat { found: 9, .. })));
    assert!(matches!(one.push(&at(&remote), snapshot), Err(RemoteError::NewerFormat { .. })));
}
