//! `log`: what was done to this branch, latest first.

use super::report::LogEntry;
use super::{OpsError, Session};
use crate::model::RunId;

/// Returns the latest runs and other operations on this branch, at most `limit` of each.
pub fn history(session: &Session, limit: u32) -> Result<Vec<LogEntry>, OpsError> {
    let state = session.state()?;
    let branch = session.reads().branch.to_string();
    let operations = state.operations(session.reads(), limit)?;
    let mut entries: Vec<LogEntry> = Vec::new();
    for run in state.runs(limit)?.into_iter().filter(|run| run.branch == *session.reads()) {
        let folded = operations.iter().find(|operation| operation.why == run.id.as_str());
        entries.push(LogEntry {
            at_ms: run.started_ms,
            user: folded.map(|operation| operation.user.clone()).unwrap_or_default(),
            verb: "run".to_owned(),
            branch: branch.clone(),
            commit: state.load_plan(&run.id).ok().and_then(|plan| plan.commit),
            run: Some(run.id),
            graph: Some(run.graph),
            counts: run.counts,
        });
    }
    let others = operations.into_iter().filter(|operation| RunId::parse(&operation.why).is_none());
    entries.extend(others.map(|operation| LogEntry {
        at_ms: operation.at_ms,
        user: operation.user,
        verb: operation.verb,
        branch: branch.clone(),
        run: None,
        graph: None,
        counts: None,
        commit: None,
    }));
    entries.sort_by_key(|entry| std::cmp::Reverse(entry.at_ms));
    entries.truncate(limit as usize);
    Ok(entries)
}
