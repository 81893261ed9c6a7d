//! The past of one branch, as the plan asks about it: over state, store and disk.
//!
//! Which record each task has is read once; records are read when they are
//! first asked for. What cannot be read is answered as absent, so that the task
//! runs: it fails closed.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use serde::de::DeserializeOwned;
use serde_json::Value;

use super::Bad;
use super::files::Files;
use super::outputs::{self, Folder};
use crate::fingerprint::Memo;
use crate::model::{
    Attempt, BranchName, CacheUse, Digest, FailedItem, Fingerprint, Graph, ItemRecord, ItemTable, Mark,
    Project, RECORD_FORMAT, Record, Reuse, Settled, Task, TaskName, canonical_json,
};
use crate::plan::{ITS_RESULT, Known, OutputsState};
use crate::state::{
    BranchKey, Candidate, Protection, Shards, State, StateError, load_item_table, load_readable_items,
    load_shard_list,
};
use crate::store::Store;

/// Whose past is asked about, and where it is kept.
#[derive(Clone, Copy)]
pub struct Past<'a> {
    /// Objects.
    pub store: &'a Store,
    /// Branches.
    pub state: &'a State,
    /// Project and branch.
    pub key: &'a BranchKey,
    /// For what is protected.
    pub project: &'a Project,
    /// For its namespace and its tasks.
    pub graph: &'a Graph,
    /// Where its files are.
    pub outputs_dir: &'a Path,
    /// Tells digests of files.
    pub memo: &'a dyn Memo,
}

/// The past of a branch; see [`Known`].
pub struct StateKnown<'a> {
    past: Past<'a>,
    protection: Protection,
    folder: Folder,
    reads: bool,
    current: Mutex<BTreeMap<TaskName, Digest>>,
    failed: BTreeMap<TaskName, Attempt>,
    records: Cache<Record>,
    tables: Mutex<Tables>,
    results: Cache<Value>,
    bad: Bad,
}

/// Item tables that were asked for or made; absent where one cannot be read.
#[derive(Default)]
struct Tables {
    whole: HashMap<Digest, Option<Arc<ItemTable>>>,
    shards: Shards,
}

/// Objects that were asked for, parsed once; absent ones too.
struct Cache<T>(Mutex<HashMap<Digest, Option<Arc<T>>>>);

impl<T: DeserializeOwned> Cache<T> {
    fn new() -> Self {
        Self(Mutex::new(HashMap::new()))
    }

    fn digest_of(&self, value: &Arc<T>) -> Option<Digest> {
        let cache = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let same = |one: &Option<Arc<T>>| one.as_ref().is_some_and(|one| Arc::ptr_eq(one, value));
        cache.iter().find(|(_, one)| same(one)).map(|(digest, _)| *digest)
    }

    fn load(&self, store: &Store, digest: Digest) -> Option<Arc<T>> {
        let mut cache = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        cache.entry(digest).or_insert_with(|| store.load_json(&digest).ok().map(Arc::new)).clone()
    }
}

impl<'a> StateKnown<'a> {
    /// Reads which record and which failed attempt each task of a graph has.
    pub fn load(past: Past<'a>) -> Result<Self, StateError> {
        let namespace = &past.graph.namespace;
        Ok(Self {
            protection: Protection::new(past.project.settings.protected.iter().cloned())
                .trusting(&past.project.settings.trusted),
            folder: Folder::at(past.outputs_dir),
            reads: true,
            current: Mutex::new(taken_over(past.graph, past.state.records(past.key, namespace)?)),
            failed: past.state.failed_attempts(past.key, namespace)?,
            records: Cache::new(),
            tables: Mutex::default(),
            results: Cache::new(),
            bad: Bad::load(past.state, &past.key.project)?,
            past,
        })
    }

    /// Answers that no record made elsewhere may be taken, where the run is not to.
    pub fn using(self, cache: CacheUse) -> Self {
        Self { reads: cache.reads(), ..self }
    }

