//! What to start: a program, its arguments, environment and folder.
//!
//! A plain value, so that what will be started can be compared in a test.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

/// A complete environment, by name.
pub type Environment = BTreeMap<OsString, OsString>;

/// Returns the environment of this process.
pub fn own_environment() -> Environment {
    std::env::vars_os().collect()
}

/// What to start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Launch {
    /// A path, or a name looked up on the `PATH` of `environment`.
    pub program: OsString,
    /// Its arguments, without the program's own name.
    pub arguments: Vec<OsString>,
    /// The complete environment; absent means this process's own.
    pub environment: Option<Environment>,
    /// The folder it starts in; absent means this process's own.
    pub folder: Option<PathBuf>,
}

impl Launch {
    /// Names a program, to be started without arguments.
    pub fn new(program: impl Into<OsString>) -> Self {
        Self { program: program.into(), arguments: Vec::new(), environment: None, folder: None }
    }

    /// Names a command for the system's shell.
    pub fn shell(command: &str) -> Self {
        if cfg!(windows) {
            Self::new("cmd").arguments(["/C", command])
        } else {
            Self::new("/bin/sh").arguments(["-c", command])
        }
    }

    /// Adds arguments.
    pub fn arguments<S: AsRef<OsStr>>(mut self, arguments: impl IntoIterator<Item = S>) -> Self {
        self.arguments.extend(arguments.into_iter().map(|argument| argument.as_ref().to_owned()));
        self
    }

    /// Sets the folder it starts in.
    pub fn folder(mut self, folder: impl AsRef<Path>) -> Self {
        self.folder = Some(folder.as_ref().to_owned());
        self
    }

    /// Replaces the whole environment.
    pub fn environment(mut self, environment: Environment) -> Self {
        self.environment = Some(environment);
        self
    }

    /// Sets one variable, on top of what is there or of this process's own environment.
    pub fn variable(mut self, name: impl Into<OsString>, value: impl Into<OsString>) -> Self {
        self.environment.get_or_insert_with(own_environment).insert(name.into(), value.into());
        self
    }
    /// Takes one variable away.
    pub fn without(mut self, name: &str) -> Self {
        self.environment.get_or_insert_with(own_environment).remove(OsStr::new(name));
        self
    }
}
