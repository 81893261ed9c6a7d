//! The tasks that run now: started as the runner says, stopped as people say.
//!
//! It trusts no runner: a task whose dependencies are not done, or that is not
//! in the run, stops the run instead of starting.

use std::collections::{BTreeMap, HashSet};
use std::pin::pin;
use std::rc::Rc;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio::sync::mpsc::UnboundedReceiver;

use super::ending::{Ending, Stop};
use super::protocol::Heard;
use super::signals::{Signal, Signals};
use super::{Machine, Said, Voice};
use crate::model::{Task, TaskName, TaskOutcome};
use crate::task::Lanes;
use crate::task::run_task::{Bench, run_task};

/// What runs, and what ran.
pub struct Floor<'f, 's, 'e> {
    bench: &'f Bench<'s, 'e>,
    voice: &'f Voice,
    machine: Machine,
    /// Every task of the run.
    planned: HashSet<&'e TaskName>,
    running: BTreeMap<TaskName, Rc<Lanes<'f>>>,
    ending: Ending,
}

/// What the runner's words come to.
enum Next<'e> {
    /// This task is to run.
    Run(&'e Task),
    /// Nothing to start.
    Nothing,
    /// The runner has nothing more.
    End,
}

impl<'f, 's, 'e> Floor<'f, 's, 'e> {
    /// An empty floor.
    pub fn new(bench: &'f Bench<'s, 'e>, voice: &'f Voice, machine: Machine) -> Self {
        let planned = bench.shared.run.plan.tasks.iter().collect();
        Self { bench, voice, machine, planned, running: BTreeMap::new(), ending: Ending::default() }
    }

    /// Works until the runner is done and nothing runs any more.
    pub async fn work(mut self, mut heard: UnboundedReceiver<Heard>, mut signals: Signals) -> Ending {
        let bench = self.bench;
        let mut tasks = FuturesUnordered::new();
        let mut recording = pin!(bench.recorder.drive());
        let mut listening = true;
        while listening || !tasks.is_empty() {
            tokio::select! {
                // First what is over, so that nothing starts on top of a failure.
                biased;
                signal = signals.next() => self.stop(match signal {
                    Signal::Interrupt => Stop::Interrupted,
                    Signal::Terminate => Stop::Terminated,
                }),
                Some((task, outcome)) = tasks.next() => self.finish(task, outcome),
                () = &mut recording => {}
                said = heard.recv(), if listening => match self.hear(said.unwrap_or(Heard::Gone)) {
                    Next::Run(task) => {
                        let lanes = Rc::new(Lanes::lent(self.voice, &task.name));
                        self.running.insert(task.name.clone(), Rc::clone(&lanes));
                        tasks.push(async move { (task, run_task(bench, task, &lanes).await) });
                    }
                    Next::Nothing => {}
                    Next::End => listening = false,
                },
            }
            // Who asked to stop does not wait for the runner to agree.
            listening &= !self.ending.stop.as_ref().is_some_and(Stop::ends_at_once);
        }
        self.ending
    }

    fn hear(&mut self, heard: Heard) -> Next<'e> {
        match heard {
            Heard::Start(task) => return self.start(task),
            Heard::Lend(task, slots) => self.with_lanes(&task, |lanes| lanes.lend(slots)),
            Heard::Reclaim(task, slots) => self.with_lanes(&task, |lanes| lanes.reclaim(slots)),
            Heard::End => return Next::End,
            Heard::Gone => self.stop(Stop::RunnerGone),
            Heard::Nonsense(line) => self.stop(Stop::Misled { how: format!("it said `{line}`") }),
        }
        Next::Nothing
    }

    fn with_lanes(&self, task: &TaskName, act: impl FnOnce(&Lanes<'_>)) {
        // One that has ended meanwhile has given everything back.
        if let Some(lanes) = self.running.get(task) {
            act(lanes);
        }
    }

    fn start(&mut self, name: TaskName) -> Next<'e> {
        let run = self.bench.shared.run;
        if self.running.contains_key(&name) || self.ending.outcomes.contains_key(&name) {
            return Next::Nothing;
        }
        let Some(task) = run.task(name.as_str()).filter(|_| self.planned.contains(&name)) else {
            self.stop(Stop::Misled { how: format!("it started `{name}`, which is not in this run") });
            return Next::Nothing;
        };
        let before = task.deps.iter().filter(|dep| self.planned.contains(dep));
        if let Some(waiting) = before.into_iter().find(|dep| !self.is_done(dep)) {
            let how = format!("it started `{name}` before `{waiting}` was done");
            self.stop(Stop::Misled { how });
        } else if let Some(head) = run.moved_to() {
            self.stop(Stop::HeadMoved { from: run.plan.branch.clone(), to: head.branch });
        }
        if self.ending.stop.is_some() {
            self.voice.say(&Said::Done { done: name, outcome: TaskOutcome::Skipped });
            return Next::Nothing;
        }
        self.note_size(task);
        Next::Run(task)
    }

    fn is_done(&self, task: &TaskName) -> bool {
        use TaskOutcome::{Ran, Reused, Spared};
        matches!(self.ending.outcomes.get(task), Some(Ran | Spared | Reused))
    }

    fn note_size(&self, task: &Task) {
        let cores = task.compute.cpu_units.div_ceil(1024);
        let memory = task.compute.memory_mib.unwrap_or(0);
        let mut over = Vec::new();
        if cores > self.machine.cores {
            over.push(format!("{cores} cores, and there are {}", self.machine.cores));
        }
        if memory > self.machine.memory_mib {
            over.push(format!("{memory} MiB of memory, and there are {}", self.machine.memory_mib));
        }
        if !over.is_empty() {
            let message = format!("asks for {}; it runs alone", over.join("; for "));
            self.bench.shared.run.note(Some(task), message);
        }
    }

    fn finish(&mut self, task: &Task, outcome: TaskOutcome) {
        self.running.remove(&task.name);
        self.ending.outcomes.insert(task.name.clone(), outcome);
        self.voice.say(&Said::Done { done: task.name.clone(), outcome });
    }

    fn stop(&mut self, stop: Stop) {
        if stop.ends_at_once() {
            self.bench.stop();
        }
        let stopped = self.ending.stop.as_ref();
        if stopped.is_none() {
            let stop_words = stop.words();
            self.bench.shared.run.note(None, format!("{stop_words}: no further task starts"));
            self.voice.say(&Said::Stop { stop: stop_words });
            self.ending.stop = Some(stop);
        } else if stop.ends_at_once() && !stopped.is_some_and(Stop::ends_at_once) {
            self.ending.stop = Some(stop);
        }
    }
}
