//! `restore`: puts files that are not here back from the store.

use super::probes::Probing;
use std::collections::BTreeSet;

use super::report::RestoreReport;
use super::run::holder;
use super::scope::{self, Words};
use super::status::select;
use super::survey::{Question, Survey};
use super::{OpsError, Session, memo};
use crate::model::Force;

use crate::state::{LockOn, RunLock, Wait};
use crate::task::outputs::{Folder, Outputs};

/// Puts back what the records of the selected tasks list; leaves edited files alone.
pub fn restore(session: &Session, words: &Words, command: &str) -> Result<RestoreReport, OpsError> {
    let on = LockOn::Outputs(&session.outputs_dir);
    let _lock = RunLock::acquire(session.store_root(), on, Wait::No, &holder(command))?;
    let memo = memo::open(session)?;
    let mut report = RestoreReport::default();
    let tracked = match &session.repository {
        Some(repository) => repository.tracked_below(&session.outputs_dir)?,
        None => BTreeSet::new(),
    };
    let folder = Folder::make(&session.outputs_dir)?;
    let store = session.store()?;
    let outputs = Outputs {
        store,
        memo: &memo,
        take_in: &|path| memo.put_file(store, path),
        folder: &folder,
        link: session.project.settings.link,
        kept_under: "",
        owner: &|_| None,
        tracked: &|path| tracked.contains(path),
    };
    for scope in scope::graphs(session, words)? {
        let question = Question { graph: scope.graph, probing: Probing::Believe, force: &|_| Force::No };
        let survey = Survey::of(session, &memo, &question)?;
        for task in select(session, &survey, &scope.selectors, &scope.exclude)? {
            let restored = outputs.restore(survey.known.current_files(&task).iter())?;
            report.present += restored.present;
            report.restored.extend(restored.restored);
            report.edited.extend(restored.edited);
            report.lost.extend(restored.lost);
        }
    }
    memo::save(&memo);
    Ok(report)
}
