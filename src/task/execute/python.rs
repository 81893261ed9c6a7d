//! A Python function, called in a process that `worker/worker.py` runs.
//!
//! An unmapped task has a process of its own: once the function returned, the
//! process must end by itself and well, as a script would (its threads are
//! waited for, its `atexit` runs). Items of a mapped task share processes, one
//! item at a time each; a process that did anything odd is not used again.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::process::{ChildStdin, ChildStdout};
use tokio::sync::watch;
use tokio::time::Instant;

use super::watch::{Waited, wait_for};
use super::{Attempt, Attempted, Failure, Job, Patience, PythonFunction, Workers};
use crate::model::{ItemValues, canonical_json};
use crate::process::{Ended, Environment, Launch, ProcessError, Running, Streams, Usage, start};

/// For reading what a process wrote just before it ended.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// A process that waits for a call.
pub(super) struct Worker {
    child: Running,
    /// What it was started with.
    environment: Environment,
    /// The project's files that it imported so far.
    imported: Vec<PathBuf>,
    /// Closed once there are no more.
    requests: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

/// What the worker is told for one call.
#[derive(Serialize)]
struct Call<'a> {
    item: &'a ItemValues,
    folder: &'a Path,
    /// Absent for the first call of a process, which was started with it.
    log: Option<&'a Path>,
    /// Environment values that differ from those it was started with.
    set: BTreeMap<&'a str, &'a str>,
}

/// What the worker answers.
#[derive(Debug, Deserialize)]
struct Answer {
    ended: How,
    code: Option<i32>,
    error: Option<String>,
    imported: Vec<PathBuf>,
    threads: Vec<String>,
    children: bool,
    cpu_ms: u64,
    peak_kib: u64,
    result_bytes: Option<u64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum How {
    Returned,
    Raised,
    Exited,
    Refused,
    Unkeepable,
}

/// How one call ended.
enum Called {
    Answered(Answer, Option<Vec<u8>>),
    /// The process ended first.
    Vanished(Ended),
    TimedOut,
    Stopped,
}

/// Calls the function once.
pub(super) async fn run(
    workers: &Workers,
    job: &Job,
    function: &PythonFunction,
    item: &ItemValues,
    mut attempt: Attempt,
) -> Attempted {
    let idle = workers.idle().get_mut(&job.task).and_then(Vec::pop);
    let is_new = idle.is_none();
    let mut worker = match idle.map_or_else(|| Worker::start(workers, job, &attempt), Ok) {
        Ok(worker) => worker,
        Err(error) => return attempt.fail_to_start(&error),
    };
    let call = Call {
        item,
        folder: &job.folder,
        log: (!is_new).then_some(&job.log),
        set: differences(&worker.environment, &job.environment),
    };
    let first = is_new.then_some(function);
    let mut stop = workers.stop.subscribe();
    let deadline = job.timeout.map(|timeout| Instant::now() + timeout);
    let called = worker.call(first, &call, &mut attempt, deadline, &mut stop).await;
    match called {
        Called::Answered(answer, result) => {
            answered(workers, job, function, worker, attempt, answer, result).await
        }
        Called::Vanished(ended) => {
            attempt.sweep(&mut worker.child, workers.patience).await;
            let gone = Failure::Vanished { code: ended.code, signal: ended.signal };
            attempt.end(|_| Err(gone), ended.usage)
        }
        Called::TimedOut => {
            let after = job.timeout.unwrap_or_default();
            let ended = worker.child.stop(workers.patience.grace).await;
            attempt.end(|_| Err(Failure::TimedOut { after }), ended.usage)
        }
        Called::Stopped => {
            let ended = worker.child.stop(workers.patience.grace).await;
            attempt.end(|_| Err(Failure::Stopped), ended.usage)
        }
    }
}

async fn answered(
    workers: &Workers,
    job: &Job,
    function: &PythonFunction,
    mut worker: Worker,
    mut attempt: Attempt,
    answer: Answer,
    result: Option<Vec<u8>>,
) -> Attempted {
    let mut outcome = outcome(&answer, function.wants_result);
    let own = Usage { cpu_ms: answer.cpu_ms, peak_kib: answer.peak_kib };
    worker.imported.extend(answer.imported);
    let imported = worker.imported.clone();
    let spent = job.item.is_none() || !function.warm || !answer.threads.is_empty() || answer.children;
    let usage = if spent {
        let ended = worker.end(&mut attempt, &answer.threads, workers.patience).await;
        if let (Ok(()), Some(crash)) = (&outcome, ended.filter(|ended| !ended.is_success())) {
            outcome = Err(Failure::CrashedWhileLeaving { code: crash.code, signal: crash.signal });
        }
        ended.map_or(own, |ended| ended.usage)
    } else {
        workers.idle().entry(job.task.clone()).or_default().push(worker);
        own
    };
    let result = result.filter(|_| outcome.is_ok()).map(|bytes| canonical(&bytes)).transpose();
    let result = result.unwrap_or_else(|error| {
        outcome = Err(Failure::Unkeepable { place_and_type: error.to_string() });
        None
    });
    Attempted { result, imported, ..attempt.end(|_| outcome, usage) }
}

fn outcome(answer: &Answer, wants_result: bool) -> Result<(), Failure> {
    let said = || answer.error.clone();
    match (answer.ended, answer.code) {
        (How::Returned, _) => Ok(()),
        (How::Exited, Some(0)) if wants_result => {
            Err(Failure::Said { error: "sys.exit() was called, so nothing was returned".to_owned() })
        }
        (How::Exited, Some(0)) => Ok(()),
        (How::Exited, code) => {
            Err(Failure::Said { error: said().unwrap_or_else(|| format!("sys.exit({})", code.unwrap_or(1))) })
        }
        (How::Unkeepable, _) => Err(Failure::Unkeepable { place_and_type: said().unwrap_or_default() }),
        (How::Raised | How::Refused, _) => Err(Failure::Said { error: said().unwrap_or_default() }),
    }
}

/// Spells a result as every other object in the store is spelled.
pub(super) fn canonical(bytes: &[u8]) -> Result<Vec<u8>, serde_json::Error> {
    serde_json::from_slice::<Value>(bytes).map(|value| canonical_json(&value))
}

/// Items of one task differ in few values; what is not Unicode is the user's own and the same for all.
fn differences<'a>(start: &Environment, now: &'a Environment) -> BTreeMap<&'a str, &'a str> {
    let changed = now.iter().filter(|(name, value)| start.get(*name) != Some(*value));
    changed.filter_map(|(name, value)| Some((name.to_str()?, value.to_str()?))).collect()
}

