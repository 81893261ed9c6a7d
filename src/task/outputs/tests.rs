//! What leaves the output folder, what is taken in, what comes back.
//!
//! Each promise of `mod.rs` has its test here, in a real folder with a real
//! store; whole runs are in `task/serve/tests`.

use std::fs;
use std::path::{Path, PathBuf};

use super::*;
use crate::fingerprint::Plain;
use crate::model::{OutputFile, Template, Variables};

type Intake = Box<dyn Fn(&Path) -> Result<Stored, StoreError> + Sync>;

struct Place {
    intake: Intake,
    _folder: tempfile::TempDir,
    root: PathBuf,
    store: Store,
    folder: Folder,
}

fn place() -> Place {
    let temporary = tempfile::tempdir().unwrap();
    let root = temporary.path().join("out");
    let open = || Store::open(&temporary.path().join("store")).unwrap();
    let (store, other) = (open(), open());
    let intake = Box::new(move |path: &Path| {
        let stored = other.put_file(path);
        other.flush().and(stored)
    });
    Place { folder: Folder::make(&root).unwrap(), intake, _folder: temporary, root, store }
}

impl Place {
    fn outputs(&self) -> Outputs<'_> {
        Outputs {
            store: &self.store,
            memo: &Plain,
            take_in: &self.intake,
            folder: &self.folder,
            link: LinkMode::Copy,
            kept_under: "now",
            owner: &|path| path.starts_with("other").then(|| TaskName::parse("other").unwrap()),
            tracked: &|path| path.ends_with("tracked.csv"),
        }
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.root.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn read(&self, path: &str) -> Option<String> {
        fs::read_to_string(self.root.join(path)).ok()
    }

    /// Runs a task that writes `files`; returns what was captured.
    fn run(
        &self,
        declared: &[&str],
        previous: &[OutputFile],
        files: &[(&str, &str)],
    ) -> Result<Captured, OutputsError> {
        let declared = declare(declared);
        let prepared = self.outputs().prepare(&declared, previous, Update::Anew)?;
        files.iter().for_each(|(path, text)| self.write(path, text));
        self.outputs().capture(&declared, &prepared)
    }
}

fn declare(outputs: &[&str]) -> Declared {
    let outputs: Vec<_> = outputs.iter().map(|text| Template::parse(text).unwrap()).collect();
    Declared::expand(&outputs, &Variables::new()).unwrap()
}

fn paths(files: &[OutputFile]) -> Vec<&str> {
    files.iter().map(|file| file.path.as_str()).collect()
}

#[test]
fn files_folders_and_patterns_are_taken_in_each_once() {
    let place = place();
    place.write("p/old.csv", "was there");
    let written =
        [("a.csv", "a"), ("x/b.csv", "b"), ("x/y/c.csv", "c"), ("p/new.csv", "n"), ("other.csv", "o")];
    let captured = place.run(&["a.csv", "x/", "p/*.csv", "*.csv", "none/*"], &[], &written).unwrap();
    assert_eq!(paths(&captured.files), ["a.csv", "p/new.csv", "x/b.csv", "x/y/c.csv"]);
    assert_eq!(captured.notes, [CaptureNote::NothingMatched { pattern: "none/*".into() }]);
    assert_eq!(place.store.load(&captured.files[0].digest).unwrap(), b"a");
}

#[test]
fn a_missing_output_is_named_with_what_was_written_instead() {
    let place = place();
    let error = place.run(&["a.csv", "b/c.csv"], &[], &[("b/c.csv", "")]).unwrap_err();
    assert_eq!(error.to_string(), "output `a.csv` was not written; written were `b/c.csv`");
    let captured = place.run(&["z/"], &[], &[]).unwrap();
    assert_eq!(captured.notes, [CaptureNote::EmptyFolder { path: "z".into() }]);
}

