//! What `kptn deploy aws` has made of a project, as it is found from here: the stack's outputs, and its machines.

use super::error::list_of;
use super::image_code::{ImageCode, bucket_of_stack};
use super::{OpsError, Session};
use crate::aws::{Aws, AwsError, Place};
use crate::model::{Graph, RunId, RunPlan, TaskName};
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
    /// The stack's image was made of other code.
    #[error("the image of the stack `{stack}` differs from what is here: {}", other_code(.tasks))]
    OtherCode {
        /// The stack.
        stack: String,
        /// The tasks that were to run, and what of each is not what is here.
        tasks: Vec<(TaskName, Vec<String>)>,
    },
}

/// So many tasks are named, and so much of each.
const NAMED: usize = 3;

fn other_code(tasks: &[(TaskName, Vec<String>)]) -> String {
    let named = |(task, changed): &(TaskName, Vec<String>)| {
        format!("`{task}` ({})", list_of(changed.iter().cloned(), NAMED))
    };
    list_of(tasks.iter().map(named), NAMED)
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
    /// The bucket, and the tag of the image; absent where the image is none that `kptn deploy aws` pushed.
    image: Option<(String, String)>,
    profile: Option<String>,
}

impl Deployed {
    /// Finds the graph in the project's stack.
    pub fn find(session: &Session, graph: &Graph) -> Result<Self, OpsError> {
        let settings = &session.project.settings.aws;
        let stack = settings.stack.clone().ok_or(DeployedError::Unsaid)?;
        let place = Place { region: settings.region.clone(), profile: settings.profile.clone() };
        let aws = Aws::open(&place)?;
        let Some(found) = aws.stack(&stack)? else {
            return Err(DeployedError::NoStack { stack, region: aws.region().to_owned() }.into());
        };
        let (outputs, parameters) = (found.outputs, found.parameters);
        let not_ours = || DeployedError::NotOurs { stack: stack.clone() };
        let remote = outputs.get("Remote").cloned().ok_or_else(not_ours)?;
        let name = render::machine_name(&stack, graph.name.as_str(), 0);
        let machine = outputs.values().find(|arn| arn.rsplit(':').next() == Some(name.as_str())).cloned();
        let no_machine = || DeployedError::NoMachine { stack: stack.clone(), graph: graph.name.to_string() };
        let machine = machine.ok_or_else(no_machine)?;
        let said = |name: &str| parameters.get(name).filter(|value| !value.is_empty()).cloned();
        let own = said("ExistingImage").is_none();
        let image = outputs.get("BucketName").cloned().zip(said("Image")).filter(|_| own);
        let (log_group, profile) = (outputs.get("LogGroup").cloned(), place.profile);
        Ok(Self { aws, stack, machine, remote, log_group, image, profile })
    }

    /// Refuses a graph that `kptn.yaml` has changed since.
    pub fn refuse_outdated(&self, session: &Session, graph: &Graph) -> Result<(), OpsError> {
        let stack = self.stack.clone();
        match self.is_current(session, graph)? {
            true => Ok(()),
            false => Err(DeployedError::Outdated { stack, graph: graph.name.to_string() }.into()),
        }
    }

    /// Refuses a run of tasks whose code in the image is not what it was planned from: each job would.
    pub fn refuse_other_code(&self, session: &Session, plan: &RunPlan) -> Result<(), OpsError> {
        let Some((bucket, tag)) = &self.image else { return Ok(()) };
        let bucket = bucket_of_stack(&self.aws, self.profile.as_deref(), bucket)?;
        // Who may not read it learns it from the jobs.
        let Some(there) = ImageCode::read(&bucket, tag).ok().flatten() else { return Ok(()) };
        let here = ImageCode::of(session, &plan.graph, |task| plan.tasks.contains(task))?;
        let tasks = there.differences(&here);
        match tasks.is_empty() {
            true => Ok(()),
            false => Err(DeployedError::OtherCode { stack: self.stack.clone(), tasks }.into()),
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
