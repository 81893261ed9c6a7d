//! State machines of Step Functions.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_sfn::Client;
use aws_sdk_sfn::types::{
    ExecutionStatus, HistoryEvent, TaskFailedEventDetails, TaskSubmitFailedEventDetails,
    TaskTimedOutEventDetails,
};
use serde::Deserialize;

use super::client::ask;
use super::{Aws, AwsError, Execution, ExecutionState, FailedJob, TASK_TAG};

/// So many pages of so many events of an execution are read at most, the latest first.
const PAGES: usize = 25;
const EVENTS: i32 = 1000;
/// So many executions that another one started are looked into, and so many of one Map.
const EXECUTIONS: usize = 20;
const OF_A_MAP: i32 = 5;

/// What Step Functions was to ask Batch for.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Asked {
    job_name: String,
    #[serde(default)]
    tags: BTreeMap<String, String>,
}

/// What Step Functions says of an execution in the event of its failure, in the one that started it.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Child {
    execution_arn: String,
}

impl Aws {
    /// Starts an execution under a name; one of that name that was started with the same input is found. Returns its ARN.
    pub fn start_execution(&self, machine: &str, name: &str, input: &str) -> Result<String, AwsError> {
        let asked = self.states().start_execution().state_machine_arn(machine).name(name).input(input);
        let started = ask(asked.send())?;
        Ok(started.map_err(|error| self.failed(format!("start `{machine}`"), error))?.execution_arn)
    }

    /// Returns the text of a machine, as it is carried out.
    pub fn definition(&self, machine: &str) -> Result<String, AwsError> {
        let asked = self.states().describe_state_machine().state_machine_arn(machine);
        let found =
            ask(asked.send())?.map_err(|error| self.failed(format!("describe `{machine}`"), error))?;
        Ok(found.definition)
    }

    /// Says how far an execution has come.
    pub fn execution(&self, arn: &str) -> Result<Execution, AwsError> {
        let asked = self.states().describe_execution().execution_arn(arn);
        let found = ask(asked.send())?.map_err(|error| self.failed(format!("describe `{arn}`"), error))?;
        let state = match found.status {
            ExecutionStatus::Succeeded => ExecutionState::Succeeded,
            ExecutionStatus::Aborted => ExecutionState::Stopped,
            ExecutionStatus::Failed | ExecutionStatus::TimedOut => ExecutionState::Failed,
            _ => ExecutionState::Running,
        };
        let stopped = (state == ExecutionState::Stopped).then(|| "it was stopped".to_owned());
        let said = [stopped, found.error, found.cause];
        let why = said.into_iter().flatten().filter(|text| !text.is_empty()).collect::<Vec<_>>().join(": ");
        Ok(Execution { state, why })
    }

    /// Stops an execution, and with it its jobs. One that has ended is no error.
    pub fn stop_execution(&self, arn: &str, cause: &str) -> Result<(), AwsError> {
        let asked = self.states().stop_execution().execution_arn(arn).cause(cause);
        ask(asked.send())?.map(drop).map_err(|error| self.failed(format!("stop `{arn}`"), error))
    }

    /// Returns the jobs of an execution that failed, and of those that it started, each's latest first, as far as their
    /// last events tell.
    pub fn failed_jobs(&self, arn: &str) -> Result<Vec<FailedJob>, AwsError> {
        let (mut jobs, mut left, mut looked) = (Vec::new(), vec![arn.to_owned()], 0);
        while let Some(arn) = left.pop().filter(|_| looked < EXECUTIONS) {
            looked += 1;
            let events = self.history(&arn)?;
            // What was tried again is told by what came of that.
            let scheduled = events.iter().filter(|event| event.task_scheduled_event_details.is_some());
            let tried_again: BTreeSet<i64> = scheduled.map(|event| event.previous_event_id).collect();
            for event in events.iter().filter(|event| !tried_again.contains(&event.id)) {
                let cause = cause(event);
                match cause.map(serde_json::from_str) {
                    Some(Ok(Child { execution_arn })) => left.push(execution_arn),
                    _ => jobs.extend(
                        cause.and_then(FailedJob::of_cause).or_else(|| failed_without_job(event, &events)),
                    ),
                }
            }
            // Who may not list those hears of the rest.
            left.extend(self.failed_of_maps(&arn).unwrap_or_default());
        }
        Ok(jobs)
    }