#[test]
fn before_a_task_its_old_files_leave_and_edits_are_kept_aside() {
    let place = place();
    let first =
        place.run(&["a.csv", "x/", "*.log"], &[], &[("a.csv", "1"), ("x/b", "1"), ("m.log", "1")]).unwrap();
    place.write("a.csv", "edited by hand");
    place.write("unrelated.log", "not mine");
    place.write("x/new", "put there by hand");
    let declared = declare(&["a.csv", "x/", "*.log"]);
    let prepared = place.outputs().prepare(&declared, &first.files, Update::Anew).unwrap();
    assert_eq!(paths(&prepared.removed), ["m.log", "x/b"]);
    let kept: Vec<_> = prepared.kept.iter().map(|kept| kept.aside.as_str()).collect();
    assert_eq!(kept, [".kept/now/a.csv", ".kept/now/x/new"]);
    assert_eq!(place.read(".kept/now/a.csv").unwrap(), "edited by hand");
    assert_eq!((place.read("a.csv"), place.read("x/b"), place.read("m.log")), (None, None, None));
    assert!(place.root.join("x").is_dir());
    // What a pattern finds was not removed, and is not taken for the task's.
    assert_eq!(place.read("unrelated.log").unwrap(), "not mine");
    place.write("a.csv", "2");
    let second = place.outputs().capture(&declared, &prepared).unwrap();
    assert_eq!(paths(&second.files), ["a.csv"]);
}

#[test]
fn a_second_edit_does_not_replace_the_first_one_that_was_kept() {
    let place = place();
    for text in ["one", "two"] {
        place.write("a.csv", text);
        place.outputs().prepare(&declare(&["a.csv"]), &[], Update::Anew).unwrap();
    }
    assert_eq!(place.read(".kept/now/a.csv").unwrap(), "one");
    assert_eq!(place.read(".kept/now/a.csv~1").unwrap(), "two");
}

#[test]
fn what_failed_attempts_left_goes_and_what_was_there_comes_back() {
    let place = place();
    let first = place.run(&["a.csv", "b.csv"], &[], &[("a.csv", "1"), ("b.csv", "1")]).unwrap();
    let declared = declare(&["a.csv", "b.csv"]);
    let prepared = place.outputs().prepare(&declared, &first.files, Update::Anew).unwrap();
    place.write("a.csv", "half");
    place.outputs().clear(&declared, &prepared).unwrap();
    assert_eq!(place.read("a.csv"), None);
    place.write("a.csv", "half again");
    place.outputs().put_back(&prepared).unwrap();
    assert_eq!((place.read("a.csv").unwrap(), place.read("b.csv").unwrap()), ("1".into(), "1".into()));
}

#[test]
fn a_task_that_updates_in_place_keeps_its_files() {
    let place = place();
    let first = place.run(&["a.csv", "*.log"], &[], &[("a.csv", "1"), ("m.log", "1")]).unwrap();
    let declared = declare(&["a.csv", "*.log"]);
    let prepared = place.outputs().prepare(&declared, &first.files, Update::InPlace).unwrap();
    let second = place.outputs().capture(&declared, &prepared).unwrap();
    assert_eq!(second.files, first.files);
}

#[test]
fn two_owners_of_one_path_are_an_error() {
    let place = place();
    let error = place.run(&["folder/", "other/"], &[], &[("other/a", "")]).unwrap_err();
    assert!(matches!(error, OutputsError::TwoOwners { .. }), "{error}");
    assert!(place.root.join("other/a").exists());
}

#[cfg(unix)]
#[test]
fn a_link_is_taken_in_as_its_file_only_where_that_is_inside() {
    use std::os::unix::fs::symlink;
    let place = place();
    let declared = declare(&["a", "b", "c"]);
    let prepared = place.outputs().prepare(&declared, &[], Update::Anew).unwrap();
    place.write("b", "bytes");
    symlink("b", place.root.join("a")).unwrap();
    symlink("/etc/hostname", place.root.join("c")).unwrap();
    let error = place.outputs().capture(&declared, &prepared).unwrap_err();
    assert!(matches!(error, OutputsError::LinkOutside { .. }), "{error}");
    let captured = place.outputs().capture(&declare(&["a", "b"]), &prepared).unwrap();
    assert_eq!(captured.files[0].digest, captured.files[1].digest);
    fs::remove_file(place.root.join("c")).unwrap();
    rustix::fs::mkfifoat(rustix::fs::CWD, place.root.join("c"), rustix::fs::Mode::from_raw_mode(0o600))
        .unwrap();
    let error = place.outputs().capture(&declared, &prepared).unwrap_err();
    assert!(matches!(error, OutputsError::Special { .. }), "{error}");
}

