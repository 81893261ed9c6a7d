//! What `fsck --repair` does: sets aside, takes bytes back from where they still are, and lets tasks be stale.
//!
//! ```text
//! a damaged object        -> damaged/, where it stays; it counts as absent
//! a file's bytes          <- the output folder, where the same bytes are still at its path
//! a record, a log, code   -> the branches have no record of that task any more: one operation a branch
//! a branch's snapshot     -> the branch goes back to its latest state that can be read
//! ```
//! Each step is whole by itself, so a repair that was killed is one that has not
//! come to its end: the next one goes on. Branches of other projects are told of,
//! not moved: what protects them is not known here.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::{Lost, Mend, What};
use crate::model::{Digest, OutputFile};
use crate::ops::mover::Mover;
use crate::ops::report::FsckReport;
use crate::ops::{Footing, MovingError, OpsError};
use crate::state::{BranchKey, Change, Point, Target};
use crate::store::{Damage, Store, StoreError, digest_file};

/// A repair, or only the list of what there would be to do.
pub struct Repair<'a> {
    footing: &'a Footing,
    store: &'a Store,
    outputs_dir: &'a Path,
    mend: Mend,
    changed: bool,
}

impl<'a> Repair<'a> {
    /// Begins one.
    pub fn new(footing: &'a Footing, store: &'a Store, outputs_dir: &'a Path, mend: Mend) -> Self {
        Self { footing, store, outputs_dir, mend, changed: false }
    }

    /// Sets a damaged object aside.
    pub fn object(&mut self, damage: &Damage, text: String, report: &mut FsckReport) -> Result<(), OpsError> {
        if self.mend == Mend::No {
            report.problems.push(text);
            return Ok(());
        }
        if let Some(place) = self.store.set_aside(&damage.digest)? {
            self.changed = true;
            report.repaired.push(format!("{text}: set aside as `{}`", place.display()));
        }
        Ok(())
    }

    /// Moves branches away from a snapshot that is not there.
    pub fn snapshot(&mut self, snapshot: &Digest, report: &mut FsckReport) -> Result<(), OpsError> {
        let state = self.footing.state()?;
        let mut branches = Vec::new();
        for branch in self.footing.branches()? {
            if state.point(&branch.key)?.is_some_and(|point| point.snapshot == Some(*snapshot)) {
                branches.push(branch.key);
            }
        }
        for key in &branches {
            let text =
                format!("the state of `{}` (snapshot {}) is not in the store", key.branch, snapshot.short());
            match self.mend {
                Mend::No => report.problems.push(text),
                Mend::Yes => self.go_back(key, text, report)?,
            }
        }
        if branches.is_empty() {
            let whose =
                "of a tag (`kptn tag --delete` lets it go), or of another project (`kptn fsck` there)";
            report.problems.push(format!("snapshot {} is not in the store: {whose}", snapshot.short()));
        }
        Ok(())
    }

    /// Deals with what records lost.
    pub fn records(&mut self, lost: Vec<Lost>, report: &mut FsckReport) -> Result<(), OpsError> {
        let mut dropped: BTreeMap<Digest, Vec<String>> = BTreeMap::new();
        for Lost { record, what, text } in lost {
            match (self.mend, what) {
                (Mend::No, _) => report.problems.push(text),
                (Mend::Yes, What::Output(file)) if self.take_back(&file)? => {
                    report.repaired.push(format!("{text}: taken from the output folder"));
                }
                // Status finds these out by itself.
                (Mend::Yes, What::Output(_) | What::Result) => {
                    report.repaired.push(format!("{text}: its task is stale, `kptn run` makes it again"));
                }
                (Mend::Yes, What::Record | What::Beside { mapped: false }) => {
                    dropped.entry(record).or_default().push(text);
                }
                (Mend::Yes, What::Beside { mapped: true }) => {
                    report.problems.push(format!("{text}: its items hold; `kptn run -f` makes it again"));
                }
            }
        }
        if dropped.is_empty() {
            return Ok(());
        }
        self.drop_records(dropped, report)
    }

