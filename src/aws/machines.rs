//! State machines of Step Functions.

use aws_sdk_sfn::Client;
use aws_sdk_sfn::types::{ExecutionStatus, HistoryEvent};
use serde::Deserialize;

use super::client::{ask, failed};
use super::{Aws, AwsError, Execution, ExecutionState, FailedJob};

/// Of so many events at most is read what failed, the latest first.
const EVENTS: i32 = 1000;

/// What Batch says of a job in the event of its failure.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Job {
    job_name: String,
    #[serde(default)]
    status_reason: String,
    #[serde(default)]
    container: Container,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Container {
    reason: String,
    log_stream_name: Option<String>,
    exit_code: Option<i32>,
}

impl Aws {
    /// Starts an execution under a name; one of that name that was started with the same input is found. Returns its ARN.
    pub fn start_execution(&self, machine: &str, name: &str, input: &str) -> Result<String, AwsError> {
        let asked = self.states().start_execution().state_machine_arn(machine).name(name).input(input);
        let started = ask(asked.send())?;
        Ok(started.map_err(|error| failed(format!("start `{machine}`"), error))?.execution_arn)
    }

    /// Returns the text of a machine, as it is carried out.
    pub fn definition(&self, machine: &str) -> Result<String, AwsError> {
        let asked = self.states().describe_state_machine().state_machine_arn(machine);
        let found = ask(asked.send())?.map_err(|error| failed(format!("describe `{machine}`"), error))?;
        Ok(found.definition)
    }

    /// Says how far an execution has come.
    pub fn execution(&self, arn: &str) -> Result<Execution, AwsError> {
        let asked = self.states().describe_execution().execution_arn(arn);
        let found = ask(asked.send())?.map_err(|error| failed(format!("describe `{arn}`"), error))?;
        let state = match found.status {
            ExecutionStatus::Succeeded => ExecutionState::Succeeded,
            ExecutionStatus::Aborted => ExecutionState::Stopped,
            ExecutionStatus::Failed | ExecutionStatus::TimedOut => ExecutionState::Failed,
            _ => ExecutionState::Running,
        };
        let said = [found.error, found.cause];
        let why = said.into_iter().flatten().filter(|text| !text.is_empty()).collect::<Vec<_>>().join(": ");
        Ok(Execution { state, why })
    }

    /// Stops an execution, and with it its jobs. One that has ended is no error.
    pub fn stop_execution(&self, arn: &str, cause: &str) -> Result<(), AwsError> {
        let asked = self.states().stop_execution().execution_arn(arn).cause(cause);
        ask(asked.send())?.map(drop).map_err(|error| failed(format!("stop `{arn}`"), error))
    }

    /// Returns the jobs of an execution that failed, the latest first, as far as its last events tell.
    pub fn failed_jobs(&self, arn: &str) -> Result<Vec<FailedJob>, AwsError> {
        let asked = self.states().get_execution_history().execution_arn(arn);
        let asked = asked.reverse_order(true).max_results(EVENTS);
        let found =
            ask(asked.send())?.map_err(|error| failed(format!("tell the history of `{arn}`"), error))?;
        Ok(found.events.iter().filter_map(failed_job).collect())
    }

    fn states(&self) -> Client {
        Client::new(&self.config)
    }
}

/// Returns the job whose failure an event tells of; absent where it tells of something else.
fn failed_job(event: &HistoryEvent) -> Option<FailedJob> {
    let cause = event.task_failed_event_details.as_ref()?.cause.as_deref()?;
    let job: Job = serde_json::from_str(cause).ok()?;
    let code = job.container.exit_code.map(|code| format!("exit code {code}"));
    let mut why: Vec<String> = [job.status_reason, job.container.reason].into_iter().chain(code).collect();
    why.retain(|text| !text.is_empty());
    why.dedup();
    Some(FailedJob { name: job.job_name, why: why.join("; "), log: job.container.log_stream_name })
}
