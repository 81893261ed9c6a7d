//! A run's events in its folder, one JSON line each, as they happen.
//!
//! For looking back, and for who follows a run whose tasks run in processes of
//! an engine: each of them appends to the one file. Nothing is decided by it,
//! and a disk that is full does not stop a run on its account.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use crate::model::{Event, Logged, Teller};
use crate::task::Listener;

/// Whether the lines that tasks print are written down too; their logs have them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TaskLines {
    /// They are: somebody in another process wants to see them.
    Kept,
    /// They are not.
    Dropped,
}

/// The file of a run's events.
pub struct EventLog {
    file: Mutex<Option<File>>,
    teller: Teller,
    lines: TaskLines,
}

impl EventLog {
    /// Opens the file for appending. Events are a convenience: one that cannot be written is done without.
    pub fn open(path: &Path, teller: Teller, lines: TaskLines) -> Self {
        let folder = path.parent().unwrap_or(path);
        let file = std::fs::create_dir_all(folder)
            .and_then(|()| File::options().create(true).append(true).open(path));
        Self { file: Mutex::new(file.ok()), teller, lines }
    }
}

impl Listener for EventLog {
    fn hear(&self, event: &Event) {
        if matches!(event, Event::Line { .. }) && self.lines == TaskLines::Dropped {
            return;
        }
        let logged = Logged { event: event.clone(), teller: self.teller.clone() };
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        let (Some(open), Ok(mut line)) = (file.as_mut(), serde_json::to_vec(&logged)) else { return };
        line.push(b'\n');
        // At once: other processes append to the same file.
        if open.write_all(&line).is_err() {
            *file = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_the_event_with_its_teller_beside_it_and_older_ones_have_none() {
        let event = Event::Note { task: None, message: "x".into() };
        let teller = Teller { bundle: Some("b".into()), tried_again: true };
        let line = serde_json::to_string(&Logged { event: event.clone(), teller }).unwrap();
        assert_eq!(line, r#"{"event":"note","task":null,"message":"x","bundle":"b","tried_again":true}"#);
        let older: Logged = serde_json::from_str(r#"{"event":"note","task":null,"message":"x"}"#).unwrap();
        assert_eq!(older, Logged { event, teller: Teller::default() });
    }
}
