//! A child that has our terminal: a shell, a debugger.
//!
//! It stays in our process group, so the terminal's keys reach it as they would
//! without us. Ctrl-C and Ctrl-\ are for the child: it acts on them, we wait.

use std::process::Command;

use super::{Ended, Launch, ProcessError, system};

/// Runs a program to its end with our own streams.
pub fn run_attached(launch: &Launch) -> Result<Ended, ProcessError> {
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
    let _deaf = system::leave_keys_to(&mut command);
    let mut child = command
        .spawn()
        .map_err(|source| ProcessError::NotStarted { program: launch.program.clone(), source })?;
    Ok(system::wait(&mut child))
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
    fn ctrl_c_ends_the_child_and_not_us() {
        // The signal goes to the parent first, then the child ends by it.
        let ended = run_attached(&Launch::shell("kill -INT $PPID; kill -INT $$; sleep 100")).unwrap();
        assert_eq!(ended.signal, Some(2));
    }
}
