//! States that are jobs of AWS Batch: the run's two ends, a task, its bundles.
//!
//! A job is told by its command alone; what it does is in
//! `docs/reference/runners.md`. Its exit code is all that comes back.

use serde_json::{Value, json};

use super::fargate::Size;
use super::state::{Piece, Processor, State};
use super::{WAIT_SECONDS, names};
use crate::aws::TASK_TAG;
use crate::model::{Graph, ProjectId, Task, safe_folder_name};

const SUBMIT: &str = "arn:aws:states:::batch:submitJob.sync";
/// Beyond its own timeout an attempt may fetch what it needs and send what it made.
const MARGIN_SECONDS: u64 = 900;
/// Tries of what is not a task.
const TRIES: u32 = 2;
/// A Map holds what its children return, two bytes each, in one state.
const MOST_BUNDLES: &str = "10000";
/// So many jobs of one mapped task at once where `group_size` says nothing; the queue holds them back further.
const MOST_IN_FLIGHT: u32 = 1000;

/// The job that opens a run where the execution was started without one.
pub fn open(graph: &Graph, project: &ProjectId) -> State {
    let name = quoted(graph.name.as_str());
    let words = [
        "'kptn','run','open','--graph'",
        &name,
        "'--engine','stepfunctions','--lease','7d','--keep-going','--json'",
        "'--key',$$.Execution.Name,'--remote',$.remote",
    ];
    let mut state = of_run(job(graph, "open", &words.join(","), None), project);
    state.retry.push(again(TRIES));
    state.to(Value::Null)
}

/// The job that closes it.
pub fn close(graph: &Graph, project: &ProjectId) -> State {
    let words = "'kptn','run','close','--wait','--run',$.run,'--remote',$.remote";
    if_cut_off(of_run(job(graph, "close", words, None), project)).to(Value::Null)
}

/// What a job says for good it would say again; one that was cut off is done again.
fn if_cut_off(mut state: State) -> State {
    let said = ["1", "2", "3"].map(|code| json!({"OnExitCode": code, "Action": "EXIT"}));
    if let Some(parameters) = state.parameters.as_mut() {
        parameters["RetryStrategy"] = json!({"Attempts": TRIES + 1, "EvaluateOnExit": said});
    }
    state
}

/// Says to a job that works on the branch, in a copy without git, which project that is of.
fn of_run(mut state: State, project: &ProjectId) -> State {
    if let Some(environment) =
        state.parameters.as_mut().and_then(|given| given["ContainerOverrides"]["Environment"].as_array_mut())
    {
        environment.push(json!({"Name": "KPTN_PROJECT", "Value": project.as_str()}));
    }
    state
}

/// The job of a whole task. That of a mapped one does what no bundle has reported, each item with its retries, and ends
/// the task; items that failed in bundles had theirs.
pub fn task(graph: &Graph, task: &Task) -> State {
    match task.is_mapped() {
        true => if_cut_off(sized(graph, task, "")),
        false => tried_again(task, sized(graph, task, "'--no-retries',")),
    }
}

/// The job that writes the list of a mapped task's bundles.
pub fn bundles(graph: &Graph, task: &Task) -> State {
    let words = format!(
        "'kptn','task','bundles','--graph',{},{},'--at-most','{MOST_BUNDLES}','--run',$.run,'--remote',$.remote",
        quoted(graph.name.as_str()),
        quoted(task.name.as_str()),
    );
    let mut state = job(graph, task.name.as_str(), &words, None);
    if let Some(parameters) = state.parameters.as_mut() {
        parameters["Tags"][TASK_TAG] = names::tag(task.name.as_str()).into();
    }
    state.retry.push(again(TRIES));
    state.to(Value::Null)
}

