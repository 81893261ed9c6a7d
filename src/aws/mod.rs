//! What AWS offers besides the bucket: how it is spoken with, and what kptn asks of its services.
//!
//! ```text
//! client     credentials, regions, tries; where all of it is asked     profile   whether there is one of a name
//! error      why it was not done      reason     what the SDK says of that, in one line
//! machines   Step Functions: start, look, stop, what failed
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

/// A job of an execution that failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FailedJob {
    /// Its name; empty where it was refused and what was asked for is not told.
    pub name: String,
    /// The task that it was tagged with; absent where it has no such tag.
    pub task: Option<String>,
    /// Whether Batch did not take it.
    pub was_refused: bool,
    /// Why, as AWS says it.
    pub why: String,
    /// The exit code of its program; absent where it did not come to one.
    pub code: Option<i32>,
    /// The log stream of its container; absent where none was started.
    pub log: Option<String>,
}

/// What a stack has made, by the names of its outputs.
pub type Outputs = BTreeMap<String, String>;
