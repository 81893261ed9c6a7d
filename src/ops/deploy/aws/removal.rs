//! `deploy aws --destroy`: the stack goes, the bucket and what is in it stay.

use serde::Serialize;

use super::{DeployError, Deployment, Wanted};
use crate::aws::{Aws, Stack};
use crate::ops::{OpsError, Session};

/// What goes, and what stays.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Removal {
    /// Resources that go, with their kinds.
    pub goes: Vec<(String, String)>,
    /// The bucket, which stays.
    pub bucket: Option<String>,
    /// The remote in it.
    pub remote: Option<String>,
    /// Executions that are stopped first.
    pub running: Vec<String>,
}

impl<'a> Deployment<'a> {
    /// Finds the stack that is to go; renders nothing.
    pub fn to_remove(session: &'a Session, wanted: &'a Wanted) -> Result<(Self, Stack), OpsError> {
        let (stack, place) = super::prepare::whereabouts(session, wanted)?;
        let aws = Aws::open(&place)?;
        let identity = aws.identity()?;
        let (files, machines, template, text, change) = Default::default();
        let profile = place.profile;
        let this =
            Self { session, wanted, aws, identity, stack, change, profile, files, template, text, machines };
        let (stack, found) = (this.stack.clone(), this.find_ours()?);
        let Some(found) = found else {
            return Err(DeployError::NoStack { stack, region: this.aws.region().to_owned() }.into());
        };
        let has = this.aws.resources(&stack)?;
        if found.outputs.is_empty() && !has.iter().any(|(name, _)| name == "MachineRole") {
            return Err(DeployError::NotOurs { stack, output: "Remote" }.into());
        }
        Ok((this, found))
    }

    /// Finds out what goes and what stays.
    pub fn plan_removal(&self, stack: &Stack) -> Result<Removal, OpsError> {
        let kept = |name: &str| ["Bucket", "BucketPolicy"].contains(&name);
        let goes = self.aws.resources(&self.stack)?.into_iter().filter(|(name, _)| !kept(name)).collect();
        let mut running = Vec::new();
        for machine in stack.outputs.values().filter(|value| value.contains(":stateMachine:")) {
            running.extend(self.aws.running_executions(machine)?);
        }
        let output = |name: &str| stack.outputs.get(name).cloned();
        Ok(Removal { goes, bucket: output("BucketName"), remote: output("Remote"), running })
    }

    /// Stops what runs, and has the stack removed. Returns the last thing that happened before.
    pub fn remove(&self, removal: &Removal) -> Result<Option<String>, OpsError> {
        for execution in &removal.running {
            self.aws.stop_execution(execution, "the stack is removed")?;
        }
        let last = self.aws.last_event(&self.stack)?;
        self.aws.remove_stack(&self.stack)?;
        Ok(last)
    }
}
