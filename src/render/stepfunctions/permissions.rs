//! What a machine has to be allowed, made from its states: actions, and what they are on.
//!
//! Resources are texts for CloudFormation's `Fn::Sub`: `${AWS::StackName}` names
//! the job definition and the machines, `${Queue}` alone the queue, `${Name}` the
//! bucket and `${Prefix}` what the remote's keys begin with. Nothing of kptn's own is in
//! here, only what the states call.

use std::collections::BTreeSet;

use serde_json::Value;

use super::gates::MOST_HERE;
use super::state::{Piece, State};

/// One thing that is allowed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Grant {
    pub resource: String,
    pub action: &'static str,
}

/// Returns what a machine needs; `name` is what it is called, `part` its parts, by their numbers.
pub fn of(piece: &Piece, name: &str, part: &dyn Fn(usize) -> String) -> BTreeSet<Grant> {
    let mut grants = BTreeSet::new();
    for (_, state) in &piece.states {
        of_state(state, name, part, &mut grants);
        for branch in &state.branches {
            grants.extend(of(branch, name, part));
        }
        if let Some(processor) = &state.item_processor {
            grants.extend(of(&processor.piece, name, part));
        }
    }
    grants
}

fn of_state(state: &State, name: &str, part: &dyn Fn(usize) -> String, grants: &mut BTreeSet<Grant>) {
    let mut allow = |actions: &[&'static str], resource: String| {
        grants.extend(actions.iter().map(|action| Grant { resource: resource.clone(), action }));
    };
    let parameters = state.parameters.as_ref();
    let call = state.resource.and_then(|resource| resource.strip_prefix("arn:aws:states:::"));
    match call {
        Some("batch:submitJob.sync") => {
            allow(&["batch:SubmitJob"], "${Queue}".to_owned());
            allow(&["batch:SubmitJob"], here("batch", "job-definition/${AWS::StackName}:*"));
            allow(&["batch:TagResource", "batch:TerminateJob"], here("batch", "job/*"));
            allow(&["batch:DescribeJobs"], "*".to_owned());
            allow(&RULE, here("events", "rule/StepFunctionsGetEventsForBatchJobsRule"));
        }
        Some("states:startExecution.sync:2") => {
            let arn = parameters.and_then(|given| given["StateMachineArn"].as_str()).unwrap_or_default();
            let number = arn.trim_start_matches("${Part").trim_end_matches('}').parse().unwrap_or_default();
            let started = part(number);
            allow(&["states:StartExecution"], here("states", &format!("stateMachine:{started}")));
            allow(&FOLLOW, here("states", &format!("execution:{started}:*")));
            allow(&RULE, here("events", "rule/StepFunctionsGetEventsForStepFunctionsExecutionRule"));
        }
        Some("aws-sdk:s3:getObject" | "aws-sdk:s3:headObject") => {
            allow(&["s3:GetObject"], object(parameters))
        }
        Some("aws-sdk:s3:putObject" | "aws-sdk:s3:putObject.waitForTaskToken") => {
            allow(&["s3:PutObject"], object(parameters))
        }
        // A token is not the name of anything that could be said here.
        Some("aws-sdk:sfn:sendTaskSuccess") => allow(&["states:SendTaskSuccess"], "*".to_owned()),
        _ => {}
    }
    if let Some(reader) = &state.item_reader {
        allow(&["s3:GetObject"], object(Some(&reader["Parameters"])));
    }
    if state.item_reader.is_some() || state.gates > MOST_HERE {
        // Its children are executions of the same machine.
        allow(&["states:StartExecution"], here("states", &format!("stateMachine:{name}")));
        allow(&FOLLOW, here("states", &format!("execution:{name}:*")));
        allow(&FOLLOW, here("states", &format!("execution:{name}/*")));
    }
}

/// How a machine hears of the end of what it waits for.
const RULE: [&str; 3] = ["events:DescribeRule", "events:PutRule", "events:PutTargets"];
const FOLLOW: [&str; 2] = ["states:DescribeExecution", "states:StopExecution"];

fn here(service: &str, rest: &str) -> String {
    format!("arn:${{AWS::Partition}}:{service}:${{AWS::Region}}:${{AWS::AccountId}}:{rest}")
}

/// Returns the objects that a state's key may be: `*` stands for the run, and for a task.
fn object(parameters: Option<&Value>) -> String {
    let key = parameters.and_then(|given| given["Key.$"].as_str()).unwrap_or_default();
    let (format, from) = key.trim_start_matches("States.Format('{}").split_once('\'').unwrap_or_default();
    let below = if from.contains("$.keys") { "runs/*/" } else { "" };
    let pattern = match format {
        gate if gate.starts_with("gates/") => "gates/*".to_owned(),
        of_task if from.contains("$.keys") => {
            let (_, name) = of_task.rsplit_once('/').unwrap_or_default();
            format!("tasks/*/{name}")
        }
        other => other.replace("{}", "*"),
    };
    format!("arn:${{AWS::Partition}}:s3:::${{Name}}/${{Prefix}}{below}{pattern}")
}

#[cfg(test)]
mod tests {
    use super::super::machines_of;
    use super::super::tests::{id, numbered, project};
    use super::*;
    use crate::model::Graph;

    fn shown(graph: &Graph) -> Vec<String> {
        let machines = machines_of(&project(graph), &id(), graph).unwrap();
        let named = |number: usize| format!("m{number}");
        let grants = machines.iter().enumerate().flat_map(|(at, made)| of(&made.piece, &named(at), &named));
        let short = |resource: &str| {
            let parts: Vec<&str> = resource.splitn(6, ':').collect();
            parts
                .last()
                .copied()
                .unwrap_or_default()
                .replace("${AWS::Region}:", "")
                .replace("${AWS::AccountId}:", "")
        };
        grants.map(|grant| format!("{} {}", grant.action, short(&grant.resource))).collect()
    }

    #[test]
    fn only_what_the_states_call_is_allowed() {
        let chain = shown(&numbered(&[vec![], vec![0]]));
        let objects = |grants: &[String]| {
            grants
                .iter()
                .filter(|grant| grant.starts_with("s3:"))
                .map(|grant| grant.rsplit('}').next().unwrap_or_default().to_owned())
                .collect::<Vec<_>>()
        };
        assert_eq!(objects(&chain), ["runs/*/opened.json", "runs/*/tasks/*/lost", "runs/*/tasks/*/skip"]);
        assert!(!chain.iter().any(|grant| grant.starts_with("states:")), "{chain:?}");

        let mut joined = numbered(&[vec![], vec![], vec![0, 1]]);
        assert_eq!(
            objects(&shown(&joined)),
            [
                "runs/*/gates/*",
                "runs/*/gates/*",
                "runs/*/opened.json",
                "runs/*/tasks/*/lost",
                "runs/*/tasks/*/skip"
            ]
        );
        joined.tasks[2].map_over = vec!["ITEM".into()];
        let mapped = shown(&joined);
        assert!(objects(&mapped).contains(&"runs/*/tasks/*/bundles.json".to_owned()), "{mapped:?}");
        assert!(mapped.contains(&"states:StartExecution stateMachine:m0".to_owned()), "{mapped:?}");
        assert!(mapped.contains(&"states:SendTaskSuccess *".to_owned()), "{mapped:?}");
    }
}
