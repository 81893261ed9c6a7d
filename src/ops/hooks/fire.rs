//! `kptn hook NAME`: tells every project of the repository what git did.
//!
//! A repository may hold several projects; a hook runs at its top. Projects are
//! found by the `kptn.yaml` files that git tracks, and the one at the top.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::outlook::Outlook;
use super::{attest, checkout, files};
use crate::config;
use crate::git::Repository;
use crate::model::{BranchName, PrePush, Status, TaskName};
use crate::ops::renames::{self, Noticed};
use crate::ops::report::{RestoreReport, StatusReport};
use crate::ops::scope::Words;
use crate::ops::standing::Because;
use crate::ops::{OpsError, Probing, Session, Start, quick, remotes, status};
use crate::state::State;

/// What git called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// The hook.
    pub name: String,
    /// What it was given.
    pub arguments: Vec<String>,
    /// What it was told on standard input.
    pub input: String,
}

/// What a hook has to say about one project.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "said")]
pub enum Said {
    /// What was noticed of branches.
    Noticed(Noticed),
    /// A new branch has another one's state.
    Cloned {
        /// The new one.
        branch: BranchName,
        /// Its parent.
        from: BranchName,
        /// Its tasks.
        outlook: Outlook,
    },
    /// A new branch is protected, and its parent is not.
    NotCloned {
        /// The new one.
        branch: BranchName,
        /// Its parent.
        from: BranchName,
    },
    /// The output folder has the branch's files now.
    Restored {
        /// The branch.
        branch: BranchName,
        /// What changed there.
        report: RestoreReport,
    },
    /// The output folder, which branches share, has another branch's files.
    Offered {
        /// The branch that is stood on.
        branch: BranchName,
        /// The branch that was stood on before.
        from: BranchName,
        /// How many tasks have other files on the two.
        tasks: u64,
    },
    /// What a merge or a rebase left to do.
    Changed {
        /// The branch.
        branch: BranchName,
        /// Its tasks.
        outlook: Outlook,
    },
    /// What is pushed has stale tasks.
    Pushed {
        /// The branch.
        branch: BranchName,
        /// Its tasks.
        outlook: Outlook,
        /// Fresh tasks whose results no remote had when it was last seen; empty where none may be written.
        unsent: Vec<TaskName>,
        /// Whether the push is refused.
        refused: bool,
    },
}

/// Does what a hook has to do in every project of the repository around a folder.
///
/// What goes wrong in one project is handed to `failed`, and the next is told.
pub fn fire(
    folder: &Path,
    call: &Call,
    said: &mut dyn FnMut(&Path, Said),
    failed: &mut dyn FnMut(OpsError),
) -> Result<(), OpsError> {
    let Some(repository) = Repository::discover(folder)? else { return Ok(()) };
    for config in project_files(&repository) {
        let start = Start { folder: folder.to_owned(), config: Some(config), branch: None };
        match fire_in(&start, call) {
            Ok((root, all)) => all.into_iter().for_each(|one| said(&root, one)),
            Err(error) => failed(error),
        }
    }
    Ok(())
}

/// Returns every `kptn.yaml` of a repository, each once.
fn project_files(repository: &Repository) -> BTreeSet<PathBuf> {
    let named = |path: &PathBuf| path.file_name().is_some_and(|name| name == "kptn.yaml");
    let tracked = repository.tracked_below(repository.root()).unwrap_or_default();
    let folders = tracked.iter().filter(|path| named(path)).filter_map(|path| path.parent());
    let mut found = BTreeSet::new();
    for folder in folders.chain([repository.root()]) {
        if let Ok(located) = config::locate(folder)
            && located.config_path.is_file()
        {
            found.insert(located.config_path);
        }
    }
    found
}

fn fire_in(start: &Start, call: &Call) -> Result<(PathBuf, Vec<Said>), OpsError> {
    let session = Session::open(start)?;
    let mut all: Vec<Said> = renames::notice(&session)?.into_iter().map(Said::Noticed).collect();
    match call.name.as_str() {
        "post-checkout" => {
            all.extend(checkout::after_checkout(&session, &call.arguments)?);
            all.extend(files::after_checkout(&session, &call.arguments)?);
        }
        "post-commit" => drop(attest::after_commit(&session)?),
        "post-merge" => all.extend(after_change(&session)?),
        "post-rewrite" => {
            attest::after_commit(&session)?;
            // What an amended commit changed is said by the next `status`.
            if call.arguments.first().is_some_and(|by| by == "rebase") {
                all.extend(after_change(&session)?);
            }
        }
        "pre-push" => all.extend(before_push(start, &session, &call.input)?),
        _ => {}
    }
    Ok((session.project.root.clone(), all))
}

/// Tells whether kptn was ever used on the branch that is checked out.
fn is_used(session: &Session) -> Result<bool, OpsError> {
    let Some(state) = State::open_existing(session.store_root()) else { return Ok(false) };
    Ok(session.because == Because::CheckedOut
        && state.branch_names(&session.key.project)?.contains(&session.key.branch))
}

fn after_change(session: &Session) -> Result<Option<Said>, OpsError> {
    if !is_used(session)? {
        return Ok(None);
    }
    let outlook = Outlook::of(session)?;
    let branch = session.key.branch.clone();
    Ok((!outlook.is_clear()).then_some(Said::Changed { branch, outlook }))
}

/// Looks where the commit that is checked out is pushed: of others nothing can be told.
fn before_push(start: &Start, session: &Session, input: &str) -> Result<Option<Said>, OpsError> {
    let policy = session.project.settings.pre_push;
    if policy == PrePush::Off || !is_used(session)? {
        return Ok(None);
    }
    // LOCAL-REF LOCAL-COMMIT REMOTE-REF REMOTE-COMMIT
    let mut pushed = input.lines().filter_map(|line| line.split_whitespace().nth(1));
    if !pushed.any(|commit| session.head.commit.as_deref() == Some(commit)) {
        return Ok(None);
    }
    let report = match quick::remembered(start) {
        Some(report) => report,
        None => status::status(session, &Words::default(), Probing::Believe)?,
    };
    let (outlook, unsent) = (Outlook::from(&report), unsent(session, &report)?);
    let branch = session.key.branch.clone();
    let refused = policy == PrePush::Block;
    let is_clear = outlook.stale.is_empty() && unsent.is_empty();
    Ok((!is_clear).then_some(Said::Pushed { branch, outlook, unsent, refused }))
}

/// Returns the fresh tasks whose results no remote had when it was last seen.
fn unsent(session: &Session, report: &StatusReport) -> Result<Vec<TaskName>, OpsError> {
    if !session.project.remotes.values().any(|remote| remote.writable) {
        return Ok(Vec::new());
    }
    let left = remotes::unsent::unsent(session)?.tasks;
    let fresh = report.rows.iter().filter(|row| row.status == Status::Fresh);
    let named = fresh.map(|row| (row.graph.clone(), row.task.clone())).filter(|row| left.contains(row));
    Ok(named.map(|(_, task)| task).collect())
}