    /// Says that what was looked at before is to be looked at again.
    pub fn end(self) -> Result<(), OpsError> {
        if self.changed {
            self.footing.state()?.stir()?;
        }
        Ok(())
    }

    /// Puts a file into the store whose bytes it has lost, where they are still at the file's path.
    fn take_back(&mut self, file: &OutputFile) -> Result<bool, OpsError> {
        let path = self.outputs_dir.join(&file.path);
        if !digest_file(&path).is_ok_and(|(digest, _)| digest == file.digest) {
            return Ok(false);
        }
        let put = self.store.put_file(&path)?;
        self.store.flush()?;
        self.changed = true;
        Ok(put.digest == file.digest)
    }

    /// Has branches forget records, so that their tasks are stale.
    fn drop_records(
        &mut self,
        mut dropped: BTreeMap<Digest, Vec<String>>,
        report: &mut FsckReport,
    ) -> Result<(), OpsError> {
        let state = self.footing.state()?;
        // No task is to take them again, by their fingerprints.
        state.forget_records(&dropped.keys().copied().collect())?;
        let mut forgotten = BTreeSet::new();
        let mut busy = BTreeSet::new();
        for branch in self.footing.branches()? {
            let point = state.point(&branch.key)?.unwrap_or_default();
            let entries = state.find_entries(&point)?.unwrap_or_default();
            let theirs = entries.into_values().filter(|entry| dropped.contains_key(&entry.record));
            let theirs: Vec<_> = theirs.collect();
            let changes: Vec<Change> = theirs
                .iter()
                .map(|entry| Change { graph: entry.graph.clone(), task: entry.task.clone(), record: None })
                .collect();
            if changes.is_empty() {
                continue;
            }
            crate::failpoint::hit("fsck.dropping").map_err(|error| {
                OpsError::from(StoreError::writing("write", self.store.layout().root(), error))
            })?;
            let records = theirs.iter().map(|entry| entry.record);
            if self.moves(&branch.key, Target::With(&changes), report)? {
                for change in &changes {
                    let (task, branch) = (&change.task, &branch.key.branch);
                    report
                        .repaired
                        .push(format!("`{task}` on `{branch}` is stale: `kptn run` makes it again"));
                }
                forgotten.extend(records);
            } else {
                busy.extend(records);
            }
        }
        for (record, texts) in std::mem::take(&mut dropped) {
            let done = forgotten.contains(&record) && !busy.contains(&record);
            let list = if done { &mut report.repaired } else { &mut report.problems };
            list.extend(texts);
        }
        Ok(())
    }

    /// Has a branch go back to the latest state of its own that can be read, else to none.
    fn go_back(&mut self, key: &BranchKey, text: String, report: &mut FsckReport) -> Result<(), OpsError> {
        let state = self.footing.state()?;
        let mut earlier: Option<Point> = None;
        for operation in state.operations(key, u32::MAX)?.iter().filter(|one| one.branch == key.branch) {
            for point in [operation.after, operation.before] {
                if earlier.is_none() && !point.is_empty() && state.count_gone(&point)?.0 == 0 {
                    earlier = Some(point);
                }
            }
        }
        let (target, shown) = match earlier {
            Some(point) => (Target::Point(point), "it has its latest state that can be read"),
            None => (Target::Gone, "it has no state any more: `kptn run` makes one"),
        };
        if self.moves(key, target, report)? {
            report.repaired.push(format!("{text}: {shown}"));
        } else {
            report.problems.push(text);
        }
        Ok(())
    }

    /// Moves a branch as one operation; `false` where a run is on it, which is a problem then.
    fn moves(
        &mut self,
        key: &BranchKey,
        target: Target<'_>,
        report: &mut FsckReport,
    ) -> Result<bool, OpsError> {
        let entry = self.footing.entry("fsck", "repair", key);
        match Mover::of(self.footing, key).and_then(|mover| mover.go(target, &entry)) {
            Ok(_) => {
                self.changed = true;
                Ok(true)
            }
            Err(OpsError::Moving(error @ MovingError::Busy { .. })) => {
                report.problems.push(format!("{error}: `kptn fsck --repair` again when it has ended"));
                Ok(false)
            }
            Err(error) => Err(error),
        }
    }
}
