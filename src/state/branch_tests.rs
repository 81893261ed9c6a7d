//! What moving a branch promises: nothing is lost, nothing leaks, nothing gets past protection.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::model::{
    Digest, Fingerprint, GraphName, Item, ItemRecord, Provenance, RECORD_FORMAT, Record, RunId, Settled,
    TaskName, Timing,
};

struct Place {
    _folder: tempfile::TempDir,
    store: Store,
    state: State,
}

fn key(name: &str) -> BranchKey {
    BranchKey { project: ProjectId::parse("/").unwrap(), branch: BranchName::parse(name).unwrap() }
}

fn graph() -> GraphName {
    GraphName::parse("g").unwrap()
}

fn task(name: &str) -> TaskName {
    TaskName::parse(name).unwrap()
}

const ENTRY: LogEntry<'_> =
    LogEntry { verb: "x", why: "", user: "me", at_ms: 9, commit: None, here: "", command: "", undoes: None };

/// What a branch holds, by task.
type Held = BTreeMap<String, Digest>;

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        let state = State::open(folder.path()).unwrap();
        Self { _folder: folder, store, state }
    }

    /// A record that says where it was made.
    fn record(&self, branch: &str, name: &str, what: &str) -> Digest {
        let record = Record {
            format: RECORD_FORMAT,
            graph: graph(),
            task: task(name),
            fingerprint: Fingerprint(Digest::of(what.as_bytes())),
            settled: Settled::Yes,
            ingredients: vec![],
            code: vec![],
            outputs: vec![],
            outputs_digest: Digest::of(what.as_bytes()),
            result: None,
            items: None,
            run: RunId::new(1, 1),
            timing: Timing::default(),
            provenance: Provenance { branch: branch.to_owned(), ..Provenance::default() },
            log: None,
            accepted: None,
            local_only: false,
            deferred: Vec::new(),
        };
        let digest = self.store.put_json(&record).unwrap();
        self.store.flush().unwrap();
        digest
    }

    fn finish(&self, branch: &str, run: &RunId, name: &str, what: &str) -> Digest {
        let (key, task) = (key(branch), task(name));
        let record = self.record(branch, name, what);
        let finished = Finished {
            branch: &key,
            graph: &graph(),
            task: &task,
            record,
            fingerprint: Fingerprint(Digest::of(what.as_bytes())),
            outputs: Digest::of(what.as_bytes()),
            base: self.state.record_of(&key, &graph(), &task).unwrap(),
            run,
            indexing: Indexing::Yes,
            now_ms: 1,
        };
        assert_eq!(self.state.finish_task(&finished).unwrap(), Recorded::Yes);
        record
    }

    /// Folds what finished, as the close of a run does.
    fn close(&self, branch: &str, run: &RunId) {
        let insert = |transaction: &Transaction<'_>| {
            let words = (run.as_str(), branch);
            transaction.execute(
                "INSERT OR IGNORE INTO runs VALUES (?1, '/', ?2, 'g', 'open', 1, NULL, NULL, 1, 'h')",
                words,
            )?;
            Ok(())
        };
        self.state.write(insert).unwrap();
        let entry = LogEntry { verb: "run", why: run.as_str(), ..ENTRY };
        self.state.close_run(&self.store, run, &RunCounts::default(), &entry).unwrap();
    }

    fn go(&self, branch: &str, to: Target<'_>, protection: &Protection) -> Result<Moved, StateError> {
        let key = key(branch);
        let from = self.state.point(&key)?;
        let moved = self.state.move_branch(
            &Move { key: &key, from, to, cloned_from: None, promotes: None },
            protection,
            &ENTRY,
        );
        moved.map(|moved| moved.expect("nobody else moves it"))
    }

    fn clone(&self, from: &str, to: &str) -> Moved {
        self.go(to, Target::WhatIsOn(&key(from)), &Protection::default()).unwrap()
    }

    fn held(&self, branch: &str) -> Held {
        let records = self.state.records(&key(branch), &graph()).unwrap();
        for (task, record) in &records {
            let one = self.state.record_of(&key(branch), &graph(), task).unwrap();
            assert_eq!(one, Some(*record), "{branch} {task}");
        }
        records.into_iter().map(|(task, record)| (task.to_string(), record)).collect()
    }

    fn layers(&self) -> i64 {
        let count = |connection: &Connection| {
            Ok(connection.query_row("SELECT count(*) FROM layers", [], |row| row.get(0))?)
        };
        self.state.read(count).unwrap()
    }
}

