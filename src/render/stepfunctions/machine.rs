//! Whole machines: the one that is started, and those it starts where one would be too large.
//!
//! ```text
//! planned? -> open -> opened -> keys -> tasks -> close -> well? -> over | a task failed
//!    `------------------------> keys
//! ```
//! What goes through the states is where things are: the run, the remote, the
//! branch, the bucket, and what the run's keys begin with.

use serde_json::{Value, json};

use super::state::{Piece, State};
use super::{MACHINE_SECONDS, count, jobs};
use crate::model::{Graph, ProjectId};

/// What a machine that is started by another one is given.
const HANDED_ON: [&str; 6] = ["run", "remote", "branch", "bucket", "keys", "execution"];

/// A part ends before what started it.
const PART_SECONDS: u64 = MACHINE_SECONDS - 86_400;

fn name(what: &str) -> String {
    // No task has a state of this name: see `names::state`, and the words beside it.
    format!("run: {what}")
}

/// Returns the machine of a graph, around what runs its tasks.
pub fn whole(graph: &Graph, project: &ProjectId, mut tasks: State) -> Piece {
    let [planned, open, opened, take, keys, running, lost, close, well, over, failed] = [
        "planned?",
        "open",
        "opened",
        "id",
        "keys",
        "tasks",
        "tasks lost",
        "close",
        "well?",
        "over",
        "a task failed",
    ]
    .map(name);
    let place = json!({
        "Bucket.$": "$.bucket",
        "Key.$": "States.Format('{}runs/{}/opened.json', $.prefix, $$.Execution.Name)",
    });
    let mut found = State::task("arn:aws:states:::aws-sdk:s3:getObject", place)
        .select(json!({"found.$": "States.StringToJson($.Body)"}), "$.opened")
        .then(&take);
    found.retry.push(json!({"ErrorEquals": ["States.ALL"], "MaxAttempts": 3}));
    let selected: Value = HANDED_ON
        .iter()
        .map(|field| match *field {
            "keys" => ("keys.$".to_owned(), "States.Format('{}runs/{}/', $.prefix, $.run)".into()),
            "execution" => ("execution.$".to_owned(), "$$.Execution.Name".into()),
            field => (format!("{field}.$"), format!("$.{field}").into()),
        })
        .collect::<serde_json::Map<_, Value>>()
        .into();
    tasks.result_path = Some("$.tasks".into());
    let cause = format!("a task of {} failed or was not run: the log of the last job says which", graph.name);
    let states = vec![
        (planned.clone(), State::choice("$.run", "IsPresent", true, &keys, &open)),
        (open, jobs::open(graph, project).then(&opened)),
        (opened, found),
        (take, State::take("$.opened.found.run").to("$.run").then(&keys)),
        (keys, State::shape(selected).then(&running)),
        (running, tasks.catch("$.err", &lost).then(&close)),
        (lost, State::pass(json!({"bad": true}), "$.tasks").then(&close)),
        (close, jobs::close(graph, project).catch("$.err", &failed).then(&well)),
        (well, State::choice("$.tasks.bad", "BooleanEquals", false, &over, &failed)),
        (over, State::succeed()),
        (failed, State::fail("kptn.TasksFailed", cause)),
    ];
    Piece { start_at: planned, states }
}

/// Returns branches side by side, and whether one of them went badly.
pub fn side_by_side(branches: Vec<Piece>) -> State {
    let mut state = State::parallel(branches);
    state.comment =
        Some(format!("at most {} events of 25,000 where nothing is tried again", count::events_of(&state)));
    state.result_selector = Some(json!({"bad.$": "States.ArrayContains($[*].ok, false)"}));
    state
}

/// Returns the branch of a graph without tasks.
pub fn nothing() -> Piece {
    let name = name("nothing");
    Piece { start_at: name.clone(), states: vec![(name, State::pass(json!({"ok": true}), "$").ends())] }
}

/// Returns a machine that runs a part of a graph's branches.
pub fn part(branches: Vec<Piece>) -> Piece {
    let running = name("tasks");
    Piece { start_at: running.clone(), states: vec![(running, side_by_side(branches).ends())] }
}

/// Returns what starts those machines and waits for them: `${Part1}` and so on stand for them.
pub fn parts(count: usize) -> State {
    let start = |number: usize| {
        let (started, lost) = (name(&format!("part {number}")), name(&format!("part {number} lost")));
        let mut input = serde_json::Map::new();
        for field in HANDED_ON {
            input.insert(format!("{field}.$"), format!("$.{field}").into());
        }
        input.insert("AWS_STEP_FUNCTIONS_STARTED_BY_EXECUTION_ID.$".to_owned(), "$$.Execution.Id".into());
        let parameters = json!({"StateMachineArn": format!("${{Part{number}}}"), "Input": input});
        let state = State::task("arn:aws:states:::states:startExecution.sync:2", parameters);
        let state = State { timeout_seconds: Some(PART_SECONDS), ..state };
        let state = State { result_selector: Some(json!({"bad.$": "$.Output.bad"})), ..state };
        let bad = State::pass(json!({"bad": true}), "$").ends();
        Piece {
            start_at: started.clone(),
            states: vec![(started, state.catch(Value::Null, &lost).ends()), (lost, bad)],
        }
    };
    let state = State::parallel((1..=count).map(start).collect());
    State { result_selector: Some(json!({"bad.$": "States.ArrayContains($[*].bad, true)"})), ..state }
}
