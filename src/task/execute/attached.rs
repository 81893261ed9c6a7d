//! One attempt in the foreground, with the terminal: `kptn debug`, and what `env` and `shell` hand over.
//!
//! Python runs under `worker/debug.py`, which stops in pdb at an error. R runs
//! interactively, so that `browser()` works; `worker/debug.R` is its profile and
//! runs the script. Retries and timeouts are not for people who think.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::{
    Attempted, Code, ExecuteError, Failure, Job, PythonFunction, RScript, failure, helper_in, now_ms, r,
    write_helpers,
};
use crate::config::computed_by;
use crate::model::{ItemValues, Timing, canonical_json};
use crate::process::{Ended, Environment, Launch, ProcessError, run_attached};

/// The program for Python, and the profile for R.
pub(super) const DEBUG_PYTHON: &str = "debug.py";
pub(super) const DEBUG_R: &str = "debug.R";

/// Returns the environment that a job's process gets, for a process of the user's own.
///
/// What is handed over in files is written into `folder`. Values that a Python function would get as arguments
/// are in the file that `KPTN_INPUTS` names, as for R, and its imports are found through `PYTHONPATH`.
pub fn handed_to(job: &Job, folder: &Path) -> Result<Environment, ExecuteError> {
    write_helpers(folder)?;
    match &job.code {
        Code::R(script) => r::environment(job, script, folder),
        Code::Python { function, item } => {
            let mut environment = job.environment.clone();
            let inputs = canonical_json(&values(function, item));
            environment.insert("KPTN_INPUTS".into(), r::write_inputs(folder, &inputs)?.into());
            let before = environment.get(&OsString::from("PYTHONPATH")).cloned();
            let before = before.iter().flat_map(std::env::split_paths).collect::<Vec<_>>();
            if let Ok(paths) = std::env::join_paths(function.roots.iter().chain(&before)) {
                environment.insert("PYTHONPATH".into(), paths);
            }
            Ok(environment)
        }
    }
}

/// What a Python function may take by name, less what a function of the project computes.
fn values(function: &PythonFunction, item: &ItemValues) -> BTreeMap<String, Value> {
    let plain = function.config.iter().filter(|(_, value)| computed_by(value).is_none());
    let mut all: BTreeMap<_, _> = plain.map(|(name, value)| (name.clone(), value.clone())).collect();
    let given = function.given.iter();
    all.extend(given.filter_map(|(name, text)| Some((name.clone(), serde_json::from_str(text).ok()?))));
    all.extend(item.iter().map(|(name, value)| (name.to_owned(), value.clone())));
    all
}

/// Runs a job once with our own terminal, and says what came of it; `folder` is for files that it needs meanwhile.
pub fn run_in_terminal(job: &Job, folder: &Path) -> Result<Attempted, ExecuteError> {
    write_helpers(folder)?;
    let started_ms = now_ms();
    let clock = std::time::Instant::now();
    let (outcome, result, usage) = match &job.code {
        Code::R(script) => {
            let done = folder.join("done");
            match run_attached(&r_launch(job, script, folder, &done)?) {
                Ok(ended) => (r_outcome(&ended, &done), None, ended.usage),
                Err(error) => return Ok(not_started(&error)),
            }
        }
        Code::Python { function, item } => {
            let kept = folder.join("result.json");
            match run_attached(&python_launch(job, function, item, folder, &kept)?) {
                Ok(ended) => (python_outcome(&ended), fs::read(&kept).ok(), ended.usage),
                Err(error) => return Ok(not_started(&error)),
            }
        }
    };
    let result = result.filter(|_| outcome.is_ok()).and_then(|bytes| super::python::canonical(&bytes).ok());
    Ok(Attempted {
        outcome,
        result,
        timing: Timing {
            started_ms,
            wall_ms: clock.elapsed().as_millis() as u64,
            cpu_ms: usage.cpu_ms,
            peak_kib: usage.peak_kib,
        },
        log_tail: Vec::new(),
        log_range: (0, 0),
        try_alone: false,
        imported: Vec::new(),
        notes: Vec::new(),
    })
}

fn not_started(error: &ProcessError) -> Attempted {
    super::Attempt::not_started(error)
}

fn python_outcome(ended: &Ended) -> Result<(), Failure> {
    if ended.is_success() { Ok(()) } else { Err(failure(ended, None)) }
}

/// R leaves with 0 after `q()` too; only a script that came to its end says so.
fn r_outcome(ended: &Ended, done: &Path) -> Result<(), Failure> {
    match ended {
        Ended { code: Some(0), .. } if done.exists() => Ok(()),
        Ended { code: Some(0), .. } => {
            Err(Failure::Said { error: "R was left before the script came to its end".to_owned() })
        }
        ended => Err(failure(ended, None)),
    }
}

fn python_launch(
    job: &Job,
    function: &PythonFunction,
    item: &ItemValues,
    folder: &Path,
    result: &Path,
) -> Result<Launch, ExecuteError> {
    let asked = serde_json::json!({"function": function, "item": item, "result": result.to_string_lossy()});
    let path = folder.join("call.json");
    fs::write(&path, canonical_json(&asked)).map_err(|source| ExecuteError { path: path.clone(), source })?;
    let words = ["-u", "-X", "faulthandler"].map(OsString::from);
    Ok(Launch::new(&job.interpreter)
        .arguments(words)
        .arguments([helper_in(folder, DEBUG_PYTHON), path])
        .environment(job.environment.clone())
        .variable("PYTHONDONTWRITEBYTECODE", "1")
        .folder(&job.folder))
}

fn r_launch(job: &Job, script: &RScript, folder: &Path, done: &Path) -> Result<Launch, ExecuteError> {
    let mut environment = r::environment(job, script, folder)?;
    let profile = environment.get(&OsString::from("R_PROFILE_USER")).cloned().unwrap_or_default();
    environment.insert("KPTN_DEBUG_PROFILE".into(), profile);
    environment.insert("R_PROFILE_USER".into(), helper_in(folder, DEBUG_R).into());
    environment.insert("KPTN_DEBUG_SCRIPT".into(), script.script.clone().into());
    environment.insert("KPTN_DEBUG_DONE".into(), done.into());
    let mut words: Vec<OsString> = script.prefix.iter().map(OsString::from).collect();
    words.push(r_beside(&job.interpreter).into());
    words.extend(["--quiet", "--no-save", "--no-restore", "--interactive"].map(OsString::from));
    if !script.arguments.is_empty() {
        words.push("--args".into());
        words.extend(script.arguments.iter().map(OsString::from));
    }
    let program = words.remove(0);
    Ok(Launch::new(program).arguments(words).environment(environment).folder(&job.folder))
}

/// `Rscript` is never interactive; the `R` that belongs to it lies beside it.
fn r_beside(rscript: &Path) -> PathBuf {
    let beside = rscript.with_file_name("R");
    if beside.is_file() { beside } else { PathBuf::from("R") }
}
