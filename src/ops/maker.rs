//! `log PATH`: which record made a file.
//!
//! ```text
//! path     which branch's output folder it is in, and what it is called there
//! records  those that the branch has now; where none lists it, all that the project's log leads to
//! bytes    as a record has them: that one made it; as none has: it was edited
//! ```

use std::collections::BTreeSet;
use std::path::{Component, Path, PathBuf};

use serde::Serialize;

use super::session::{outputs_dir_of, outputs_template};
use super::{OpsError, Session};
use crate::fingerprint::{Memo, Plain, Seen};
use crate::model::{BranchName, Digest, GraphName, Item, ItemRecord, OutputFile, Record, RunId, TaskName};
use crate::state::{BranchKey, Point, Shards, load_readable_items};
use crate::task::outputs::Folder;

/// So many operations are looked back through for a file that no branch has any more.
const FAR: u32 = 200;

/// Which record made a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FileReport {
    /// Relative to the output folder.
    pub path: String,
    /// The branch whose output folder it is in.
    pub branch: BranchName,
    /// What lies there, beside what the record has.
    pub state: FileState,
    /// The record.
    pub made_by: Maker,
}

/// What lies in the output folder, beside what a record has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum FileState {
    /// The same bytes.
    AsMade,
    /// Bytes that no record has.
    Edited,
    /// Nothing.
    Absent,
}

/// A record that lists a file, and what is known of how it came about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Maker {
    /// The graph's namespace.
    pub graph: GraphName,
    /// The task.
    pub task: TaskName,
    /// The item; absent where the file belongs to no item.
    pub item: Option<String>,
    /// The task's record.
    pub record: Digest,
    /// Whether the branch has that record now.
    pub current: bool,
    /// The run that made it; of what was accepted: that made the same bytes before, if one did. Absent for an item
    /// of a run that is not known here.
    pub run: Option<RunId>,
    /// When it was finished, in ms since the epoch.
    pub made_ms: u64,
    /// The branch that it was made on.
    pub made_on: String,
    /// Who made it.
    pub user: String,
    /// The commit that was checked out; absent without git, and where the run is not known.
    pub commit: Option<String>,
    /// Whether files that the task read differed from that commit; absent where nobody wrote that down.
    pub dirty: Option<bool>,
    /// Why it was accepted; absent where it ran.
    pub accepted: Option<String>,
    /// In bytes, as the record has it.
    pub size: u64,
    /// Of its bytes, as the record has them.
    pub digest: Digest,
}

/// Why nothing can be said of a file.
#[derive(Debug, thiserror::Error)]
pub enum NotMade {
    /// It is no output.
    #[error("`{}` is in no output folder", .path.display())]
    Outside {
        /// What was typed.
        path: PathBuf,
        /// The branch's.
        outputs_dir: PathBuf,
    },
    /// A folder.
    #[error("`{}` is a folder", .path.display())]
    Folder {
        /// What was typed.
        path: PathBuf,
    },
    /// It is in an output folder, and no record lists it.
    #[error("no record has `{path}`")]
    Unrecorded {
        /// Relative to the output folder.
        path: String,
        /// Whether something is there.
        exists: bool,
    },
}

/// A file, found in the output folder of a branch.
struct Place {
    key: BranchKey,
    folder: Folder,
    path: String,
}

