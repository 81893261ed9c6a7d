//! What lies in the output folder becomes a task's record, because a person says so.
//!
//! ```text
//! decide    as before a run: what the task is made of today
//! adopt     what it declares and lies there is read; what is missing is named
//! put       the record, marked `accepted`
//! keep      once all tasks are so far, the bytes go into the store; who asked moves the branch
//! ```
//! The bytes go last: what the store knows may be replaced, and as long as no
//! record has them that must not happen to what a person wrote.
//!
//! Nothing runs, and nothing is written to the folder. A result is that of the
//! record before: nobody can write one by hand. An item that is accepted while
//! others are stale gives the task a record that no fingerprint has.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use rayon::prelude::*;

use super::decide::{Decided, decide, decide_as};
use super::record::{self, Acceptance, Basis, Made};
use super::table::{self, Finished};
use super::{TaskError, bad_items};
use crate::fingerprint::{Memo, Seen, variables};
use crate::model::{
    Digest, Force, ItemRecord, OutputFile, Record, Refresh, Task, Timing, Variables, outputs_digest,
};
use crate::plan::{Action, ItemPlan, Known, StaleItem};
use crate::store::{FileStat, StoreError, Stored};
use crate::task::now_ms;
use crate::task::outputs::{Declared, Outputs, is_at_or_below};
use crate::task::work::Shared;

/// Why what lies there cannot count.
#[derive(Debug, thiserror::Error)]
pub enum AcceptError {
    /// Outputs that are not there.
    #[error("{}", missing(paths))]
    Missing {
        /// Relative to the output folder.
        paths: Vec<String>,
        /// Whether the record before has some of them.
        on_record: bool,
    },
    /// Patterns that match nothing, and nothing else.
    #[error("nothing that it declares is there")]
    Nothing {
        /// Whether the record before has something.
        on_record: bool,
    },
    /// A result that no record has.
    #[error("it returns a result, and no record has one{}", of_items(*items))]
    NoResult {
        /// How many items have none; 0 for an unmapped task.
        items: u64,
    },
    /// Something keeps it from ever being fresh.
    #[error("it would be stale all the same: {reason}")]
    NeverFresh {
        /// What.
        reason: String,
    },
    /// Anything else.
    #[error(transparent)]
    Task(#[from] TaskError),
}

fn missing(paths: &[String]) -> String {
    match paths {
        [path] => format!("its output `{path}` is not there"),
        paths => {
            let named: Vec<_> = paths.iter().take(5).map(|path| format!("`{path}`")).collect();
            let more = if paths.len() > 5 { ", …" } else { "" };
            format!("{} of its outputs are not there: {}{more}", paths.len(), named.join(", "))
        }
    }
}

fn of_items(items: u64) -> String {
    match items {
        0 => String::new(),
        1 => " of 1 of its items".to_owned(),
        items => format!(" of {items} of its items"),
    }
}

/// A record that counts once the branch is moved to it.
#[derive(Debug, Clone)]
pub struct Accepted {
    /// The record; it is on disk after the store's next flush.
    pub record: Digest,
    /// Its outputs digest.
    pub outputs: Digest,
    /// How many files it lists.
    pub files: u64,
    /// How many items were accepted; absent for an unmapped task.
    pub items: Option<u64>,
    /// How many items are stale all the same.
    pub left: u64,
    /// Whether its result was taken over from the record before.
    pub result: bool,
}

/// Makes records of what lies there, for one reason.
pub struct Acceptor<'a> {
    shared: &'a Shared<'a>,
    why: &'a str,
    /// What was read, for the store.
    read: Mutex<Vec<(PathBuf, Digest)>>,
    /// Second names of what the store did not know, until a record has it.
    named: Mutex<Vec<String>>,
}

impl<'a> Acceptor<'a> {
    /// Begins with nothing.
    pub fn new(shared: &'a Shared<'a>, why: &'a str) -> Self {
        Self { shared, why, read: Mutex::default(), named: Mutex::default() }
    }

