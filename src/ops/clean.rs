//! `clean`: empties a branch's output folder of what the store can give back.

use std::collections::BTreeSet;

use super::holding::holder;
use super::report::CleanReport;
use super::session::{outputs_dir_of, outputs_template};
use super::{MovingError, OpsError, Session, memo};
use crate::model::{BranchName, OutputFile};
use crate::state::{BranchKey, LockOn, Need, Reach, RunLock, Wait};
use crate::task::outputs::{Folder, Outputs, Removing};

/// Removes files that equal the records of a branch, of the current one where none is named.
pub fn clean(
    session: &Session,
    branch: Option<&str>,
    removing: Removing,
    command: &str,
) -> Result<CleanReport, OpsError> {
    let branch = match branch {
        Some(name) => BranchName::parse(name).map_err(|error| OpsError::Name { error })?,
        None => session.key.branch.clone(),
    };
    let key = BranchKey { branch: branch.clone(), ..session.key.clone() };
    let names = session.state()?.branch_names(&key.project)?;
    if branch != session.key.branch && !names.contains(&branch) {
        let known: Vec<_> = names.iter().map(ToString::to_string).collect();
        let near = super::near(branch.as_str(), known.iter().map(String::as_str));
        return Err(MovingError::NoState { name: branch.to_string(), near, known }.into());
    }
    let folder = outputs_dir_of(&session.project.root, &outputs_template(&session.project), &branch);
    let _lock = RunLock::acquire(session.store_root(), LockOn::Outputs(&folder), Wait::No, &holder(command))?;
    let (store, state, memo) = (session.store()?, session.state()?, memo::open(session)?);
    let point = state.point(&key)?.unwrap_or_default();
    let mut files: Vec<OutputFile> = Vec::new();
    for entry in state.entries(&point)?.into_values() {
        // What cannot be read lists nothing: its files stay.
        Reach::new(store).follow(&entry.record, &mut |need, _| {
            if let Need::Output(file) = need {
                files.push(file.clone());
            }
        });
    }
    let tracked = match &session.repository {
        Some(repository) => repository.tracked_below(&folder)?,
        None => BTreeSet::new(),
    };
    let outputs = Outputs {
        store,
        memo: &memo,
        take_in: &|path| memo.put_file(store, path),
        folder: &Folder::at(&folder),
        link: session.project.settings.link,
        kept_under: "",
        owner: &|_| None,
        tracked: &|path| tracked.contains(path),
    };
    let cleaned = outputs.clean(&files, removing)?;
    memo::save(&memo);
    Ok(CleanReport {
        branch,
        folder,
        dry_run: removing == Removing::No,
        removed: cleaned.removed,
        bytes: cleaned.bytes,
        edited: cleaned.edited,
        unknown: cleaned.unknown,
    })
}