/// The jobs of the bundles of that list.
pub fn items(graph: &Graph, task: &Task) -> State {
    let list =
        format!("States.Format('{{}}tasks/{}/bundles.json', $.keys)", safe_folder_name(task.name.as_str()));
    // What a child returns is kept until the last one ends: nothing.
    let child = tried_again(task, sized(graph, task, "'--bundle',$.bundle,'--no-retries',"));
    let child = State { result_selector: Some(json!({})), ..child };
    let name = names::state(task.name.as_str(), "bundle");
    let piece = Piece { start_at: name.clone(), states: vec![(name, child.ends())] };
    let config = json!({"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"});
    State {
        item_reader: Some(json!({
            "Resource": "arn:aws:states:::s3:getObject",
            "ReaderConfig": {"InputType": "JSON"},
            "Parameters": {"Bucket.$": "$.bucket", "Key.$": list},
        })),
        item_selector: Some(json!({
            "bundle.$": "$$.Map.Item.Value", "run.$": "$.run", "remote.$": "$.remote", "branch.$": "$.branch",
        })),
        max_concurrency: Some(task.group_size.unwrap_or(MOST_IN_FLIGHT)),
        // The others go on; the job of the whole task tells what is missing.
        tolerated_failure_percentage: Some(100.0),
        retry: vec![unread()],
        ..State::map(Processor { processor_config: config, piece })
    }
    .to(Value::Null)
}

/// A job of a task's size, with its timeout; `more` are words before the last.
fn sized(graph: &Graph, task: &Task, more: &str) -> State {
    let words = format!(
        "'kptn','task','run','--graph',{},{},{more}'--run',$.run,'--remote',$.remote",
        quoted(graph.name.as_str()),
        quoted(task.name.as_str()),
    );
    job(graph, task.name.as_str(), &words, Some(task)).to(Value::Null)
}

/// With the retries of a task.
fn tried_again(task: &Task, mut state: State) -> State {
    if task.retries.0 > 0 {
        state.retry.push(again(task.retries.0));
    }
    state
}

fn job(graph: &Graph, what: &str, words: &str, task: Option<&Task>) -> State {
    let mut overrides = json!({
        "Command.$": format!("States.Array({words})"),
        "Environment": [{"Name": "KPTN_BRANCH", "Value.$": "$.branch"}],
    });
    let mut tags = json!({"kptn:graph": names::tag(graph.name.as_str())});
    let mut timeout = None;
    if let Some(task) = task {
        let size = Size::of(&task.compute);
        overrides["ResourceRequirements"] = json!([
            {"Type": "VCPU", "Value": size.vcpu()},
            {"Type": "MEMORY", "Value": size.memory_mib.to_string()},
        ]);
        tags[TASK_TAG] = names::tag(task.name.as_str()).into();
        if !task.tags.is_empty() {
            tags["kptn:tags"] = names::tag(&task.tags.join(" ")).into();
        }
        timeout = timeout_seconds(task);
    }
    let mut parameters = json!({
        "JobName": names::job(graph.name.as_str(), what),
        "JobQueue": "${JobQueue}",
        "JobDefinition": "${JobDefinition}",
        "ContainerOverrides": overrides,
        "Tags": tags,
    });
    if let Some(seconds) = timeout {
        parameters["Timeout"] = json!({"AttemptDurationSeconds": seconds});
    }
    State { timeout_seconds: Some(WAIT_SECONDS), retry: vec![refused()], ..State::task(SUBMIT, parameters) }
}

/// Returns how long Batch lets one attempt run; absent where there is no timeout, or it is one of an item
/// and the job may have many.
fn timeout_seconds(task: &Task) -> Option<u64> {
    let one = task.timeout_ms.filter(|_| !task.is_mapped())?;
    Some(one.div_ceil(1000) + MARGIN_SECONDS)
}

/// The job did not get as far as a queue.
fn refused() -> Value {
    json!({
        "ErrorEquals": ["Batch.ServerException", "Batch.TooManyRequestsException", "Batch.AWSBatchException"],
        "IntervalSeconds": 2, "MaxAttempts": 6, "MaxDelaySeconds": 60, "JitterStrategy": "FULL",
    })
}

/// The list was not read; its job has written it.
fn unread() -> Value {
    json!({
        "ErrorEquals": ["States.ItemReaderFailed"],
        "IntervalSeconds": 2, "MaxAttempts": 6, "MaxDelaySeconds": 60, "JitterStrategy": "FULL",
    })
}

/// The job failed.
fn again(times: u32) -> Value {
    json!({
        "ErrorEquals": ["States.TaskFailed"],
        "IntervalSeconds": 10, "MaxAttempts": times, "MaxDelaySeconds": 600,
    })
}

/// Returns a name as a text of an intrinsic function; none holds a quote, a brace or a backslash.
fn quoted(name: &str) -> String {
    format!("'{name}'")
}
