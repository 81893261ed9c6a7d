//! The plan's laws, on random graphs in a world made of plain values.
//!
//! A world runs tasks by handing out digests: a task's output is a function of
//! its code and of what its dependencies made, so an oracle can say which tasks
//! an edit reaches without knowing how the plan decides.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;

use indexmap::IndexMap;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::fingerprint::Gathered;
use crate::model::*;

/// How a task's output depends on what goes into it.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Makes {
    /// Every change shows.
    Everything,
    /// The same bytes whatever goes in: early cut-off.
    Constant,
    /// No output and no result.
    Nothing,
}

#[derive(Debug, Clone)]
struct Spec {
    deps: Vec<usize>,
    makes: Makes,
}

struct World {
    graph: Graph,
    order: Vec<TaskName>,
    makes: BTreeMap<TaskName, Makes>,
    code: RefCell<BTreeMap<TaskName, u32>>,
    records: RefCell<BTreeMap<TaskName, Arc<Record>>>,
    attempts: RefCell<BTreeMap<TaskName, Attempt>>,
    results: RefCell<BTreeMap<Digest, Arc<Value>>>,
    tables: RefCell<BTreeMap<Digest, Arc<ItemTable>>>,
    broken: RefCell<OutputsState>,
    runs: RefCell<u32>,
    now: RefCell<u64>,
}

fn name(index: usize) -> TaskName {
    TaskName::parse(&format!("t{index}")).unwrap()
}

fn task(name: TaskName, deps: Vec<TaskName>, makes: Makes) -> Task {
    Task {
        script: Script {
            language: Language::R,
            file: Template::parse("x.R").unwrap(),
            path: Some(PathBuf::from("/x.R")),
            function: None,
            tried: Vec::new(),
        },
        outputs: match makes {
            Makes::Nothing => Vec::new(),
            _ => vec![Template::parse(&format!("{name}.csv")).unwrap()],
        },
        name,
        deps,
        inputs: Vec::new(),
        refresh: Refresh::Never,
        args: BTreeMap::new(),
        prefix_args: None,
        cli_args: None,
        cache_result: false,
        iterable_item: Vec::new(),
        map_over: Vec::new(),
        map_deps: MapDeps::All,
        bundle_size: 1,
        group_size: None,
        compute: Compute::default(),
        tags: Vec::new(),
        logs: None,
        retries: Retries::default(),
        timeout_ms: None,
        env: BTreeMap::new(),
        secret_env: Vec::new(),
        cwd: None,
        cache: true,
        reuse: None,
        keep: false,
        workers: Workers::Warm,
        places: BTreeMap::new(),
    }
}

impl World {
    fn new(specs: &[Spec]) -> Self {
        let tasks: Vec<_> = specs
            .iter()
            .enumerate()
            .map(|(at, spec)| task(name(at), spec.deps.iter().map(|dep| name(*dep)).collect(), spec.makes))
            .collect();
        let makes = specs.iter().enumerate().map(|(at, spec)| (name(at), spec.makes)).collect();
        Self::of(tasks, makes)
    }

    fn of(tasks: Vec<Task>, makes: BTreeMap<TaskName, Makes>) -> Self {
        let graph_name = GraphName::parse("g").unwrap();
        Self {
            order: tasks.iter().map(|task| task.name.clone()).collect(),
            code: RefCell::new(tasks.iter().map(|task| (task.name.clone(), 0)).collect()),
            graph: Graph {
                name: graph_name.clone(),
                namespace: graph_name,
                tasks: tasks.into_iter().map(|task| (task.name.clone(), task)).collect::<IndexMap<_, _>>(),
                config: BTreeMap::new(),
                place: None,
            },
            makes,
            records: RefCell::default(),
            attempts: RefCell::default(),
            results: RefCell::default(),
            tables: RefCell::default(),
            broken: RefCell::default(),
            runs: RefCell::default(),
            now: RefCell::new(1_000_000),
        }
    }

    fn edit(&self, name: &TaskName) {
        *self.code.borrow_mut().get_mut(name).unwrap() += 1;
    }

    fn status(&self) -> BTreeMap<TaskName, Decision> {
        fold(&self.graph, &self.order, self, self, &|_| Force::No)
    }

