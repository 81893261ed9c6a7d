//! The index against a disk that changes.
//!
//! It must say "changed" exactly where looking anew would show it: more often
//! only wastes time, more seldom would be a false fresh.

use std::fs;

use proptest::prelude::*;

use super::*;
use crate::fingerprint::{Memo, Plain, Seen};

struct Project {
    folder: tempfile::TempDir,
}

const PATHS: [&str; 6] = ["a", "b", "d", "d/x.csv", "d/y.csv", "d/e/z.csv"];
const GLOB: &str = "**/*.csv";

impl Project {
    fn new() -> Self {
        let project = Self { folder: tempfile::tempdir().unwrap() };
        for path in ["a", "d/x.csv", "d/e/z.csv", "elsewhere"] {
            project.act(&Act::Write(path, "first"));
        }
        project
    }

    fn root(&self) -> PathBuf {
        self.folder.path().join("p")
    }

    fn store(&self) -> PathBuf {
        self.folder.path().join("store")
    }

    fn memo(&self) -> LocalMemo {
        LocalMemo::open(&self.store(), &self.root())
    }

    /// Everything that the answer rests on, as any memo sees it.
    fn look(&self, memo: &dyn Memo) -> (Vec<Seen>, Vec<PathBuf>) {
        let seen = PATHS.iter().map(|path| memo.look(&self.root().join(path)).unwrap()).collect();
        (seen, memo.list(&self.root(), GLOB).unwrap())
    }

    fn make(&self, memo: &LocalMemo) -> Option<StatusIndex> {
        StatusIndex::make(&self.store(), &self.root(), &branch(), memo, basis(), b"answer")
    }

    /// Looks at everything and leaves an index of it.
    fn index(&self) {
        let memo = self.memo();
        self.look(&memo);
        self.make(&memo).unwrap().save().unwrap();
    }

    fn load(&self) -> Option<StatusIndex> {
        StatusIndex::load(&self.store(), &self.root(), &branch(), &basis().key)
    }

    fn verify(&self) -> Verdict {
        self.load().unwrap().verify(&now())
    }

    fn act(&self, act: &Act) {
        let path = |name: &str| self.root().join(name);
        let _ = match act {
            Act::Write(name, text) => {
                let _ = fs::create_dir_all(path(name).parent().unwrap());
                fs::write(path(name), text)
            }
            Act::Replace(name, text) => {
                let _ = fs::write(path("new"), text);
                fs::rename(path("new"), path(name))
            }
            Act::Touch(name) => {
                fs::File::open(path(name)).and_then(|f| f.set_modified(std::time::SystemTime::UNIX_EPOCH))
            }
            Act::Remove(name) => fs::remove_file(path(name)),
            Act::Folder(name) => fs::create_dir(path(name)),
            Act::Executable(name) => executable(&path(name)),
        };
    }
}

#[cfg(unix)]
fn executable(path: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(path, fs::Permissions::from_mode(0o755))
}

#[cfg(not(unix))]
fn executable(_path: &Path) -> std::io::Result<()> {
    Ok(())
}