    /// Returns the digest of a task's record; absent where it never finished.
    pub fn current_digest(&self, task: &TaskName) -> Option<Digest> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner).get(task).copied()
    }

    /// Returns every task that has a record, whether the graph still has it or not.
    pub fn recorded(&self) -> Vec<TaskName> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner).keys().cloned().collect()
    }

    /// Reads again which record a task has.
    pub fn refresh(&self, task: &TaskName) -> Result<(), StateError> {
        let of = |name: &TaskName| self.past.state.record_of(self.past.key, &self.past.graph.namespace, name);
        let mut found = of(task)?;
        for old in self.past.graph.tasks.get(task).iter().flat_map(|task| task.renamed_from.iter().rev()) {
            found = found.or(of(old)?);
        }
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        match found {
            Some(record) => current.insert(task.clone(), record),
            None => current.remove(task),
        };
        Ok(())
    }

    /// Takes note of a record that a task was given since.
    pub fn learn(&self, task: &TaskName, record: Digest) {
        self.current.lock().unwrap_or_else(PoisonError::into_inner).insert(task.clone(), record);
    }

    /// Takes note of an item table that was just put: it need not be read back.
    pub fn learn_items(&self, digest: Digest, table: Arc<ItemTable>) {
        self.tables().whole.insert(digest, Some(table));
    }

    /// Returns every file of a record, those of items too.
    pub fn files(&self, record: Arc<Record>) -> Files {
        let table = self.items(&record);
        Files::new(record, table)
    }

    /// Returns every file that a task has on record; none where it never finished.
    pub fn current_files(&self, task: &TaskName) -> Files {
        self.current(task).map(|record| self.files(record)).unwrap_or_default()
    }

    /// Returns the files that a task has on record and that belong to no item.
    pub fn own_files(&self, task: &TaskName) -> Files {
        self.current(task).map(|record| Files::new(record, None)).unwrap_or_default()
    }

    /// Returns how many items a record has, without reading them; absent for an unmapped task.
    pub fn item_count(&self, record: &Record) -> Option<u64> {
        load_shard_list(self.past.store, &record.items?).ok().map(|index| index.items)
    }

    fn tables(&self) -> MutexGuard<'_, Tables> {
        self.tables.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the digest of a record that was asked for before.
    pub fn digest_of(&self, record: &Arc<Record>) -> Option<Digest> {
        self.records.digest_of(record)
    }

    /// Returns the record of a digest; absent where the store has none.
    pub fn record(&self, digest: Digest) -> Option<Arc<Record>> {
        // What an older or a newer kptn wrote may mean something else.
        self.records.load(self.past.store, digest).filter(|record| record.format == RECORD_FORMAT)
    }

    /// Returns which records a task takes instead of running.
    pub fn reuse(&self, task: &TaskName) -> Reuse {
        self.past.graph.tasks.get(task).map_or(Reuse::Never, Task::reuse)
    }

    /// Tells whether the task takes records from where this one was made.
    fn may_take(&self, reuse: Reuse, candidate: &Candidate) -> bool {
        match reuse {
            Reuse::Never => false,
            Reuse::Branch => self.is_own(candidate),
            Reuse::Any => true,
        }
    }

    fn is_own(&self, candidate: &Candidate) -> bool {
        candidate.project == self.past.key.project && candidate.branch == self.past.key.branch
    }

    /// Tells whether the branch may have it: a protected one takes what was made on, or promoted to, protected ones.
    fn is_admitted(&self, candidate: &Candidate) -> bool {
        let trusts = |branch: &BranchName| self.protection.trusts(branch.as_str());
        let is_promoted = || {
            let found = self.past.state.promotions(&self.past.key.project, &candidate.record);
            found.unwrap_or_default().iter().any(|one| trusts(&one.branch))
        };
        let is_protected = self.protection.covers(self.past.key.branch.as_str());
        let of_project = candidate.project == self.past.key.project;
        self.is_own(candidate) || !is_protected || (of_project && trusts(&candidate.branch)) || is_promoted()
    }

    /// Returns the candidates that the task takes, those of its own branch first, then the latest; with their records.
    fn fitting(
        &self,
        task: &TaskName,
        fingerprint: Fingerprint,
    ) -> impl Iterator<Item = (Candidate, Arc<Record>)> {
        let reuse = self.reuse(task);
        let mut candidates = Vec::new();
        if reuse != Reuse::Never && self.reads {
            candidates = self.past.state.candidates(&fingerprint).unwrap_or_default();
        }
        candidates.retain(|one| self.may_take(reuse, one));
        let task = task.clone();
        let is_protected = self.protection.covers(self.past.key.branch.as_str());
        candidates.sort_by_key(|one| one.branch != self.past.key.branch);
        candidates.into_iter().filter_map(move |one| {
            let record = self.record(one.record)?;
            let fits = record.fingerprint == fingerprint && record.settled == Settled::Yes;
            let may_hold = !is_protected || record.deferred.is_empty();
            let is_good = || self.bad.of(&task, one.record, || self.items(&record)).is_empty();
            (fits && may_hold && is_good()).then_some((one, record))
        })
    }

    /// Returns records that the task would take, were its branch not protected: where each was made, its digest, itself.
    pub fn not_admitted(
        &self,
        task: &TaskName,
        fingerprint: Fingerprint,
    ) -> impl Iterator<Item = (BranchName, Digest, Arc<Record>)> {
        let fitting = self.fitting(task, fingerprint);
        let kept_out = fitting.filter(|(one, record)| !self.is_admitted(one) && self.is_whole(record));
        kept_out.map(|(one, record)| (one.branch, one.record, record))
    }

    /// Tells whether the store has everything that a record needs, code and logs too, or is promised it: what of it was put
    /// aside is back then, so a collection leaves no record on a branch without them.
    pub fn is_whole(&self, record: &Record) -> bool {
        let has = |digest: &Digest| self.past.store.can_have(digest).unwrap_or(false);
        let items = self.items(record);
        let of_items = items.iter().flat_map(|table| table.items());
        (record.items.is_none() || items.is_some())
            && record.result.iter().all(&has)
            && record.log.iter().all(&has)
            && record.code.iter().all(|part| has(&part.source))
            && record.outputs.iter().all(|file| has(&file.digest))
            && of_items
                .into_iter()
                .all(|item| item.result.iter().all(&has) && item.outputs.iter().all(|file| has(&file.digest)))
    }
}

