//! `post-commit`: says of records that the commit has exactly what they ran.
//!
//! A record made from files that were not committed yet says so for ever; that
//! they are now is an attestation beside it. One is enough as long as its commit
//! is in this branch's past: a rebase takes it away, and a new one is made.

use std::collections::BTreeSet;
use std::path::PathBuf;

use crate::model::{Digest, Force, Record};
use crate::ops::ancestry::Ancestry;
use crate::ops::standing::Because;
use crate::ops::survey::{Question, Survey};
use crate::ops::{OpsError, Probing, Session, memo};
use crate::plan::Action;
use crate::state::State;
use crate::task::now_ms;

/// Attests what can be; returns of how many records.
pub fn after_commit(session: &Session) -> Result<u64, OpsError> {
    let (Some(repository), Some(commit)) = (&session.repository, &session.head.commit) else { return Ok(0) };
    if session.because != Because::CheckedOut {
        return Ok(0);
    }
    let Some(state) = State::open_existing(session.store_root()) else { return Ok(0) };
    if !state.branch_names(&session.key.project)?.contains(&session.key.branch) {
        return Ok(0);
    }
    // Arguments and settings are part of what ran, and no commit has these.
    if repository.is_dirty(&session.config_files)? {
        return Ok(0);
    }
    let past = Ancestry::of(repository, commit);
    if !has_open(session, &state, &past)? {
        return Ok(0);
    }
    let mut open: Vec<(Digest, Vec<PathBuf>)> = Vec::new();
    let memo = memo::open(session)?;
    for graph in session.project.graphs.values() {
        let question = Question { graph, probing: Probing::Believe, force: &|_| Force::No };
        let survey = Survey::of(session, &memo, &question)?;
        for (task, decision) in &survey.decisions {
            let Action::Keep(record) = &decision.action else { continue };
            let Some(digest) = survey.known.current_digest(task) else { continue };
            if is_proven(&state, &past, &digest, record)? {
                continue;
            }
            let files = survey.gathered.get(task).map(|gathered| gathered.files.clone()).unwrap_or_default();
            open.push((digest, files));
        }
    }
    memo::save(&memo);
    let all: BTreeSet<&PathBuf> = open.iter().flat_map(|(_, files)| files).collect();
    let dirty = repository.dirty(&all.into_iter().cloned().collect::<Vec<_>>())?;
    let settled: Vec<Digest> = open
        .into_iter()
        .filter(|(_, files)| !files.iter().any(|file| dirty.contains(file)))
        .map(|(record, _)| record)
        .collect();
    state.attest(&settled, commit, now_ms())?;
    Ok(settled.len() as u64)
}

/// Tells whether some record of the branch is not proven yet: only then are its tasks looked at, which costs more.
fn has_open(session: &Session, state: &State, past: &Ancestry<'_>) -> Result<bool, OpsError> {
    let store = session.store()?;
    for graph in session.project.graphs.values() {
        for digest in state.records(&session.key, &graph.namespace)?.into_values() {
            let proven = match store.load_json(&digest) {
                Ok(record) => is_proven(state, past, &digest, &record)?,
                // What cannot be read is for who looks at its task.
                Err(_) => false,
            };
            if !proven {
                return Ok(true);
            }
        }
    }
    Ok(false)
}

/// Tells whether a commit in the past is known to have exactly what a record ran.
fn is_proven(state: &State, past: &Ancestry<'_>, digest: &Digest, record: &Record) -> Result<bool, OpsError> {
    let made = record.provenance.commit.as_deref().filter(|_| !record.provenance.dirty);
    Ok(made.is_some_and(|commit| past.has(commit))
        || state.attestations(digest)?.iter().any(|one| past.has(&one.commit)))
}