/// Finds the record that made a file; `typed` is relative to `here`, or to the output folder.
pub fn of_file(
    session: &Session,
    here: &Path,
    typed: &str,
    graph: Option<&str>,
) -> Result<FileReport, OpsError> {
    let Some(place) = find_place(session, here, typed)? else {
        let (path, outputs_dir) = (PathBuf::from(typed), session.place().outputs_dir);
        return Err(NotMade::Outside { path, outputs_dir }.into());
    };
    let absolute = place.folder.path(&place.path);
    let lies = match Plain.look(&absolute).map_err(|error| OpsError::io("read", &absolute, error))? {
        Seen::Absent => None,
        Seen::Folder => return Err(NotMade::Folder { path: PathBuf::from(typed) }.into()),
        Seen::File { digest, .. } => Some(digest),
    };
    let namespaces: BTreeSet<&GraphName> = match graph {
        Some(name) => [&session.graph(name)?.namespace].into(),
        None => session.project.graphs.values().map(|one| &one.namespace).collect(),
    };
    let mut search = Search { session, namespaces, path: &place.path, shards: Shards::new() };
    let made = |maker: &Maker| lies.is_none_or(|digest| digest == maker.digest);
    let current = search.makers(search.records_of(&place.key)?, true)?;
    let found = current.iter().find(|maker| made(maker)).cloned();
    let found = match found {
        Some(found) => found,
        None => {
            let earlier = search.makers(search.records_of_old(&current)?, false)?;
            let same = earlier.iter().find(|maker| made(maker));
            let any = same.or(current.first()).or(earlier.first()).cloned();
            any.ok_or_else(|| NotMade::Unrecorded { path: place.path.clone(), exists: lies.is_some() })?
        }
    };
    let state = match lies {
        None => FileState::Absent,
        Some(digest) if digest == found.digest => FileState::AsMade,
        Some(_) => FileState::Edited,
    };
    Ok(FileReport { path: place.path, branch: place.key.branch, state, made_by: found })
}

/// Finds the branch in whose output folder a path is; its own first.
fn find_place(session: &Session, here: &Path, typed: &str) -> Result<Option<Place>, OpsError> {
    let path = without_dots(&here.join(typed));
    let template = outputs_template(&session.project);
    let mut folders = vec![(session.reads().clone(), session.outputs_dir.clone())];
    for branch in session.state()?.branches(&session.key.project)? {
        let folder = outputs_dir_of(&session.project.root, &template, &branch.key.branch);
        folders.push((branch.key, folder));
    }
    for (key, folder) in &folders {
        let folder = Folder::at(folder);
        if let Some(path) = inside(&folder, &path) {
            return Ok(Some(Place { key: key.clone(), folder, path }));
        }
    }
    // As `kptn path` and `kptn cat` name files.
    let folder = Folder::at(&session.outputs_dir);
    let below = inside(&folder, &without_dots(&session.outputs_dir.join(typed)));
    let elsewhere = std::fs::symlink_metadata(&path).is_ok();
    let listed = below.filter(|path| !path.is_empty() && !elsewhere);
    Ok(listed.map(|path| Place { key: session.reads().clone(), folder, path }))
}

/// Returns a path's spelling below a folder, also where a link leads to one of the two.
fn inside(folder: &Folder, path: &Path) -> Option<String> {
    folder.relative(path).or_else(|| {
        let really = Folder::at(&folder.root().canonicalize().ok()?);
        really.relative(&path.parent()?.canonicalize().ok()?.join(path.file_name()?))
    })
}

/// Takes `.` and `..` out of a path, by its spelling.
fn without_dots(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => drop(plain.pop()),
            part => plain.push(part),
        }
    }
    plain
}

/// Looks for a path in records.
struct Search<'a> {
    session: &'a Session,
    namespaces: BTreeSet<&'a GraphName>,
    path: &'a str,
    shards: Shards,
}

