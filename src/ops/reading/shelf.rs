//! Finds the record of a task: where it stands, on which branch, what it lists.
//!
//! ```text
//! bearings hold    HEAD, one row of state.db (or a look into the snapshot), one record
//! else             the configuration is read, and bearings are taken for the next time
//! no record here   the plan is asked: another branch's record may stand for it
//! ```

use std::path::PathBuf;

use super::there::Source;
use super::{ReadingError, Wanted};
use crate::config;
use crate::git::Repository;
use crate::model::{
    Address, BranchName, Digest, Force, GraphName, Item, ItemName, ItemNotFound, ItemRecord, ItemTable,
    LinkMode, OutputFile, Record, TaskName,
};
use crate::ops::bearings::Place;
use crate::ops::probes::Probing;
use crate::ops::scope::{self, Words};
use crate::ops::session::{outputs_dir_of, outputs_template};
use crate::ops::standing::{Because, Standing};
use crate::ops::survey::{Question, Survey, environment};
use crate::ops::{OpsError, Session, Start, memo};
use crate::plan::Known;
use crate::state::{Bearing, Bearings, BranchKey, Shards, State, StateError, load_item_table};
use crate::store::Store;
use crate::task::outputs::Folder;

/// A task's record, and where its files belong.
pub struct Shelf {
    /// The graph.
    pub graph: GraphName,
    /// The task.
    pub task: TaskName,
    /// The item that was asked for.
    pub(super) item: Option<ItemRecord>,
    /// How it was typed.
    pub(super) typed: String,
    /// The record's digest.
    pub digest: Digest,
    pub(super) record: Record,
    /// Objects.
    pub store: Store,
    /// The project root.
    pub root: PathBuf,
    /// The git repository around it.
    pub repository: Option<Repository>,
    /// How files are put back.
    pub link: LinkMode,
    pub(super) branch: BranchName,
    pub(super) own: bool,
    pub(super) outputs_dir: String,
    /// Where what is not here yet comes from; absent where the record is a branch's here.
    pub(super) source: Option<Source>,
}

/// A record that was found, and what finding it needed.
struct Found {
    bearing: Bearing,
    digest: Digest,
    store_root: PathBuf,
    outputs_dir: String,
    link: LinkMode,
}

impl Shelf {
    /// Finds the record that is asked for.
    pub fn find(start: &Start, wanted: &Wanted) -> Result<Self, OpsError> {
        let Address { task, item } =
            Address::parse(&wanted.task).map_err(|error| OpsError::Address { error })?;
        let located = located(start)?;
        let repository = Repository::discover(&located.root)?;
        let standing =
            Standing::find(repository.as_ref(), start.branch.as_deref(), &located.root, &environment)?;
        let own = standing.branch == standing.head.branch;
        let branch = match standing.because {
            Because::Detached => Session::open(start)?.reads().branch.clone(),
            _ => standing.branch.clone(),
        };
        let place = Place::of(&located, repository.as_ref());
        let found = match quickly(&place, wanted, &task, &branch)? {
            Some(found) => found,
            None => slowly(start, &place, wanted, &task, &branch)?,
        };
        let store = Store::open(&found.store_root)?;
        let record: Record = store.load_json(&found.digest)?;
        let item = item.map(|item| find_item(&store, &task, &record, &found.bearing, &item)).transpose()?;
        Ok(Self {
            graph: found.bearing.graph,
            task,
            item,
            typed: wanted.task.clone(),
            digest: found.digest,
            record,
            store,
            root: located.root,
            repository,
            link: found.link,
            branch: standing.branch,
            own,
            outputs_dir: found.outputs_dir,
            source: None,
        })
    }

    /// Returns the task or item as it was typed.
    pub fn name(&self) -> String {
        self.typed.clone()
    }

    /// Returns every file that the task or item left.
    pub fn files(&self) -> Result<Vec<OutputFile>, OpsError> {
        if let Some(item) = &self.item {
            return Ok(item.outputs.clone());
        }
        let mut files = self.record.outputs.clone();
        if let Some(items) = self.record.items {
            files.extend(read_items(&self.store, &items)?.files().cloned());
        }
        Ok(files)
    }

    /// Returns the object that holds what the task or item returned.
    pub fn result(&self) -> Result<Option<Digest>, OpsError> {
        Ok(match &self.item {
            Some(item) => item.result,
            None => self.record.result,
        })
    }

    /// Returns the folder that its files belong in.
    pub fn outputs_folder(&self) -> Result<Folder, OpsError> {
        let folder = outputs_dir_of(&self.root, &self.outputs_dir, &self.branch);
        let another = BranchName::parse("another-branch").map_err(|error| OpsError::Name { error })?;
        let shared = || outputs_dir_of(&self.root, &self.outputs_dir, &another) == folder;
        if !self.own && shared() {
            return Err(ReadingError::OneFolder {
                branch: self.branch.clone(),
                there: self.source.is_some(),
            }
            .into());
        }
        Ok(Folder::at(&folder))
    }
}

