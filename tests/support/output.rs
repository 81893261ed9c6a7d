//! What one call of the binary gave back, with assertions that show all of it when they fail.

use serde_json::Value;

/// Exit code, data and messages of one call.
#[derive(Debug, Clone)]
pub struct Output {
    /// The words it was called with, for the assertions' messages.
    pub command: String,
    /// The exit code; absent where a signal ended it.
    pub code: Option<i32>,
    /// Its data, as printed.
    pub stdout: String,
    /// Its messages, as printed.
    pub stderr: String,
    /// Its messages, masked for snapshots.
    pub messages: String,
    /// Its data, masked for snapshots.
    pub data: String,
}

impl Output {
    /// Asserts the exit code.
    #[track_caller]
    pub fn exits(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "exit code of {}", self.whole());
        self
    }

    /// Asserts exit code 0.
    #[track_caller]
    pub fn succeeds(self) -> Self {
        self.exits(0)
    }

    /// Asserts that the messages contain a text.
    #[track_caller]
    pub fn says(self, text: &str) -> Self {
        assert!(self.stderr.contains(text), "no `{text}` in the messages of {}", self.whole());
        self
    }

    /// Asserts that neither messages nor data contain a text.
    #[track_caller]
    pub fn never_says(self, text: &str) -> Self {
        let found = self.stderr.contains(text) || self.stdout.contains(text);
        assert!(!found, "unwanted `{text}` in {}", self.whole());
        self
    }

    /// Asserts that the data contains a text.
    #[track_caller]
    pub fn prints(self, text: &str) -> Self {
        assert!(self.stdout.contains(text), "no `{text}` in the data of {}", self.whole());
        self
    }

    /// Returns the data as JSON.
    #[track_caller]
    pub fn json(&self) -> Value {
        match serde_json::from_str(&self.stdout) {
            Ok(value) => value,
            Err(error) => panic!("no JSON ({error}) from {}", self.whole()),
        }
    }

    /// Returns the data as JSON lines.
    #[track_caller]
    pub fn json_lines(&self) -> Vec<Value> {
        let parse = |line: &str| match serde_json::from_str(line) {
            Ok(value) => value,
            Err(error) => panic!("no JSON line `{line}` ({error}) from {}", self.whole()),
        };
        self.stdout.lines().map(parse).collect()
    }

    /// Returns everything, for people.
    pub fn whole(&self) -> String {
        format!(
            "`{}` (exit {:?})\n--- stdout\n{}\n--- stderr\n{}",
            self.command, self.code, self.stdout, self.stderr
        )
    }
}
