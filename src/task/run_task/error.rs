//! Why a task did not come to its end, with the facts.
//!
//! The words are what people see in the display and in `kptn status`: one line,
//! causes behind colons.

use std::path::PathBuf;
use std::sync::Arc;

use crate::model::{Fingerprint, TaskName};
use crate::state::{LockError, StateError};
use crate::store::StoreError;
use crate::task::environment::EnvironmentError;
use crate::task::execute::Failure;
use crate::task::outputs::OutputsError;
use crate::task::recorder::RecordError;

/// Why a task failed.
#[derive(Debug, thiserror::Error)]
pub enum TaskError {
    /// Its code.
    #[error(transparent)]
    Code(#[from] Failure),
    /// Its files.
    #[error(transparent)]
    Outputs(#[from] OutputsError),
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The state.
    #[error(transparent)]
    State(#[from] StateError),
    /// The right to run it.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// It ran, but that could not be written down.
    #[error("it ran, but its record could not be kept")]
    Record(#[source] Arc<RecordError>),
    /// Something before it has no record.
    #[error("`{dependency}`, on which it depends, has never finished on this branch")]
    NoRecord { dependency: TaskName },
    /// Files of a dependency that it needs are nowhere.
    #[error("{}, which `{dependency}` made, {} nowhere any more; `kptn run {dependency}` makes {} again", first(paths), if paths.len() == 1 { "is" } else { "are" }, if paths.len() == 1 { "it" } else { "them" })]
    DependencyLost { dependency: TaskName, paths: Vec<String> },
    /// The list that it maps over cannot be used.
    #[error("{error}")]
    BadItems { error: String },
    /// Some of its items failed.
    #[error("{}", items_failed(*failed, *total, errors))]
    Items {
        /// How many.
        failed: u64,
        /// Of how many.
        total: u64,
        /// The first few: an item's name, and what went wrong with it.
        errors: Vec<(String, String)>,
    },
    /// One of its items failed in a bundle of this run.
    #[error("{error}")]
    Reported { error: String },
    /// It cannot be handed what it needs.
    #[error(transparent)]
    Environment(#[from] EnvironmentError),
    /// What it was to take has gone.
    #[error("{error}")]
    NotReady { error: String },
    /// The run was stopped.
    #[error("stopped")]
    Stopped,
}

fn first(paths: &[String]) -> String {
    match paths {
        [] => "a file".to_owned(),
        [path] => format!("`{path}`"),
        [path, rest @ ..] => format!("`{path}` and {} more", rest.len()),
    }
}

fn items_failed(failed: u64, total: u64, errors: &[(String, String)]) -> String {
    let items = if total == 1 { "item" } else { "items" };
    let mut text = format!("{failed} of {total} {items} failed");
    for (item, error) in errors {
        text.push_str(&format!("; {}: {error}", shortened(item)));
    }
    text
}

/// An item's name may be as long as its value.
fn shortened(item: &str) -> String {
    let head: String = item.chars().take(60).collect();
    if head.len() < item.len() { format!("{head}…") } else { head }
}

/// A task that failed, with what people want to see of it.
#[derive(Debug)]
pub struct TaskFailure {
    /// What went wrong.
    pub error: Box<TaskError>,
    /// The fingerprint it was for; absent where it did not come to that.
    pub fingerprint: Option<Fingerprint>,
    /// The log's last lines.
    pub log_tail: Vec<String>,
    /// The log file; absent where nothing ran.
    pub log: Option<PathBuf>,
    /// Where in it the last attempt's lines begin, and how many bytes they are.
    pub log_range: (u64, u64),
}

impl<E: Into<TaskError>> From<E> for TaskFailure {
    fn from(error: E) -> Self {
        let error = Box::new(error.into());
        Self { error, fingerprint: None, log_tail: Vec::new(), log: None, log_range: (0, 0) }
    }
}

impl TaskFailure {
    /// Returns the error in one line, with its causes.
    pub fn in_one_line(&self) -> String {
        in_one_line(&*self.error)
    }
}

/// Returns an error in one line, with its causes.
pub fn in_one_line(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let said = error.to_string();
        // What is passed through says the same as its cause.
        if !text.ends_with(&said) {
            text = format!("{text}: {said}");
        }
        cause = error.source();
    }
    text.replace('\n', " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_says_which_items_and_why() {
        let errors = vec![("NC".to_owned(), "no data".to_owned())];
        let error = TaskError::Items { failed: 2, total: 50, errors };
        assert_eq!(error.to_string(), "2 of 50 items failed; NC: no data");
    }

    #[test]
    fn causes_are_named_once() {
        let io = std::io::Error::other("disk on fire");
        let error = TaskError::Outputs(OutputsError::Io { action: "read", path: "x".into(), source: io });
        assert_eq!(in_one_line(&error), "cannot read `x`: disk on fire");
    }
}
