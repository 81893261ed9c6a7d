//! What a branch's tasks look like now, in one line's worth of facts.
//!
//! The same facts follow a clone, a merge and a rebase, and decide on a push.

use std::collections::BTreeSet;

use serde::Serialize;

use crate::model::{Reason, Status, TaskName};
use crate::ops::report::{StatusReport, StatusRow};
use crate::ops::scope::Words;
use crate::ops::{OpsError, Probing, Session, status};

/// A task that has to run, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StaleTask {
    /// The task.
    pub task: TaskName,
    /// `stale` or `failed`.
    pub status: Status,
    /// All of them.
    pub reasons: Vec<Reason>,
}

/// What a branch's tasks look like.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Outlook {
    /// How many are fresh, those to be taken among them.
    pub fresh: u64,
    /// How many of them the next run takes from elsewhere instead of running them.
    pub reusable: u64,
    /// The branches that those come from.
    pub reused_from: BTreeSet<String>,
    /// Those that have to run, dependencies first.
    pub stale: Vec<StaleTask>,
    /// How many may turn out fresh once those have run.
    pub maybe: u64,
}

impl Outlook {
    /// Looks at all tasks of a project.
    pub fn of(session: &Session) -> Result<Self, OpsError> {
        Ok(Self::from(&status::status(session, &Words::default(), Probing::Believe)?))
    }

    /// Tells whether there is anything to say.
    pub fn is_clear(&self) -> bool {
        self.stale.is_empty() && self.reusable == 0
    }
}

impl From<&StatusReport> for Outlook {
    fn from(report: &StatusReport) -> Self {
        let mut outlook = Self::default();
        for row in &report.rows {
            outlook.add(row);
        }
        outlook
    }
}

impl Outlook {
    fn add(&mut self, row: &StatusRow) {
        match row.status {
            Status::Maybe => self.maybe += 1,
            Status::Stale | Status::Failed => {
                let (task, reasons) = (row.task.clone(), row.reasons.clone());
                self.stale.push(StaleTask { task, status: row.status, reasons });
            }
            Status::Fresh => {
                self.fresh += 1;
                for reason in &row.reasons {
                    if let Reason::Reusable { branch } = reason {
                        self.reusable += 1;
                        self.reused_from.insert(branch.clone());
                    }
                }
            }
        }
    }
}
