//! What the state promises, over a store in a folder of its own.
//!
//! A second [`State`] over the same folder stands for a second process: SQLite
//! tells them apart by nothing else.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;
use crate::model::{
    AfterFailure, Attempt, Digest, FailedItem, Fingerprint, Force, Graph, GraphName, Interpreters, Item,
    ItemKey, ItemRecord, RunId, RunPlan, Snapshot, Stream, TaskName, Timing,
};

pub(super) struct Place {
    pub(super) folder: tempfile::TempDir,
    pub(super) store: Store,
    pub(super) state: State,
    pub(super) branch: BranchKey,
    pub(super) graph: GraphName,
}

const ENTRY: LogEntry<'_> = LogEntry {
    verb: "run",
    why: "",
    user: "me",
    at_ms: 9,
    commit: None,
    here: "",
    command: "",
    undoes: None,
};

impl Place {
    pub(super) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        let state = State::open(folder.path()).unwrap();
        Self { store, state, branch: branch("main"), graph: GraphName::parse("g").unwrap(), folder }
    }

    /// A second process, as far as SQLite can tell.
    pub(super) fn other(&self) -> State {
        State::open(self.folder.path()).unwrap()
    }

    pub(super) fn open_run(&self, n: u32) -> RunId {
        let run = RunId::new(1000, n);
        self.state.open_run(&self.plan(&run), "host", 1000 + u64::from(n)).unwrap();
        run
    }

    fn plan(&self, run: &RunId) -> RunPlan {
        RunPlan {
            format: 1,
            id: run.clone(),
            project: self.branch.project.clone(),
            root: "/p".into(),
            config_path: "/p/kptn.yaml".into(),
            branch: self.branch.branch.clone(),
            head: None,
            commit: None,
            outputs_dir: "/p/scratch/main".into(),
            graph: Graph {
                name: self.graph.clone(),
                namespace: self.graph.clone(),
                tasks: Default::default(),
                config: BTreeMap::new(),
                place: None,
            },
            tasks: vec![task("a")],
            fresh: 0,
            base: BTreeMap::new(),
            items: BTreeMap::new(),
            deferred: BTreeMap::new(),
            force: Force::No,
            cache: Default::default(),
            after_failure: AfterFailure::Stop,
            ignore_stale_deps: false,
            jobs: None,
            stream: Stream::No,
            interpreters: Interpreters::default(),
            probes: BTreeMap::new(),
            command: String::new(),
            user: String::new(),
        }
    }

    pub(super) fn finish(&self, run: &RunId, name: &str, record: &str, base: Option<&str>) -> Recorded {
        let (task, record) = (task(name), Digest::of(record.as_bytes()));
        let finished = Finished {
            branch: &self.branch,
            graph: &self.graph,
            task: &task,
            record,
            fingerprint: fingerprint(name),
            outputs: Digest::of(b"outputs"),
            base: base.map(|base| Digest::of(base.as_bytes())),
            run,
            indexing: Indexing::Yes,
            now_ms: 5,
        };
        self.state.finish_task(&finished).unwrap()
    }

    fn close(&self, run: &RunId) -> Closed {
        self.state.close_run(&self.store, run, &RunCounts::default(), &ENTRY).unwrap()
    }

    fn record(&self, name: &str) -> Option<Digest> {
        let one = self.state.record_of(&self.branch, &self.graph, &task(name)).unwrap();
        let all = self.state.records(&self.branch, &self.graph).unwrap();
        assert_eq!(all.get(&task(name)).copied(), one);
        one
    }

    fn generation(&self) -> u64 {
        self.state.generation(&self.branch).unwrap()
    }
}

fn branch(name: &str) -> BranchKey {
    BranchKey { project: ProjectId::parse("/").unwrap(), branch: BranchName::parse(name).unwrap() }
}

pub(super) fn task(name: &str) -> TaskName {
    TaskName::parse(name).unwrap()
}

fn fingerprint(text: &str) -> Fingerprint {
    Fingerprint(Digest::of(text.as_bytes()))
}

fn of(text: &str) -> Option<Digest> {
    Some(Digest::of(text.as_bytes()))
}

