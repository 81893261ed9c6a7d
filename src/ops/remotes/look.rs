//! What came with a pull as it stands here: what failed there, what is stale under the code here.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::inputs::{self, Target};
use super::want::{Names, Want};
use super::{PullReport, PullRequest};
use crate::model::{GraphName, Phase, Progress, Provenance, Status, TaskName, UnfinishedTask};
use crate::ops::report::StatusRow;
use crate::ops::scope::Words;
use crate::ops::{OpsError, Probing, Session, Start, status};
use crate::state::BranchKey;

/// A task or an item that failed there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FailedThere {
    /// `B` or `B[NC]`.
    pub name: String,
    /// What went wrong, in one line.
    pub error: String,
    /// Where and with what it was tried.
    pub tried: Provenance,
}

/// What came onto a branch.
#[derive(Debug, Default)]
pub struct Came {
    /// Tasks that the branch has now as they are there, by the namespaces of their graphs.
    pub records: Names,
    /// What did not finish there, of the tasks that were asked for.
    pub open: Vec<UnfinishedTask>,
}

/// Looks at what came, and brings what the items read that were asked for.
pub fn look(
    start: &Start,
    here: &BranchKey,
    request: &PullRequest,
    came: &Came,
    progress: &dyn Progress,
    report: &mut PullReport,
) -> Result<(), OpsError> {
    progress.begin(Phase::Looking, 0, 0);
    let session = Session::open(&Start { branch: Some(here.branch.to_string()), ..start.clone() })?;
    let targets = match &request.want {
        Want::Items(names) => inputs::named(&session, names)?,
        Want::FailedItems(_) => inputs::failed(&session, &came.open),
        Want::All | Want::Tasks(_) | Want::ReadBy(_) => Vec::new(),
    };
    if !targets.is_empty() {
        let brought = inputs::bring(&session, &targets, progress)?;
        report.objects += brought.objects;
        report.bytes += brought.bytes;
        report.left = report.left.saturating_sub(brought.objects);
        report.left_bytes = report.left_bytes.saturating_sub(brought.bytes);
    }
    report.failed = match &request.want {
        Want::ReadBy(_) => came.open.iter().filter_map(of_task).collect(),
        _ => failures(&targets, &came.open),
    };
    let namespaces: BTreeMap<&GraphName, &GraphName> =
        session.project.graphs.values().map(|graph| (&graph.name, &graph.namespace)).collect();
    let has_come = |row: &&StatusRow| {
        let namespace = namespaces.get(&row.graph);
        namespace.is_some_and(|namespace| came.records.contains(&((*namespace).clone(), row.task.clone())))
    };
    // The state is here, whatever hinders to look at it: a probe, an input that cannot be read.
    let status = status::status(&session, &Words::default(), Probing::Believe).ok();
    report.stale = status.map(|status| {
        let stale = status.rows.iter().filter(has_come).filter(|row| row.status != Status::Fresh);
        // A task of two graphs is one task.
        stale.map(|row| (namespaces.get(&row.graph), &row.task)).collect::<BTreeSet<_>>().len() as u64
    });
    Ok(())
}

/// Returns what is told of a task that did not finish there; absent where nothing of it failed.
fn of_task(one: &UnfinishedTask) -> Option<FailedThere> {
    let attempt = one.attempt.as_ref().map(|attempt| &attempt.error);
    let error = attempt.or_else(|| one.failed.first().map(|item| &item.error))?;
    Some(FailedThere { name: one.task.to_string(), error: error.clone(), tried: one.provenance.clone() })
}

fn failures(targets: &[Target<'_>], open: &[UnfinishedTask]) -> Vec<FailedThere> {
    let by_task: BTreeMap<(&GraphName, &TaskName), &UnfinishedTask> =
        open.iter().map(|one| ((&one.graph, &one.task), one)).collect();
    let of_target = |target: &Target<'_>| {
        let one = by_task.get(&(&target.graph.namespace, &target.task.name))?;
        let Some(key) = target.item else { return of_task(one) };
        // Sorted by key.
        let at = one.failed.binary_search_by(|item| item.key.cmp(&key)).ok()?;
        let error = one.failed.get(at)?.error.clone();
        Some(FailedThere { name: target.name.clone(), error, tried: one.provenance.clone() })
    };
    targets.iter().filter_map(of_target).collect()
}
