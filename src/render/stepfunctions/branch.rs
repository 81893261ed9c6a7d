//! One branch as states: its gate, its tasks, what it tells others, its two ends.
//!
//! ```text
//! gate -> go? -> fresh? -> job -> tell -> fresh? -> job -> tell -> end    {"ok": true}
//!          |                |                        |      |
//!          |             lost: why, at the run's keys     |
//!          `--------------> failed: tell all that wait for any of them    {"ok": false}
//! ```
//! A branch itself never fails, so no other one is stopped by it.

use serde_json::{Value, json};

use super::branches::{Branch, Branches};
use super::state::{Piece, State};
use super::{gates, jobs, names};
use crate::model::{Graph, Task, safe_folder_name};

type States = Vec<(String, State)>;

/// What all branches of a graph are made from.
pub struct Maker<'a> {
    pub graph: &'a Graph,
    /// By their places in the graph's order.
    pub tasks: Vec<&'a Task>,
    pub cut: &'a Branches,
}

/// Where a branch goes on.
struct Ways {
    /// The first task failed, or what it waited for did.
    failed: String,
    /// It can no more tell others.
    untold: String,
    end: String,
}

impl Maker<'_> {
    /// Returns the states of one branch.
    pub fn branch(&self, branch: &Branch) -> Piece {
        let (Some(first), Some(last)) = (branch.tasks.first(), branch.tasks.last()) else {
            return Piece { start_at: String::new(), states: Vec::new() };
        };
        let head = self.name(*first);
        let ways = Ways {
            failed: names::state(head, "failed"),
            untold: names::state(head, "not told"),
            end: names::state(head, "end"),
        };
        let every: Vec<String> = branch.tasks.iter().flat_map(|task| self.keys(*task)).collect();
        let shared = !self.cut.opens[*last].is_empty();
        let ending = self.ending(head, self.name(*last), &every, shared, &ways);

        let mut blocks: Vec<States> = Vec::new();
        let mut next = ways.end.clone();
        for task in branch.tasks.iter().rev() {
            let telling = if task == last && shared {
                vec![(names::state(self.name(*task), "done"), self.told(*task).then(&ending[0].0))]
            } else {
                self.telling(*task, &next, &ways)
            };
            next = telling.first().map_or(next, |(name, _)| name.clone());
            let block = self.running(*task, &next, &ways.failed);
            next.clone_from(&block[0].0);
            blocks.push(telling);
            blocks.push(block);
        }
        let gate = self.gate(branch, &next, &ways.failed);
        next = gate.first().map_or(next, |(name, _)| name.clone());
        blocks.push(gate);
        blocks.reverse();
        blocks.push(ending);
        Piece { start_at: next, states: blocks.into_iter().flatten().collect() }
    }

    fn name(&self, task: usize) -> &str {
        self.tasks[task].name.as_str()
    }

    /// The gates that a task opens.
    fn keys(&self, task: usize) -> impl Iterator<Item = String> {
        self.cut.opens[task].iter().map(move |to| gates::name(*to, task))
    }

    /// Names the gates that a task opens, and says that it went well.
    fn told(&self, task: usize) -> State {
        let keys: Vec<String> = self.keys(task).collect();
        State::pass(json!({"k": keys, "r": {"ok": true}}), "$.o")
    }

    /// Waits for what the first task depends on, and looks how that went.
    fn gate(&self, branch: &Branch, next: &str, failed: &str) -> States {
        let [head, ..] = branch.tasks.as_slice() else { return Vec::new() };
        let name = self.name(*head);
        let wait = |from: &usize, path| {
            let what = format!("wait for {}", self.name(*from));
            (names::state(name, &what), gates::wait(*head, *from, path))
        };
        let go = names::state(name, "go?");
        match branch.waits.as_slice() {
            [] => Vec::new(),
            [one] => {
                let (waiting, state) = wait(one, "$.gate");
                let choice = State::choice("$.gate.ok", "BooleanEquals", true, next, failed);
                vec![(waiting, state.catch("$.err", failed).then(&go)), (go, choice)]
            }
            many => {
                let waits = many.iter().map(|from| wait(from, "$")).map(|(name, state)| Piece {
                    start_at: name.clone(),
                    states: vec![(name, state.ends())],
                });
                // Not a filter: one that finds nothing is an error for some interpreters.
                let gate = State::parallel(waits.collect())
                    .select(json!({"bad.$": "States.ArrayContains($[*].ok, false)"}), "$.gate")
                    .catch("$.err", failed)
                    .then(&go);
                let choice = State::choice("$.gate.bad", "BooleanEquals", false, next, failed);
                vec![(names::state(name, "gate"), gate), (go, choice)]
            }
        }
    }

    /// Runs a task unless a marker at the remote says that there is nothing to do.
    fn running(&self, task: usize, next: &str, failed: &str) -> States {
        let task = self.tasks[task];
        let name = task.name.as_str();
        let whole = names::state(name, "");
        let first = if task.is_mapped() { names::state(name, "bundles") } else { whole.clone() };
        let marker = format!("States.Format('{{}}tasks/{}/skip', $.keys)", safe_folder_name(name));
        let place = json!({"Bucket.$": "$.bucket", "Key.$": marker});
        let fresh = State::task("arn:aws:states:::aws-sdk:s3:headObject", place)
            .to(Value::Null)
            .catch(Value::Null, &first)
            .then(next);
        let mut states = vec![(names::state(name, "fresh?"), fresh)];
        let lost = names::state(name, "lost");
        if task.is_mapped() {
            let items = names::state(name, "items");
            let bundles = jobs::bundles(self.graph, task).catch("$.err", &lost).then(&items);
            states.push((first, bundles));
            states.push((items, jobs::items(self.graph, task).catch("$.err", &lost).then(&whole)));
        }
        states.push((whole, jobs::task(self.graph, task).catch("$.err", &lost).then(next)));
        states.push((lost, written_down(name).catch(Value::Null, failed).then(failed)));
        states
    }

    /// Tells those who wait for a task amid its branch.
    fn telling(&self, task: usize, next: &str, ways: &Ways) -> States {
        let name = self.name(task);
        let keys: Vec<String> = self.keys(task).collect();
        match keys.as_slice() {
            [] => Vec::new(),
            [one] => gates::open_one(name, one, next, &ways.failed),
            many => {
                let signal = gates::open_those(name, many.len(), next, &ways.failed);
                let done = (names::state(name, "done"), self.told(task).then(&signal[0].0));
                std::iter::once(done).chain(signal).collect()
            }
        }
    }

    /// The ends of a branch. Where the last task opens gates, its way to tell is that of a failure too.
    fn ending(&self, head: &str, last: &str, every: &[String], shared: bool, ways: &Ways) -> States {
        let (well, badly) = (json!({"ok": true}), json!({"ok": false}));
        let over = |result: &Value| State::pass(result.clone(), "$").ends();
        if every.is_empty() {
            return vec![(ways.end.clone(), over(&well)), (ways.failed.clone(), over(&badly))];
        }
        let teller = if shared { last.to_owned() } else { names::state(head, "failed") };
        let after = if shared { &ways.end } else { &ways.untold };
        let signal = gates::open_those(&teller, every.len(), after, &ways.untold);
        let failed = State::pass(json!({"k": every, "r": badly}), "$.o").then(&signal[0].0);
        let end = if shared { State::take("$.o.r").ends() } else { over(&well) };
        let mut states = signal;
        states.push((ways.failed.clone(), failed));
        states.push((ways.end.clone(), end));
        states.push((ways.untold.clone(), over(&badly)));
        states
    }
}

/// Writes down why a job failed: one that was killed has not said it. Who closes the run reads it.
fn written_down(task: &str) -> State {
    let key = format!("States.Format('{{}}tasks/{}/lost', $.keys)", safe_folder_name(task));
    // An object, as in gates.
    let parameters = json!({"Bucket.$": "$.bucket", "Key.$": key, "Body.$": "$.err"});
    let state = State::task("arn:aws:states:::aws-sdk:s3:putObject", parameters).to(Value::Null);
    let retry = vec![json!({"ErrorEquals": ["States.ALL"], "MaxAttempts": 3})];
    State { retry, after_failure: true, ..state }
}