fn run(n: u32) -> RunId {
    RunId::new(1000, n)
}

#[test]
fn a_clone_shares_what_a_run_has_finished_so_far_and_then_each_goes_its_own_way() {
    let place = Place::new();
    let a1 = place.finish("main", &run(1), "a", "a1");
    place.clone("main", "dev");
    let b1 = place.finish("main", &run(1), "b", "b1");
    let a2 = place.finish("dev", &run(2), "a", "a2");
    // The run may replace what it wrote before the clone.
    let a3 = place.finish("main", &run(1), "a", "a3");
    assert_eq!(place.held("dev"), [("a".to_owned(), a2)].into());
    assert_eq!(place.held("main"), [("a".to_owned(), a3), ("b".to_owned(), b1)].into());
    place.close("main", &run(1));
    assert_eq!(place.held("dev"), [("a".to_owned(), a2)].into());
    assert_eq!(place.held("main"), [("a".to_owned(), a3), ("b".to_owned(), b1)].into());
    let log = place.state.operations(&key("main"), 9).unwrap();
    // All that the run did is one operation, though a clone came between.
    assert_eq!((log.len(), log[0].before), (1, Point::default()));
    place.close("dev", &run(2));
    let back = place.state.operations(&key("dev"), 1).unwrap()[0].before;
    place.go("dev", Target::Point(back), &Protection::default()).unwrap();
    assert_eq!(place.held("dev"), [("a".to_owned(), a1)].into());
}

#[test]
fn what_was_not_folded_comes_back_with_an_undo() {
    let place = Place::new();
    let mine = place.finish("dev", &run(1), "a", "mine");
    let theirs = place.finish("main", &run(2), "a", "theirs");
    place.close("main", &run(2));
    let moved = place.clone("main", "dev");
    assert_eq!(place.held("dev"), [("a".to_owned(), theirs)].into());
    place.go("dev", Target::Point(moved.before.unwrap()), &Protection::default()).unwrap();
    assert_eq!(place.held("dev"), [("a".to_owned(), mine)].into());
    let moved = place.go("dev", Target::Gone, &Protection::default()).unwrap();
    assert_eq!((place.held("dev"), place.state.point(&key("dev")).unwrap()), (Held::new(), None));
    place.go("dev", Target::Point(moved.before.unwrap()), &Protection::default()).unwrap();
    assert_eq!(place.held("dev"), [("a".to_owned(), mine)].into());
}

#[test]
fn changes_are_over_what_the_branch_holds_and_may_take_a_record_away() {
    let place = Place::new();
    place.finish("main", &run(1), "a", "a1");
    let b = place.finish("main", &run(1), "b", "b1");
    place.close("main", &run(1));
    let c = Digest::of(b"c");
    let change = |name: &str, record| Change { graph: graph(), task: task(name), record };
    let changes = [change("a", None), change("c", Some((c, c)))];
    place.go("main", Target::With(&changes), &Protection::default()).unwrap();
    let expected: Held = [("b".to_owned(), b), ("c".to_owned(), c)].into();
    assert_eq!(place.held("main"), expected);
    let a2 = place.finish("main", &run(2), "a", "a2");
    place.close("main", &run(2));
    assert_eq!(place.held("main"), expected.into_iter().chain([("a".to_owned(), a2)]).collect());
}

