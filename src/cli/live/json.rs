//! Events as JSON lines: `{"version":1,"event":"task_finished",…}`.
//!
//! One line an event, written at once. The reader may go away: what follows is dropped.

use std::io::Write;
use std::sync::Mutex;

use serde::Serialize;

use crate::model::Event;
use crate::task::Listener;

/// The version of the documents that `--json` prints.
pub const VERSION: u32 = 1;

/// Writes each event as one line.
pub struct JsonLines<W: Write + Send>(Mutex<Option<W>>);

#[derive(Serialize)]
struct Line<'a> {
    version: u32,
    #[serde(flatten)]
    event: &'a Event,
}

impl<W: Write + Send> JsonLines<W> {
    /// Writes to `writer`.
    pub fn new(writer: W) -> Self {
        Self(Mutex::new(Some(writer)))
    }

    fn write(&self, event: &Event) {
        let Ok(mut writer) = self.0.lock() else { return };
        let Some(open) = writer.as_mut() else { return };
        let Ok(mut line) = serde_json::to_vec(&Line { version: VERSION, event }) else { return };
        line.push(b'\n');
        if open.write_all(&line).and_then(|()| open.flush()).is_err() {
            *writer = None;
        }
    }
}

impl<W: Write + Send> Listener for JsonLines<W> {
    fn hear(&self, event: &Event) {
        self.write(event);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_one_versioned_line() {
        let mut out = Vec::new();
        let lines = JsonLines::new(&mut out);
        lines.hear(&Event::Note { task: None, message: "two\nlines".into() });
        insta::assert_snapshot!(String::from_utf8_lossy(&out), @r#"{"version":1,"event":"note","task":null,"message":"two\nlines"}"#);
    }
}
