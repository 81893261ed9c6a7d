//! Colours by meaning, not by name.
//!
//! Everything is painted as if the terminal could show it; `printer.rs` takes
//! the colours out where they are not wanted. So nothing else has to ask, and
//! no text may say by colour alone what it does not say in words.

use owo_colors::{OwoColorize, Style};

use super::width::strip;
use crate::model::{Severity, Status, TaskOutcome};

/// What a piece of text means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Tone {
    /// Ordinary text.
    #[default]
    Plain,
    /// It went well, or needs nothing.
    Good,
    /// It failed.
    Bad,
    /// It needs a look.
    Warn,
    /// The thing that is spoken of.
    Strong,
    /// Beside the point.
    Dim,
    /// A hint or a place.
    Hint,
}

impl Tone {
    fn style(self) -> Style {
        let style = Style::new();
        match self {
            Self::Plain => style,
            Self::Good => style.green(),
            Self::Bad => style.red().bold(),
            Self::Warn => style.yellow(),
            Self::Strong => style.bold(),
            Self::Dim => style.dimmed(),
            Self::Hint => style.cyan(),
        }
    }

    /// Returns `text` in this tone.
    pub fn paint(self, text: impl AsRef<str>) -> String {
        match self {
            Self::Plain => text.as_ref().to_owned(),
            tone => text.as_ref().style(tone.style()).to_string(),
        }
    }
}

impl From<Status> for Tone {
    fn from(status: Status) -> Self {
        match status {
            Status::Fresh => Self::Good,
            Status::Stale | Status::Maybe => Self::Warn,
            Status::Failed => Self::Bad,
        }
    }
}

impl From<TaskOutcome> for Tone {
    fn from(outcome: TaskOutcome) -> Self {
        match outcome {
            TaskOutcome::Ran | TaskOutcome::Spared | TaskOutcome::Reused => Self::Good,
            TaskOutcome::Failed => Self::Bad,
            TaskOutcome::Skipped => Self::Warn,
        }
    }
}

impl From<Severity> for Tone {
    fn from(severity: Severity) -> Self {
        match severity {
            Severity::Error => Self::Bad,
            Severity::Warning => Self::Warn,
            Severity::Note => Self::Hint,
        }
    }
}

/// Returns what a task printed without anything that could move the cursor,
/// ring or recolour the terminal: escape sequences and control characters go, tabs become spaces.
pub fn harmless(text: &str) -> String {
    strip(text)
        .chars()
        .filter_map(|c| if c == '\t' { Some(' ') } else { (!c.is_control()).then_some(c) })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_task_prints_cannot_touch_the_terminal() {
        assert_eq!(harmless("\x1b[31mred\x1b[0m\x07 \x1b]0;title\x07done\r"), "red done");
        assert_eq!(harmless("a\tb"), "a b");
    }

    #[test]
    fn plain_text_is_left_alone() {
        assert_eq!(Tone::Plain.paint("x"), "x");
        assert_eq!(strip(&Tone::Bad.paint("x")), "x");
    }
}
