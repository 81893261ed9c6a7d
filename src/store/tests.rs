//! What the store promises, with plain files in a folder of its own.
//!
//! Round trips are property tests over lengths at every border: rows, files,
//! buffers. Killed processes and full disks are in `state::fault_tests`.

use std::fs;
use std::path::PathBuf;

use proptest::prelude::*;

use super::*;

struct Place {
    folder: tempfile::TempDir,
    store: Store,
}

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("store")).unwrap();
        Self { folder, store }
    }

    /// A second process, as far as the store can tell.
    fn other(&self) -> Store {
        Store::open(self.store.layout.root()).unwrap()
    }

    fn file(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.path(name);
        fs::write(&path, bytes).unwrap();
        path
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

/// Bytes of this length that no compressor or hole would make short work of.
fn noise(length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    blake3::Hasher::new().update(&length.to_le_bytes()).finalize_xof().fill(&mut bytes);
    bytes
}

/// Lengths round every border there is: rows, files, buffers.
fn lengths() -> impl Strategy<Value = usize> {
    prop_oneof![
        Just(0),
        1..100_usize,
        (SMALL - 2)..(SMALL + 3),
        (256 * 1024 - 2)..(256 * 1024 + 3_usize),
        1..700_000_usize
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_come_back_by_every_way_before_and_after_the_flush(length in lengths(), executable: bool) {
        let place = Place::new();
        let bytes = noise(length);
        let stored = place.store.put_file(&place.file("in", &bytes)).unwrap();
        prop_assert_eq!(stored.digest, Digest::of(&bytes));
        prop_assert_eq!(stored.size, length as u64);
        prop_assert_eq!(place.store.put_bytes(&bytes).unwrap(), stored.digest);
        for _ in ["waiting", "flushed"] {
            prop_assert_eq!(place.store.load(&stored.digest).unwrap(), bytes.clone());
            prop_assert_eq!(place.store.size_of(&stored.digest).unwrap(), Some(length as u64));
            for link in [LinkMode::Copy, LinkMode::Hard] {
                let out = place.path("a/b/out");
                place.store.give(&stored.digest, &out, executable, link).unwrap();
                prop_assert_eq!(fs::read(&out).unwrap(), bytes.clone());
                prop_assert_eq!(fs::read_dir(out.parent().unwrap()).unwrap().count(), 1);
                let stat = FileStat::from(&fs::metadata(&out).unwrap());
                prop_assert_eq!(stat.executable, executable);
            }
            place.store.flush().unwrap();
        }
        prop_assert_eq!(place.other().load(&stored.digest).unwrap(), bytes);
    }

    #[test]
    fn many_objects_in_any_order_are_all_there_after_one_flush(
        lengths in prop::collection::vec(lengths(), 1..20),
    ) {
        let place = Place::new();
        let digests: Vec<_> = lengths.iter().map(|l| place.store.put_bytes(&noise(*l)).unwrap()).collect();
        place.store.flush().unwrap();
        let other = place.other();
        for (digest, length) in digests.iter().zip(&lengths) {
            prop_assert_eq!(other.size_of(digest).unwrap(), Some(*length as u64));
        }
        let different: std::collections::BTreeSet<_> = digests.iter().collect();
        let report = other.check_objects().unwrap();
        prop_assert_eq!(report.objects, different.len() as u64);
        prop_assert_eq!((report.damaged, report.strangers), (vec![], vec![]));
    }
}

#[test]
fn nothing_is_there_for_others_before_the_flush_and_nothing_is_left_of_it_if_it_never_comes() {
    let place = Place::new();
    let digests = [100, 100_000].map(|length| place.store.put_bytes(&noise(length)).unwrap());
    for digest in &digests {
        assert!(place.store.has(digest).unwrap());
        assert!(!place.other().has(digest).unwrap());
    }
    let layout = place.store.layout.clone();
    drop(place.store);
    assert_eq!(fs::read_dir(layout.temporary()).unwrap().count(), 0);
    assert_eq!(fs::read_dir(layout.objects()).unwrap().count(), 0);
}

#[test]
fn a_missing_object_is_absent_or_an_error_that_names_it() {
    let place = Place::new();
    let digest = Digest::of(b"never put");
    assert_eq!(place.store.get(&digest).unwrap(), None);
    assert!(matches!(place.store.load(&digest), Err(StoreError::Absent { .. })));
    let out = place.path("out");
    assert!(matches!(place.store.give(&digest, &out, false, LinkMode::Copy), Err(StoreError::Absent { .. })));
    assert!(!out.exists());
}

#[test]
fn a_given_file_replaces_what_was_there_even_if_that_is_read_only_or_a_link() {
    let place = Place::new();
    let bytes = noise(50_000);
    let digest = place.store.put_bytes(&bytes).unwrap();
    let out = place.path("out");
    for link in [LinkMode::Hard, LinkMode::Hard, LinkMode::Copy] {
        place.store.give(&digest, &out, false, link).unwrap();
        assert_eq!(fs::read(&out).unwrap(), bytes);
        assert_eq!(fs::metadata(&out).unwrap().permissions().readonly(), link == LinkMode::Hard);
    }
    #[cfg(unix)]
    {
        let target = place.file("target", b"mine");
        fs::remove_file(&out).unwrap();
        std::os::unix::fs::symlink(&target, &out).unwrap();
        place.store.give(&digest, &out, false, LinkMode::Copy).unwrap();
        assert_eq!(fs::read(&target).unwrap(), b"mine");
        assert_eq!(fs::read(&out).unwrap(), bytes);
    }
}

#[cfg(unix)]
#[test]
fn a_copy_that_is_given_back_can_be_written_without_touching_the_object() {
    use std::os::unix::fs::MetadataExt;
    let place = Place::new();
    let digest = place.store.put_bytes(&noise(50_000)).unwrap();
    place.store.flush().unwrap();
    let out = place.path("out");
    place.store.give(&digest, &out, false, LinkMode::Copy).unwrap();
    fs::write(&out, "other").unwrap();
    assert!(place.store.load(&digest).is_ok());
    let object = fs::metadata(place.store.layout.object(&digest)).unwrap();
    assert_eq!(object.mode() & 0o777, 0o444);
}

#[test]
fn damaged_bytes_are_found_by_every_read_and_by_the_check() {
    let place = Place::new();
    let [small, large] = [100, 100_000].map(|length| place.store.put_bytes(&noise(length)).unwrap());
    place.store.flush().unwrap();
    let object = place.store.layout.object(&large);
    fs::remove_file(&object).unwrap();
    fs::write(&object, noise(99_999)).unwrap();
    let database = rusqlite::Connection::open(place.store.layout.small()).unwrap();
    database.execute("UPDATE objects SET bytes = x'00'", []).unwrap();

    let report = place.store.check_objects().unwrap();
    let damaged: Vec<_> = report.damaged.iter().map(|damage| damage.digest).collect();
    assert_eq!(damaged, [small, large]);
    let give = |digest: &Digest| place.store.give(digest, &place.path("out"), false, LinkMode::Copy);
    for digest in [small, large] {
        let given = give(&digest);
        assert!(matches!(given, Err(StoreError::Damaged { .. })), "{given:?}");
        assert!(!place.path("out").exists());
    }
    assert!(matches!(place.store.get(&small), Err(StoreError::Damaged { .. })));
    assert!(!place.store.has(&large).unwrap(), "set aside");

    // Whoever makes the bytes again mends both.
    for (digest, length) in [(small, 100), (large, 100_000)] {
        assert_eq!(place.store.put_bytes(&noise(length)).unwrap(), digest);
        place.store.flush().unwrap();
        assert_eq!(place.other().load(&digest).unwrap(), noise(length));
    }
    assert_eq!(place.store.check_objects().unwrap().damaged, []);
}

#[test]
fn a_file_that_grows_or_is_no_file_is_refused() {
    let place = Place::new();
    for length in [10, 100_000] {
        let path = place.file("grows", &noise(length));
        let mut source = Source::open(&path).unwrap();
        fs::OpenOptions::new().append(true).open(&path).unwrap().set_len(length as u64 + 1).unwrap();
        let taken = if length == 10 {
            source.read_whole().map(|_| ())
        } else {
            place.store.large.put_file(&mut source).map(|_| ())
        };
        assert!(matches!(taken, Err(StoreError::ChangedWhileRead { .. })), "{taken:?}");
    }
    assert!(matches!(place.store.put_file(place.folder.path()), Err(StoreError::NotAFile { .. })));
    assert!(matches!(place.store.put_file(&place.path("absent")), Err(StoreError::Io { .. })));
}

#[test]
fn threads_and_processes_may_put_the_same_objects_at_once() {
    let place = Place::new();
    let other = place.other();
    let all: Vec<_> = (0..40).map(|n| noise(10 + n * 1000)).collect();
    std::thread::scope(|scope| {
        for store in [&place.store, &place.store, &other, &other] {
            scope.spawn(|| {
                for bytes in &all {
                    let digest = store.put_bytes(bytes).unwrap();
                    assert_eq!(store.load(&digest).unwrap(), *bytes);
                    if bytes.len() % 3 == 0 {
                        store.flush().unwrap();
                        assert_eq!(store.load(&digest).unwrap(), *bytes);
                    }
                }
                store.flush().unwrap();
            });
        }
    });
    let report = place.other().check_objects().unwrap();
    assert_eq!((report.objects, report.damaged, report.strangers), (40, vec![], vec![]));
    let left = |store: &Store| {
        let folders = fs::read_dir(store.layout.temporary()).unwrap().flatten().map(|e| e.path());
        folders.filter(|p| p.is_dir()).map(|p| fs::read_dir(p).unwrap().count()).sum::<usize>()
    };
    assert_eq!(left(&place.store), 0);
}

#[test]
fn json_is_stored_in_its_one_spelling() {
    let place = Place::new();
    let value: std::collections::BTreeMap<String, u32> = [("b".to_owned(), 1), ("a".to_owned(), 2)].into();
    let digest = place.store.put_json(&value).unwrap();
    assert_eq!(place.store.load(&digest).unwrap(), br#"{"a":2,"b":1}"#);
    assert_eq!(place.store.load_json::<std::collections::BTreeMap<String, u32>>(&digest).unwrap(), value);
    assert!(matches!(place.store.load_json::<Vec<u8>>(&digest), Err(StoreError::NotJson { .. })));
}

#[test]
fn what_an_interrupted_process_left_beside_a_file_goes_when_the_file_is_given_again() {
    let place = Place::new();
    let digest = place.store.put_bytes(b"x").unwrap();
    let left = place.file(".kptn-tmp-1-2-3", b"half");
    let long_ago = std::time::SystemTime::UNIX_EPOCH;
    fs::File::options().write(true).open(&left).unwrap().set_modified(long_ago).unwrap();
    place.store.give(&digest, &place.path("out"), false, LinkMode::Copy).unwrap();
    assert!(!left.exists());
}
