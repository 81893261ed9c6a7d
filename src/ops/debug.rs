//! `debug`: one task or item in the foreground, with the terminal.
//!
//! The folder is made ready as for a run, and is afterwards what it was: what
//! the code wrote and the store does not know is kept in `.kept/`. Nothing is
//! recorded, unless that was asked for and the attempt succeeded: then all is as
//! after a run of that task or item. The locks of a run are held meanwhile.

use serde::Serialize;

use super::carry::carry;
use super::holding::{holder, refuse_engine};
use super::run::take_over;
use super::shoes::{self, Shoes, ShoesError};
use super::survey::find_interpreters;
use super::{OpsError, Session, memo, probes, protect, unopened};
use crate::model::{Address, BaseRecord, Digest, ItemChoice, ItemSelector};
use crate::state::{LockOn, RunLock, Wait};
use crate::task::Shared;
use crate::task::attached::{self, Attempt, Written};
use crate::task::execute::{Failure, run_in_terminal};
use crate::task::outputs::{Folder, Update};

/// How it went.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DebugReport {
    /// The task or item.
    pub name: String,
    /// Why it failed, in one line; absent where it did not.
    pub failure: Option<String>,
    /// Where the files are now that were in its way or, where nothing was recorded, that it wrote: relative to the
    /// output folder.
    pub aside: Vec<String>,
    /// What was recorded; absent where nothing was.
    pub recorded: Option<RecordedAttempt>,
}

/// What was recorded of an attempt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RecordedAttempt {
    /// The task's record; absent where an item was kept and others are not fresh.
    pub record: Option<Digest>,
    /// How many items are not fresh.
    pub left: u64,
    /// What changed while it ran: it is kept, and the task stays stale.
    pub changed: Vec<String>,
}

impl From<Written> for RecordedAttempt {
    fn from(written: Written) -> Self {
        let Written { record, left, changed } = written;
        Self { record, left, changed }
    }
}

/// Makes ready, so that people can be told what comes before the terminal is the task's.
pub struct Ready<'a> {
    /// What is about to run.
    pub standing: Shoes<'a>,
    session: &'a Session,
    typed: String,
    command: String,
    locks: Vec<RunLock>,
}

/// Puts a task's inputs there and takes the locks of a run.
pub fn ready<'a>(
    session: &'a Session,
    graph: Option<String>,
    text: &str,
    command: &str,
) -> Result<Ready<'a>, OpsError> {
    let standing = shoes::stand(session, graph, text, command)?;
    let by = holder(command);
    let on = [LockOn::Branch(&session.key), LockOn::Outputs(&session.outputs_dir)];
    let locks = on.map(|on| RunLock::acquire(session.store_root(), on, Wait::No, &by));
    let locks = locks.into_iter().collect::<Result<_, _>>()?;
    refuse_engine(session)?;
    Ok(Ready { standing, session, typed: text.to_owned(), command: command.to_owned(), locks })
}

impl Ready<'_> {
    /// Runs it, and makes the folder what it was.
    pub fn run(self) -> Result<DebugReport, OpsError> {
        let Self { standing, session, command, locks, .. } = self;
        let folder = Folder::make(&session.outputs_dir)?;
        let placing = shoes::placing(session, &folder, &command)?;
        let memo = memo::open(session)?;
        let update = if standing.task.keep { Update::InPlace } else { Update::Anew };
        let now = jiff::Timestamp::now().strftime("%Y-%m-%dT%H-%M-%SZ").to_string();
        let (declared, previous) = (&standing.declared, &standing.previous);
        let mut aside = Vec::new();
        let own = own_folder()?;
        let attempted = placing.with_outputs(&memo, &now, |outputs| {
            let prepared = outputs.prepare(declared, previous, update)?;
            aside.extend(prepared.kept.iter().map(|kept| kept.aside.clone()));
            let attempted = run_in_terminal(&standing.job, own.path()).map_err(ShoesError::from);
            let wrote = outputs.undo(declared, &prepared, previous)?;
            aside.extend(wrote.into_iter().map(|kept| kept.aside));
            Ok(attempted?)
        })?;
        memo::save(&memo);
        drop(locks);
        Ok(DebugReport {
            name: standing.name(),
            failure: attempted.outcome.err().map(|failure: Failure| failure.to_string()),
            aside,
            recorded: None,
        })
    }

    /// Runs it; where it succeeds, all is as after a run of it. Dependencies are taken as they are on record.
    pub fn run_and_record(self) -> Result<DebugReport, OpsError> {
        let Self { standing, session, typed, command, locks } = self;
        let task = standing.task;
        protect::refuse_elsewhere(session)?;
        session.state()?.take_in_dead(&session.key)?;
        take_over(session)?;
        carry(session, standing.graph)?;
        let memo = memo::open(session)?;
        let interpreters = find_interpreters(session, &memo, standing.graph);
        let probes = probes::ask(&session.project.root, std::iter::once(task));
        memo::save(&memo);
        let only = vec![task.name.clone()];
        let mut plan = unopened::plan(session, standing.graph, only, interpreters, probes);
        plan.command = command;
        let record = session.state()?.record_of(&session.key, &standing.graph.namespace, &task.name)?;
        plan.base.insert(task.name.clone(), BaseRecord { record, estimate_ms: None });
        let address = Address::parse(&typed).map_err(|error| OpsError::Address { error })?;
        plan.items.extend(
            address.item.map(|item| (task.name.clone(), ItemChoice(vec![ItemSelector::Named(item)]))),
        );
        let run = unopened::run(session, plan)?;
        let shared = Shared::load(&run, &session.key)?;
        let own = own_folder()?;
        let attempt = Attempt {
            job: &standing.job,
            declared: &standing.declared,
            previous: &standing.previous,
            folder: own.path(),
        };
        let not_recorded =
            |source| ShoesError::NotRecorded { task: standing.name(), source: Box::new(source) };
        let ended = attached::attempt(&shared, task, &attempt).map_err(not_recorded)?;
        memo::save(&run.memo);
        drop(locks);
        Ok(DebugReport {
            name: standing.name(),
            failure: ended.failure,
            aside: ended.aside.into_iter().map(|kept| kept.aside).collect(),
            recorded: ended.recorded.map(RecordedAttempt::from),
        })
    }
}

/// A folder for what a process needs while it runs.
fn own_folder() -> Result<tempfile::TempDir, OpsError> {
    let own = tempfile::Builder::new().prefix("kptn-debug-").tempdir();
    own.map_err(|source| OpsError::io("make", &std::env::temp_dir(), source))
}