#[test]
fn files_come_back_but_never_over_an_edit_or_a_tracked_file() {
    let place = place();
    let all = ["a", "edited", "here", "lost", "stale", "tracked.csv"];
    let written: Vec<_> = all.iter().map(|path| (*path, *path)).collect();
    let mut files = place.run(&all, &[], &written).unwrap().files;
    fs::remove_file(place.root.join("a")).unwrap();
    fs::remove_file(place.root.join("lost")).unwrap();
    files[3].digest = crate::model::Digest::of(b"nowhere");
    place.write("edited", "by hand");
    // Bytes of another state are known, and replaced freely; not where git has the file.
    place.write("stale", "a");
    place.write("tracked.csv", "a");
    let state = place.outputs().look(&files).unwrap();
    assert_eq!(state.absent, ["a", "stale", "tracked.csv"]);
    assert_eq!((state.edited, state.lost), (vec!["edited".into()], vec!["lost".into()]));
    let restored = place.outputs().restore(&files).unwrap();
    assert_eq!(restored.restored, ["a", "stale"]);
    assert_eq!(
        (restored.present, restored.edited, restored.lost),
        (1, vec!["edited".into(), "tracked.csv".into()], vec!["lost".into()])
    );
    assert_eq!(place.read("stale").unwrap(), "stale");
}

#[test]
fn files_of_removed_items_leave_with_their_empty_folders() {
    let place = place();
    let files = place.run(&["NC/x/a", "SC/a"], &[], &[("NC/x/a", "1"), ("SC/a", "1")]).unwrap().files;
    place.write("SC/mine", "by hand");
    place.outputs().remove_files(&files).unwrap();
    assert!(!place.root.join("NC").exists() && !place.root.join("SC/a").exists());
    assert_eq!(place.read("SC/mine").unwrap(), "by hand");
}

#[test]
fn a_record_from_elsewhere_cannot_write_outside() {
    let place = place();
    let digest = place.store.put_bytes(b"x").unwrap();
    for path in ["../x", "/tmp/x", "a/../../x", ".gitignore"] {
        let file = OutputFile { path: path.into(), digest, size: 1, executable: false };
        assert!(place.outputs().restore(std::slice::from_ref(&file)).is_err(), "{path}");
        assert!(place.outputs().prepare(&Declared::default(), &[file], Update::Anew).is_err(), "{path}");
    }
}

#[test]
fn a_preparation_that_fails_half_way_leaves_what_was_there() {
    let place = place();
    let first = place.run(&["a", "b/c"], &[], &[("a", "1"), ("b/c", "1")]).unwrap();
    // A folder of the next output is a file.
    place.write("in", "the way");
    place.outputs().prepare(&declare(&["a", "in/the/way"]), &first.files, Update::Anew).unwrap_err();
    assert_eq!((place.read("a").unwrap(), place.read("b/c").unwrap()), ("1".into(), "1".into()));
}

#[test]
fn a_file_that_belongs_to_another_task_by_now_is_left_to_it() {
    let place = place();
    let mut first = place.run(&["a"], &[], &[("a", "1")]).unwrap();
    first.files.push(OutputFile { path: "other.csv".into(), ..first.files[0].clone() });
    place.write("other.csv", "1");
    let declared = declare(&["a"]);
    let prepared = place.outputs().prepare(&declared, &first.files, Update::Anew).unwrap();
    place.outputs().clear(&declared, &prepared).unwrap();
    assert_eq!(place.read("other.csv").unwrap(), "1");
}
