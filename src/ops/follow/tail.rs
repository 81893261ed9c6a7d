//! The events of a run as they are written by others.
//!
//! A line counts once it has its end. The file may not be there yet.

use std::fs::File;
use std::io::Read;
use std::path::PathBuf;

use super::merge::Merge;
use crate::model::{Event, RunPlan};

/// Reads a run's log of events while it grows.
pub struct Tail {
    path: PathBuf,
    file: Option<File>,
    /// What was read and has no end yet.
    rest: Vec<u8>,
    /// Puts lines together.
    pub merge: Merge,
    /// Whether the run's end was read.
    pub is_over: bool,
}

impl Tail {
    /// Begins before the first event.
    pub fn new(path: PathBuf, plan: &RunPlan) -> Self {
        Self { path, file: None, rest: Vec::new(), merge: Merge::new(plan), is_over: false }
    }

    /// Returns what there is to tell since the last call. What cannot be read is not told.
    pub fn news(&mut self) -> Vec<Event> {
        if self.file.is_none() {
            self.file = File::open(&self.path).ok();
        }
        let Some(file) = &mut self.file else { return Vec::new() };
        // An error comes after what could be read; the next call tries again.
        let _ = file.read_to_end(&mut self.rest);
        let Some(end) = self.rest.iter().rposition(|byte| *byte == b'\n') else { return Vec::new() };
        let lines: Vec<u8> = self.rest.drain(..=end).collect();
        let logged = lines.split(|byte| *byte == b'\n').filter_map(|line| serde_json::from_slice(line).ok());
        let events: Vec<Event> = logged.flat_map(|logged| self.merge.hear(logged)).collect();
        self.is_over |= events.iter().any(|event| matches!(event, Event::RunFinished { .. }));
        events
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn a_line_is_told_once_it_is_whole() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("events");
        let mut tail = Tail {
            path: path.clone(),
            file: None,
            rest: Vec::new(),
            merge: Merge::default(),
            is_over: false,
        };
        assert_eq!(tail.news(), []);
        let mut file = File::create(&path).unwrap();
        file.write_all(b"{\"event\":\"note\",\"task\":null,").unwrap();
        assert_eq!(tail.news(), []);
        file.write_all(b"\"message\":\"a\"}\nnot JSON\n").unwrap();
        assert_eq!(tail.news(), [Event::Note { task: None, message: "a".into() }]);
        assert_eq!(tail.news(), []);
    }
}