    /// Tells whether a task's record holds as it is; its dependencies' do.
    pub fn holds(&self, task: &Task) -> Result<bool, TaskError> {
        Ok(matches!(decide(self.shared, task)?.decision.action, Action::Keep(_)))
    }

    /// Makes a record of what lies there; absent where the task is fresh and nothing else lies there.
    ///
    /// The records of its dependencies must hold. What is accepted is known to `shared` from then on, so tasks go
    /// in the order of the graph.
    pub fn accept(&self, task: &Task) -> Result<Option<Accepted>, AcceptError> {
        let shared = self.shared;
        let mut decided = decide(shared, task)?;
        if matches!(decided.decision.action, Action::Keep(_)) {
            if !self.differs(shared.known.current_files(&task.name).iter()) {
                return Ok(None);
            }
            // The store knows these bytes, as those of another state.
            decided = decide_as(shared, task, Force::Yes)?;
        }
        if let Some(error) = bad_items(&decided.decision.reasons) {
            return Err(TaskError::BadItems { error }.into());
        }
        if let Some(reason) = never_fresh(task, &decided) {
            return Err(AcceptError::NeverFresh { reason });
        }
        let before = shared.known.current(&task.name);
        let (made, items, left) = match decided.decision.items.take() {
            Some(plan) => self.of_mapped(task, &decided, before.as_deref(), plan)?,
            None => (self.of_single(task, &decided, before.as_deref())?, None, 0),
        };
        let (files, result) = (made.outputs.len() as u64, made.result.is_some());
        let of_items = made.items.as_ref().map_or(0, |table| table.files().count() as u64);
        let finished = record::put(shared, task, &decided, made)?.finished;
        record::learn(shared, &finished);
        Ok(Some(Accepted {
            record: finished.record,
            outputs: finished.outputs,
            files: files + of_items,
            items,
            left,
            result,
        }))
    }

    /// Takes the bytes of everything that was accepted into the store.
    ///
    /// What it does not know has a second name in `.kept/` until [`Acceptor::is_kept`]: a kill before the branch has
    /// moved would leave bytes that are known, so that a run may replace them, and that no record has.
    pub fn keep(&self) -> Result<(), TaskError> {
        let read = std::mem::take(&mut *self.read.lock().unwrap_or_else(PoisonError::into_inner));
        for (path, digest) in &read {
            let Some(relative) = self.shared.folder.relative(path) else { continue };
            if !self.shared.run.store.has(digest)? {
                let named = self.shared.with_any_outputs(|outputs| outputs.name_aside(&relative))?;
                self.named.lock().unwrap_or_else(PoisonError::into_inner).push(named);
            }
        }
        read.par_iter().try_for_each(|(path, digest)| {
            let changed = || StoreError::ChangedWhileRead { path: path.clone() };
            let stored = self.shared.take_in(path)?;
            if stored.digest == *digest { Ok(()) } else { Err(changed()) }
        })?;
        Ok(self.shared.run.store.flush()?)
    }

    /// Says that the branch has the records now.
    pub fn is_kept(&self) -> Result<(), TaskError> {
        for named in std::mem::take(&mut *self.named.lock().unwrap_or_else(PoisonError::into_inner)) {
            self.shared.with_any_outputs(|outputs| outputs.unname_aside(&named))?;
        }
        Ok(())
    }