    /// Runs what is not fresh, in order; returns the tasks that really ran.
    fn run(&self) -> BTreeSet<TaskName> {
        *self.runs.borrow_mut() += 1;
        let run = RunId::new(u64::from(*self.runs.borrow()), 0);
        let mut ran = BTreeSet::new();
        for name in &self.order {
            // With all records in place the fold decides as `serve` does, task by task.
            let decision = self.step_alone(name);
            if decision.action == Action::Run {
                ran.insert(name.clone());
                let record = self.make(name, &decision, &run);
                self.attempts.borrow_mut().remove(name);
                self.records.borrow_mut().insert(name.clone(), Arc::new(record));
            }
        }
        ran
    }

    fn step_alone(&self, name: &TaskName) -> Decision {
        let task = &self.graph.tasks[name];
        let dependencies: Vec<_> = task
            .deps
            .iter()
            .map(|dep| Dependency {
                task: &self.graph.tasks[dep],
                state: DependencyState::Known(self.current(dep).unwrap()),
            })
            .collect();
        let gathered = self.gathered(task);
        let situation = Situation {
            task,
            gathered: &gathered,
            dependencies: &dependencies,
            provider: list_provider(&self.graph, task).ok().filter(|_| task.is_mapped()),
            item_code: &|item| self.item_code(task, item),
            force: Force::No,
        };
        step(&situation, self)
    }

    fn make(&self, name: &TaskName, decision: &Decision, run: &RunId) -> Record {
        let fingerprint = decision.fingerprint.unwrap();
        let made = match self.makes[name] {
            Makes::Everything => fingerprint.0,
            Makes::Constant | Makes::Nothing => Digest::of(b"same"),
        };
        let items = decision.items.as_ref().map(|plan| self.keep_table(plan, run));
        let task = &self.graph.tasks[name];
        let result = task.cache_result.then(|| {
            let value = json!(list(self.code.borrow()[name]));
            let digest = Digest::of(&canonical_json(&value));
            self.results.borrow_mut().insert(digest, Arc::new(value));
            digest
        });
        Record {
            format: RECORD_FORMAT,
            graph: self.graph.namespace.clone(),
            task: name.clone(),
            fingerprint,
            settled: Settled::Yes,
            ingredients: decision.ingredients.clone(),
            code: Vec::new(),
            outputs: Vec::new(),
            outputs_digest: made,
            result,
            items,
            run: run.clone(),
            timing: Timing { started_ms: *self.now.borrow(), ..Timing::default() },
            provenance: Provenance::default(),
            log: None,
        }
    }

    fn keep_table(&self, plan: &ItemPlan, run: &RunId) -> Digest {
        let ran = plan.stale.iter().map(|stale| ItemRecord {
            key: stale.key,
            item: stale.item.clone(),
            fingerprint: stale.fingerprint,
            outputs: Vec::new(),
            result: None,
            timing: Timing::default(),
        });
        let mut items: Vec<_> = plan.fresh.iter().cloned().chain(ran).collect();
        items.sort_by_key(|item| item.key);
        let digest = Digest::of(format!("{run} {items:?}").as_bytes());
        self.tables.borrow_mut().insert(digest, Arc::new(ItemTable { format: 1, items }));
        digest
    }
}

/// The list that the code of version `n` returns.
fn list(n: u32) -> Vec<&'static str> {
    match n {
        0 => vec!["NC", "SC", "VA"],
        1 => vec!["VA", "NC", "SC"],
        2 => vec!["VA", "NC", "SC", "GA"],
        _ => vec!["NC"],
    }
}

impl Gatherer for World {
    fn gathered(&self, task: &Task) -> Arc<Gathered> {
        let version = self.code.borrow()[&task.name];
        let digest = Digest::of(version.to_string().as_bytes());
        let code = Ingredient { kind: IngredientKind::Code, name: "script".into(), digest, shown: None };
        let own = Digest::of(task.name.as_str().as_bytes());
        let name = Ingredient { kind: IngredientKind::Task, name: String::new(), digest: own, shown: None };
        Arc::new(Gathered { ingredients: vec![name, code], ..Gathered::default() })
    }

    fn item_code(&self, _: &Task, _: &Item) -> Gathered {
        Gathered::default()
    }
}

