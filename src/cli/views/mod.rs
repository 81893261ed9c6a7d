//! Reports of `ops` as text: tables, sentences, hunks.
//!
//! One file a kind of report. Each is a pure function of the report, a width
//! and, where ages are shown, the time; the commands print what comes back.

use std::path::Path;

use serde::Serialize;

use crate::model::Diagnostic;

use super::snippet::Snippets;

pub mod accept;
pub mod branch;
pub mod check;
pub mod comment;
pub mod config;
pub mod deploy;
pub mod diff;
pub mod doctor;
pub mod env;
pub mod files;
pub mod graph;
pub mod hooks;
pub mod invalidate;
pub mod log;
pub mod maker;
pub mod plan;
pub mod promote;
pub mod remotes;
pub mod room;
pub mod run;
pub mod standing;
pub mod status;
pub mod upkeep;
pub mod why;

/// A report as `--json` prints it: its fields beside the version.
#[derive(Debug, Serialize)]
pub struct Document<T: Serialize> {
    version: u32,
    #[serde(flatten)]
    report: T,
}

impl<T: Serialize> Document<T> {
    /// Wraps a report that is a struct.
    pub fn of(report: T) -> Self {
        Self { version: super::live::VERSION, report }
    }
}

/// Returns findings as text, their files read from disk.
pub fn findings(diagnostics: &[Diagnostic], width: usize) -> String {
    let here = std::env::current_dir().unwrap_or_default();
    let read = |path: &Path| std::fs::read(path).ok();
    Snippets { base: &here, width, read: &read }.all(diagnostics)
}

/// Returns an error and its causes in one line.
pub fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source()).map(ToString::to_string);
    std::iter::once(error.to_string()).chain(causes).collect::<Vec<_>>().join(": ")
}
