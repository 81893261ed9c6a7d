//! The memo against a disk that is written to by those who know its weaknesses.
//!
//! A wrong digest put into the memory tells whether an answer came from there;
//! writes within one tick of the clock, and with times put back, must be seen.

use std::fs::{self, File};

use super::*;
use crate::fingerprint::Plain;

struct Place {
    folder: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    fn memo(&self) -> LocalMemo {
        LocalMemo::open(&self.path("store"), self.folder.path())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        path
    }

    /// Waits until the file system's clock has moved on, so that stats of now can be trusted.
    fn settle(&self) {
        let path = self.write("settle", "");
        let changed = FileStat::from(&fs::metadata(&path).unwrap()).changed_ns;
        let clock = Clock::new(self.path("settle-clock"));
        while clock.later_than(changed).leaves_doubt(&FileStat::from(&fs::metadata(&path).unwrap())) {
            std::thread::yield_now();
        }
    }
}

fn digest(seen: Seen) -> Digest {
    match seen {
        Seen::File { digest, .. } => digest,
        other => panic!("not a file: {other:?}"),
    }
}

/// Puts a wrong digest in for a file, so that an answer tells where it came from.
fn poison(memo: &LocalMemo, path: &Path) -> Digest {
    let wrong = Digest::of(b"from memory");
    let stat = FileStat::from(&fs::metadata(path).unwrap());
    memo.remember(path, wrong, stat);
    wrong
}

#[test]
fn it_sees_what_the_plain_disk_shows() {
    let place = Place::new();
    let file = place.write("d/a.csv", "a");
    place.write("d/.hidden.csv", "b");
    let memo = place.memo();
    for path in [&file, &place.path("d"), &place.path("absent"), &place.path("d/a.csv/below")] {
        assert_eq!(memo.look(path).unwrap(), Plain.look(path).unwrap(), "{path:?}");
    }
    assert_eq!(memo.read(&file).unwrap(), b"a");
    let pattern = "**/*.csv";
    assert_eq!(memo.list(place.folder.path(), pattern).unwrap(), [file]);
    let error = memo.read(&place.path("absent")).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::NotFound);
}

#[test]
fn a_file_with_the_same_stat_is_read_once_and_never_again() {
    let place = Place::new();
    let file = place.write("a", "a");
    place.settle();
    let memo = place.memo();
    let right = digest(memo.look(&file).unwrap());
    let wrong = poison(&memo, &file);
    memo.save().unwrap();
    let next = place.memo();
    assert_eq!(digest(next.look(&file).unwrap()), wrong, "the memory was not asked");
    fs::write(&file, "a").unwrap();
    assert_eq!(digest(next.look(&file).unwrap()), right, "a new stat was not believed");
}

#[test]
fn bytes_that_change_within_one_tick_of_the_clock_are_seen() {
    let place = Place::new();
    let memo = place.memo();
    let path = place.path("a");
    for n in 0..300_u32 {
        let text = format!("{n:05}");
        fs::write(&path, &text).unwrap();
        assert_eq!(digest(memo.look(&path).unwrap()), Digest::of(text.as_bytes()), "{n}");
    }
}

#[test]
fn a_write_that_puts_the_time_back_is_seen() {
    let place = Place::new();
    let file = place.write("a", "one");
    place.settle();
    let memo = place.memo();
    memo.look(&file).unwrap();
    let time = fs::metadata(&file).unwrap().modified().unwrap();
    fs::write(&file, "two").unwrap();
    File::options().write(true).open(&file).unwrap().set_modified(time).unwrap();
    assert_eq!(digest(memo.look(&file).unwrap()), Digest::of(b"two"));
}

#[test]
fn facts_come_back_by_kind_and_key() {
    let place = Place::new();
    let memo = place.memo();
    let key = Digest::of(b"source");
    memo.keep_facts("python 1", key, b"facts");
    memo.save().unwrap();
    let next = place.memo();
    assert_eq!(next.facts("python 1", key).as_deref(), Some(b"facts".as_slice()));
    assert_eq!(next.facts("python 2", key), None);
    assert_eq!(next.facts("python 1", Digest::of(b"other")), None);
    fs::write(&next.path, "garbage").unwrap();
    assert_eq!(place.memo().facts("python 1", key), None);
}

#[test]
fn what_changes_during_a_session_makes_it_unsteady() {
    let place = Place::new();
    let file = place.write("d/a", "one");
    place.settle();
    let is_unsteady = |memo: &LocalMemo| memo.with_looked(|looked| looked.unsteady);

    let memo = place.memo();
    memo.look(&file).unwrap();
    memo.list(&place.path("d"), "*").unwrap();
    memo.look_at_read(&file).unwrap();
    memo.look_at_absent(&place.path("absent")).unwrap();
    assert!(!is_unsteady(&memo));
    fs::write(&file, "two").unwrap();
    memo.look(&file).unwrap();
    assert!(is_unsteady(&memo), "other bytes");

    let memo = place.memo();
    memo.list(&place.path("d"), "*").unwrap();
    place.write("d/b", "");
    memo.list(&place.path("d"), "*").unwrap();
    assert!(is_unsteady(&memo), "another name");

    let memo = place.memo();
    fs::write(&file, "three").unwrap();
    memo.look_at_read(&file).unwrap();
    assert!(is_unsteady(&memo), "read before or after it changed");

    let memo = place.memo();
    memo.look_at_absent(&file).unwrap();
    assert!(is_unsteady(&memo), "appeared");
}

#[test]
fn a_file_taken_into_the_store_is_known_afterwards() {
    let place = Place::new();
    let store = Store::open(&place.path("store")).unwrap();
    let file = place.write("a", "a");
    place.settle();
    let memo = place.memo();
    let stored = memo.put_file(&store, &file).unwrap();
    assert_eq!(stored.digest, Digest::of(b"a"));
    let wrong = poison(&memo, &file);
    assert_eq!(digest(memo.look(&file).unwrap()), wrong, "not from memory");
    // The store has no such object, so it must be read.
    assert_eq!(memo.put_file(&store, &file).unwrap().digest, stored.digest);
}

#[test]
fn a_list_is_kept_only_while_its_folders_stay_as_they_are() {
    let place = Place::new();
    place.write("code/a.py", "");
    place.write("code/deep/b.py", "");
    place.settle();
    let memo = place.memo();
    let list = || memo.list(&place.path("code"), "**/*.py").unwrap();
    let both = [place.path("code/a.py"), place.path("code/deep/b.py")];
    assert_eq!(list(), both);
    assert!(memo.lists.find(&place.path("code"), "**/*.py").is_some(), "it was kept");
    assert_eq!(list(), both);
    for name in ["code/deep/c.py", "code/d.py"] {
        // Again and again within one tick of the clock: each must be seen.
        let path = place.write(name, "");
        assert!(list().contains(&path), "{name} came");
        fs::remove_file(&path).unwrap();
        assert!(!list().contains(&path), "{name} went");
    }
}