impl Known for World {
    fn current(&self, task: &TaskName) -> Option<Arc<Record>> {
        self.records.borrow().get(task).cloned()
    }
    fn failed_attempt(&self, task: &TaskName) -> Option<Attempt> {
        self.attempts.borrow().get(task).cloned()
    }
    fn reusable(&self, _: &TaskName, _: Fingerprint) -> Option<Arc<Record>> {
        None
    }
    fn outputs(&self, record: &Record) -> OutputsState {
        let broken = self.broken.borrow();
        let own = |paths: &[String]| {
            let mine = |path: &&String| path.starts_with(record.task.as_str());
            paths.iter().filter(mine).cloned().collect()
        };
        OutputsState { absent: own(&broken.absent), edited: own(&broken.edited), lost: own(&broken.lost) }
    }
    fn result(&self, record: &Record) -> Option<Arc<Value>> {
        self.results.borrow().get(&record.result?).cloned()
    }
    fn items(&self, record: &Record) -> Option<Arc<ItemTable>> {
        self.tables.borrow().get(&record.items?).cloned()
    }
    fn finished_items(&self, _: &TaskName) -> Vec<ItemRecord> {
        Vec::new()
    }
    fn now_ms(&self) -> u64 {
        *self.now.borrow()
    }
}

fn graphs() -> impl Strategy<Value = Vec<Spec>> {
    let makes = prop_oneof![
        4 => Just(Makes::Everything),
        1 => Just(Makes::Constant),
        1 => Just(Makes::Nothing),
    ];
    proptest::collection::vec((proptest::collection::vec(any::<prop::sample::Index>(), 0..4), makes), 1..25)
        .prop_map(|specs| {
            let spec = |(at, (deps, makes)): (usize, (Vec<prop::sample::Index>, Makes))| {
                let deps: BTreeSet<_> =
                    deps.iter().filter(|_| at > 0).map(|index| index.index(at.max(1))).collect();
                Spec { deps: deps.into_iter().collect(), makes }
            };
            specs.into_iter().enumerate().map(spec).collect()
        })
}

/// Which tasks an edit of `edited` makes run, told from the specs alone.
fn reached(specs: &[Spec], edited: usize) -> BTreeSet<TaskName> {
    let mut ran = vec![false; specs.len()];
    let mut differs = vec![false; specs.len()];
    for (at, spec) in specs.iter().enumerate() {
        ran[at] = at == edited || spec.deps.iter().any(|dep| differs[*dep]);
        differs[at] = ran[at] && spec.makes != Makes::Constant;
    }
    ran.iter().enumerate().filter(|(_, ran)| **ran).map(|(at, _)| name(at)).collect()
}

proptest! {
    #[test]
    fn a_second_run_does_nothing(specs in graphs()) {
        let world = World::new(&specs);
        prop_assert_eq!(world.run().len(), specs.len());
        prop_assert!(world.run().is_empty());
        prop_assert!(world.status().values().all(|decision| decision.status == Status::Fresh));
    }

    #[test]
    fn an_edit_runs_exactly_what_it_reaches(specs in graphs(), pick in any::<prop::sample::Index>()) {
        let world = World::new(&specs);
        world.run();
        let edited = pick.index(specs.len());
        world.edit(&name(edited));
        let said = world.status();
        let ran = world.run();
        prop_assert_eq!(&ran, &reached(&specs, edited));
        // Before the run, nothing that ran was called fresh, and everything called stale ran.
        for (task, decision) in said {
            match decision.status {
                Status::Fresh => prop_assert!(!ran.contains(&task)),
                Status::Stale => {
                    let upstream = decision.reasons.iter().all(|r| matches!(r, Reason::Upstream { .. }));
                    prop_assert!(upstream || ran.contains(&task));
                }
                Status::Maybe | Status::Failed => {}
            }
        }
        prop_assert!(world.run().is_empty());
    }
}

fn chain(count: usize) -> World {
    let spec =
        |at: usize| Spec { deps: if at == 0 { vec![] } else { vec![at - 1] }, makes: Makes::Everything };
    World::new(&(0..count).map(spec).collect::<Vec<_>>())
}

#[test]
fn an_absent_output_is_fresh_and_an_edited_or_lost_one_is_stale() {
    let world = chain(2);
    world.run();
    world.broken.borrow_mut().absent = vec!["t0.csv".into()];
    assert_eq!(world.status()[&name(0)].status, Status::Fresh);
    world.broken.borrow_mut().edited = vec!["t0.csv".into()];
    assert_eq!(world.status()[&name(0)].reasons, [Reason::Edited { paths: vec!["t0.csv".into()] }]);
    *world.broken.borrow_mut() = OutputsState { lost: vec!["t0.csv".into()], ..OutputsState::default() };
    assert_eq!(world.status()[&name(0)].status, Status::Stale);
    assert_eq!(world.status()[&name(1)].status, Status::Maybe);
}

