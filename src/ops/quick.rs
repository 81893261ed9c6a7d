//! The quick way to a status: where nothing changed, the last answer holds.
//!
//! The whole answer of `status` over all graphs is kept with everything that it
//! rests on: files and folders that were looked at, environment variables, what
//! the state's generations were, and when a `refresh` is due. One stat a file
//! tells whether it still holds; then neither `kptn.yaml` nor a record is read.
//! Where anything differs, the slow way decides, and this is written anew.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};

use super::report::{StatusReport, StatusRow};
use super::standing::{Because, Standing};
use super::survey::{Survey, environment};
use super::{Footing, Session, Start};
use crate::config;
use crate::fingerprint::Memo;
use crate::git::Repository;
use crate::model::{BranchName, Digest, Project, Refresh, Status, TaggedHasher};
use crate::state::{Basis, BranchKey, LocalMemo, Now, State, StatusIndex, Verdict};
use crate::store;
use crate::task::now_ms;

/// Environment variables that decide where things are and which interpreters are used, or that tasks are handed.
const VARIABLES: &[&str] = &[
    "KPTN_STORE",
    "SCRATCH_DIR",
    "VIRTUAL_ENV",
    "CONDA_PREFIX",
    "PATH",
    "PYENV_VERSION",
    "DATA_YEAR",
    "data_year",
    "year",
];

/// A file written less long ago than this, before the session began, may have changed while it was read.
const DOUBT: Duration = Duration::from_secs(2);

#[derive(Serialize, Deserialize)]
struct Answer {
    store_root: PathBuf,
    project: crate::model::ProjectId,
    report: StatusReport,
}

/// Where an index is kept, and for which question.
struct Place {
    root: PathBuf,
    index_root: PathBuf,
    branch: BranchName,
    key: Digest,
}

impl Place {
    fn of(root: &Path, config_path: &Path, repository: Option<&Repository>, branch: &BranchName) -> Self {
        let from_env = std::env::var_os("KPTN_STORE").map(PathBuf::from);
        // Not where `settings.store` says: that would have to be read first.
        let common = repository.map(Repository::common_folder);
        let index_root = store::locate(root, common, from_env.as_deref(), None);
        let mut key = TaggedHasher::new("kptn status answer 1");
        key.field("program", env!("CARGO_PKG_VERSION").as_bytes());
        key.field("config", config_path.as_os_str().as_encoded_bytes());
        key.field("branch", branch.as_str().as_bytes());
        // Paths in a report are shown relative to it.
        let here = std::env::current_dir().unwrap_or_default();
        key.field("folder", here.as_os_str().as_encoded_bytes());
        // What is protected, the branch's own commit says too.
        let committed = repository.and_then(|one| one.file_id_on(branch.as_str(), &one.inside(config_path)?));
        key.field("committed", committed.unwrap_or_default().as_bytes());
        Self { root: root.to_owned(), index_root, branch: branch.clone(), key: key.finish() }
    }

    fn load(&self) -> Option<StatusIndex> {
        StatusIndex::load(&self.index_root, &self.root, &self.branch, &self.key)
    }
}

/// Returns the last status where everything it rests on is as it was; absent where that cannot be told.
pub fn remembered(start: &Start) -> Option<StatusReport> {
    let located = match &start.config {
        Some(path) => config::locate_file(path),
        None => config::locate(&start.folder),
    };
    let located = located.ok()?;
    let repository = Repository::discover(&located.root).ok()?;
    let standing =
        Standing::find(repository.as_ref(), start.branch.as_deref(), &located.root, &environment).ok()?;
    if !is_plain(&standing.because) {
        return None;
    }
    let place = Place::of(&located.root, &located.config_path, repository.as_ref(), &standing.branch);
    let mut index = place.load()?;
    let answer: Answer = serde_json::from_slice(index.answer()).ok()?;
    let state = State::open_existing(&answer.store_root)?;
    let key = BranchKey { project: answer.project.clone(), branch: standing.branch };
    // A run that goes on, or was killed, may have finished items that only its journal knows.
    if super::renames::are_due(&state, repository.as_ref(), &key.project) || state.has_journals(&key).ok()? {
        return None;
    }
    let generation = state.status_generation(&key).ok()?;
    let now = Now { generation, time_ms: now_ms(), environment: &environment };
    match index.verify(&now) {
        Verdict::Changed(_) => return None,
        Verdict::Refreshed => drop(index.save()),
        Verdict::Same => {}
    }
    let running = super::holding::running(&answer.store_root, Some(&state), &key);
    Some(StatusReport { running, ..answer.report })
}