fn attempt(name: &str) -> Attempt {
    Attempt {
        fingerprint: fingerprint(name),
        run: RunId::new(1, 1),
        ended_ms: 3,
        error: "exit code 1".into(),
        log: None,
        failed_items: 0,
    }
}

#[test]
fn a_finished_task_is_there_at_once_and_after_the_fold() {
    let place = Place::new();
    let run = place.open_run(1);
    assert_eq!(place.record("a"), None);
    assert_eq!(place.finish(&run, "a", "a1", None), Recorded::Yes);
    assert_eq!(place.record("a"), of("a1"));
    let closed = place.close(&run);
    assert_eq!(closed.folded, 1);
    assert_eq!(place.record("a"), of("a1"));
    let snapshot: Snapshot = place.store.load_json(&closed.snapshot.unwrap()).unwrap();
    assert_eq!((snapshot.parents, snapshot.entries.len()), (vec![], 1));

    let next = place.open_run(2);
    place.finish(&next, "b", "b1", None);
    place.finish(&next, "a", "a2", Some("a1"));
    let second = place.close(&next);
    let snapshot: Snapshot = place.other().store.load_json(&second.snapshot.unwrap()).unwrap();
    assert_eq!(snapshot.parents, [closed.snapshot.unwrap()]);
    let rows: Vec<_> = snapshot.entries.iter().map(|e| (e.task.as_str(), Some(e.record))).collect();
    assert_eq!(rows, [("a", of("a2")), ("b", of("b1"))]);
    let log = place.state.operations(&place.branch, 10).unwrap();
    assert_eq!(log.len(), 2);
    assert_eq!((log[0].before.snapshot, log[0].after.snapshot), (closed.snapshot, second.snapshot));
}

#[test]
fn closing_twice_or_with_nothing_new_moves_nothing() {
    let place = Place::new();
    let run = place.open_run(1);
    place.finish(&run, "a", "a1", None);
    let first = place.close(&run);
    place.finish(&run, "a", "a1", None);
    let again = place.close(&run);
    assert_eq!((again.snapshot, again.folded), (first.snapshot, 0));
    assert_eq!(place.state.operations(&place.branch, 10).unwrap().len(), 1);
    let row = place.state.run(&run).unwrap().unwrap();
    assert_eq!((row.state, row.ended_ms), (RunState::Closed, Some(9)));
}

#[test]
fn a_late_result_goes_to_the_index_alone() {
    let place = Place::new();
    let (late, other) = (place.open_run(1), RunId::new(2000, 2));
    place.finish(&other, "a", "theirs", None);
    assert_eq!(place.finish(&late, "a", "mine", None), Recorded::KeptOther { current: of("theirs") });
    assert_eq!(place.record("a"), of("theirs"));
    place.close(&late);
    assert_eq!(place.finish(&late, "a", "mine", None), Recorded::KeptOther { current: of("theirs") });
    let candidates = place.state.candidates(&fingerprint("a")).unwrap();
    let records: BTreeSet<_> = candidates.iter().map(|candidate| Some(candidate.record)).collect();
    assert_eq!(records, [of("theirs"), of("mine")].into());
    // A run may replace what it wrote itself: a forced task, entered twice.
    assert_eq!(place.finish(&other, "b", "b1", None), Recorded::Yes);
    assert_eq!(place.finish(&other, "b", "b2", None), Recorded::Yes);
}

