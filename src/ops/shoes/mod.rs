//! Shoes in a task's shoes: what it is handed, and what lies where it looks for it.
//!
//! [`stand`] puts together what a run would start the task or item with, and
//! puts the files of its dependencies there; nothing is run and nothing is
//! recorded. Stale dependencies are taken as they are.

mod error;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;

use super::items::{self, Addressed, FoundItem};
use super::placing::Placing;
use super::probes::{Probes, Probing};
use super::survey::{Question, Survey, find_interpreters};
use super::{OpsError, Session, memo, unopened};
use crate::fingerprint::variables;
use crate::model::{Force, Graph, OutputFile, Record, Task, TaskName};
use crate::plan::{Known, takes_item_alone};
use crate::process::{Environment, own_environment};
use crate::state::LocalMemo;
use crate::task::StateKnown;
use crate::task::environment::{self, Circumstances};
use crate::task::execute::{Job, handed_to};
use crate::task::outputs::{Declared, Folder};

pub use error::ShoesError;

/// A task or an item, as a run would start it.
pub struct Shoes<'a> {
    /// The graph.
    pub graph: &'a Graph,
    /// The task.
    pub task: &'a Task,
    /// The item; absent for an unmapped task.
    pub item: Option<FoundItem>,
    /// What it would be started with.
    pub job: Job,
    /// What it declares.
    pub declared: Declared,
    /// What it left last.
    pub previous: Vec<OutputFile>,
    /// Files of dependencies that were edited after they were made.
    pub edited: Vec<String>,
}

impl Shoes<'_> {
    /// Returns how people name it.
    pub fn name(&self) -> String {
        match &self.item {
            Some(item) => format!("{}[{}]", self.task.name, item.label),
            None => self.task.name.to_string(),
        }
    }

    /// Returns the whole environment; values that are handed over in files lie in the store.
    pub fn environment(&self, session: &Session) -> Result<Environment, OpsError> {
        let folder = session.store()?.layout().handed();
        Ok(handed_to(&self.job, &folder).map_err(ShoesError::from)?)
    }

    /// Returns what of the environment differs from this process's own, sorted by name.
    pub fn changes(&self, session: &Session) -> Result<Vec<(String, String)>, OpsError> {
        let own = own_environment();
        let all = self.environment(session)?;
        let changed = all.into_iter().filter(|(name, value)| own.get(name) != Some(value));
        let text = |value: std::ffi::OsString| value.to_string_lossy().into_owned();
        Ok(changed.map(|(name, value)| (text(name), text(value))).collect())
    }
}

/// Puts together what a task or an item is started with, and puts its dependencies' files there.
pub fn stand<'a>(
    session: &'a Session,
    graph: Option<String>,
    text: &str,
    command: &str,
) -> Result<Shoes<'a>, OpsError> {
    let Addressed { graph, task, item } = items::address(session, graph, text)?;
    let memo = memo::open(session)?;
    let known = items::past_of(session, graph, &memo)?;
    let item = item.map(|name| items::find_item(&known, graph, task, &name)).transpose()?;
    if task.is_mapped() && item.is_none() {
        let listed = items::current_items(&known, graph, task).unwrap_or_default();
        let items = listed.iter().map(|item| item.label(&task.map_over)).collect();
        return Err(ShoesError::WhichItem { task: task.name.clone(), items }.into());
    }
    let dependencies = dependencies(session, graph, task, &known, &memo)?;
    let of_item = item.as_ref().map(|item| BTreeSet::from([item.key]));
    let read = |(name, record): &(&TaskName, Arc<Record>)| {
        let by_item = graph.tasks.get(*name).is_some_and(|dependency| takes_item_alone(task, dependency));
        let files = known.files(Arc::clone(record));
        files.read_by(of_item.as_ref().filter(|_| by_item)).cloned().collect::<Vec<_>>()
    };
    let files: Vec<OutputFile> = dependencies.iter().flat_map(read).collect();
    let edited = put_there(session, &files, command)?;
    let with_result = dependencies.iter().filter_map(|(name, record)| Some((*name, record.result?)));
    let results: BTreeMap<TaskName, Arc<[u8]>> = with_result
        .map(|(name, result)| Ok((name.clone(), session.store()?.load(&result)?.into())))
        .collect::<Result<_, OpsError>>()?;
    let interpreters = find_interpreters(session, &memo, graph);
    let plan = unopened::plan(session, graph, vec![task.name.clone()], interpreters, Probes::new());
    memo::save(&memo);
    let inherited = own_environment();
    let circumstances =
        Circumstances { project: &session.project, plan: &plan, results: &results, inherited: &inherited };
    let shoes = |source| ShoesError::NotHanded { task: task.name.clone(), source };
    let of_item = item.as_ref().map(|found| &found.item);
    let prepared = environment::prepare(task, circumstances).map_err(shoes)?;
    let job = prepared.job(of_item, &PathBuf::new(), None).map_err(shoes)?;
    let mut names = variables(task, graph);
    names.extend(of_item.map(crate::model::Item::variables).unwrap_or_default());
    let own = task.outputs.iter().filter(|output| item.is_none() || task.is_item_output(output));
    let declared = Declared::expand(own, &names)?;
    let previous = match &item {
        Some(found) => found.record.as_ref().map(|record| record.outputs.to_vec()).unwrap_or_default(),
        None => known.current_files(&task.name).to_vec(),
    };
    Ok(Shoes { graph, task, item, job, declared, previous, edited })
}

/// Returns each direct dependency's record; on a branch that never ran, the one that stands for it.
fn dependencies<'a>(
    session: &'a Session,
    graph: &'a Graph,
    task: &'a Task,
    known: &StateKnown<'_>,
    memo: &LocalMemo,
) -> Result<Vec<(&'a TaskName, Arc<Record>)>, OpsError> {
    let current = |name: &'a TaskName| Some((name, known.current(name)?));
    if let Some(all) = task.deps.iter().map(current).collect::<Option<Vec<_>>>() {
        return Ok(all);
    }
    let question = Question { graph, probing: Probing::Believe, force: &|_| Force::No };
    let survey = Survey::of(session, memo, &question)?;
    let stands_for = |name: &'a TaskName| {
        let decided = survey.decisions.get(name).and_then(|decision| decision.record().cloned());
        let record = decided.or_else(|| known.current(name));
        let missing = || ShoesError::NoDependency { task: task.name.clone(), dependency: name.clone() };
        Ok((name, record.ok_or_else(missing)?))
    };
    task.deps.iter().map(stands_for).collect()
}

fn put_there(session: &Session, files: &[OutputFile], command: &str) -> Result<Vec<String>, OpsError> {
    let folder = Folder::at(&session.outputs_dir);
    let restored = placing(session, &folder, command)?.put_there(files)?;
    if restored.lost.is_empty() {
        Ok(restored.edited)
    } else {
        Err(ShoesError::Lost { paths: restored.lost }.into())
    }
}

/// Returns where files of this session come from and belong.
pub(super) fn placing<'a>(
    session: &'a Session,
    folder: &'a Folder,
    command: &'a str,
) -> Result<Placing<'a>, OpsError> {
    Ok(Placing {
        store: session.store()?,
        root: &session.project.root,
        repository: session.repository.as_ref(),
        folder,
        link: session.project.settings.link,
        command,
    })
}
