//! `restore`: the files of a branch's state into the output folder.
//!
//! Where all branches share one output folder, restoring all of a state is a
//! swap: files that equal other branches' records and are in none of this one
//! leave, and what both have in common is not touched. What the store does not
//! hold is moved to `.kept/`, never removed.

use std::collections::BTreeSet;

use super::holding::holder;
use super::placing::Placing;
use super::probes::Probing;
use super::report::{KeptFile, RestoreReport};
use super::scope::{self, Words};
use super::session::{is_shared, outputs_template};
use super::status::select;
use super::survey::{Question, Survey};
use super::{OpsError, Session, memo};
use crate::model::{Force, OutputFile, Phase, Progress, SnapshotEntry};
use crate::state::{BranchKey, Entries, LocalMemo, LockOn, Need, Reach, RunLock, Wait};
use crate::task::outputs::{Edits, Folder, Outputs, OutputsError, Removing};

/// What is to be restored.
#[derive(Debug, Clone, Copy)]
pub struct RestoreRequest<'a> {
    /// Which tasks' files; all where nothing is said.
    pub words: &'a Words,
    /// Whether files change.
    pub writing: Writing,
    /// What was typed, for who meets the lock.
    pub command: &'a str,
}

/// Whether files change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Writing {
    /// They do.
    Yes,
    /// It is only told which would.
    No,
}

/// Puts back what the records of the selected tasks list.
pub fn restore(
    session: &Session,
    request: &RestoreRequest<'_>,
    progress: &dyn Progress,
) -> Result<RestoreReport, OpsError> {
    let on = LockOn::Outputs(&session.outputs_dir);
    let _lock = RunLock::acquire(session.store_root(), on, Wait::No, &holder(request.command))?;
    progress.begin(Phase::Looking, 0, 0);
    let memo = memo::open(session)?;
    let all = *request.words == Words::default();
    let (files, foreign) =
        if all { of_state(session)? } else { (of_tasks(session, request.words, &memo)?, Vec::new()) };
    let folder = match request.writing {
        Writing::Yes => Folder::make(&session.outputs_dir)?,
        Writing::No => Folder::at(&session.outputs_dir),
    };
    let placing = Placing {
        store: session.store()?,
        root: &session.project.root,
        repository: session.repository.as_ref(),
        folder: &folder,
        link: session.project.settings.link,
        command: request.command,
    };
    let now = jiff::Timestamp::now().strftime("%Y-%m-%dT%H-%M-%SZ").to_string();
    progress.begin(Phase::Restoring, files.len() as u64, files.iter().map(|file| file.size).sum());
    let report = placing.with_outputs(&memo, &now, |outputs| match request.writing {
        Writing::Yes => Ok(write(outputs, &files, &foreign, progress)?),
        Writing::No => Ok(tell(outputs, &files, &foreign)?),
    })?;
    memo::save(&memo);
    Ok(report)
}

fn write(
    outputs: &Outputs<'_>,
    files: &[OutputFile],
    foreign: &[OutputFile],
    progress: &dyn Progress,
) -> Result<RestoreReport, OutputsError> {
    // First, since a file of another branch may be where this one has a folder.
    let removed = outputs.clean_listed(foreign, Removing::Yes)?.removed;
    let restored = outputs.restore_all(files, Edits::GoAside, progress)?;
    let kept = restored.kept.into_iter().map(|kept| KeptFile { path: kept.path, aside: kept.aside });
    Ok(RestoreReport {
        dry_run: false,
        restored: restored.restored,
        present: restored.present,
        kept: kept.collect(),
        removed,
        tracked: restored.edited,
        lost: restored.lost,
        in_the_way: restored.in_the_way,
    })
}