    /// Returns the events of an execution, the latest first.
    fn history(&self, arn: &str) -> Result<Vec<HistoryEvent>, AwsError> {
        let (mut all, mut next) = (Vec::new(), None);
        for _ in 0..PAGES {
            let asked = self.states().get_execution_history().execution_arn(arn).set_next_token(next);
            let found = ask(asked.reverse_order(true).max_results(EVENTS).send())?;
            let found = found.map_err(|error| self.failed(format!("tell the history of `{arn}`"), error))?;
            all.extend(found.events);
            next = found.next_token;
            if next.is_none() {
                break;
            }
        }
        Ok(all)
    }

    /// Returns some executions of an execution's Maps that failed.
    fn failed_of_maps(&self, arn: &str) -> Result<Vec<String>, AwsError> {
        let asked = self.states().list_map_runs().execution_arn(arn);
        let maps =
            ask(asked.send())?.map_err(|error| self.failed(format!("list the Maps of `{arn}`"), error))?;
        let mut all = Vec::new();
        for map in maps.map_runs {
            let asked = self.states().list_executions().map_run_arn(&map.map_run_arn);
            let asked = asked.status_filter(ExecutionStatus::Failed).max_results(OF_A_MAP);
            let found = ask(asked.send())?
                .map_err(|error| self.failed(format!("list what `{arn}` started"), error))?;
            all.extend(found.executions.into_iter().map(|one| one.execution_arn));
        }
        Ok(all)
    }

    fn states(&self) -> Client {
        Client::new(&self.config)
    }
}

/// Returns what a task says of its failure; absent where an event tells of something else.
fn cause(event: &HistoryEvent) -> Option<&str> {
    event.task_failed_event_details.as_ref()?.cause.as_deref()
}

/// What an event says of a call of another service that failed.
struct Failure<'a> {
    service: &'a str,
    error: Option<&'a str>,
    cause: Option<&'a str>,
}

impl<'a> From<&'a TaskSubmitFailedEventDetails> for Failure<'a> {
    fn from(told: &'a TaskSubmitFailedEventDetails) -> Self {
        Self { service: told.resource_type(), error: told.error(), cause: told.cause() }
    }
}

impl<'a> From<&'a TaskFailedEventDetails> for Failure<'a> {
    fn from(told: &'a TaskFailedEventDetails) -> Self {
        Self { service: told.resource_type(), error: told.error(), cause: told.cause() }
    }
}

impl<'a> From<&'a TaskTimedOutEventDetails> for Failure<'a> {
    fn from(told: &'a TaskTimedOutEventDetails) -> Self {
        Self { service: told.resource_type(), error: told.error(), cause: told.cause() }
    }
}

/// Returns a job of which there is nothing but an error: it was refused, or never came to its end.
fn failed_without_job(event: &HistoryEvent, all: &[HistoryEvent]) -> Option<FailedJob> {
    let refused = event.task_submit_failed_event_details.as_ref().map(Failure::from);
    let was_refused = refused.is_some();
    let ended = event.task_failed_event_details.as_ref().map(Failure::from);
    let late = event.task_timed_out_event_details.as_ref().map(Failure::from);
    let told = refused.or(ended).or(late).filter(|told| told.service == "batch")?;
    let Asked { job_name: name, mut tags } = asked(event, all).unwrap_or_default();
    let task = tags.remove(TASK_TAG);
    Some(FailedJob { name, task, was_refused, ..FailedJob::of_error(told.error, told.cause) })
}

/// Returns what was asked for that an event tells of: one of the events before it says that.
fn asked(event: &HistoryEvent, all: &[HistoryEvent]) -> Option<Asked> {
    let mut at = event.previous_event_id;
    loop {
        let before = all.iter().find(|one| one.id == at)?;
        if let Some(scheduled) = &before.task_scheduled_event_details {
            return serde_json::from_str(&scheduled.parameters).ok();
        }
        at = before.previous_event_id;
    }
}