pub(super) fn find_item(
    store: &Store,
    task: &TaskName,
    record: &Record,
    bearing: &Bearing,
    name: &ItemName,
) -> Result<ItemRecord, OpsError> {
    let Some(items) = record.items else { return Err(OpsError::NoItems { task: task.clone() }) };
    let table = read_items(store, &items)?;
    let items: Vec<Item> = table.items().iter().map(|record| record.item.clone()).collect();
    let item = name.find(&bearing.map_over, &items).map_err(|why| OpsError::item(task, name, why))?;
    let found = table.find(&item.key()).map(|record| ItemRecord::clone(record));
    found.ok_or_else(|| OpsError::item(task, name, ItemNotFound::Unknown { near: None }))
}

fn read_items(store: &Store, digest: &Digest) -> Result<ItemTable, StateError> {
    Ok(load_item_table(store, digest, &mut Shards::new())?)
}

/// Finds the project that is meant.
pub fn located(start: &Start) -> Result<config::Located, config::ConfigError> {
    match &start.config {
        Some(path) => config::locate_file(path),
        None => config::locate(&start.folder),
    }
}

/// Returns the tasks of all graphs, or of one, where that needs no look into `kptn.yaml`.
pub fn known_tasks(start: &Start, graph: Option<&str>) -> Option<Vec<String>> {
    Some(bearings(start)?.task_names(graph).map(str::to_owned).collect())
}

/// Returns the graphs, likewise.
pub fn known_graphs(start: &Start) -> Option<Vec<String>> {
    Some(bearings(start)?.graphs.iter().map(|(name, _)| name.to_string()).collect())
}

fn bearings(start: &Start) -> Option<Bearings> {
    let located = located(start).ok()?;
    let repository = Repository::discover(&located.root).ok()?;
    Place::of(&located, repository.as_ref()).load()
}

/// Finds a record by bearings taken earlier; absent where they do not hold or do not tell.
fn quickly(
    place: &Place,
    wanted: &Wanted,
    task: &TaskName,
    branch: &BranchName,
) -> Result<Option<Found>, OpsError> {
    let Some(bearings) = place.load() else { return Ok(None) };
    // `TASK` that is a graph's name too means the graph.
    let is_graph =
        wanted.graph.is_none() && bearings.graphs.iter().any(|(graph, _)| graph.as_str() == task.as_str());
    let mut having = bearings.find(wanted.graph.as_deref(), task.as_str());
    let (1, false, Some(bearing)) = (having.len(), is_graph, having.pop()) else { return Ok(None) };
    let Some(state) = State::open_existing(&bearings.store_root) else { return Ok(None) };
    let key = BranchKey { project: bearings.project, branch: branch.clone() };
    let digest = state.look_up(&key, &bearing.namespace, task)?;
    Ok(digest.map(|digest| Found {
        bearing,
        digest,
        store_root: bearings.store_root,
        outputs_dir: bearings.outputs_dir,
        link: bearings.link,
    }))
}

fn slowly(
    start: &Start,
    place: &Place,
    wanted: &Wanted,
    task: &TaskName,
    branch: &BranchName,
) -> Result<Found, OpsError> {
    let session = Session::open(&Start { branch: None, ..start.clone() })?;
    let words = Words { graph: wanted.graph.clone(), words: vec![task.to_string()], exclude: Vec::new() };
    let scope = scope::one_graph(&session, &words)?;
    if scope.selectors.is_empty() {
        return Err(OpsError::GraphIsNoTask { name: task.to_string() });
    }
    let Some(defined) = scope.graph.tasks.get(task) else {
        return Err(crate::ops::unknown_task(&session, task.as_str()));
    };
    place.take(&session);
    let own = *branch == session.key.branch;
    let key = BranchKey { project: session.key.project.clone(), branch: branch.clone() };
    let here = session.state()?.look_up(&key, &scope.graph.namespace, task)?;
    let found = match here {
        None if own => from_elsewhere(&session, scope.graph, task)?,
        here => here,
    };
    let Some(digest) = found else {
        return Err(ReadingError::NoRecord { task: task.clone(), branch: branch.clone(), own }.into());
    };
    Ok(Found {
        bearing: Bearing {
            graph: scope.graph.name.clone(),
            namespace: scope.graph.namespace.clone(),
            map_over: defined.map_over.clone(),
        },
        digest,
        store_root: session.store_root().to_owned(),
        outputs_dir: outputs_template(&session.project),
        link: session.project.settings.link,
    })
}

/// A branch that never ran has no records of its own: the plan knows which ones stand for them.
fn from_elsewhere(
    session: &Session,
    graph: &crate::model::Graph,
    task: &TaskName,
) -> Result<Option<Digest>, OpsError> {
    let memo = memo::open(session)?;
    let question = Question { graph, probing: Probing::Believe, force: &|_| Force::No };
    let survey = Survey::of(session, &memo, &question)?;
    memo::save(&memo);
    let record = survey.decisions.get(task).and_then(|decision| decision.record().cloned());
    let digest = record.and_then(|record| survey.known.digest_of(&record));
    Ok(digest.or_else(|| survey.known.current(task).and_then(|record| survey.known.digest_of(&record))))
}