#[test]
fn finished_items_come_along_and_survive_a_fold() {
    let place = Place::new();
    let item = Item { values: [("state".to_owned(), "NC".into())].into() };
    let finished = ItemRecord {
        key: item.key(),
        item,
        fingerprint: Fingerprint(Digest::of(b"NC")),
        outputs: vec![],
        result: None,
        timing: Timing::default(),
        log: None,
        accepted: None,
    };
    let kept = |branch: &str| place.state.kept_items(&key(branch), &graph(), &task("m")).unwrap();
    place.state.keep_items(&key("main"), &graph(), &task("m"), std::slice::from_ref(&finished)).unwrap();
    place.clone("main", "dev");
    assert_eq!(kept("dev"), std::slice::from_ref(&finished));
    for branch in ["main", "dev"] {
        place.finish(branch, &run(1), "a", branch);
        place.close(branch, &run(if branch == "main" { 1 } else { 2 }));
        assert_eq!(kept(branch), std::slice::from_ref(&finished), "{branch}");
    }
    place.finish("main", &run(3), "m", "m1");
    place.close("main", &run(3));
    assert_eq!((kept("main"), kept("dev")), (vec![], vec![finished]));
}

#[test]
fn a_protected_branch_takes_only_what_was_made_on_one() {
    let place = Place::new();
    let protection = Protection::new(["main", "release/*"].map(str::to_owned));
    place.finish("main", &run(1), "a", "a1");
    place.close("main", &run(1));
    place.go("dev", Target::WhatIsOn(&key("main")), &protection).unwrap();
    // What was made on a protected branch may come in by any way.
    place.go("release/1", Target::WhatIsOn(&key("dev")), &protection).unwrap();
    let b = place.finish("dev", &run(2), "b", "b1");
    let dev = key("dev");
    let refused = |to| matches!(place.go("main", to, &protection), Err(StateError::Protected { .. }));
    assert!(refused(Target::WhatIsOn(&dev)));
    place.close("dev", &run(2));
    assert!(refused(Target::WhatIsOn(&dev)));
    let change = Change { graph: graph(), task: task("b"), record: Some((b, b)) };
    assert!(refused(Target::With(std::slice::from_ref(&change))));
    assert_eq!(place.held("main").len(), 1);
    // A run that goes on on a protected branch is shared with another protected one.
    place.finish("main", &run(3), "c", "c1");
    place.go("release/1", Target::WhatIsOn(&key("main")), &protection).unwrap();
    assert_eq!(place.held("release/1").len(), 2);
}

#[test]
fn a_generation_never_comes_again() {
    let place = Place::new();
    let mut seen = [Vec::new(), Vec::new()];
    for n in 0..3 {
        place.finish("dev", &run(n), "a", &format!("a{n}"));
        for (branch, seen) in ["dev", "main"].into_iter().zip(&mut seen) {
            seen.push(place.state.status_generation(&key(branch)).unwrap());
        }
        place.go("dev", Target::Gone, &Protection::default()).unwrap();
    }
    assert!(seen.iter().all(|seen| seen.is_sorted_by(|a, b| a < b)), "{seen:?}");
    // A clone makes nothing that another branch could take.
    let before = place.state.status_generation(&key("main")).unwrap();
    place.finish("x", &run(9), "a", "x");
    let after = place.state.status_generation(&key("main")).unwrap();
    place.clone("x", "y");
    assert!(before < after && after == place.state.status_generation(&key("main")).unwrap());
}

#[derive(Debug, Clone)]
enum Step {
    Finish(usize, usize),
    Close(usize),
    Clone(usize, usize),
    Delete(usize),
    Undo(usize),
    Change(usize, usize, bool),
}

