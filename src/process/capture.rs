//! A short command and what it printed: probes, `git`, an interpreter's version.
//!
//! What it prints goes to two files without a name, not through pipes: no
//! amount of it can block the command, and what it leaves running in the
//! background cannot keep us waiting.

use std::fs::File;
use std::io::{Read, Seek};
use std::sync::mpsc;
use std::time::Duration;

use super::child::start_with;
use super::{Ended, Group, Launch, ProcessError, Streams};

/// No more of what a command prints is read than this.
const MOST: u64 = 64 * 1024 * 1024;
const GRACE: Duration = Duration::from_secs(2);

/// What a command said, and how it ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Captured {
    /// How it ended.
    pub ended: Ended,
    /// Its standard output, at most 64 MiB of it.
    pub output: Vec<u8>,
    /// Its standard error, at most 64 MiB of it.
    pub errors: Vec<u8>,
}

impl Captured {
    /// Returns its standard output as text, what is not UTF-8 replaced, without white space at the end.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.output).trim_end().to_owned()
    }

    /// Returns its last line on standard error, for messages.
    pub fn complaint(&self) -> String {
        let errors = String::from_utf8_lossy(&self.errors);
        errors.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or_default().trim().to_owned()
    }
}

/// Runs a command to its end, or until `timeout`, with empty input; blocks.
///
/// A failing exit code is no error here: see [`Captured::ended`]. What it left
/// in the background is killed.
pub fn run_captured(launch: &Launch, timeout: Duration) -> Result<Captured, ProcessError> {
    let (mut output, mut errors) = (nameless()?, nameless()?);
    let streams = Streams::Files { output: second(&output)?, errors: second(&errors)? };
    let (sender, ending) = mpsc::channel();
    let (id, _, _) = start_with(launch, streams, None, move |ended| {
        let _ = sender.send(ended);
    })?;
    let group = Group::of(id);
    let ended = ending.recv_timeout(timeout).map_err(|_| {
        group.ask_to_end();
        let _ = ending.recv_timeout(GRACE.min(timeout));
        group.kill_and_wait();
        ProcessError::TimedOut { program: launch.program.clone(), after: timeout }
    })?;
    group.kill_and_wait();
    Ok(Captured { ended, output: content(&mut output)?, errors: content(&mut errors)? })
}

fn failed(source: std::io::Error) -> ProcessError {
    ProcessError::Io { path: std::env::temp_dir(), source }
}

fn nameless() -> Result<File, ProcessError> {
    tempfile::tempfile().map_err(failed)
}

fn second(file: &File) -> Result<File, ProcessError> {
    file.try_clone().map_err(failed)
}

fn content(file: &mut File) -> Result<Vec<u8>, ProcessError> {
    let mut bytes = Vec::new();
    file.rewind().and_then(|()| file.take(MOST).read_to_end(&mut bytes)).map_err(failed)?;
    Ok(bytes)
}

#[cfg(unix)]
#[cfg(test)]
mod tests {
    use super::*;

    const SOON: Duration = Duration::from_secs(20);

    #[test]
    fn a_command_is_given_back_with_both_streams_and_its_code() {
        let said = run_captured(&Launch::shell("echo out; echo err >&2; exit 3"), SOON).unwrap();
        assert_eq!((said.text().as_str(), said.complaint().as_str()), ("out", "err"));
        assert_eq!(said.ended.code, Some(3));
    }

    #[test]
    fn a_background_child_neither_blocks_nor_survives() {
        let said = run_captured(&Launch::shell("sleep 1000 & echo $$"), SOON).unwrap();
        assert!(!Group::of(said.text().parse().unwrap()).is_alive());
    }

    #[test]
    fn a_command_that_takes_too_long_is_stopped_even_if_it_does_not_want_to() {
        let launch = Launch::shell("trap '' TERM; while :; do sleep 0.01; done");
        let error = run_captured(&launch, Duration::from_millis(100)).unwrap_err();
        assert!(matches!(error, ProcessError::TimedOut { .. }), "{error:?}");
    }

    #[test]
    fn a_missing_program_or_folder_is_named() {
        let error = run_captured(&Launch::new("no-such-program"), SOON).unwrap_err();
        assert_eq!(error.to_string(), "cannot start `no-such-program`");
        let error = run_captured(&Launch::new("true").folder("/no/such"), SOON).unwrap_err();
        assert_eq!(error.to_string(), "cannot start `true` in `/no/such`: no such folder");
    }

    #[test]
    fn the_environment_is_exactly_what_is_given() {
        let launch = Launch::new("/usr/bin/env").environment([("A".into(), "1".into())].into());
        assert_eq!(run_captured(&launch, SOON).unwrap().text(), "A=1");
    }
}
