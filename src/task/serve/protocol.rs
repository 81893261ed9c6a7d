//! The messages between a runner and serve: JSON lines, version 1.
//!
//! ```text
//! serve -> runner   hello, done, ask, free, stop, bye
//! runner -> serve   start, lend, reclaim, end
//! ```
//!
//! The end of serve's input before `end` means that the runner is gone.

use std::collections::BTreeMap;
use std::io::{BufRead, Write};
use std::sync::Mutex;

use serde::{Deserialize, Serialize};
use tokio::sync::mpsc::UnboundedReceiver;

use crate::model::{AfterFailure, ENGINE_CONTRACT, RUNNER_PROTOCOL, RunId, TaskName, TaskOutcome};
use crate::process::Starter;

/// What serve says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Said {
    /// First of all: what the machine offers, and which tasks there are.
    Hello(Hello),
    /// A task ended.
    Done { done: TaskName, outcome: TaskOutcome },
    /// A mapped task could use so many more slots.
    Ask { ask: TaskName, slots: u32 },
    /// A mapped task gives back so many of those that it was lent.
    Free { free: TaskName, slots: u32 },
    /// No further task is to start.
    Stop { stop: String },
    /// The run is closed; the runner leaves with this exit code.
    Bye { bye: i32 },
}

/// The first message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Hello {
    /// The version of the protocol.
    pub hello: u32,
    /// The run.
    pub run: RunId,
    /// Tasks to look at.
    pub tasks: Vec<TaskName>,
    /// Cores in 1/1024.
    pub cpu_units: u64,
    /// In MiB.
    pub memory_mib: u64,
    /// The most tasks and items at once.
    pub slots: u32,
    /// The same by tag.
    pub concurrency: BTreeMap<String, u32>,
    /// What happens to the rest after a failure.
    pub after_failure: AfterFailure,
}

/// Returns the line with which `kptn task serve --hello` says what it is, and no more.
pub fn hello_line() -> String {
    format!("{{\"hello\":{RUNNER_PROTOCOL},\"engines\":{ENGINE_CONTRACT}}}")
}

/// What a runner says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Heard {
    /// Run this task.
    Start(TaskName),
    /// A mapped task may use so many more slots.
    Lend(TaskName, u32),
    /// A mapped task is to give back so many, when items end.
    Reclaim(TaskName, u32),
    /// Nothing more will start.
    End,
    /// The runner is gone.
    Gone,
    /// A line that is none of these.
    Nonsense(String),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    start: Option<TaskName>,
    lend: Option<TaskName>,
    reclaim: Option<TaskName>,
    end: Option<bool>,
    slots: Option<u32>,
}

impl Heard {
    fn parse(line: &str) -> Self {
        let nonsense = || Self::Nonsense(line.trim().to_owned());
        let Ok(line) = serde_json::from_str::<Line>(line) else { return nonsense() };
        match (line.start, line.lend, line.reclaim, line.end, line.slots) {
            (Some(task), None, None, None, None) => Self::Start(task),
            (None, Some(task), None, None, Some(slots)) => Self::Lend(task, slots),
            (None, None, Some(task), None, Some(slots)) => Self::Reclaim(task, slots),
            (None, None, None, Some(true), None) => Self::End,
            _ => nonsense(),
        }
    }
}

/// Reads what a runner says, on a thread of its own: a read cannot be given up. That what started
/// the runner is gone is heard as well.
pub fn listen(input: impl BufRead + Send + 'static, starter: &Starter) -> UnboundedReceiver<Heard> {
    let (sender, receiver) = tokio::sync::mpsc::unbounded_channel();
    let starter_is_gone = sender.clone();
    starter.watch(move || drop(starter_is_gone.send(Heard::Gone)));
    std::thread::spawn(move || {
        for line in input.lines().map_while(Result::ok) {
            if sender.send(Heard::parse(&line)).is_err() {
                return;
            }
        }
        // Nobody listens any more: then nobody needs to know.
        drop(sender.send(Heard::Gone));
    });
    receiver
}

/// Speaks to a runner.
pub struct Voice(Mutex<Box<dyn Write + Send>>);

impl Voice {
    /// Speaks through `output`.
    pub fn new(output: impl Write + Send + 'static) -> Self {
        Self(Mutex::new(Box::new(output)))
    }

    /// Says one thing. That the runner is gone is learned from its silence.
    pub fn say(&self, said: &Said) {
        let Ok(mut line) = serde_json::to_vec(said) else { return };
        line.push(b'\n');
        let mut output = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        drop(output.write_all(&line).and_then(|()| output.flush()));
    }
}

#[cfg(test)]
pub(in crate::task) mod tests {
    use std::sync::Arc;

    use super::*;

    /// Collects what is said.
    #[derive(Clone, Default)]
    pub struct Shared(Arc<Mutex<Vec<u8>>>);

    impl Shared {
        pub fn text(&self) -> String {
            String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
        }
    }

    impl Write for Shared {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn what_a_runner_says_is_understood_or_named() {
        let task = |name| TaskName::parse(name).unwrap();
        for (line, heard) in [
            (r#"{"start": "A b"}"#, Heard::Start(task("A b"))),
            (r#"{"lend":"A","slots":2}"#, Heard::Lend(task("A"), 2)),
            (r#"{"reclaim":"A","slots":1}"#, Heard::Reclaim(task("A"), 1)),
            (r#"{"end":true}"#, Heard::End),
            (r#"{"start":"A","slots":2}"#, Heard::Nonsense(r#"{"start":"A","slots":2}"#.into())),
            ("x", Heard::Nonsense("x".into())),
            (r#"{"start":"a/b"}"#, Heard::Nonsense(r#"{"start":"a/b"}"#.into())),
        ] {
            assert_eq!(Heard::parse(line), heard);
        }
    }

    #[test]
    fn what_is_said_is_one_line_each() {
        let out = Shared::default();
        let task = TaskName::parse("A").unwrap();
        let voice = Voice::new(out.clone());
        voice.say(&Said::Done { done: task.clone(), outcome: TaskOutcome::Spared });
        voice.say(&Said::Ask { ask: task, slots: 3 });
        voice.say(&Said::Bye { bye: 1 });
        let expected = "{\"done\":\"A\",\"outcome\":\"spared\"}\n{\"ask\":\"A\",\"slots\":3}\n{\"bye\":1}\n";
        assert_eq!(out.text(), expected);
    }
}
