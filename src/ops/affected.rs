//! `status --affected`: which tasks a branch changes, against the commit that it left another one at.
//!
//! The project as it was is written into a temporary folder and looked at there,
//! as it is looked at here: what differs is what counts, not which files were
//! touched. A comment affects nothing, a helper affects all who call it. No
//! record is needed, so it answers in a fresh clone.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use rayon::prelude::*;
use serde::Serialize;

use super::probes::Probing;
use super::report::{Place, StatusRow};
use super::scope::{self, Words};
use super::status::{row, select};
use super::survey::{Question, Survey, environment};
use super::{OpsError, Session, memo};
use crate::config;
use crate::fingerprint::{Gathered, Plain, Surroundings, gather};
use crate::model::{Change, Force, Graph, IngredientKind, Project, TaskName};
use crate::plan::changes_between;

/// Tasks that are affected, dependencies first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AffectedReport {
    /// Whose state.
    pub place: Place,
    /// What was compared with, as it was typed.
    pub base: String,
    /// The commit that was compared with.
    pub commit: String,
    /// How many tasks were looked at.
    pub tasks: u64,
    /// Those that are affected.
    pub rows: Vec<AffectedRow>,
}

/// One task that is affected.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AffectedRow {
    /// Its status here.
    #[serde(flatten)]
    pub row: StatusRow,
    /// Whether the base does not have it.
    pub new: bool,
    /// What differs of its own.
    pub changes: Vec<Change>,
    /// Direct dependencies that are affected.
    pub after: Vec<TaskName>,
}

/// The project as a commit has it, looked at.
struct Before {
    graphs: BTreeMap<String, BTreeMap<TaskName, (Gathered, BTreeSet<TaskName>)>>,
    /// Where it was written to.
    folder: tempfile::TempDir,
    /// The project's root in the repository.
    inside: std::path::PathBuf,
}

/// Returns the tasks that differ from the commit at which this branch left `base`, and all that follow from them.
pub fn affected(session: &Session, words: &Words, base: &str) -> Result<AffectedReport, OpsError> {
    let Some(repository) = &session.repository else { return Err(no_repository(session)) };
    let commit =
        repository.base_with(base).map_err(|source| OpsError::NoBase { base: base.to_owned(), source })?;
    let memo = memo::open(session)?;
    let mut report = AffectedReport {
        place: session.place(),
        base: base.to_owned(),
        commit: commit.clone(),
        tasks: 0,
        rows: Vec::new(),
    };
    let mut before = None;
    for scope in scope::graphs(session, words)? {
        let question = Question { graph: scope.graph, probing: Probing::Believe, force: &|_| Force::No };
        let survey = Survey::of(session, &memo, &question)?;
        if before.is_none() {
            before = Some(look_at(session, &survey, &commit)?);
        }
        let Some(before) = &before else { continue };
        let differing = differences(session, &survey, before);
        let selected: BTreeSet<_> =
            select(session, &survey, &scope.selectors, &scope.exclude)?.into_iter().collect();
        report.tasks += selected.len() as u64;
        let mut affected = BTreeSet::new();
        for name in session.dag(scope.graph).order() {
            let Some(task) = scope.graph.tasks.get(name) else { continue };
            let after: Vec<_> = task.deps.iter().filter(|dep| affected.contains(*dep)).cloned().collect();
            let own = differing.get(name);
            if own.is_none() && after.is_empty() {
                continue;
            }
            affected.insert(name.clone());
            if let (true, Some(row)) = (selected.contains(name), row(&survey, name)) {
                let (new, changes) = own.cloned().unwrap_or_default();
                report.rows.push(AffectedRow { row, new, changes, after });
            }
        }
    }
    memo::save(&memo);
    Ok(report)
}

fn no_repository(session: &Session) -> OpsError {
    OpsError::NoRepository { root: session.project.root.clone() }
}

/// Writes the commit down and gathers every task of it; a project that was not there yet has none.
fn look_at(session: &Session, survey: &Survey<'_>, commit: &str) -> Result<Before, OpsError> {
    let folder = tempfile::Builder::new().prefix("kptn-base-").tempdir();
    let folder = folder.map_err(|source| OpsError::io("make", &std::env::temp_dir(), source))?;
    let Some(repository) = &session.repository else { return Err(no_repository(session)) };
    repository.export(commit, folder.path())?;
    let below = |path: &Path| path.strip_prefix(repository.root()).unwrap_or(path).to_owned();
    let inside = below(&session.project.root);
    let config_path = folder.path().join(below(&session.project.config_path));
    let graphs = match config::load_file(&config_path) {
        Ok(loaded) => {
            let project = &loaded.project;
            project
                .graphs
                .values()
                .map(|graph| (graph.name.to_string(), gathered(project, graph, survey)))
                .collect()
        }
        // What cannot be read was nothing that could be run: everything is new.
        Err(_) => BTreeMap::new(),
    };
    Ok(Before { graphs, folder, inside })
}

fn gathered(
    project: &Project,
    graph: &Graph,
    survey: &Survey<'_>,
) -> BTreeMap<TaskName, (Gathered, BTreeSet<TaskName>)> {
    let probes = BTreeMap::new();
    let surroundings = Surroundings::new(project, graph, &survey.interpreters, &probes, &environment, &Plain);
    let tasks: Vec<_> = graph.tasks.values().collect();
    let look = |task: &&crate::model::Task| {
        (task.name.clone(), (gather(task, &surroundings), task.deps.iter().cloned().collect()))
    };
    tasks.par_iter().map(look).collect()
}

/// Returns what differs of each task's own; a task that is as it was has no entry.
fn differences(
    session: &Session,
    survey: &Survey<'_>,
    before: &Before,
) -> BTreeMap<TaskName, (bool, Vec<Change>)> {
    let was = before.graphs.get(survey.graph.name.as_str());
    let of_task = |task: &crate::model::Task| {
        let now = survey.gathered.get(&task.name)?;
        let Some((old, deps)) = was.and_then(|graph| graph.get(&task.name)) else {
            return Some((task.name.clone(), (true, Vec::new())));
        };
        let mut changes = changes_between(&old.ingredients, &now.ingredients);
        changes.retain(|change| is_of_commits(session, before, change));
        let now: BTreeSet<_> = task.deps.iter().cloned().collect();
        changes.extend(now.symmetric_difference(deps).map(|dep| dependency_change(dep, now.contains(dep))));
        (!changes.is_empty()).then(|| (task.name.clone(), (false, changes)))
    };
    survey.graph.tasks.values().filter_map(of_task).collect()
}

fn dependency_change(dep: &TaskName, is_now: bool) -> Change {
    let said = |there: bool| there.then(|| "a dependency".to_owned());
    Change {
        kind: IngredientKind::DepOutputs,
        name: dep.to_string(),
        before: said(!is_now),
        after: said(is_now),
    }
}

/// What no commit holds differs in every clone: answers of probes, and input files that git does not track.
fn is_of_commits(session: &Session, before: &Before, change: &Change) -> bool {
    match change.kind {
        IngredientKind::Probe => false,
        IngredientKind::Input => {
            let was_there = before.folder.path().join(&before.inside).join(&change.name).exists();
            let here = session.project.root.join(&change.name);
            let tracked = session.repository.as_ref().and_then(|git| git.tracked_below(&here).ok());
            was_there || tracked.is_some_and(|files| !files.is_empty())
        }
        _ => true,
    }
}
