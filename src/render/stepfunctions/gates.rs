//! Gates: how one branch waits for a task of another one, without polling.
//!
//! ```text
//! the branch that waits                           the branch with the task
//! putObject.waitForTaskToken gates/<to>.<from>    getObject gates/<to>.<from>
//! (its token is the object)               <-----  sendTaskSuccess {"ok": true or false}
//! ```
//! Success and failure take the same way. A token that is closed already (a
//! branch that failed after some of its tasks had ended tells all again) is
//! passed over; all else is tried again. A wait is not: another attempt would
//! have another token. An execution has gates of its own: the tokens of one that
//! was stopped open nothing in the next one of the same run.

use serde_json::{Value, json};

use super::state::{Piece, Processor, State};
use super::{WAIT_SECONDS, names};

/// So many gates are opened in the machine itself; more by executions with a history of their own.
pub const MOST_HERE: usize = 40;

/// What a send answers where nobody waits any more.
const CLOSED: [&str; 3] =
    ["Sfn.TaskTimedOutException", "Sfn.TaskDoesNotExistException", "Sfn.InvalidTokenException"];

/// Returns the name of a gate: its key is `gates/<execution>/` and that, below the run's.
pub fn name(to: usize, from: usize) -> String {
    format!("{to}.{from}")
}

/// Something that tells others how a task ended: its states, the first of them first.
pub type Signal = Vec<(String, State)>;

/// Waits until the gate is opened; its answer goes to `path`.
pub fn wait(to: usize, from: usize, path: &str) -> State {
    let parameters = json!({
        "Bucket.$": "$.bucket",
        "Key.$": format!("States.Format('{{}}gates/{{}}/{}', $.keys, $.execution)", name(to, from)),
        // An object, not a text: the service writes a text with quotes around it.
        "Body": {"token.$": "$$.Task.Token"},
    });
    let state = State::task("arn:aws:states:::aws-sdk:s3:putObject.waitForTaskToken", parameters);
    State { timeout_seconds: Some(WAIT_SECONDS), ..state }.to(path)
}

/// Opens one gate with `ok`.
pub fn open_one(task: &str, gate: &str, next: &str, lost: &str) -> Signal {
    let key = format!("States.Format('{{}}gates/{{}}/{gate}', $.keys, $.execution)");
    pair(task, &key, json!({"Output": r#"{"ok":true}"#}), next, Some(lost))
}

/// Opens the gates that `$.o.k` names with `$.o.r`; `count` of them.
pub fn open_those(task: &str, count: usize, next: &str, lost: &str) -> Signal {
    if count == 1 {
        let output = json!({"Output.$": "States.JsonToString($.o.r)"});
        return pair(
            task,
            "States.Format('{}gates/{}/{}', $.keys, $.execution, $.o.k[0])",
            output,
            next,
            Some(lost),
        );
    }
    let end = names::state(task, "told");
    let output = json!({"Output.$": "States.JsonToString($.r)"});
    let mut states =
        pair(task, "States.Format('{}gates/{}/{}', $.keys, $.execution, $.k)", output, &end, None);
    // All that they return is kept in one state.
    states.push((end, State::pass(json!({}), "$").ends()));
    let piece = Piece { start_at: states[0].0.clone(), states };
    let processor_config = match count {
        ..=MOST_HERE => json!({"Mode": "INLINE"}),
        _ => json!({"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}),
    };
    let mut map = State::map(Processor { processor_config, piece });
    map.items_path = Some("$.o.k");
    map.item_selector = Some(json!({
        "k.$": "$$.Map.Item.Value", "r.$": "$.o.r", "bucket.$": "$.bucket", "keys.$": "$.keys",
        "execution.$": "$.execution",
    }));
    map.gates = count;
    let map = map.to(Value::Null).catch("$.err", lost).then(next);
    vec![(names::state(task, "tell"), map)]
}

/// Reads the token at a key, and sends.
fn pair(task: &str, key: &str, output: Value, next: &str, lost: Option<&str>) -> Signal {
    let (read, send) = (names::state(task, "token"), names::state(task, "send"));
    let place = json!({"Bucket.$": "$.bucket", "Key.$": key});
    let mut token = State::task("arn:aws:states:::aws-sdk:s3:getObject", place)
        .select(json!({"t.$": "States.StringToJson($.Body)"}), "$.g")
        .then(&send);
    token.retry.push(patience());
    let mut parameters = output;
    parameters["TaskToken.$"] = "$.g.t.token".into();
    let mut sent = State::task("arn:aws:states:::aws-sdk:sfn:sendTaskSuccess", parameters).to(Value::Null);
    sent.retry = vec![json!({"ErrorEquals": CLOSED, "MaxAttempts": 0}), patience()];
    sent.catch.push(json!({"ErrorEquals": CLOSED, "ResultPath": null, "Next": next}));
    sent = sent.then(next);
    if let Some(lost) = lost {
        token = token.catch("$.err", lost);
        sent = sent.catch("$.err", lost);
    }
    vec![(read, token), (send, sent)]
}

/// About three minutes: the one who waits may not have begun.
fn patience() -> Value {
    json!({"ErrorEquals": ["States.ALL"], "MaxAttempts": 8, "MaxDelaySeconds": 60})
}
