//! Whoever calls Python functions, one after another, in a process of its own.
//!
//! A [`Lane`] is one thread's: it has one process at a time, hands it calls and
//! takes the answers in order (`python.rs` has the words). An unmapped task has a
//! process of its own: once the function returned, the process must end by
//! itself and well, as a script would (its threads are waited for, its `atexit`
//! runs). Items of a mapped task share a process, one at a time; one that did
//! anything odd is not used again, and the calls that it was handed go to the next.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::log::Log;
use super::python::{Answer, Call, Request, Start, canonical, outcome};
use super::{Attempted, Failure, Patience, PythonFunction, SHOWN_LINES};
use crate::model::{Timing, canonical_json};
use crate::process::{Ended, Heard, Launch, Leftovers, ProcessError, Reaper, Talker, Usage};

/// For reading what a process wrote just before it ended.
const LAST_WORDS: Duration = Duration::from_secs(2);
/// How often to look up while a function runs: at the clock, the log and the stop signal.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// Whoever calls, one after another. Its thread must live as long as its process: see [`Lane::leave`].
pub struct Lane {
    worker: PathBuf,
    reaper: Option<Reaper>,
    patience: Patience,
    stopped: Arc<AtomicBool>,
    cancelled: Arc<AtomicBool>,
    process: Option<Process>,
    queue: VecDeque<Call>,
    log: Option<Log>,
    line: Vec<u8>,
}

/// A process that answers calls.
struct Process {
    talker: Talker,
    function: Arc<PythonFunction>,
    /// Where its lines go now, or will once it has done what it was handed.
    log: PathBuf,
    /// How many calls of the queue it was handed.
    handed: usize,
}

/// How one call ended.
enum Called {
    Answered(Box<Answer>, Option<Vec<u8>>),
    /// The process ended first.
    Vanished,
    TimedOut,
    Stopped,
}

/// What is noted while one call runs.
struct Going {
    started_ms: u64,
    clock: Instant,
    notes: Vec<String>,
}

impl Lane {
    pub(super) fn new(
        worker: PathBuf,
        reaper: Option<Reaper>,
        patience: Patience,
        stopped: Arc<AtomicBool>,
    ) -> Self {
        Self {
            worker,
            reaper,
            patience,
            stopped,
            cancelled: Arc::default(),
            process: None,
            queue: VecDeque::new(),
            log: None,
            line: Vec::new(),
        }
    }