const BRANCHES: [&str; 3] = ["main", "dev", "x"];

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let branch = || 0..BRANCHES.len();
    let step = prop_oneof![
        5 => (branch(), 0..4_usize).prop_map(|(b, t)| Step::Finish(b, t)),
        2 => branch().prop_map(Step::Close),
        2 => (branch(), branch()).prop_map(|(a, b)| Step::Clone(a, b)),
        1 => branch().prop_map(Step::Delete),
        2 => branch().prop_map(Step::Undo),
        1 => (branch(), 0..4_usize, any::<bool>()).prop_map(|(b, t, gone)| Step::Change(b, t, gone)),
    ];
    prop::collection::vec(step, 1..40)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    /// Branches behave as plain maps do, and each operation knows the map before it.
    #[test]
    fn branches_are_maps_that_remember(steps in steps()) {
        let place = Place::new();
        let mut model: BTreeMap<&str, Held> = BTreeMap::new();
        // The state before each operation on a branch, the latest last.
        let mut befores: BTreeMap<&str, Vec<Held>> = BTreeMap::new();
        // Where the last operation left a branch: what a run's operation begins from.
        let mut settled: BTreeMap<&str, Held> = BTreeMap::new();
        for (n, step) in steps.iter().enumerate() {
            let n = u32::try_from(n).unwrap();
            let (branch, moved) = match step {
                Step::Finish(branch, which) => {
                    let (branch, name) = (BRANCHES[*branch], format!("t{which}"));
                    let record = place.finish(branch, &run(n), &name, &format!("r{n}"));
                    model.entry(branch).or_default().insert(name, record);
                    continue;
                }
                Step::Close(branch) => {
                    let branch = BRANCHES[*branch];
                    place.close(branch, &run(n));
                    let latest = place.state.operations(&key(branch), 1).unwrap();
                    let folded = latest.first().is_some_and(|one| one.why == run(n).as_str());
                    if folded {
                        let before = settled.get(branch).cloned().unwrap_or_default();
                        befores.entry(branch).or_default().push(before);
                        settled.insert(branch, model.get(branch).cloned().unwrap_or_default());
                    }
                    continue;
                }
                Step::Clone(from, to) if from != to => {
                    let (from, to) = (BRANCHES[*from], BRANCHES[*to]);
                    place.clone(from, to);
                    (to, model.get(from).cloned().unwrap_or_default())
                }
                Step::Clone(..) => continue,
                Step::Delete(branch) => {
                    place.go(BRANCHES[*branch], Target::Gone, &Protection::default()).unwrap();
                    (BRANCHES[*branch], Held::new())
                }
                Step::Undo(branch) => {
                    let branch = BRANCHES[*branch];
                    let Some(before) = befores.get(branch).and_then(|all| all.last()).cloned() else { continue };
                    let log = place.state.operations(&key(branch), 1).unwrap();
                    place.go(branch, Target::Point(log[0].before), &Protection::default()).unwrap();
                    (branch, before)
                }
                Step::Change(branch, which, gone) => {
                    let (branch, name) = (BRANCHES[*branch], format!("t{which}"));
                    let record = Digest::of(&n.to_le_bytes());
                    let wanted = (!gone).then_some((record, record));
                    let change = Change { graph: graph(), task: task(&name), record: wanted };
                    place.go(branch, Target::With(&[change]), &Protection::default()).unwrap();
                    let mut held = model.get(branch).cloned().unwrap_or_default();
                    held.remove(&name);
                    held.extend((!gone).then_some((name, record)));
                    (branch, held)
                }
            };
            let before = model.insert(branch, moved.clone()).unwrap_or_default();
            befores.entry(branch).or_default().push(before);
            settled.insert(branch, moved);
            for branch in BRANCHES {
                prop_assert_eq!(&place.held(branch), &model.get(branch).cloned().unwrap_or_default(), "{}", branch);
            }
        }
        for branch in BRANCHES {
            let log = place.state.operations(&key(branch), 99).unwrap();
            let all = befores.remove(branch).unwrap_or_default();
            prop_assert_eq!(log.len(), all.len());
            for (operation, before) in log.iter().rev().zip(all) {
                let entries = place.state.entries(&operation.before).unwrap();
                let found: Held = entries.into_values().map(|one| (one.task.to_string(), one.record)).collect();
                prop_assert_eq!(found, before, "operation {}", operation.id);
            }
        }
        prop_assert!(place.layers() < 200);
    }
}