/// What [`write`] would do.
fn tell(
    outputs: &Outputs<'_>,
    files: &[OutputFile],
    foreign: &[OutputFile],
) -> Result<RestoreReport, OutputsError> {
    let removed = outputs.clean_listed(foreign, Removing::No)?.removed;
    let now = outputs.look(files)?;
    let is_blocked = |path: &String| outputs.is_blocked(path);
    let (mut in_the_way, absent): (Vec<_>, Vec<_>) = now.absent.into_iter().partition(is_blocked);
    let (blocked, edited): (Vec<_>, Vec<_>) = now.edited.into_iter().partition(is_blocked);
    in_the_way.extend(blocked);
    in_the_way.sort();
    let is_tracked = |path: &String| (outputs.tracked)(&outputs.folder.path(path));
    let (tracked, edited): (Vec<_>, Vec<_>) = edited.into_iter().partition(is_tracked);
    let out_of_place = absent.len() + now.lost.len() + in_the_way.len() + tracked.len() + edited.len();
    let mut restored = absent;
    restored.extend(edited.iter().cloned());
    restored.sort();
    let aside = |path: String| KeptFile { aside: outputs.aside(&path), path };
    Ok(RestoreReport {
        dry_run: true,
        restored,
        present: (files.len() - out_of_place) as u64,
        kept: edited.into_iter().map(aside).collect(),
        removed,
        tracked,
        lost: now.lost,
        in_the_way,
    })
}

/// Returns the files of the tasks that the words select, each path once.
fn of_tasks(session: &Session, words: &Words, memo: &LocalMemo) -> Result<Vec<OutputFile>, OpsError> {
    let mut files = Files::default();
    for scope in scope::graphs(session, words)? {
        let question = Question { graph: scope.graph, probing: Probing::Believe, force: &|_| Force::No };
        let survey = Survey::of(session, memo, &question)?;
        for task in select(session, &survey, &scope.selectors, &scope.exclude)? {
            survey.known.current_files(&task).iter().for_each(|file| files.add(file));
        }
    }
    Ok(files.listed)
}

/// Returns the files of all that the branch's state holds for tasks of the project; and, where branches share
/// the output folder, what other branches have at paths where this one has nothing.
///
/// None of the latter where the branch has no state, or what it holds cannot be read whole: then it is not known
/// what is another branch's.
fn of_state(session: &Session) -> Result<(Vec<OutputFile>, Vec<OutputFile>), OpsError> {
    let (state, store) = (session.state()?, session.store()?);
    let mut tasks = BTreeSet::new();
    for graph in session.project.graphs.values() {
        // What a task has under an earlier name is its own.
        let names = graph.tasks.values().flat_map(|task| task.renamed_from.iter().chain([&task.name]));
        tasks.extend(names.map(|name| (&graph.namespace, name)));
    }
    let is_task = |entry: &SnapshotEntry| tasks.contains(&(&entry.graph, &entry.task));
    let entries = |key: &BranchKey| -> Result<Entries, OpsError> {
        Ok(state.entries(&state.point(key)?.unwrap_or_default())?)
    };
    let own = entries(session.reads())?;
    let mine: BTreeSet<_> =
        own.into_values().filter(|entry| is_task(entry)).map(|entry| entry.record).collect();
    let mut reach = Reach::new(store);
    let mut files = Files::default();
    let mut known = !mine.is_empty();
    for record in &mine {
        // What cannot be read lists nothing.
        known &= reach.follow(record, &mut |need, _| files.need(need)).is_empty();
    }
    let mut others = BTreeSet::new();
    if known && is_shared(&outputs_template(&session.project)) {
        for branch in state.branches(&session.key.project)? {
            // A state that gc has collected lists nothing.
            others.extend(entries(&branch.key).unwrap_or_default().into_values().map(|entry| entry.record));
        }
    }
    let mut foreign = Vec::new();
    for record in others.difference(&mine) {
        drop(reach.follow(record, &mut |need, _| match need {
            Need::Output(file) if !files.paths.contains(&file.path) => foreign.push(file.clone()),
            _ => {}
        }));
    }
    Ok((files.listed, foreign))
}

/// Files, each path once: the first that is added counts.
#[derive(Default)]
struct Files {
    paths: BTreeSet<String>,
    listed: Vec<OutputFile>,
}

impl Files {
    fn need(&mut self, need: Need<'_>) {
        if let Need::Output(file) = need {
            self.add(file);
        }
    }

    fn add(&mut self, file: &OutputFile) {
        if self.paths.insert(file.path.clone()) {
            self.listed.push(file.clone());
        }
    }
}
