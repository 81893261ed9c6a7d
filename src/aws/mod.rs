//! What AWS offers besides the bucket: how it is spoken with, and what kptn asks of its services.
//!
//! ```text
//! client     credentials, regions, tries; where all of it is asked     profile   whether there is one of a name
//! error      why it was not done      reason     what the SDK says of that, in one line
//! machines   Step Functions: start, look, stop, what failed     job   a job that failed, as AWS says it
//! stacks     CloudFormation: what a stack has made    changes   what it would become, and that it does    stack   what is said of it
//! images     who asks (STS), and images of containers (ECR)
//! logs       what containers printed
//! absent     in place of these, where kptn was built without AWS
//! ```
//! [`Aws`] waits for its answers: it is called by verbs, a few times a second at most. Names, times and limits are
//! the services' own.

#[cfg(not(feature = "aws"))]
mod absent;
#[cfg(feature = "aws")]
mod changes;
#[cfg(feature = "aws")]
mod client;
mod error;
#[cfg(feature = "aws")]
mod images;
mod job;
#[cfg(feature = "aws")]
mod logs;
#[cfg(feature = "aws")]
mod machines;
#[cfg(feature = "aws")]
mod profile;
#[cfg(feature = "aws")]
mod reason;
mod stack;
#[cfg(feature = "aws")]
mod stacks;

use std::collections::BTreeMap;

#[cfg(not(feature = "aws"))]
pub use absent::Aws;
#[cfg(feature = "aws")]
pub use client::{Aws, config, credentials, on_own_runtime};
pub use error::AwsError;
pub use job::FailedJob;
pub use stack::{
    Action, Change, Given, Identity, Login, Making, Stack, StackEvent, Standing, Template, TemplateParameter,
};

/// The tag that says which task a job is of.
pub const TASK_TAG: &str = "kptn:task";

/// Where in AWS, and as whom.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Place {
    /// The region; absent: the environment's or the profile's.
    pub region: Option<String>,
    /// The profile of AWS's own files; absent: what the environment says.
    pub profile: Option<String>,
}

/// How far an execution of a state machine has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExecutionState {
    /// It goes on.
    Running,
    /// All of it was done.
    Succeeded,
    /// A state of it failed, or its time was over.
    Failed,
    /// Somebody has stopped it.
    Stopped,
}

/// What an execution says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Execution {
    /// How far it has come.
    pub state: ExecutionState,
    /// What failed, and what it said of that, or that it was stopped; empty where nothing did.
    pub why: String,
}

/// What a stack has made, by the names of its outputs.
pub type Outputs = BTreeMap<String, String>;