impl Search<'_> {
    /// The records that a branch has now.
    fn records_of(&self, key: &BranchKey) -> Result<BTreeSet<Digest>, OpsError> {
        let point = self.session.state()?.point(key)?.unwrap_or_default();
        self.records_at(&point)
    }

    /// The records that other branches have, and those of the past; without those that were looked at.
    fn records_of_old(&self, seen: &[Maker]) -> Result<BTreeSet<Digest>, OpsError> {
        let (state, project) = (self.session.state()?, &self.session.key.project);
        let mut points = BTreeSet::new();
        for branch in state.branches(project)? {
            points.extend(state.point(&branch.key)?);
        }
        for operation in state.all_operations(project, FAR)? {
            points.extend([operation.before, operation.after]);
        }
        let mut found = BTreeSet::new();
        for point in &points {
            found.extend(self.records_at(point)?);
        }
        found.retain(|record| seen.iter().all(|maker| maker.record != *record));
        Ok(found)
    }

    fn records_at(&self, point: &Point) -> Result<BTreeSet<Digest>, OpsError> {
        let entries = self.session.state()?.find_entries(point)?.unwrap_or_default();
        let of_graphs = entries.into_values().filter(|entry| self.namespaces.contains(&entry.graph));
        Ok(of_graphs.map(|entry| entry.record).collect())
    }

    /// Returns those of some records that list the path, the latest first. What cannot be read lists nothing.
    fn makers(&mut self, records: BTreeSet<Digest>, current: bool) -> Result<Vec<Maker>, OpsError> {
        let mut makers = Vec::new();
        for digest in records {
            makers.extend(self.maker(digest, current)?);
        }
        makers.sort_by_key(|maker| std::cmp::Reverse(maker.made_ms));
        Ok(makers)
    }

    fn maker(&mut self, digest: Digest, current: bool) -> Result<Option<Maker>, OpsError> {
        let store = self.session.store()?;
        let Ok(record) = store.load_json::<Record>(&digest) else { return Ok(None) };
        let listed = |files: &[OutputFile]| files.iter().find(|file| file.path == self.path).cloned();
        if let Some(file) = listed(&record.outputs) {
            return Ok(Some(maker(digest, record, &file, current)));
        }
        let Some(items) = record.items else { return Ok(None) };
        let table = load_readable_items(store, &items, &mut self.shards);
        let found = table.items().iter().find_map(|item| Some((item, listed(&item.outputs)?)));
        let Some((item, file)) = found else { return Ok(None) };
        self.of_item(maker(digest, record, &file, current), item).map(Some)
    }

    /// An item that is fresh stays in the table of every later run: it tells itself when it was made.
    fn of_item(&self, task: Maker, item: &ItemRecord) -> Result<Maker, OpsError> {
        let began = item.timing.started_ms;
        let maker = Maker {
            item: Some(self.label(&task.task, &item.item)),
            made_ms: began + item.timing.wall_ms,
            accepted: item.accepted.clone(),
            ..task
        };
        if item.accepted.is_some() || maker.run.as_ref().is_some_and(|run| run.made_ms() <= began) {
            return Ok(maker);
        }
        let state = self.session.state()?;
        let logged = item.log.as_ref().map(|log| log.run.clone());
        let run = match logged {
            Some(run) => Some(run),
            // One run at a time goes on a branch.
            None => {
                let runs = state.runs(u32::MAX)?.into_iter();
                let mut of_branch = runs.filter(|run| run.branch.branch.as_str() == maker.made_on);
                of_branch.find(|run| run.id.made_ms() <= began).map(|run| run.id)
            }
        };
        let plan = run.as_ref().and_then(|run| state.load_plan(run).ok());
        Ok(Maker { commit: plan.and_then(|plan| plan.commit), dirty: None, run, ..maker })
    }

    /// How people name an item, by the names that its task has today.
    fn label(&self, task: &TaskName, item: &Item) -> String {
        let mut graphs = self.session.project.graphs.values();
        let names = graphs.find_map(|graph| Some(graph.tasks.get(task)?.map_over.clone()));
        let all = || item.variables().into_keys().collect();
        item.label(&names.filter(|names| !names.is_empty()).unwrap_or_else(all))
    }
}

fn maker(digest: Digest, record: Record, file: &OutputFile, current: bool) -> Maker {
    Maker {
        graph: record.graph,
        task: record.task,
        item: None,
        record: digest,
        current,
        run: Some(record.run),
        made_ms: record.timing.started_ms + record.timing.wall_ms,
        made_on: record.provenance.branch,
        user: record.provenance.user,
        commit: record.provenance.commit,
        dirty: Some(record.provenance.dirty),
        accepted: record.accepted,
        size: file.size,
        digest: file.digest,
    }
}