/// Where somebody else than git names the branch, there is more to say than the answer.
fn is_plain(because: &Because) -> bool {
    matches!(because, Because::CheckedOut | Because::NoGit)
}

/// Returns how many tasks of a branch were fresh and not when its status was last looked at in this worktree.
pub fn last_seen(footing: &Footing, branch: &BranchName) -> Option<(u64, u64)> {
    let place = Place::of(&footing.root, &footing.config_path, footing.repository.as_ref(), branch);
    let index = StatusIndex::load_any(&place.index_root, &place.root, branch)?;
    let answer: Answer = serde_json::from_slice(index.answer()).ok()?;
    let fresh = answer.report.rows.iter().filter(|row| row.status == Status::Fresh).count() as u64;
    Some((fresh, answer.report.rows.len() as u64 - fresh))
}

/// Keeps an answer about all graphs, for the next time.
pub fn remember(
    session: &Session,
    memo: &LocalMemo,
    generation: u64,
    surveys: &[Survey<'_>],
    report: &StatusReport,
) {
    if !is_plain(&session.because) || !settled(session) || !look_at_rest(session, memo, surveys) {
        return;
    }
    let place = Place::of(
        &session.project.root,
        &session.project.config_path,
        session.repository.as_ref(),
        &session.key.branch,
    );
    let basis = Basis {
        key: place.key,
        generation,
        expires_ms: report.rows.iter().filter_map(|row| expiry(&session.project, row)).min(),
        environment: VARIABLES
            .iter()
            .map(|name| ((*name).to_owned(), environment(name).map(|value| Digest::of(value.as_bytes()))))
            .collect(),
    };
    let answer = Answer {
        store_root: session.store_root().to_owned(),
        project: session.key.project.clone(),
        report: StatusReport { running: None, ..report.clone() },
    };
    let Ok(bytes) = serde_json::to_vec(&answer) else { return };
    let index = StatusIndex::make(&place.index_root, &place.root, &place.branch, memo, basis, &bytes);
    // Nothing is lost with it but time.
    drop(index.map(|index| index.save()));
}

/// Tells whether the configuration was surely read as it lies there now.
fn settled(session: &Session) -> bool {
    let doubtful = session.began.checked_sub(DOUBT).unwrap_or(SystemTime::UNIX_EPOCH);
    session.config_files.iter().all(|file| {
        file.metadata().and_then(|data| data.modified()).is_ok_and(|modified| modified < doubtful)
    })
}

/// Looks at what the answer rests on beside what gathering looked at.
fn look_at_rest(session: &Session, memo: &LocalMemo, surveys: &[Survey<'_>]) -> bool {
    let venv = session.project.root.join(".venv/pyvenv.cfg");
    let interpreters = surveys.iter().flat_map(|survey| {
        [&survey.interpreters.python, &survey.interpreters.r]
            .into_iter()
            .flatten()
            .map(|one| one.path.clone())
    });
    let scripts = surveys
        .iter()
        .flat_map(|survey| survey.graph.tasks.values())
        .flat_map(|task| task.script.tried.iter().cloned());
    let files = session.config_files.iter().chain(&session.config_absent).cloned();
    files.chain([venv]).chain(interpreters).chain(scripts).all(|path| memo.look(&path).is_ok())
}

/// Returns when a fresh task's age will make it stale; absent for never.
fn expiry(project: &Project, row: &StatusRow) -> Option<u64> {
    let task = project.graphs.get(row.graph.as_str())?.tasks.get(&row.task)?;
    match (task.refresh, row.status) {
        (Refresh::After(limit), Status::Fresh) => Some(row.made_ms? + limit),
        _ => None,
    }
}
