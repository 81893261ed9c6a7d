//! What a task's own state on a worker is made of: records of others, what was tried before, and nothing else.

use std::collections::BTreeMap;

use super::take_items;
use crate::model::{Brief, Bundle, Record, RunPlan, Silent, SnapshotEntry, Task, TaskName, WorkerReport};
use crate::ops::OpsError;
use crate::ops::remotes;
use crate::plan::list_provider;
use crate::remote::{Ends, Places, SharedRun, block_on};
use crate::state::{BranchKey, Change, LogEntry, Move, Protection, State, Target};
use crate::store::Store;
use crate::task::now_ms;

/// What a task's own state is made of.
pub(super) struct Material<'a> {
    pub store: &'a Store,
    pub state: &'a State,
    pub key: &'a BranchKey,
    pub plan: &'a RunPlan,
    pub task: &'a Task,
}

impl Material<'_> {
    /// Fetches what is read in any case.
    #[expect(clippy::too_many_arguments, reason = "all that a worker was told")]
    pub fn fetch(
        &self,
        shared: &SharedRun,
        ends: Ends<'_>,
        places: &Places,
        brief: &Brief,
        before: &BTreeMap<TaskName, WorkerReport>,
        reports: &[&WorkerReport],
        bundle: Option<&Bundle>,
    ) -> Result<(), OpsError> {
        let mut entries: Vec<_> = self.entries(brief, before, bundle);
        entries.dedup();
        let own = brief.unfinished.iter().filter(|_| bundle.is_none());
        let open = own.chain(reports.iter().filter_map(|report| report.unfinished.as_ref()));
        let open: Vec<_> = open.cloned().collect();
        block_on(async {
            shared.fetch_records(ends, places, &entries, &open).await?;
            match bundle {
                Some(bundle) => shared.fetch(places, self.store, &[bundle.list], &Silent).await,
                None => Ok(()),
            }
        })?;
        Ok(self.store.flush()?)
    }

    /// Returns the records that the task's branch begins with. A bundle's list holds what is stale alone, so what the
    /// task had before is nothing to it.
    fn entries(
        &self,
        brief: &Brief,
        before: &BTreeMap<TaskName, WorkerReport>,
        bundle: Option<&Bundle>,
    ) -> Vec<SnapshotEntry> {
        let of_others = |entry: &&SnapshotEntry| bundle.is_none() || entry.task != self.task.name;
        let now = before.values().filter_map(|report| report.entry.clone());
        brief.entries.iter().filter(of_others).cloned().chain(now).collect()
    }

    /// Writes all of it down, as if it had come to be here.
    pub fn lay_out(
        &self,
        brief: &Brief,
        before: &BTreeMap<TaskName, WorkerReport>,
        reports: &[&WorkerReport],
        bundle: Option<&Bundle>,
    ) -> Result<(), OpsError> {
        let mut entries = self.entries(brief, before, bundle);
        if let Some(bundle) = bundle {
            self.cut_list(&mut entries, bundle)?;
        }
        if self.state.point(self.key)?.is_none() && !entries.is_empty() {
            let change = |entry: SnapshotEntry| Change {
                graph: entry.graph,
                task: entry.task,
                record: Some((entry.record, entry.outputs)),
            };
            let changes: Vec<_> = entries.into_iter().map(change).collect();
            let wanted = Move {
                key: self.key,
                from: None,
                to: Target::With(&changes),
                cloned_from: None,
                promotes: None,
            };
            let entry =
                LogEntry { verb: "run", why: self.plan.id.as_str(), at_ms: now_ms(), ..LogEntry::default() };
            // Another process for the same may have been faster: then it is there.
            self.state.move_branch(&wanted, &Protection::default(), &entry)?;
        }
        self.state.take_marks(&self.key.project, &brief.marks)?;
        if let Some(open) = brief.unfinished.as_ref().filter(|_| bundle.is_none()) {
            remotes::take_unfinished(self.state, self.store, self.key, open)?;
        }
        let open: Vec<_> = reports.iter().filter_map(|report| report.unfinished.as_ref()).collect();
        // Their lines came with the reports.
        take_items(self.state, self.store, self.key, &open, |open| remotes::failed_items(self.store, open))
    }

    /// Gives the task that made the list a record of which the result is the bundle's list.
    fn cut_list(&self, entries: &mut [SnapshotEntry], bundle: &Bundle) -> Result<(), OpsError> {
        let provider = list_provider(&self.plan.graph, self.task).ok().map(|task| &task.name);
        for entry in entries.iter_mut().filter(|entry| Some(&entry.task) == provider) {
            let record: Record = self.store.load_json(&entry.record)?;
            entry.record = self.store.put_json(&Record { result: Some(bundle.list), ..record })?;
        }
        Ok(())
    }
}