impl Worker {
    fn start(workers: &Workers, job: &Job, attempt: &Attempt) -> Result<Self, ProcessError> {
        let words = ["-u", "-X", "faulthandler"].map(std::ffi::OsString::from);
        let launch = Launch::new(&job.interpreter)
            .arguments(words)
            .arguments([workers.helper(super::WORKER)])
            .environment(job.environment.clone())
            .variable("PYTHONDONTWRITEBYTECODE", "1")
            .folder(&job.folder);
        let streams = Streams::Talk { errors: attempt.log.writer()? };
        let mut child = start(&launch, streams, workers.reaper.as_ref())?;
        let failed = |source| ProcessError::NotStarted { program: launch.program.clone(), source };
        let missing = || failed(std::io::ErrorKind::BrokenPipe.into());
        let requests = child.input.take().ok_or_else(missing)?;
        let answers = child.output.take().ok_or_else(missing)?;
        let environment = job.environment.clone();
        Ok(Self {
            child,
            environment,
            imported: Vec::new(),
            requests: Some(ChildStdin::from_std(requests).map_err(failed)?),
            answers: BufReader::new(ChildStdout::from_std(answers).map_err(failed)?),
        })
    }

    async fn call(
        &mut self,
        function: Option<&PythonFunction>,
        call: &Call<'_>,
        attempt: &mut Attempt,
        deadline: Option<Instant>,
        stop: &mut watch::Receiver<bool>,
    ) -> Called {
        let mut message = Vec::new();
        if let Some(function) = function {
            message.extend(canonical_json(function));
            message.push(b'\n');
        }
        message.extend(canonical_json(call));
        message.push(b'\n');
        let Self { child, requests, answers, .. } = self;
        let mut exchange = pin!(exchange(requests.as_mut(), answers, &message));
        let event = async {
            tokio::select! {
                biased;
                answer = &mut exchange => match answer {
                    Ok(answer) => Ok(answer),
                    // Its pipe is closed or holds nonsense: how the process ends says more.
                    // One that would go on has nobody to talk to.
                    Err(_) => match tokio::time::timeout(LAST_WORDS, child.wait()).await {
                        Ok(ended) => Err(ended),
                        Err(_) => Err(child.stop(LAST_WORDS).await),
                    },
                },
                // A child of its own may hold the pipe open, so its end does not show there.
                ended = child.wait() => match tokio::time::timeout(LAST_WORDS, exchange).await {
                    Ok(Ok(answer)) => Ok(answer),
                    _ => Err(ended),
                },
            }
        };
        match wait_for(event, &mut attempt.log, deadline, stop).await {
            Waited::Happened(Ok((answer, result))) => Called::Answered(answer, result),
            Waited::Happened(Err(ended)) => Called::Vanished(ended),
            Waited::TimedOut => Called::TimedOut,
            Waited::Stopped => Called::Stopped,
        }
    }

    /// Lets the process end by itself, as a script does; absent where it had to be stopped.
    async fn end(&mut self, attempt: &mut Attempt, threads: &[String], patience: Patience) -> Option<Ended> {
        // Closing its requests is how it learns that there are no more.
        self.requests = None;
        let leaving = tokio::time::timeout(patience.leaving, self.child.wait()).await;
        let ended = leaving.ok();
        if ended.is_none() {
            let seconds = patience.leaving.as_secs_f64();
            let threads = if threads.is_empty() {
                String::new()
            } else {
                format!(" (threads: {})", threads.join(", "))
            };
            attempt.note(&format!(
                "process stopped: still running {seconds} s after the function returned{threads}"
            ));
            self.child.stop(patience.grace).await;
        }
        attempt.sweep(&mut self.child, patience).await;
        ended
    }

    /// Ends an idle process.
    pub(super) async fn leave(mut self, patience: Patience) {
        self.requests = None;
        if tokio::time::timeout(patience.leaving, self.child.wait()).await.is_err() {
            self.child.stop(patience.grace).await;
        }
        self.child.stop_leftovers(patience.grace).await;
    }
}

async fn exchange(
    requests: Option<&mut ChildStdin>,
    answers: &mut BufReader<ChildStdout>,
    message: &[u8],
) -> std::io::Result<(Answer, Option<Vec<u8>>)> {
    let requests = requests.ok_or(std::io::ErrorKind::BrokenPipe)?;
    requests.write_all(message).await?;
    requests.flush().await?;
    let mut line = Vec::new();
    answers.read_until(b'\n', &mut line).await?;
    let answer: Answer = serde_json::from_slice(&line)?;
    let Some(length) = answer.result_bytes else { return Ok((answer, None)) };
    let mut result = Vec::new();
    answers.take(length).read_to_end(&mut result).await?;
    Ok((answer, Some(result)))
}
