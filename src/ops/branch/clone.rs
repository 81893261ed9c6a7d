//! `branch clone`: a branch starts with another one's finished work.
//!
//! What the source holds at that moment is shared, also what a run there has
//! finished and not closed. The target's files are not touched: they come back
//! when something needs them.

use super::lost::{Unkept, refuse_loss};
use crate::ops::mover::Mover;
use crate::ops::report::{AsOf, CloneReport};
use crate::ops::{Footing, MovingError, OpsError};
use crate::state::{BranchKey, Target};

/// What was asked of a clone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CloneRequest {
    /// The branch whose state is taken.
    pub source: String,
    /// The branch that gets it; absent means the current one.
    pub target: Option<String>,
    /// What becomes of results that the target alone has.
    pub unkept: Unkept,
}

/// Has a branch hold what another one holds.
pub fn clone(footing: &Footing, request: &CloneRequest) -> Result<CloneReport, OpsError> {
    let source = footing.branch_with_state(&request.source)?;
    let target = match &request.target {
        Some(name) => footing.branch(name)?,
        None => footing.key.clone(),
    };
    if source == target {
        return Err(MovingError::CloneOntoItself { branch: target.branch }.into());
    }
    let state = footing.state()?;
    let mover = Mover::of(footing, &target)?.cloned_from(&source.branch);
    let holds = state.point(&source)?.unwrap_or_default();
    let mut report = CloneReport {
        branch: target.branch.clone(),
        source: source.branch.clone(),
        as_of: as_of(footing, &source)?,
        operation: None,
        given_up: Vec::new(),
    };
    if mover.from() == Some(holds) {
        return Ok(report);
    }
    if let Some(from) = mover.from() {
        report.given_up = refuse_loss(footing, &target, &from, Some(&holds), request.unkept)?;
    }
    let entry = footing.entry("clone", source.branch.as_str(), &target);
    report.operation = Some(mover.go(Target::WhatIsOn(&source), &entry)?.operation);
    Ok(report)
}

fn as_of(footing: &Footing, key: &BranchKey) -> Result<Option<AsOf>, OpsError> {
    let latest = footing.state()?.operations(key, 1)?.pop();
    Ok(latest.as_ref().map(AsOf::of))
}
