//! AWS works on a stack, and what happens is told.

use std::time::Duration;

use super::{DeployError, Deployment};
use crate::aws::{StackEvent, Standing};
use crate::ops::OpsError;
use crate::process::{Interrupts, Pause};

/// The first look comes after so long, each further one after twice that.
const SOON: Duration = Duration::from_millis(200);
/// But no later than so long after the one before it.
const LATE: Duration = Duration::from_secs(3);

/// What AWS's work on a stack came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Followed {
    /// AWS's own word, such as `UPDATE_COMPLETE`.
    pub status: String,
    /// What failed first; absent where nothing did.
    pub failure: Option<StackEvent>,
}

impl Followed {
    /// Tells whether all of it was done.
    pub fn is_well(&self) -> bool {
        ["CREATE_COMPLETE", "UPDATE_COMPLETE", "DELETE_COMPLETE"].contains(&self.status.as_str())
    }
}

/// Whether AWS was at work before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Begun {
    /// It was.
    Earlier,
    /// It was asked to just now, and may not have begun yet.
    Now,
}

impl Deployment<'_> {
    /// Returns what failed first when AWS last worked on the stack; absent where nothing did.
    pub fn first_failure(&self) -> Result<Option<StackEvent>, OpsError> {
        let events = self.aws.stack_events(&self.stack, None)?;
        let begun = |event: &StackEvent| is_of_stack(event) && event.reason == "User Initiated";
        let began = events.iter().rposition(begun).unwrap_or(0);
        Ok(events.into_iter().skip(began).find(is_failure))
    }

    /// Waits for the end of what AWS does to a stack, and tells what happened since an event. `id` is the stack's name, or
    /// its id where it may be gone at the end.
    pub fn follow(
        &self,
        id: &str,
        begun: Begun,
        since: Option<String>,
        hear: &mut dyn FnMut(&StackEvent),
    ) -> Result<Followed, OpsError> {
        let mut interrupts = Interrupts::listen()?;
        let (mut since, mut wait, mut failure) = (since, SOON, None);
        let mut moved = begun == Begun::Earlier;
        loop {
            // What it is comes before what happened, so that the last event is not missed.
            let stack = self.aws.stack(id)?;
            for event in self.aws.stack_events(id, since.as_deref())? {
                moved |= is_of_stack(&event);
                if failure.is_none() && is_failure(&event) {
                    failure = Some(event.clone());
                }
                hear(&event);
                since = Some(event.id);
            }
            let status = stack.as_ref().map_or("DELETE_COMPLETE", |stack| stack.status.as_str());
            let going = stack.as_ref().is_some_and(|stack| {
                matches!(stack.standing(), Standing::Going | Standing::Leaving | Standing::Looked)
            });
            if moved && !going {
                return Ok(Followed { status: status.to_owned(), failure });
            }
            if interrupts.pause(wait)? == Pause::Interrupted {
                return Err(DeployError::Interrupted { stack: self.stack.clone() }.into());
            }
            wait = LATE.min(wait * 2);
        }
    }
}

fn is_of_stack(event: &StackEvent) -> bool {
    event.kind == "AWS::CloudFormation::Stack"
}

/// Tells whether it is a reason; what failed because something else did is none.
fn is_failure(event: &StackEvent) -> bool {
    event.status.ends_with("_FAILED") && !is_of_stack(event) && !event.reason.contains("ancelled")
}
