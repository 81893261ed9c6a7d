//! A child that has our terminal: a shell, a debugger.
//!
//! One whose output is for people alone has our standard error for both of its outputs.
//!
//! It stays in our process group, so the terminal's keys reach it as they would
//! without us. Ctrl-C and Ctrl-\ are for the child: it acts on them, we wait.

use std::io::Write;
use std::process::{Command, Stdio};

use super::{Ended, Launch, ProcessError, system};

/// Runs a program to its end with our own streams.
pub fn run_attached(launch: &Launch) -> Result<Ended, ProcessError> {
    let mut command = command(launch)?;
    let _deaf = system::leave_keys_to(&mut command);
    let mut child = command.spawn().map_err(|source| not_started(launch, source))?;
    Ok(system::wait(&mut child))
}

/// Runs a program to its end that says what it says to people, and reads `input`, or our own input where there is none.
pub fn run_beside(launch: &Launch, input: Option<&str>) -> Result<Ended, ProcessError> {
    let mut command = command(launch)?;
    command.stdout(std::io::stderr());
    if input.is_some() {
        command.stdin(Stdio::piped());
    }
    let _deaf = system::leave_keys_to(&mut command);
    let mut child = command.spawn().map_err(|source| not_started(launch, source))?;
    if let (Some(mut pipe), Some(input)) = (child.stdin.take(), input) {
        // One that does not read it says why itself.
        drop(pipe.write_all(input.as_bytes()));
    }
    Ok(system::wait(&mut child))
}

fn not_started(launch: &Launch, source: std::io::Error) -> ProcessError {
    ProcessError::NotStarted { program: launch.program.clone(), source }
}

fn command(launch: &Launch) -> Result<Command, ProcessError> {
    if let Some(folder) = launch.folder.as_deref().filter(|folder| !folder.is_dir()) {
        return Err(ProcessError::NoFolder { program: launch.program.clone(), folder: folder.to_owned() });
    }
    let mut command = Command::new(&launch.program);
    command.args(&launch.arguments);
    if let Some(environment) = &launch.environment {
        command.env_clear().envs(environment);
    }
    if let Some(folder) = &launch.folder {
        command.current_dir(folder);
    }
    Ok(command)
}

#[cfg(unix)]
#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_exit_code_of_the_child_comes_back_and_a_missing_one_is_named() {
        assert_eq!(run_attached(&Launch::shell("exit 3")).unwrap().code, Some(3));
        let error = run_attached(&Launch::new("no-such-program")).unwrap_err();
        assert_eq!(error.to_string(), "cannot start `no-such-program`");
    }

    #[test]
    fn an_input_is_read_to_its_end_and_one_that_nobody_reads_is_no_error() {
        let reads =
            run_beside(&Launch::shell("read word; test \"$word\" = secret"), Some("secret\n")).unwrap();
        assert_eq!(reads.code, Some(0));
        assert_eq!(run_beside(&Launch::shell("exit 5"), Some("secret")).unwrap().code, Some(5));
    }

    #[test]
    fn ctrl_c_ends_the_child_and_not_us() {
        // The signal goes to the parent first, then the child ends by it.
        let ended = run_attached(&Launch::shell("kill -INT $PPID; kill -INT $$; sleep 100")).unwrap();
        assert_eq!(ended.signal, Some(2));
    }
}
