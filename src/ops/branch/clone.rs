//! `branch clone`: a branch starts with another one's finished work.
//!
//! What the source holds at that moment is shared, also what a run there has
//! finished and not closed; `--at` takes a state of its past instead, of which
//! the log knows. The target's files are not touched: they come back when
//! something needs them, or by [`bring`].

use super::lost::{Unkept, refuse_loss};
use crate::model::{BranchName, Progress};
use crate::ops::mover::{Mover, refuse_collected};
use crate::ops::named::{Named, find_on};
use crate::ops::report::{AsOf, Brought, CloneReport};
use crate::ops::restore::{RestoreRequest, Writing, restore};
use crate::ops::scope::Words;
use crate::ops::{Footing, MovingError, OpsError, Session, Start};
use crate::state::{BranchKey, Target};

/// What was asked of a clone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CloneRequest {
    /// The branch whose state is taken.
    pub source: String,
    /// The branch that gets it; absent means the current one.
    pub target: Option<String>,
    /// A state of its past: an operation, a run, a tag, a commit or a time; absent means as it is now.
    pub at: Option<String>,
    /// What becomes of results that the target alone has.
    pub unkept: Unkept,
}

/// Has a branch hold what another one holds, or held.
pub fn clone(footing: &Footing, request: &CloneRequest) -> Result<CloneReport, OpsError> {
    let (source, past) = source(footing, request)?;
    let target = match &request.target {
        Some(name) => footing.branch(name)?,
        None => footing.key.clone(),
    };
    if source == target && past.is_none() {
        return Err(MovingError::CloneOntoItself { branch: target.branch }.into());
    }
    let state = footing.state()?;
    let mut mover = Mover::of(footing, &target)?;
    if source != target {
        mover = mover.cloned_from(&source.branch);
    }
    let holds = match &past {
        Some(past) => past.point,
        None => {
            // Also what a run there has finished a moment ago.
            state.take_in_living(&source)?;
            state.point(&source)?.unwrap_or_default()
        }
    };
    if holds.is_empty() {
        return Err(MovingError::NothingToClone { branch: source.branch }.into());
    }
    let mut report = CloneReport {
        branch: target.branch.clone(),
        source: source.branch.clone(),
        at: request.at.clone(),
        as_of: match &past {
            Some(past) => past.after.clone(),
            None => as_of(footing, &source)?,
        },
        operation: None,
        given_up: Vec::new(),
        files: None,
    };
    if mover.from() == Some(holds) {
        return Ok(report);
    }
    if past.is_some() {
        refuse_collected(footing.state()?, &holds)?;
    }
    if let Some(from) = mover.from() {
        report.given_up = refuse_loss(footing, &target, &from, Some(&holds), request.unkept)?;
    }
    let why = match &request.at {
        Some(word) => format!("{} at {word}", source.branch),
        None => source.branch.to_string(),
    };
    let entry = footing.entry("clone", &why, &target);
    let to = match &past {
        Some(past) => Target::Point(past.point),
        None => Target::WhatIsOn(&source),
    };
    report.operation = Some(mover.go(to, &entry)?.operation);
    Ok(report)
}

/// Returns the branch that is cloned, and which state of its past; one that has no state any more has a past.
fn source(footing: &Footing, request: &CloneRequest) -> Result<(BranchKey, Option<Named>), OpsError> {
    let Some(word) = &request.at else { return Ok((footing.branch_with_state(&request.source)?, None)) };
    let state = footing.state()?;
    let source = footing.branch(&request.source)?;
    let mut known = state.tags(&source.project)?.into_iter().map(|tag| tag.branch);
    let log = state.operations(&source, u32::MAX)?;
    if !log.iter().any(|one| one.branch == source.branch) && !known.any(|branch| branch == source.branch) {
        footing.branch_with_state(&request.source)?;
    }
    let named = find_on(footing, &source, word)?;
    Ok((source, Some(named)))
}

fn as_of(footing: &Footing, key: &BranchKey) -> Result<Option<AsOf>, OpsError> {
    let latest = footing.state()?.operations(key, 1)?.pop();
    Ok(latest.as_ref().map(AsOf::of))
}

/// Puts the files of a branch into its output folder, where that is here: the current branch's, or one that exists.
pub fn bring(
    start: &Start,
    branch: &BranchName,
    command: &str,
    progress: &dyn Progress,
) -> Result<Brought, OpsError> {
    let here = Session::open(start)?;
    if here.key.branch == *branch {
        return bring_to(&here, command, progress);
    }
    let there = Session::open(&Start { branch: Some(branch.to_string()), ..start.clone() })?;
    // Where branches share one folder, it has the files of the current one.
    if there.outputs_dir == here.outputs_dir || !there.outputs_dir.is_dir() {
        return Ok(Brought::NoFolder);
    }
    bring_to(&there, command, progress)
}

fn bring_to(session: &Session, command: &str, progress: &dyn Progress) -> Result<Brought, OpsError> {
    let request = RestoreRequest { words: &Words::default(), writing: Writing::Yes, command };
    let report = restore(session, &request, progress)?;
    Ok(Brought::Here { outputs_dir: session.place().outputs_dir, report })
}
