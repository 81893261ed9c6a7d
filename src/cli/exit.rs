//! The exit codes of `kptn`: a promise to scripts and to engines.
//!
//! `error.rs` picks one for every error; a command that ends well picks [`Exit::FINE`]
//! or, where it found what it was asked to look for, [`Exit::FAILED`].

use std::process::ExitCode;

/// What the program leaves with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Exit(pub u8);

impl Exit {
    /// All is well.
    pub const FINE: Self = Self(0);
    /// A task failed, or a check (`status --exit-code`, `render --check`, `fsck`) found something.
    pub const FAILED: Self = Self(1);
    /// The command line or the configuration cannot be used; nothing was started.
    pub const USAGE: Self = Self(2);
    /// Somebody else holds what is needed, or moved it meanwhile.
    pub const CONFLICT: Self = Self(3);
    /// The environment: git, disk, network, a missing interpreter.
    pub const ENVIRONMENT: Self = Self(4);
    /// A bug in kptn.
    pub const BUG: Self = Self(70);
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.0)
    }
}