#[test]
fn success_clears_the_failed_attempt_and_kept_items_and_all_of_it_shows_in_the_generation() {
    let place = Place::new();
    let run = place.open_run(1);
    let key = (&place.branch, &place.graph, &task("a"));
    let mut seen = vec![place.generation()];
    place.state.fail_task(key.0, key.1, key.2, &attempt("a")).unwrap();
    seen.push(place.generation());
    let items: Vec<_> = ["NC", "NY"].map(item).into();
    place.state.fail_items(key.0, key.1, key.2, &["NC", "SC"].map(failed_item)).unwrap();
    seen.push(place.generation());
    place.state.keep_items(key.0, key.1, key.2, &items).unwrap();
    place.state.keep_items(key.0, key.1, key.2, &items[..1]).unwrap();
    seen.push(place.generation());
    let kept: BTreeSet<ItemKey> =
        place.other().kept_items(key.0, key.1, key.2).unwrap().into_iter().map(|i| i.key).collect();
    assert_eq!(kept, items.iter().map(|item| item.key).collect());
    // NC finished since.
    assert_eq!(place.other().failed_items(key.0, key.1, key.2).unwrap(), [failed_item("SC")]);
    assert_eq!(place.state.failed_attempt(key.0, key.1, key.2).unwrap(), Some(attempt("a")));
    assert_eq!(place.state.failed_attempts(key.0, key.1).unwrap().len(), 1);

    place.finish(&run, "a", "a1", None);
    seen.push(place.generation());
    assert_eq!(place.state.failed_attempt(key.0, key.1, key.2).unwrap(), None);
    assert_eq!(place.state.kept_items(key.0, key.1, key.2).unwrap(), []);
    assert_eq!(place.state.failed_items(key.0, key.1, key.2).unwrap(), []);
    place.close(&run);
    seen.push(place.generation());
    assert!(seen.is_sorted_by(|a, b| a < b), "{seen:?}");
    assert_eq!(place.state.generation(&branch("other")).unwrap(), 0);
}

pub(super) fn item(state: &str) -> ItemRecord {
    let item = Item { values: [("state".to_owned(), state.into())].into() };
    ItemRecord {
        key: item.key(),
        item,
        fingerprint: fingerprint(state),
        outputs: vec![],
        result: None,
        timing: Timing::default(),
        log: None,
        accepted: None,
    }
}

pub(super) fn failed_item(state: &str) -> FailedItem {
    let ItemRecord { key, fingerprint, .. } = item(state);
    FailedItem {
        key,
        label: state.to_owned(),
        fingerprint,
        run: RunId::new(1, 1),
        ended_ms: 1,
        error: "no data".to_owned(),
        log: None,
        in_bundle: false,
    }
}

#[test]
fn a_run_that_died_is_found_by_the_next_and_loses_nothing() {
    let place = Place::new();
    let dead = place.open_run(1);
    place.finish(&dead, "a", "a1", None);
    let next = place.open_run(2);
    let states: Vec<_> = place.state.runs(10).unwrap().into_iter().map(|run| (run.id, run.state)).collect();
    assert_eq!(states, [(next.clone(), RunState::Open), (dead.clone(), RunState::Interrupted)]);
    assert_eq!(place.close(&next).folded, 1);
    assert_eq!(place.record("a"), of("a1"));
    assert_eq!(place.state.load_plan(&dead).unwrap(), place.plan(&dead));
    let unknown = place.state.load_plan(&RunId::new(7, 7));
    assert!(matches!(unknown, Err(StateError::UnknownRun { .. })));
}

#[test]
fn branches_and_graphs_do_not_see_each_other() {
    let place = Place::new();
    let run = place.open_run(1);
    place.finish(&run, "a", "a1", None);
    place.close(&run);
    let other = GraphName::parse("h").unwrap();
    assert!(place.state.records(&place.branch, &other).unwrap().is_empty());
    assert!(place.state.records(&branch("dev"), &place.graph).unwrap().is_empty());
}

#[test]
fn a_database_of_a_newer_kptn_is_refused() {
    let place = Place::new();
    let database = rusqlite::Connection::open(place.store.layout().state()).unwrap();
    database.pragma_update(None, "user_version", 99).unwrap();
    let opened = State::open(place.folder.path()).map(|_| ());
    let known = u32::try_from(schema::SCHEMA.migrations.len()).unwrap();
    assert!(
        matches!(opened, Err(StateError::Store(StoreError::NewerFormat { found: 99, known: k, .. })) if k == known),
        "{opened:?}"
    );
}