    /// Tells whether one of these files is there with other bytes than these.
    fn differs<'f>(&self, files: impl IntoIterator<Item = &'f OutputFile>) -> bool {
        files.into_iter().any(|file| {
            let seen = self.shared.run.memo.look(&self.shared.folder.path(&file.path));
            matches!(seen, Ok(Seen::File { digest, executable, .. })
                if digest != file.digest || executable != file.executable)
        })
    }

    fn of_single(
        &self,
        task: &Task,
        decided: &Decided<'_>,
        before: Option<&Record>,
    ) -> Result<Made, AcceptError> {
        let declared = Declared::expand(&task.outputs, &self.variables(task)).map_err(TaskError::from)?;
        let found = self.adopt(task, &declared)?;
        if found.is_empty() && !task.outputs.is_empty() {
            let on_record = before.is_some_and(|one| !one.outputs.is_empty());
            return Err(AcceptError::Nothing { on_record });
        }
        let result = before.and_then(|record| record.result).filter(|_| task.cache_result);
        if task.cache_result && result.is_none() {
            return Err(AcceptError::NoResult { items: 0 });
        }
        let made = Made {
            outputs_digest: outputs_digest(&found),
            outputs: found,
            result,
            items: None,
            timing: timing(before.map(|record| record.timing)),
            logs: Vec::new(),
            changed: Vec::new(),
            accepted: None,
        };
        Ok(self.signed(made, before, Basis::of(decided)))
    }

    /// Accepts the items that are meant and not fresh; returns how many, and how many are left.
    fn of_mapped(
        &self,
        task: &Task,
        decided: &Decided<'_>,
        before: Option<&Record>,
        mut plan: ItemPlan,
    ) -> Result<(Made, Option<u64>, u64), AcceptError> {
        let shared = self.shared;
        table::refuse_shared_paths(shared, task, &table::items_of(&plan))?;
        let (edited, fresh) = plan.fresh.into_iter().partition(|one| self.differs(&one.outputs));
        plan.fresh = fresh;
        plan.stale.extend(Vec::into_iter(edited).map(stale));
        let outputs = task.outputs.iter().filter(|output| !task.is_item_output(output));
        let of_all = Declared::expand(outputs, &self.variables(task)).map_err(TaskError::from)?;
        let mut missing = self.missing(task, &of_all)?;
        let mut declared = Vec::with_capacity(plan.stale.len());
        for stale in &plan.stale {
            let mut variables = self.variables(task);
            variables.extend(stale.item.variables());
            let outputs = task.outputs.iter().filter(|output| task.is_item_output(output));
            let of_item = Declared::expand(outputs, &variables).map_err(TaskError::from)?;
            missing.extend(self.missing(task, &of_item)?);
            declared.push(of_item);
        }
        self.refuse_missing(task, missing)?;
        let without = plan.stale.iter().filter(|stale| result_of(stale).is_none()).count() as u64;
        if task.cache_result && without > 0 {
            return Err(AcceptError::NoResult { items: without });
        }
        let whole = self.adopt(task, &of_all)?;
        let files = declared.par_iter().map(|declared| self.adopt(task, declared));
        let files = files.collect::<Result<Vec<_>, _>>()?;
        if whole.is_empty() && files.iter().all(Vec::is_empty) && !task.outputs.is_empty() {
            let on_record = !shared.known.current_files(&task.name).is_empty();
            return Err(AcceptError::Nothing { on_record });
        }
        let (accepted, left) = (plan.stale.len() as u64, plan.left.len() as u64);
        let done = plan.stale.iter().zip(files);
        let done = done.map(|(stale, files)| self.item(task, stale, files)).collect();
        let ItemPlan { order, mut fresh, left: others, mut removed, .. } = plan;
        let basis = if left == 0 {
            Basis::of(decided)
        } else {
            // The other items stay what they are, and so do those that left the list.
            fresh.extend(others.into_iter().filter_map(|other| other.before));
            fresh.append(&mut removed);
            of_nothing(decided, before)
        };
        let finished = Finished { whole, order, fresh, done, removed, changed: Vec::new() };
        table::leave_removed(shared, task, &finished)?;
        let made = table::made(shared, task, decided, finished)?;
        let made = Made { timing: timing(before.map(|record| record.timing)), ..made };
        Ok((self.signed(made, before, basis), Some(accepted), left))
    }

    fn item(&self, task: &Task, stale: &StaleItem, outputs: Vec<OutputFile>) -> ItemRecord {
        let before = stale.before.as_deref();
        ItemRecord {
            key: stale.key,
            item: stale.item.clone(),
            fingerprint: stale.fingerprint,
            log: before.filter(|before| before.outputs == outputs).and_then(|before| before.log.clone()),
            outputs,
            result: result_of(stale).filter(|_| task.cache_result),
            timing: timing(before.map(|record| record.timing)),
            accepted: Some(self.why.to_owned()),
        }
    }

    /// Bytes that are as before were made by the run before; others by no run at all.
    fn signed(&self, made: Made, before: Option<&Record>, basis: Basis) -> Made {
        let same =
            |record: &&Record| record.outputs_digest == made.outputs_digest && record.result == made.result;
        let before = before.filter(same);
        let accepted = Acceptance {
            why: self.why.to_owned(),
            basis,
            run: before.map(|record| record.run.clone()),
            log: before.and_then(|record| record.log),
        };
        Made { accepted: Some(accepted), ..made }
    }

    fn variables(&self, task: &Task) -> Variables {
        variables(task, &self.shared.run.plan.graph)
    }

    /// Reads what is there; what is missing is an error.
    fn adopt(&self, task: &Task, declared: &Declared) -> Result<Vec<OutputFile>, AcceptError> {
        self.refuse_missing(task, self.missing(task, declared)?)?;
        let adopt = |outputs: &Outputs<'_>| outputs.adopt(declared);
        let captured = self.shared.with_outputs_read(task, declared, &|path| self.read(path), adopt);
        Ok(captured.map_err(TaskError::from)?.files)
    }

    fn read(&self, path: &Path) -> Result<Stored, StoreError> {
        let seen = self.shared.run.memo.look(path).map_err(|error| StoreError::reading(path, error))?;
        let (Seen::File { digest, size, .. }, Some(stat)) = (seen, FileStat::at(path)) else {
            return Err(StoreError::ChangedWhileRead { path: path.to_owned() });
        };
        self.read.lock().unwrap_or_else(PoisonError::into_inner).push((path.to_owned(), digest));
        Ok(Stored { digest, size, stat })
    }

    fn missing(&self, task: &Task, declared: &Declared) -> Result<Vec<String>, TaskError> {
        Ok(self.shared.with_outputs(task, declared, |outputs| outputs.missing(declared))?)
    }

    fn refuse_missing(&self, task: &Task, paths: Vec<String>) -> Result<(), AcceptError> {
        if paths.is_empty() {
            return Ok(());
        }
        let recorded = self.shared.known.current_files(&task.name);
        let is_missing = |path: &str| paths.iter().any(|one| is_at_or_below(path, one));
        let on_record = recorded.iter().any(|file| is_missing(&file.path));
        Err(AcceptError::Missing { paths, on_record })
    }
}