impl Known for StateKnown<'_> {
    fn current(&self, task: &TaskName) -> Option<Arc<Record>> {
        self.record(self.current_digest(task)?)
    }

    fn failed_attempt(&self, task: &TaskName) -> Option<Attempt> {
        self.failed.get(task).cloned()
    }

    fn reusable(&self, task: &TaskName, fingerprint: Fingerprint) -> Option<Arc<Record>> {
        let mut fitting = self.fitting(task, fingerprint);
        fitting.find(|(one, record)| self.is_admitted(one) && self.is_whole(record)).map(|(_, record)| record)
    }

    fn outputs(&self, record: &Record) -> OutputsState {
        // Of a table that is not whole, what can be read still tells edits.
        let items = self.readable_items(record);
        let files = || record.outputs.iter().chain(items.files());
        let looked = outputs::look(self.past.store, self.past.memo, &self.folder, files());
        let all_lost = || OutputsState {
            lost: files().map(|file| file.path.clone()).collect(),
            ..OutputsState::default()
        };
        let mut state = looked.unwrap_or_else(|_| all_lost());
        if record.items.is_some() && self.items(record).is_none() {
            state.lost.push("the table of its items".to_owned());
        }
        if record.result.is_some_and(|result| !self.past.store.can_have(&result).unwrap_or(false)) {
            state.lost.push(ITS_RESULT.to_owned());
        }
        if !state.lost.is_empty() && self.past.state.is_elsewhere(&Digest::of(&canonical_json(record))) {
            state.elsewhere = std::mem::take(&mut state.lost);
        }
        state
    }

    fn can_have(&self, object: &Digest) -> bool {
        self.past.store.can_have(object).unwrap_or(false)
    }

    fn result(&self, record: &Record) -> Option<Arc<Value>> {
        self.results.load(self.past.store, record.result?)
    }

    fn items(&self, record: &Record) -> Option<Arc<ItemTable>> {
        let digest = record.items?;
        let tables = &mut *self.tables();
        if let Some(known) = tables.whole.get(&digest) {
            return known.clone();
        }
        let read = load_item_table(self.past.store, &digest, &mut tables.shards).ok().map(Arc::new);
        tables.whole.insert(digest, read.clone());
        read
    }

    fn readable_items(&self, record: &Record) -> Arc<ItemTable> {
        let (Some(digest), None) = (record.items, self.items(record)) else {
            return self.items(record).unwrap_or_default();
        };
        Arc::new(load_readable_items(self.past.store, &digest, &mut self.tables().shards))
    }

    fn finished_items(&self, task: &TaskName) -> Vec<Arc<ItemRecord>> {
        let kept = self.past.state.kept_items(self.past.key, &self.past.graph.namespace, task);
        kept.unwrap_or_default().into_iter().map(Arc::new).collect()
    }

    fn failed_items(&self, task: &TaskName) -> Vec<FailedItem> {
        self.past.state.failed_items(self.past.key, &self.past.graph.namespace, task).unwrap_or_default()
    }

    fn invalidated(&self, task: &TaskName) -> Vec<Mark> {
        let Some(digest) = self.current_digest(task) else { return Vec::new() };
        self.bad.of(task, digest, || Some(self.readable_items(&*self.record(digest)?)))
    }

    fn is_bad(&self, item: &ItemRecord) -> bool {
        self.bad.has_item(item)
    }

    fn now_ms(&self) -> u64 {
        now_ms()
    }
}

/// Gives renamed tasks the records that they have under an earlier name, where they have none under their own.
fn taken_over(graph: &Graph, mut records: BTreeMap<TaskName, Digest>) -> BTreeMap<TaskName, Digest> {
    for task in graph.tasks.values() {
        for old in task.renamed_from.iter().rev() {
            if let Some(record) = records.remove(old) {
                records.entry(task.name.clone()).or_insert(record);
            }
        }
    }
    records
}

/// Returns the time, in ms since the epoch.
pub fn now_ms() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64)
}