#[test]
fn many_writers_lose_nothing() {
    let place = Place::new();
    let run = place.open_run(1);
    std::thread::scope(|scope| {
        for writer in 0..6 {
            let (state, run, place) = (place.other(), &run, &place);
            scope.spawn(move || {
                for n in 0..20 {
                    let task = task(&format!("t{writer}x{n}"));
                    let finished = Finished {
                        branch: &place.branch,
                        graph: &place.graph,
                        task: &task,
                        record: Digest::of(task.as_str().as_bytes()),
                        fingerprint: fingerprint(task.as_str()),
                        outputs: Digest::of(b""),
                        base: None,
                        run,
                        indexing: Indexing::Yes,
                        now_ms: 1,
                    };
                    assert_eq!(state.finish_task(&finished).unwrap(), Recorded::Yes);
                    if n % 7 == writer {
                        state.close_run(&place.store, run, &RunCounts::default(), &ENTRY).unwrap();
                    }
                }
            });
        }
    });
    assert_eq!(place.state.records(&place.branch, &place.graph).unwrap().len(), 120);
    place.close(&run);
    let snapshot = place.state.operations(&place.branch, 1).unwrap()[0].after.snapshot.unwrap();
    assert_eq!(place.store.load_json::<Snapshot>(&snapshot).unwrap().entries.len(), 120);
}

/// Where the other processes are to work.
const ROOT: &str = "KPTN_TEST_STATE_ROOT";

/// Not a test of its own: what the one below starts, several at once.
#[test]
fn another_process() {
    let Some(root) = std::env::var_os(ROOT) else { return };
    let root = PathBuf::from(root);
    let (store, state) = (Store::open(&root).unwrap(), State::open(&root).unwrap());
    let (branch, graph, run) = (branch("main"), GraphName::parse("g").unwrap(), RunId::new(1, 1));
    for n in 0..30 {
        let task = task(&format!("t{n}"));
        // The same objects from all of them, rows and files.
        let record = store.put_bytes(&vec![n; 1000 + usize::from(n) * 1000]).unwrap();
        store.flush().unwrap();
        let finished = Finished {
            branch: &branch,
            graph: &graph,
            task: &task,
            record,
            fingerprint: fingerprint(task.as_str()),
            outputs: record,
            base: None,
            run: &run,
            indexing: Indexing::Yes,
            now_ms: 1,
        };
        assert_eq!(state.finish_task(&finished).unwrap(), Recorded::Yes);
    }
}

#[test]
fn processes_that_make_and_fill_one_store_at_once_do_not_fail_or_damage_it() {
    use crate::process::{Launch, run_captured};
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("store");
    std::thread::scope(|scope| {
        for _ in 0..5 {
            scope.spawn(|| {
                let launch = Launch::new(std::env::current_exe().unwrap())
                    .arguments(["--exact", "state::tests::another_process", "--nocapture"])
                    .variable(ROOT, &root);
                let said = run_captured(&launch, std::time::Duration::from_secs(120)).unwrap();
                assert!(said.ended.is_success(), "{} {}", said.text(), said.complaint());
            });
        }
    });
    let (store, state) = (Store::open(&root).unwrap(), State::open(&root).unwrap());
    let report = store.check_objects().unwrap();
    assert_eq!((report.objects, report.damaged, report.strangers), (30, vec![], vec![]));
    let records = state.records(&branch("main"), &GraphName::parse("g").unwrap()).unwrap();
    assert_eq!(records.len(), 30);
    assert!(records.values().all(|record| store.has(record).unwrap()));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, failure_persistence: None, ..ProptestConfig::default() })]

    /// Folding often, once or never gives the same records.
    #[test]
    fn when_one_folds_does_not_matter(steps in prop::collection::vec((0..6_u8, any::<bool>()), 1..25)) {
        let place = Place::new();
        let mut expected: BTreeMap<String, String> = BTreeMap::new();
        for (n, (which, fold)) in steps.iter().enumerate() {
            let run = place.open_run(u32::try_from(n).unwrap());
            let (name, record) = (format!("t{which}"), format!("r{n}"));
            let base = expected.insert(name.clone(), record.clone());
            prop_assert_eq!(place.finish(&run, &name, &record, base.as_deref()), Recorded::Yes);
            if *fold {
                place.close(&run);
            }
        }
        let records = place.other().records(&place.branch, &place.graph).unwrap();
        let expected: BTreeMap<_, _> =
            expected.iter().map(|(name, record)| (task(name), Digest::of(record.as_bytes()))).collect();
        prop_assert_eq!(records, expected);
    }
}
