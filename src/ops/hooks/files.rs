//! `post-checkout`: the files of the branch that is stood on now.
//!
//! Where each branch has its own output folder there is nothing to do. Where all
//! share one, it holds the files of the branch before: then `kptn restore` is
//! offered, or done at once where `restore_on_checkout` says so.

use super::fire::Said;
use crate::model::{CheckoutFiles, Silent, SnapshotEntry};
use crate::ops::restore::{self, RestoreRequest, Writing};
use crate::ops::scope::Words;
use crate::ops::session::{is_shared, outputs_template};
use crate::ops::standing::Because;
use crate::ops::{OpsError, Session};
use crate::state::{BranchKey, Entries, State};

/// Puts files there, or offers it; absent where there is nothing to say.
pub fn after_checkout(session: &Session, arguments: &[String]) -> Result<Option<Said>, OpsError> {
    let of_files = arguments.get(2).is_some_and(|flag| flag == "0");
    if of_files || session.because != Because::CheckedOut {
        return Ok(None);
    }
    let Some(state) = State::open_existing(session.store_root()) else { return Ok(None) };
    if !state.branch_names(&session.key.project)?.contains(&session.key.branch) {
        return Ok(None);
    }
    match session.project.settings.checkout_files {
        CheckoutFiles::Restored => put(session),
        CheckoutFiles::Offered => offer(session, &state),
    }
}

fn put(session: &Session) -> Result<Option<Said>, OpsError> {
    let words = Words::default();
    let request = RestoreRequest { words: &words, writing: Writing::Yes, command: "kptn hook post-checkout" };
    let report = restore::restore(session, &request, &Silent)?;
    let nothing =
        [report.restored.len(), report.removed.len(), report.kept.len(), report.lost.len()] == [0; 4];
    Ok((!nothing).then(|| Said::Restored { branch: session.key.branch.clone(), report }))
}

fn offer(session: &Session, state: &State) -> Result<Option<Said>, OpsError> {
    let before = session.repository.as_ref().and_then(|repository| repository.moved_from());
    let Some(from) = before.filter(|from| *from != session.key.branch) else { return Ok(None) };
    if !is_shared(&outputs_template(&session.project)) {
        return Ok(None);
    }
    let entries = |key: &BranchKey| -> Result<Entries, OpsError> {
        let point = state.point(key)?.unwrap_or_default();
        Ok(state.find_entries(&point)?.unwrap_or_default())
    };
    let here = entries(&session.key)?;
    let there = entries(&BranchKey { branch: from.clone(), ..session.key.clone() })?;
    let differs = |(task, entry): &(&_, &SnapshotEntry)| {
        here.get(*task).is_none_or(|here| here.outputs != entry.outputs)
    };
    let only_here = here.keys().filter(|task| !there.contains_key(*task)).count();
    let tasks = (there.iter().filter(differs).count() + only_here) as u64;
    Ok((tasks > 0).then(|| Said::Offered { branch: session.key.branch.clone(), from, tasks }))
}