    /// Returns what stops this lane alone where it is set.
    pub(super) fn cancel(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.cancelled)
    }

    /// Hands a call over. Calls are answered in this order; the process may be several ahead.
    pub fn ask(&mut self, call: Call) {
        self.queue.push_back(call);
    }

    /// Waits for the answer to the oldest call; absent where all were answered.
    pub fn answer(&mut self) -> Option<Attempted> {
        let call = self.queue.front()?.clone();
        let going = Going { started_ms: super::now_ms(), clock: Instant::now(), notes: Vec::new() };
        let begun = self.begin_log(&call).and_then(|()| self.ready_process(&call));
        let attempted = match begun {
            Err(error) => {
                let error = super::in_one_line(&error);
                if let Some(log) = &mut self.log {
                    log.say(&error);
                }
                self.end(going, &Usage::default(), None, Err(Failure::NotStarted { error }))
            }
            Ok(()) => {
                self.hand_over();
                let called = self.wait_for_answer(&call);
                self.called(&call, called, going)
            }
        };
        self.queue.pop_front();
        if let Some(process) = &mut self.process {
            process.handed = process.handed.saturating_sub(1);
        }
        Some(attempted)
    }

    /// Lets its process end. What was asked and not answered is forgotten.
    pub fn leave(mut self) {
        if let Some(mut process) = self.process.take() {
            process.talker.hang_up();
            if process.talker.wait(self.patience.leaving).is_none() {
                process.talker.stop(self.patience.grace);
            }
            process.talker.stop_leftovers(self.patience.grace);
        }
    }

    /// The log is opened once and kept: items share it, each has a part.
    fn begin_log(&mut self, call: &Call) -> Result<(), ProcessError> {
        match &mut self.log {
            Some(log) if log.path() == call.log() => log.begin_part(call.lines.clone()),
            log => *log = Some(Log::open(call.log(), self.patience.log, call.lines.clone())?),
        }
        Ok(())
    }

    fn ready_process(&mut self, call: &Call) -> Result<(), ProcessError> {
        let Some(function) = call.function() else { return Ok(()) };
        let fits = |process: &Process| process.handed > 0 || Arc::ptr_eq(&process.function, function);
        if self.process.as_ref().is_some_and(fits) {
            return Ok(());
        }
        if let Some(other) = self.process.take() {
            // Of another script: `file` names one for each item.
            self.let_end(other, &mut Vec::new(), &[]);
        }
        self.process = Some(self.start(call, function)?);
        Ok(())
    }

    fn start(&self, call: &Call, function: &Arc<PythonFunction>) -> Result<Process, ProcessError> {
        let job = &call.job;
        let words = ["-u", "-X", "faulthandler"].map(std::ffi::OsString::from);
        let mut launch = Launch::new(&job.interpreter)
            .arguments(words)
            .arguments([&self.worker])
            .environment(job.environment.clone())
            .variable("PYTHONDONTWRITEBYTECODE", "1")
            .folder(&job.folder);
        if let Some(seed) = &call.seed {
            launch = launch.variable("KPTN_SEED", seed);
        }
        let Some(log) = &self.log else { return Err(missing(&launch)) };
        let mut talker = Talker::start(&launch, log.writer()?, self.reaper.as_ref())?;
        let mut message = canonical_json(&Start { task: function, folder: &job.folder });
        message.push(b'\n');
        // A process that is gone already is noticed when it is listened to.
        drop(talker.say(&message));
        Ok(Process { talker, function: Arc::clone(function), log: call.log().to_owned(), handed: 0 })
    }

    /// Hands the process as many calls as it may have.
    fn hand_over(&mut self) {
        let Some(process) = &mut self.process else { return };
        let most = if process.function.warm { self.queue.len() } else { 1 };
        self.line.clear();
        for call in self.queue.iter().take(most).skip(process.handed) {
            if !call.function().is_some_and(|function| Arc::ptr_eq(function, &process.function)) {
                break;
            }
            let log = (process.log != call.log()).then(|| call.log());
            if let Some(log) = log {
                process.log = log.to_owned();
            }
            let request = Request { item: call.item.as_ref(), seed: call.seed.as_deref(), log };
            // Writing to memory does not fail.
            drop(serde_json::to_writer(&mut self.line, &request));
            self.line.push(b'\n');
            process.handed += 1;
        }
        if !self.line.is_empty() {
            drop(process.talker.say(&self.line));
        }
    }

    fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::Relaxed) || self.cancelled.load(Ordering::Relaxed)
    }

    fn wait_for_answer(&mut self, call: &Call) -> Called {
        let deadline = call.job.timeout.map(|timeout| Instant::now() + timeout);
        let mut answer: Option<Box<Answer>> = None;
        loop {
            if self.is_stopped() {
                return Called::Stopped;
            }
            let Some(process) = &mut self.process else { return Called::Vanished };
            let talker = &mut process.talker;
            if answer.is_none()
                && let Some(line) = talker.line()
            {
                match serde_json::from_slice(&line) {
                    Ok(said) => answer = Some(said),
                    // Its pipe holds nonsense: it is stopped.
                    Err(_) => return Called::Vanished,
                }
            }
            if let Some(said) = &answer {
                let result = said.result_bytes.map(|length| talker.bytes(length));
                match (result, answer.take()) {
                    (None, Some(said)) => return Called::Answered(said, None),
                    (Some(Some(bytes)), Some(said)) => return Called::Answered(said, Some(bytes)),
                    (_, said) => answer = said,
                }
            }
            let look = deadline.map_or(LOOK_EVERY, |deadline| {
                deadline.saturating_duration_since(Instant::now()).min(LOOK_EVERY)
            });
            match talker.listen(look) {
                Ok(Heard::More) => {}
                Ok(Heard::Silence) => {
                    if deadline.is_some_and(|deadline| Instant::now() >= deadline) {
                        return Called::TimedOut;
                    }
                    // A child of its own may hold the pipe open, so its end does not show there.
                    if talker.wait(Duration::ZERO).is_some()
                        && !matches!(talker.listen(Duration::ZERO), Ok(Heard::More))
                    {
                        return Called::Vanished;
                    }
                    if let Some(log) = &mut self.log {
                        log.look();
                    }
                }
                Ok(Heard::End) | Err(_) => return Called::Vanished,
            }
        }
    }

    fn called(&mut self, call: &Call, called: Called, going: Going) -> Attempted {
        match called {
            Called::Answered(answer, result) => self.answered(call, *answer, result, going),
            Called::Vanished => {
                self.gone(going, |ended| Failure::Vanished { code: ended.code, signal: ended.signal })
            }
            Called::TimedOut => {
                let after = call.job.timeout.unwrap_or_default();
                self.stopped(going, Failure::TimedOut { after })
            }
            Called::Stopped => self.stopped(going, Failure::Stopped),
        }
    }

    fn gone(&mut self, mut going: Going, failure: impl FnOnce(&Ended) -> Failure) -> Attempted {
        let Some(Process { mut talker, .. }) = self.process.take() else {
            return self.end(going, &Usage::default(), None, Err(Failure::Stopped));
        };
        // One that would go on has nobody to talk to.
        let ended = talker.wait(LAST_WORDS).unwrap_or_else(|| talker.stop(LAST_WORDS));
        self.sweep(&mut talker, &mut going.notes);
        self.end(going, &ended.usage, None, Err(failure(&ended)))
    }

    fn stopped(&mut self, going: Going, failure: Failure) -> Attempted {
        let process = self.process.take();
        let usage = process.map(|mut process| process.talker.stop(self.patience.grace).usage);
        self.end(going, &usage.unwrap_or_default(), None, Err(failure))
    }

    fn answered(
        &mut self,
        call: &Call,
        answer: Answer,
        result: Option<Vec<u8>>,
        mut going: Going,
    ) -> Attempted {
        let function = call.function();
        let wants_result = function.is_some_and(|function| function.wants_result);
        let mut outcome = outcome(&answer, wants_result);
        let mut usage = Usage { cpu_ms: answer.cpu_ms, peak_kib: answer.peak_kib };
        if answer.leaves
            && let Some(process) = self.process.take()
        {
            let ended = self.let_end(process, &mut going.notes, &answer.threads);
            if let (Ok(()), Some(crash)) = (&outcome, ended.filter(|ended| !ended.is_success())) {
                outcome = Err(Failure::CrashedWhileLeaving { code: crash.code, signal: crash.signal });
            }
            // The process of one call alone: all that it used was for that.
            if let Some(ended) = ended.filter(|_| !function.is_some_and(|function| function.warm)) {
                usage = ended.usage;
            }
        }
        let result = result.filter(|_| outcome.is_ok()).map(|bytes| canonical(&bytes)).transpose();
        let result = result.unwrap_or_else(|error| {
            outcome = Err(Failure::Unkeepable { place_and_type: error.to_string() });
            None
        });
        // Where the process left, kptn may have said something more.
        let log_end = (!answer.leaves).then_some(answer.log_end);
        Attempted { result, imported: answer.imported, ..self.end(going, &usage, log_end, outcome) }
    }

    /// Lets a process end by itself, as a script does; absent where it had to be stopped.
    fn let_end(&mut self, process: Process, notes: &mut Vec<String>, threads: &[String]) -> Option<Ended> {
        let mut talker = process.talker;
        // That there are no more requests is how it learns that it is done.
        talker.hang_up();
        let ended = talker.wait(self.patience.leaving);
        if ended.is_none() {
            let seconds = self.patience.leaving.as_secs_f64();
            let threads = if threads.is_empty() {
                String::new()
            } else {
                format!(" (threads: {})", threads.join(", "))
            };
            self.note(
                notes,
                format!("process stopped: still running {seconds} s after the function returned{threads}"),
            );
            talker.stop(self.patience.grace);
        }
        self.sweep(&mut talker, notes);
        ended
    }

    /// Stops what the ended process left in its group, and says so.
    fn sweep(&mut self, talker: &mut Talker, notes: &mut Vec<String>) {
        if talker.stop_leftovers(self.patience.grace) == Leftovers::Stopped {
            self.note(notes, "background child stopped: it outlived the task".to_owned());
        }
    }

    fn note(&mut self, notes: &mut Vec<String>, note: String) {
        if let Some(log) = &mut self.log {
            log.say(&note);
        }
        notes.push(note);
    }

    /// Ends a call; `log_end` says where its part of the log ends, where the worker has told.
    fn end(
        &mut self,
        mut going: Going,
        usage: &Usage,
        log_end: Option<Option<u64>>,
        outcome: Result<(), Failure>,
    ) -> Attempted {
        let wall_ms = going.clock.elapsed().as_millis() as u64;
        let (mut log_tail, log_range, left_out) = match &mut self.log {
            Some(log) => log.end_part(log_end),
            None => (Vec::new(), (0, 0), 0),
        };
        log_tail.drain(..log_tail.len().saturating_sub(SHOWN_LINES));
        if left_out > 0 {
            going.notes.push(super::cut_note(left_out));
        }
        let timing =
            Timing { started_ms: going.started_ms, wall_ms, cpu_ms: usage.cpu_ms, peak_kib: usage.peak_kib };
        Attempted {
            outcome,
            result: None,
            timing,
            log_tail,
            log_range,
            imported: Vec::new(),
            notes: going.notes,
            try_alone: false,
        }
    }
}

fn missing(launch: &Launch) -> ProcessError {
    let source = std::io::ErrorKind::BrokenPipe.into();
    ProcessError::NotStarted { program: launch.program.clone(), source }
}
