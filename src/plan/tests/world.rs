//! A world of plain values: it runs tasks by handing out digests.
//!
//! A task's output is a function of its code and of what its dependencies made,
//! so an oracle can say which tasks an edit reaches without knowing how the
//! plan decides.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use indexmap::IndexMap;
use serde_json::{Value, json};

use super::super::*;
use crate::fingerprint::Gathered;
use crate::model::*;

/// How a task's output depends on what goes into it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Makes {
    /// Every change shows.
    Everything,
    /// The same bytes whatever goes in: early cut-off.
    Constant,
    /// No output and no result.
    Nothing,
}

#[derive(Debug, Clone)]
pub(super) struct Spec {
    pub(super) deps: Vec<usize>,
    pub(super) makes: Makes,
}

pub(super) struct World {
    pub(super) graph: Graph,
    pub(super) order: Vec<TaskName>,
    pub(super) makes: BTreeMap<TaskName, Makes>,
    pub(super) code: RefCell<BTreeMap<TaskName, u32>>,
    pub(super) records: RefCell<BTreeMap<TaskName, Arc<Record>>>,
    pub(super) attempts: RefCell<BTreeMap<TaskName, Attempt>>,
    pub(super) results: RefCell<BTreeMap<Digest, Arc<Value>>>,
    /// What the code of the first task returns, where it is not [`list`].
    pub(super) listed: RefCell<Option<Value>>,
    pub(super) tables: RefCell<BTreeMap<Digest, Arc<ItemTable>>>,
    pub(super) broken: RefCell<OutputsState>,
    pub(super) runs: RefCell<u32>,
    pub(super) now: RefCell<u64>,
}

pub(super) fn name(index: usize) -> TaskName {
    TaskName::parse(&format!("t{index}")).unwrap()
}

pub(super) fn task(name: TaskName, deps: Vec<TaskName>, makes: Makes) -> Task {
    let outputs = match makes {
        Makes::Nothing => Vec::new(),
        _ => vec![Template::parse(&format!("{name}.csv")).unwrap()],
    };
    Task { deps, outputs, ..testing::task(name.as_str(), testing::found_script("x.R", "/x.R")) }
}

impl World {
    pub(super) fn new(specs: &[Spec]) -> Self {
        let tasks: Vec<_> = specs
            .iter()
            .enumerate()
            .map(|(at, spec)| task(name(at), spec.deps.iter().map(|dep| name(*dep)).collect(), spec.makes))
            .collect();
        let makes = specs.iter().enumerate().map(|(at, spec)| (name(at), spec.makes)).collect();
        Self::of(tasks, makes)
    }

    pub(super) fn of(tasks: Vec<Task>, makes: BTreeMap<TaskName, Makes>) -> Self {
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
            listed: RefCell::default(),
            tables: RefCell::default(),
            broken: RefCell::default(),
            runs: RefCell::default(),
            now: RefCell::new(1_000_000),
        }
    }

    pub(super) fn edit(&self, name: &TaskName) {
        *self.code.borrow_mut().get_mut(name).unwrap() += 1;
    }

    pub(super) fn status(&self) -> BTreeMap<TaskName, Decision> {
        fold(&self.graph, &self.order, self, self, &|_| Force::No)
    }

    /// Runs what is not fresh, in order; returns the tasks that really ran.
    pub(super) fn run(&self) -> BTreeSet<TaskName> {
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

    pub(super) fn step_alone(&self, name: &TaskName) -> Decision {
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
            run: None,
            choice: None,
        };
        step(&situation, self)
    }

    pub(super) fn make(&self, name: &TaskName, decision: &Decision, run: &RunId) -> Record {
        let fingerprint = decision.fingerprint.unwrap();
        let made = match self.makes[name] {
            Makes::Everything => fingerprint.0,
            Makes::Constant | Makes::Nothing => Digest::of(b"same"),
        };
        let items = decision.items.as_ref().map(|plan| self.keep_table(name, plan, run));
        let task = &self.graph.tasks[name];
        let result = task.cache_result.then(|| {
            let listed = self.listed.borrow().clone();
            let value = listed.unwrap_or_else(|| json!(list(self.code.borrow()[name])));
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
            accepted: None,
            local_only: false,
            deferred: Vec::new(),
        }
    }

    fn keep_table(&self, task: &TaskName, plan: &ItemPlan, run: &RunId) -> Digest {
        let file = |stale: &StaleItem| OutputFile {
            path: format!("{task}/{}", stale.key.0),
            digest: stale.fingerprint.0,
            size: 1,
            executable: false,
        };
        let ran = plan.stale.iter().map(|stale| ItemRecord {
            key: stale.key,
            item: stale.item.clone(),
            fingerprint: stale.fingerprint,
            outputs: vec![file(stale)],
            result: None,
            timing: Timing::default(),
            log: None,
            accepted: None,
        });
        let table = ItemTable::new(plan.fresh.iter().cloned().chain(ran.map(Arc::new)));
        let digest = Digest::of(format!("{run} {table:?}").as_bytes());
        self.tables.borrow_mut().insert(digest, Arc::new(table));
        digest
    }
}

/// The list that the code of version `n` returns.
pub(super) fn list(n: u32) -> Vec<&'static str> {
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
        OutputsState {
            absent: own(&broken.absent),
            edited: own(&broken.edited),
            lost: own(&broken.lost),
            ..OutputsState::default()
        }
    }
    fn result(&self, record: &Record) -> Option<Arc<Value>> {
        self.results.borrow().get(&record.result?).cloned()
    }
    fn items(&self, record: &Record) -> Option<Arc<ItemTable>> {
        self.tables.borrow().get(&record.items?).cloned()
    }
    fn finished_items(&self, _: &TaskName) -> Vec<Arc<ItemRecord>> {
        Vec::new()
    }
    fn failed_items(&self, _: &TaskName) -> Vec<FailedItem> {
        Vec::new()
    }
    fn invalidated(&self, _: &TaskName) -> Vec<Mark> {
        Vec::new()
    }
    fn is_bad(&self, _: &ItemRecord) -> bool {
        false
    }
    fn now_ms(&self) -> u64 {
        *self.now.borrow()
    }
}
