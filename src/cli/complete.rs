//! Completions that know this project's tasks and this repository's branches.
//!
//! The shell asks by calling `kptn` itself with `COMPLETE` set. Where there is
//! no project, or its `kptn.yaml` cannot be read, there is nothing to suggest:
//! a completion never shows an error.

use std::ffi::OsStr;
use std::path::PathBuf;

use clap::CommandFactory;
use clap_complete::engine::{ArgValueCompleter, CompletionCandidate};
use clap_complete::env::{CompleteEnv, Shells};

use super::args::Arguments;
use crate::ops::{Start, names};

/// Answers a shell that asks for completions; tells whether one did.
pub fn answered() -> bool {
    if std::env::var_os("COMPLETE").is_none() {
        return false;
    }
    let here = std::env::current_dir().ok();
    let asked =
        CompleteEnv::with_factory(Arguments::command).try_complete(std::env::args_os(), here.as_deref());
    asked.unwrap_or(true)
}

/// Returns what a shell has to read once, so that it asks from then on; absent for a shell that cannot.
pub fn registration(shell: &str) -> Option<Vec<u8>> {
    let mut script = Vec::new();
    let shells = Shells::builtins();
    shells.completer(shell)?.write_registration("COMPLETE", "kptn", "kptn", "kptn", &mut script).ok()?;
    Some(script)
}

/// Suggests tasks.
pub fn tasks() -> ArgValueCompleter {
    ArgValueCompleter::new(|typed: &OsStr| candidates(typed, names::tasks(&here())))
}

/// Suggests graphs and tasks, also behind `+`.
pub fn selection() -> ArgValueCompleter {
    ArgValueCompleter::new(|typed: &OsStr| {
        let all = [names::graphs(&here()), names::tasks(&here())].concat();
        match typed.to_str().and_then(|text| text.strip_prefix('+')) {
            Some(rest) => {
                let after = candidates(OsStr::new(rest), all);
                after.into_iter().map(|one| one.add_prefix("+")).collect()
            }
            None => candidates(typed, all),
        }
    })
}

/// Suggests graphs.
pub fn graphs() -> ArgValueCompleter {
    ArgValueCompleter::new(|typed: &OsStr| candidates(typed, names::graphs(&here())))
}

/// Suggests branches.
pub fn branches() -> ArgValueCompleter {
    ArgValueCompleter::new(|typed: &OsStr| candidates(typed, names::branches(&here())))
}

fn here() -> Start {
    Start {
        folder: std::env::current_dir().unwrap_or_else(|_| PathBuf::from(".")),
        config: None,
        branch: None,
    }
}

fn candidates(typed: &OsStr, names: Vec<String>) -> Vec<CompletionCandidate> {
    let typed = typed.to_string_lossy().into_owned();
    let fitting = names.into_iter().filter(|name| name.starts_with(&typed));
    fitting.map(CompletionCandidate::new).collect()
}