#[test]
fn a_failed_attempt_counts_only_for_todays_fingerprint() {
    let world = chain(1);
    world.edit(&name(0));
    let fingerprint = world.step_alone(&name(0)).fingerprint.unwrap();
    let attempt = Attempt {
        fingerprint,
        run: RunId::new(1, 1),
        ended_ms: 1,
        error: "boom".into(),
        log: None,
        failed_items: 0,
    };
    world.attempts.borrow_mut().insert(name(0), attempt);
    assert_eq!(world.status()[&name(0)].status, Status::Failed);
    world.edit(&name(0));
    assert_eq!(world.status()[&name(0)].status, Status::Stale);
}

#[test]
fn age_makes_stale_where_refresh_says_so() {
    let mut old = task(name(0), vec![], Makes::Everything);
    old.refresh = Refresh::After(1000);
    let world = World::of(vec![old], BTreeMap::from([(name(0), Makes::Everything)]));
    world.run();
    assert!(world.run().is_empty());
    *world.now.borrow_mut() += 1000;
    assert_eq!(world.status()[&name(0)].reasons, [Reason::Refresh { age_ms: 1000 }]);
    assert_eq!(world.run().len(), 1);
}

fn mapped_world() -> World {
    let mut states = task(name(0), vec![], Makes::Constant);
    states.cache_result = true;
    states.iterable_item = vec!["US_STATE".into()];
    let mut mapped = task(name(1), vec![name(0)], Makes::Everything);
    mapped.map_over = vec!["US_STATE".into()];
    mapped.outputs = vec![Template::parse("${US_STATE}.csv").unwrap()];
    let makes = [(name(0), Makes::Constant), (name(1), Makes::Everything)];
    World::of(vec![states, mapped], makes.into())
}

#[test]
fn a_moved_item_changes_nothing_and_a_new_one_runs_alone() {
    let world = mapped_world();
    assert_eq!(world.run().len(), 2);
    world.edit(&name(0));
    assert_eq!(world.run(), BTreeSet::from([name(0)]), "the list was only shuffled");
    world.edit(&name(0));
    world.records.borrow_mut().remove(&name(0));
    let ran = world.run();
    assert!(ran.contains(&name(1)));
    world.edit(&name(1));
    let decision = world.step_alone(&name(1));
    assert_eq!(decision.items.map(|plan| plan.stale.len()), Some(4), "its own code reaches every item");
}

#[test]
fn only_the_new_item_is_stale_and_a_removed_one_is_named() {
    let world = mapped_world();
    world.run();
    for (edits, stale, fresh, removed) in [(2, 1, 3, 0), (1, 0, 1, 3)] {
        for _ in 0..edits {
            world.edit(&name(0));
        }
        let run = RunId::new(99, 0);
        let provider = world.step_alone(&name(0));
        let record = world.make(&name(0), &provider, &run);
        world.records.borrow_mut().insert(name(0), Arc::new(record));
        let plan = world.step_alone(&name(1)).items.unwrap();
        assert_eq!((plan.stale.len(), plan.fresh.len(), plan.removed.len()), (stale, fresh, removed));
        world.run();
    }
}

#[test]
fn a_result_that_is_no_list_is_an_error_that_names_it() {
    let mut provider = task(name(0), vec![], Makes::Nothing);
    provider.iterable_item = vec!["STATE".into(), "ZIP".into()];
    for (value, part) in [
        (json!({"a": 1}), "returned an object"),
        (json!([["NC", 1], "SC"]), "[1]"),
        (json!([["NC", 1], ["NC", 1]]), "twice"),
    ] {
        let error = expand_items(&provider, &value).unwrap_err().to_string();
        assert!(error.contains(part), "{error}");
    }
    let items = expand_items(&provider, &json!([["NC", 1], {"ZIP": 2, "STATE": "a, b"}])).unwrap();
    assert_eq!(items[1].label(&provider.iterable_item), "a, b,2");
    assert!(expand_items(&provider, &json!([])).unwrap().is_empty());
}
