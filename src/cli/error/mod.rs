//! The one place where an error becomes words, a hint and an exit code.
//!
//! Layers below return enums that hold facts; their `Display` is the fragment
//! shown after `error:`. `explain.rs` gives each its exit code and, where there
//! is one, a command to paste; `panic.rs` does so for a bug in kptn.

mod accepting;
mod aws;
mod deploying;
mod engines;
mod explain;
mod making;
mod moving;
mod panic;
mod promoting;
mod remotes;
mod shared_runs;

use std::error::Error;
use std::path::Path;

use super::exit::Exit;
use super::paint::Tone;
use super::printer::Printer;
use super::snippet::Snippets;
use crate::model::Diagnostic;

pub use panic::{install_panic_hook, panicked};

/// A command that did not do what it was asked to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommandError {
    /// What the program leaves with.
    pub exit: Exit,
    /// What failed: a lowercase fragment; empty where the findings say it all.
    pub message: String,
    /// What brought it about, nearest first.
    pub causes: Vec<String>,
    /// What to do about it.
    pub hint: Option<String>,
    /// Findings about the user's files.
    pub diagnostics: Vec<Diagnostic>,
}

impl CommandError {
    /// Makes an error that leaves with `exit`.
    pub fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self { exit, message: message.into(), causes: Vec::new(), hint: None, diagnostics: Vec::new() }
    }

    /// The command line or the configuration cannot be used.
    pub fn usage(message: impl Into<String>) -> Self {
        Self::new(Exit::USAGE, message)
    }

    /// Somebody else holds it, or moved it.
    pub fn conflict(message: impl Into<String>) -> Self {
        Self::new(Exit::CONFLICT, message)
    }

    /// Git, disk, network or a program on this machine.
    pub fn environment(message: impl Into<String>) -> Self {
        Self::new(Exit::ENVIRONMENT, message)
    }

    /// The user's files have errors.
    pub fn findings(diagnostics: Vec<Diagnostic>) -> Self {
        Self { diagnostics, ..Self::usage("") }
    }

    /// Makes an error of another error: its text and its chain of causes.
    pub fn of(exit: Exit, error: &dyn Error) -> Self {
        let told = Self::new(exit, error.to_string());
        match error.source() {
            Some(source) => told.because(source),
            None => told,
        }
    }

    /// Adds an error and its own causes to the chain.
    pub fn because(mut self, cause: &dyn Error) -> Self {
        let mut next = Some(cause);
        while let Some(error) = next {
            let text = error.to_string();
            // A wrapper that repeats its source says nothing new.
            if self.causes.last().unwrap_or(&self.message) != &text {
                self.causes.push(text);
            }
            next = error.source();
        }
        self
    }

    /// Says what to do.
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Returns the whole text for people, painted.
    pub fn text(&self, snippets: &Snippets<'_>) -> String {
        let mut text = snippets.all(&self.diagnostics);
        if !self.message.is_empty() {
            text.push_str(&format!("{} {}\n", Tone::Bad.paint("error:"), self.message));
        }
        for cause in &self.causes {
            text.push_str(&format!("  caused by: {cause}\n"));
        }
        if let Some(hint) = &self.hint {
            text.push_str(&format!("{} {hint}\n", Tone::Hint.paint("hint:")));
        }
        text
    }

    /// Tells people and returns the exit code.
    pub fn report(&self, printer: &Printer) -> Exit {
        printer.insist(self.for_people(printer.width()));
        self.exit
    }

    /// Returns the whole text, the files that it shows read from disk.
    pub fn for_people(&self, width: usize) -> String {
        let here = std::env::current_dir().unwrap_or_default();
        let read = |path: &Path| std::fs::read(path).ok();
        self.text(&Snippets { base: &here, width, read: &read })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::width::strip;

    #[derive(Debug, thiserror::Error)]
    #[error("cannot read `{path}`")]
    struct Unreadable {
        path: String,
        source: std::io::Error,
    }

    #[test]
    fn an_error_shows_what_failed_then_why_then_what_to_do() {
        let source = std::io::Error::other("disk on fire");
        let error = CommandError::of(Exit::ENVIRONMENT, &Unreadable { path: "a.csv".into(), source })
            .hint("run `kptn doctor`");
        let snippets = Snippets { base: Path::new("/"), width: 80, read: &|_| None };
        insta::assert_snapshot!(strip(&error.text(&snippets)), @r"
        error: cannot read `a.csv`
          caused by: disk on fire
        hint: run `kptn doctor`
        ");
        assert_eq!(error.exit, Exit::ENVIRONMENT);
    }
}
