//! What a stack would become, by AWS's own word, and that it becomes so.
//!
//! Somebody else may change the stack between the two: then nothing is done, and that is said.

use serde::Serialize;

use super::{DeployError, Deployment, Parameter};
use crate::aws::{AwsError, Change, Making, Stack, Template};
use crate::model::RunId;
use crate::ops::OpsError;
use crate::task::now_ms;

/// So large a template can be sent as it is.
const LARGEST_TEXT: usize = 51_200;
/// So long somebody may think about what was proposed, in ms.
const THOUGHT_MS: u64 = 60 * 60 * 1000;

/// What a stack would become.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Proposal {
    /// What would become of its resources; empty where it is so already.
    pub changes: Vec<Change>,
    /// What the template is given.
    pub parameters: Vec<Parameter>,
}

/// Whether a stack has its machines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Machines {
    /// It has.
    Yes,
    /// Not yet.
    No,
}

impl Deployment<'_> {
    /// Asks AWS what the stack would become, with an image of this tag where one is named. It has to be applied or dropped.
    pub fn propose(
        &self,
        stack: Option<&Stack>,
        machines: Machines,
        tag: Option<&str>,
    ) -> Result<Proposal, OpsError> {
        let making = if stack.is_some() { Making::Changed } else { Making::New };
        let ask = |template: &Template| {
            let (parameters, given) = self.parameters(template, stack, machines, tag)?;
            let changes = self.aws.propose(&self.stack, &self.change, making, template, &given);
            Ok(Proposal { changes: changes.map_err(|error| self.overtaken(error))?, parameters })
        };
        let proposal = if self.text.len() <= LARGEST_TEXT {
            ask(&Template::Text(self.text.clone()))?
        } else {
            let bucket = self.bucket(stack).ok_or(DeployError::TooLarge { bytes: self.text.len() })?;
            self.lend_template(&bucket, ask)?
        };
        self.point("deploy.proposed")?;
        Ok(proposal)
    }

    /// Has the stack become what was proposed. Returns the last thing that happened before.
    pub fn apply(&self) -> Result<Option<String>, OpsError> {
        let last = self.aws.last_event(&self.stack);
        let applied = last.and_then(|last| {
            self.aws.apply_proposal(&self.stack, &self.change)?;
            Ok(last)
        });
        let last = applied.map_err(|error| {
            // What failed is what matters.
            drop(self.drop_proposal());
            self.overtaken(error)
        })?;
        self.point("deploy.applied")?;
        Ok(last)
    }

    /// Forgets what was proposed, and a stack that is nothing but this proposal.
    pub fn drop_proposal(&self) -> Result<(), OpsError> {
        let Some(stack) = self.aws.stack(&self.stack)? else { return Ok(()) };
        self.aws.drop_proposal(&self.stack, &self.change)?;
        if stack.is_only_looked_at() {
            let others = self.aws.proposals(&self.stack)?.into_iter().any(|name| name != self.change);
            if !others {
                self.aws.remove_stack(&self.stack)?;
            }
        }
        Ok(())
    }

    /// Forgets what deployments have proposed that were cut off before they went on.
    pub fn drop_abandoned(&self) -> Result<(), OpsError> {
        let made_ms = |name: &str| Some(RunId::parse(name.strip_prefix("kptn-")?)?.made_ms());
        for name in self.aws.proposals(&self.stack)? {
            if made_ms(&name).is_some_and(|made_ms| made_ms + THOUGHT_MS < now_ms()) {
                self.aws.drop_proposal(&self.stack, &name)?;
            }
        }
        Ok(())
    }

    /// Says so where AWS says no because somebody else has changed the stack meanwhile.
    fn overtaken(&self, error: AwsError) -> OpsError {
        let AwsError::Refused { code, problem, .. } = &error else { return error.into() };
        let gone = [
            "AlreadyExistsException",
            "ChangeSetNotFound",
            "ChangeSetNotFoundException",
            "InvalidChangeSetStatus",
        ];
        let words = ["_IN_PROGRESS", "does not exist", "cannot be executed"];
        let busy = code == "ValidationError" && words.iter().any(|words| problem.contains(words));
        match busy || gone.contains(&code.as_str()) {
            true => DeployError::Overtaken { stack: self.stack.clone(), problem: problem.clone() }.into(),
            false => error.into(),
        }
    }
}