fn never_fresh(task: &Task, decided: &Decided<'_>) -> Option<String> {
    let always = (task.refresh == Refresh::Always).then(|| "`refresh: always`".to_owned());
    decided.gathered.uncacheable.first().cloned().or(always)
}

/// An item that is fresh by what it is made of, but not by what lies there.
fn stale(record: Arc<ItemRecord>) -> StaleItem {
    StaleItem {
        item: record.item.clone(),
        key: record.key,
        fingerprint: record.fingerprint,
        before: Some(record),
    }
}

fn result_of(stale: &StaleItem) -> Option<Digest> {
    stale.before.as_ref().and_then(|record| record.result)
}

/// What the task was recorded under before, so that `why` tells what changed since; no fingerprint of
/// today or of another day is that of a table whose items are of several days.
fn of_nothing(decided: &Decided<'_>, before: Option<&Record>) -> Basis {
    let basis = match before {
        Some(record) => Basis {
            fingerprint: record.fingerprint,
            ingredients: record.ingredients.clone(),
            code: record.code.clone(),
        },
        None => Basis::of(decided),
    };
    Basis { fingerprint: table::unsettled(basis.fingerprint), ..basis }
}

/// It was finished now, and to make it took as long as before.
fn timing(before: Option<Timing>) -> Timing {
    let before = before.unwrap_or_default();
    Timing { started_ms: now_ms().saturating_sub(before.wall_ms), ..before }
}