#[derive(Debug, Clone)]
enum Act {
    Write(&'static str, &'static str),
    Replace(&'static str, &'static str),
    Touch(&'static str),
    Remove(&'static str),
    Folder(&'static str),
    Executable(&'static str),
}

fn acts() -> impl Strategy<Value = Act> {
    let path = || prop::sample::select([&PATHS[..], &["elsewhere", "d/new.csv", "d/note.txt"]].concat());
    let text = || prop::sample::select(vec!["first", "other", "longer than the first"]);
    prop_oneof![
        (path(), text()).prop_map(|(path, text)| Act::Write(path, text)),
        (path(), text()).prop_map(|(path, text)| Act::Replace(path, text)),
        path().prop_map(Act::Touch),
        path().prop_map(Act::Remove),
        path().prop_map(Act::Folder),
        path().prop_map(Act::Executable),
    ]
}

fn branch() -> BranchName {
    BranchName::parse("main").unwrap()
}

fn basis() -> Basis {
    Basis {
        key: Digest::of(b"question"),
        generation: 3,
        expires_ms: Some(1000),
        environment: vec![("SET".into(), Some(Digest::of(b"value"))), ("UNSET".into(), None)],
    }
}

fn now() -> Now<'static> {
    Now { generation: 3, time_ms: 999, environment: &|name| (name == "SET").then(|| "value".into()) }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    /// No time passes between looking and writing, so most stats here are of one tick of the clock.
    #[test]
    fn it_says_changed_exactly_where_looking_anew_would_show_it(acts in prop::collection::vec(acts(), 0..5)) {
        let project = Project::new();
        project.index();
        // A folder gives a verdict by all its names and which of them are folders, whichever match.
        let names = || {
            ["d/note.txt", "d/new.csv", "new", "elsewhere", "b", "a"]
                .map(|name| project.root().join(name).symlink_metadata().ok().map(|found| found.file_type()))
        };
        let (before, names_before) = (project.look(&Plain), names());
        for act in &acts {
            project.act(act);
        }
        let mut index = project.load().unwrap();
        let verdict = index.verify(&now());
        let after = project.look(&Plain);
        let names_differ = names() != names_before;
        if before == after && !names_differ {
            prop_assert!(!matches!(verdict, Verdict::Changed(_)), "{:?} after {:?}", verdict, acts);
            prop_assert_eq!(index.answer(), b"answer");
            index.save().unwrap();
            prop_assert!(!matches!(project.verify(), Verdict::Changed(_)));
        }
        if before != after {
            prop_assert!(matches!(verdict, Verdict::Changed(_)), "{:?} after {:?}", verdict, acts);
        }
    }
}

#[test]
fn what_was_brought_up_to_date_needs_no_reading_the_next_time() {
    let project = Project::new();
    project.index();
    // Until the clock has moved on, every look reads the files again.
    let mut index = project.load().unwrap();
    (0..100_000).find(|_| index.verify(&now()) == Verdict::Same).unwrap();
    index.save().unwrap();
    assert_eq!(project.verify(), Verdict::Same);
    project.act(&Act::Touch("a"));
    let mut index = project.load().unwrap();
    assert_eq!(index.verify(&now()), Verdict::Refreshed);
}

#[test]
fn the_first_difference_is_named() {
    let project = Project::new();
    project.index();
    let verdict = |now: Now<'_>| project.load().unwrap().verify(&now);
    let changed = Verdict::Changed;
    assert_eq!(verdict(Now { generation: 4, ..now() }), changed(Difference::State));
    assert_eq!(verdict(Now { time_ms: 1000, ..now() }), changed(Difference::Expired));
    let environment = |name: &str| Some(if name == "SET" { "other" } else { "set" }.to_owned());
    let other = changed(Difference::Environment("SET".into()));
    assert_eq!(verdict(Now { environment: &environment, ..now() }), other);
    let environment = |_: &str| Some("value".to_owned());
    let appeared = changed(Difference::Environment("UNSET".into()));
    assert_eq!(verdict(Now { environment: &environment, ..now() }), appeared);
    project.act(&Act::Write("b", "new"));
    assert_eq!(verdict(now()), changed(Difference::Path(project.root().join("b"))));
}

#[test]
fn it_is_absent_for_another_question_and_where_it_is_damaged() {
    let project = Project::new();
    assert!(project.load().is_none());
    project.index();
    let other = Digest::of(b"another question");
    assert!(StatusIndex::load(&project.store(), &project.root(), &branch(), &other).is_none());
    let file = Layout::new(&project.store()).status_index(&project.root(), &branch());
    let length = fs::metadata(&file).unwrap().len();
    fs::File::options().write(true).open(&file).unwrap().set_len(length - 1).unwrap();
    assert!(project.load().is_none());
}

#[test]
fn no_index_is_made_of_a_disk_that_did_not_hold_still() {
    let project = Project::new();
    let memo = project.memo();
    project.look(&memo);
    assert!(project.make(&memo).is_some());
    project.act(&Act::Write("a", "other"));
    project.look(&memo);
    assert!(project.make(&memo).is_none());
}
