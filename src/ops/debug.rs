//! `debug`: one task or item in the foreground, with the terminal; nothing is recorded.
//!
//! The folder is made ready as for a run, and is afterwards what it was: what
//! the code wrote and the store does not know is kept in `.kept/`. The locks of
//! a run are held meanwhile.

use serde::Serialize;

use super::run::holder;
use super::shoes::{self, Shoes, ShoesError};
use super::{OpsError, Session, memo};
use crate::state::{LockOn, RunLock, Wait};
use crate::task::execute::{Failure, run_in_terminal};
use crate::task::outputs::{Folder, Update};

/// How it went.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DebugReport {
    /// The task or item.
    pub name: String,
    /// Why it failed, in one line; absent where it did not.
    pub failure: Option<String>,
    /// Where the files that it wrote are now, relative to the output folder.
    pub aside: Vec<String>,
}

/// Makes ready, so that people can be told what comes before the terminal is the task's.
pub struct Ready<'a> {
    /// What is about to run.
    pub standing: Shoes<'a>,
    session: &'a Session,
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
    Ok(Ready { standing, session, command: command.to_owned(), locks })
}

impl Ready<'_> {
    /// Runs it, and makes the folder what it was.
    pub fn run(self) -> Result<DebugReport, OpsError> {
        let Self { standing, session, command, locks } = self;
        let folder = Folder::make(&session.outputs_dir)?;
        let placing = shoes::placing(session, &folder, &command)?;
        let memo = memo::open(session)?;
        let update = if standing.task.keep { Update::InPlace } else { Update::Anew };
        let now = jiff::Timestamp::now().strftime("%Y-%m-%dT%H-%M-%SZ").to_string();
        let (declared, previous) = (&standing.declared, &standing.previous);
        let mut aside = Vec::new();
        let own = tempfile::Builder::new().prefix("kptn-debug-").tempdir();
        let own = own.map_err(|source| OpsError::io("make", &std::env::temp_dir(), source))?;
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
        })
    }
}
