//! Writes a run's events to its folder, one JSON line each, as they happen.
//!
//! A convenience for looking back: nothing is decided by it, and a disk that is
//! full does not stop a run on its account.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use crate::model::Event;
use crate::task::Listener;

/// The file of a run's events.
pub struct EventLog(Mutex<Option<File>>);

impl EventLog {
    /// Opens the file for appending. Events are a convenience: one that cannot be written is done without.
    pub fn open(path: &Path) -> Self {
        let folder = path.parent().unwrap_or(path);
        let file = std::fs::create_dir_all(folder)
            .and_then(|()| File::options().create(true).append(true).open(path));
        Self(Mutex::new(file.ok()))
    }
}

impl Listener for EventLog {
    fn hear(&self, event: &Event) {
        // Lines of tasks are in their logs already.
        if matches!(event, Event::Line { .. }) {
            return;
        }
        let mut file = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (Some(open), Ok(mut line)) = (file.as_mut(), serde_json::to_vec(event)) else { return };
        line.push(b'\n');
        if open.write_all(&line).is_err() {
            *file = None;
        }
    }
}
