//! An R script: `prefix… Rscript script arguments…`, one process an attempt.
//!
//! R reads `.Rprofile` and `.Renviron` from the folder it starts in, so a
//! script that starts in its own folder would miss the project's, and renv
//! with them. `R_PROFILE_USER` and `R_ENVIRON_USER` name them instead; the
//! profile goes through `profile.R`, which reads each one in its own folder.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use tokio::time::Instant;

use super::watch::{Waited, wait_for};
use super::{Attempt, Attempted, ExecuteError, Failure, Job, RScript, Workers, failure, r_error};
use crate::model::Digest;
use crate::process::{Environment, Launch, ProcessError, Streams, start};

/// Runs an R script once.
pub(super) async fn run(workers: &Workers, job: &Job, script: &RScript, mut attempt: Attempt) -> Attempted {
    let launch = match launch(workers, job, script) {
        Ok(launch) => launch,
        Err(ExecuteError { path, source }) => {
            return attempt.fail_to_start(&ProcessError::Io { path, source });
        }
    };
    let started = attempt.log.writer().and_then(|output| {
        let errors = attempt.log.writer()?;
        start(&launch, Streams::Files { output, errors }, workers.reaper.as_ref())
    });
    let mut child = match started {
        Ok(child) => child,
        Err(error) => return attempt.fail_to_start(&error),
    };
    let deadline = job.timeout.map(|timeout| Instant::now() + timeout);
    let mut stop = workers.stop.subscribe();
    let waited = wait_for(child.wait(), &mut attempt.log, deadline, &mut stop).await;
    let (ended, stopped) = match waited {
        Waited::Happened(ended) => (ended, None),
        Waited::TimedOut => {
            let after = job.timeout.unwrap_or_default();
            (child.stop(workers.patience.grace).await, Some(Failure::TimedOut { after }))
        }
        Waited::Stopped => (child.stop(workers.patience.grace).await, Some(Failure::Stopped)),
    };
    attempt.sweep(&mut child, workers.patience).await;
    let outcome = |lines: &[String]| match stopped {
        Some(failure) => Err(failure),
        None if ended.is_success() => Ok(()),
        None => Err(failure(&ended, r_error::find(lines))),
    };
    attempt.end(outcome, ended.usage)
}

fn launch(workers: &Workers, job: &Job, script: &RScript) -> Result<Launch, ExecuteError> {
    let environment = environment(job, script, &workers.folder)?;
    let mut words: Vec<OsString> = script.prefix.iter().map(OsString::from).collect();
    words.push(job.interpreter.clone().into());
    words.push(script.script.clone().into());
    words.extend(script.arguments.iter().map(OsString::from));
    let program = words.remove(0);
    Ok(Launch::new(program).arguments(words).environment(environment).folder(&job.folder))
}

/// Returns the whole environment of a script; values that go through a file are written into `folder`.
pub(super) fn environment(job: &Job, script: &RScript, folder: &Path) -> Result<Environment, ExecuteError> {
    let mut environment = job.environment.clone();
    if let Some(inputs) = &script.inputs {
        environment.insert("KPTN_INPUTS".into(), write_inputs(folder, inputs)?.into());
    }
    add_profiles(&mut environment, &job.root, &job.folder, &super::helper_in(folder, super::PROFILE));
    Ok(environment)
}

/// Writes the values for `KPTN_INPUTS`; equal ones share a file, whatever item asks for them.
pub(super) fn write_inputs(folder: &Path, inputs: &[u8]) -> Result<PathBuf, ExecuteError> {
    let folder = folder.join("inputs");
    let path = folder.join(format!("{}.json", Digest::of(inputs).short()));
    if !path.exists() {
        let written = std::fs::create_dir_all(&folder)
            .and_then(|()| tempfile::NamedTempFile::new_in(&folder))
            .and_then(|mut file| std::io::Write::write_all(&mut file, inputs).map(|()| file))
            .and_then(|file| file.persist(&path).map_err(|error| error.error));
        written.map_err(|source| ExecuteError { path: path.clone(), source })?;
    }
    Ok(path)
}

/// Lets R read the project's own start-up files wherever it starts.
fn add_profiles(environment: &mut Environment, root: &Path, folder: &Path, profile: &Path) {
    if folder == root {
        return;
    }
    let has = |folder: &Path, name: &str| folder.join(name).is_file();
    if has(root, ".Rprofile") && !environment.contains_key(std::ffi::OsStr::new("R_PROFILE_USER")) {
        environment.insert("R_PROFILE_USER".into(), profile.into());
        environment.insert("KPTN_R_PROFILES".into(), both(root, folder));
    }
    if has(root, ".Renviron") && !environment.contains_key(std::ffi::OsStr::new("R_ENVIRON_USER")) {
        environment.insert("R_ENVIRON_USER".into(), root.join(".Renviron").into());
        if has(folder, ".Renviron") {
            // R takes one such file; `profile.R` reads the other.
            environment.entry("R_PROFILE_USER".into()).or_insert_with(|| profile.into());
            environment.insert("KPTN_R_PROFILES".into(), both(root, folder));
        }
    }
}

fn both(root: &Path, folder: &Path) -> OsString {
    let mut text = root.as_os_str().to_owned();
    text.push("\n");
    text.push(folder);
    text
}
