//! What is found while a file is read: every finding, not only the first.
//!
//! One report belongs to one file, so that whoever finds something needs to
//! know only the place in it.

use std::path::{Path, PathBuf};

use crate::model::{Diagnostic, Location, Severity, nearest_name};

/// More findings than this are counted, not listed.
const MOST: usize = 100;
/// Near names are looked for only so often: with 10,000 names it is not free.
const MOST_GUESSES: usize = 20;

/// Findings about one file.
#[derive(Debug)]
pub(super) struct Report {
    path: PathBuf,
    found: Vec<Diagnostic>,
    spilled: Diagnostic,
    more: usize,
}

impl Report {
    /// Begins an empty report about the file at `path`.
    pub fn new(path: &Path) -> Self {
        let spilled = Diagnostic::new(Severity::Note, "");
        Self { path: path.to_owned(), found: Vec::new(), spilled, more: 0 }
    }

    /// Adds an error; the caller may give it a hint.
    pub fn error(&mut self, place: Option<Location>, message: impl Into<String>) -> &mut Diagnostic {
        self.add(Severity::Error, place, message.into())
    }

    /// Adds a warning; the caller may give it a hint.
    pub fn warning(&mut self, place: Option<Location>, message: impl Into<String>) -> &mut Diagnostic {
        self.add(Severity::Warning, place, message.into())
    }

    /// Adds a note; the caller may give it a hint.
    pub fn note(&mut self, place: Option<Location>, message: impl Into<String>) -> &mut Diagnostic {
        self.add(Severity::Note, place, message.into())
    }

    /// Returns the value of `result`; its error is added.
    pub fn accept<T, E: std::fmt::Display>(
        &mut self,
        place: Option<Location>,
        result: Result<T, E>,
    ) -> Option<T> {
        match result {
            Ok(value) => Some(value),
            Err(error) => {
                self.error(place, error.to_string());
                None
            }
        }
    }

    fn add(&mut self, severity: Severity, place: Option<Location>, message: String) -> &mut Diagnostic {
        let found = Diagnostic::new(severity, message).at(self.path.clone(), place);
        // One error is always among those that are listed: errors stop a run, notes do not.
        if self.found.len() >= MOST && (severity != Severity::Error || self.has_errors()) {
            self.more += 1;
            self.spilled = found;
            return &mut self.spilled;
        }
        self.found.push(found);
        let last = self.found.len() - 1;
        &mut self.found[last]
    }

    /// Returns `did you mean …?` for the name that is nearest to `text`.
    pub fn guess<'a>(&self, text: &str, names: impl IntoIterator<Item = &'a str>) -> Option<String> {
        let patient = self.found.len() < MOST_GUESSES;
        patient.then(|| nearest_name(text, names)).flatten().map(|name| format!("did you mean `{name}`?"))
    }

    /// Tells whether nothing was said about this very place.
    pub fn has_nothing_at(&self, place: Option<Location>) -> bool {
        place.is_none() || !self.found.iter().any(|found| found.location == place)
    }

    /// Tells whether anything in it forbids going on.
    pub fn has_errors(&self) -> bool {
        self.found.iter().any(|found| found.severity == Severity::Error)
    }

    /// Returns the findings in the order of their places, those without a place last.
    pub fn into_found(mut self) -> Vec<Diagnostic> {
        let key = |found: &Diagnostic| (found.location.is_none(), found.location, found.severity);
        self.found
            .sort_by(|one, other| key(one).cmp(&key(other)).then_with(|| one.message.cmp(&other.message)));
        // What is wrong with a task is wrong in each graph that has it.
        self.found.dedup();
        if self.more > 0 {
            let message = format!("{} more findings are not listed", self.more);
            self.found.push(Diagnostic::new(Severity::Note, message).at(self.path, None));
        }
        self.found
    }
}
