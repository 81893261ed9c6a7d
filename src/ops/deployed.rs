//! What `kptn deploy aws` has made of a project, as it is found from here: the stack's outputs, and its machines.

use super::{OpsError, Session};
use crate::aws::{Aws, AwsError, Place};
use crate::model::{Graph, RunId};
use crate::render;

/// Why what is deployed cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DeployedError {
    /// Nothing says which stack it is.
    #[error("`settings.aws.stack` is not said")]
    Unsaid,
    /// There is no such stack.
    #[error("there is no stack `{stack}` in {region}")]
    NoStack {
        /// Its name.
        stack: String,
        /// Where it was looked for.
        region: String,
    },
    /// The stack has no machine of the graph, or not all of it.
    #[error("the stack `{stack}` has no machine for the graph `{graph}`")]
    NoMachine {
        /// The stack.
        stack: String,
        /// The graph.
        graph: String,
    },
    /// The stack says of no remote.
    #[error("the stack `{stack}` is none that `kptn deploy aws` made")]
    NotOurs {
        /// Its name.
        stack: String,
    },
    /// A run goes on, as far as is known here, and its stack cannot be found.
    #[error("the run `{run}` cannot be followed")]
    Deserted {
        /// The run.
        run: RunId,
        /// Its remote.
        remote: String,
        /// Why.
        source: Box<DeployedError>,
    },
    /// A run of another stack has the branch.
    #[error("the run `{run}` goes on at `{there}`, and the stack's remote is `{here}`")]
    OtherRemote {
        /// The run.
        run: RunId,
        /// Its remote.
        there: String,
        /// The stack's.
        here: String,
    },
    /// What would be rendered now is not what was deployed.
    #[error("what `{stack}` has of the graph `{graph}` is not what would be deployed now")]
    Outdated {
        /// The stack.
        stack: String,
        /// The graph.
        graph: String,
    },
}

/// A graph that is deployed.
#[derive(Debug, Clone)]
pub struct Deployed {
    /// How its services are spoken with.
    pub aws: Aws,
    /// The stack's name.
    pub stack: String,
    /// The ARN of the machine that is started.
    pub machine: String,
    /// The remote that its jobs work on, such as `s3://bucket/kptn/`.
    pub remote: String,
    /// The group of the logs of its containers; absent where the stack names none.
    pub log_group: Option<String>,
}

impl Deployed {
    /// Finds the graph in the project's stack.
    pub fn find(session: &Session, graph: &Graph) -> Result<Self, OpsError> {
        let settings = &session.project.settings.aws;
        let stack = settings.stack.clone().ok_or(DeployedError::Unsaid)?;
        let place = Place { region: settings.region.clone(), profile: settings.profile.clone() };
        let aws = Aws::open(&place)?;
        let Some(outputs) = aws.outputs(&stack)? else {
            return Err(DeployedError::NoStack { stack, region: aws.region().to_owned() }.into());
        };
        let not_ours = || DeployedError::NotOurs { stack: stack.clone() };
        let remote = outputs.get("Remote").cloned().ok_or_else(not_ours)?;
        let name = render::machine_name(&stack, graph.name.as_str(), 0);
        let machine = outputs.values().find(|arn| arn.rsplit(':').next() == Some(name.as_str())).cloned();
        let no_machine = || DeployedError::NoMachine { stack: stack.clone(), graph: graph.name.to_string() };
        let machine = machine.ok_or_else(no_machine)?;
        Ok(Self { aws, stack, machine, remote, log_group: outputs.get("LogGroup").cloned() })
    }

    /// Refuses a graph that `kptn.yaml` has changed since.
    pub fn refuse_outdated(&self, session: &Session, graph: &Graph) -> Result<(), OpsError> {
        let stack = self.stack.clone();
        match self.is_current(session, graph)? {
            true => Ok(()),
            false => Err(DeployedError::Outdated { stack, graph: graph.name.to_string() }.into()),
        }
    }

    /// Tells whether each machine of the graph was made from what would be rendered now.
    fn is_current(&self, session: &Session, graph: &Graph) -> Result<bool, OpsError> {
        let here = render::stepfunctions(&session.project, &session.key.project, graph)?.files;
        for (part, file) in here.iter().enumerate() {
            let arn = match part {
                0 => self.machine.clone(),
                part => format!("{}-part{part}", self.machine),
            };
            match self.aws.definition(&arn) {
                Ok(there) if render::made_alike(&there, &file.text) => {}
                Ok(_) => return Ok(false),
                // The graph has more parts than it had.
                Err(AwsError::Refused { code, .. }) if code == "StateMachineDoesNotExist" => {
                    return Ok(false);
                }
                Err(error) => return Err(error.into()),
            }
        }
        Ok(true)
    }

    /// Returns the ARN of the execution of a run, which has the run's name.
    pub fn execution(&self, run: &str) -> String {
        format!("{}:{run}", self.machine.replacen(":stateMachine:", ":execution:", 1))
    }

    /// Returns where a person sees an execution.
    pub fn page(&self, execution: &str) -> String {
        let region = self.aws.region();
        let host = match execution.split(':').nth(1) {
            Some("aws-cn") => "console.amazonaws.cn",
            Some("aws-us-gov") => "console.amazonaws-us-gov.com",
            _ => "console.aws.amazon.com",
        };
        format!("https://{region}.{host}/states/home?region={region}#/v2/executions/details/{execution}")
    }
}
