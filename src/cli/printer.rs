//! The only place that prints. Standard output is data, standard error is for people.
//!
//! Text comes in painted; colours are taken out where nobody could see them
//! (`--color`, `NO_COLOR`, `CLICOLOR`, a pipe). A reader that went away is no
//! error: what follows is dropped. A disk that is full is one, and is kept for the end.

use std::io::{self, Write};
use std::sync::Mutex;

use anstream::{AutoStream, ColorChoice};
use serde::Serialize;

use super::error::CommandError;
use super::paint::Tone;
use super::terminal;

/// Whether colours are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum Color {
    /// Where a terminal shows them, and `NO_COLOR` does not forbid them (the default).
    #[default]
    Auto,
    /// Even into a pipe.
    Always,
    /// Nowhere.
    Never,
}

/// How much is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Volume {
    /// Errors alone.
    Quiet,
    /// What one wants to know (the default).
    #[default]
    Normal,
    /// Everything, tasks' own lines too.
    Verbose,
}

/// Prints; shared by all threads.
pub struct Printer {
    out: Mutex<Out>,
    err: Mutex<AutoStream<io::Stderr>>,
    /// How much is said.
    pub volume: Volume,
    /// Whether data is one JSON document.
    pub json: bool,
    color: Color,
}

struct Out {
    /// Whether colours stay in.
    choice: ColorChoice,
    state: OutState,
}

enum OutState {
    Open,
    /// The reader went away.
    Closed,
    Failed(io::Error),
}

impl Printer {
    /// Makes the printer; done once.
    pub fn new(color: Color, volume: Volume, json: bool) -> Self {
        let out = choice(color, &AutoStream::choice(&io::stdout()));
        let err = AutoStream::new(io::stderr(), choice(color, &AutoStream::choice(&io::stderr())));
        let out = Mutex::new(Out { choice: out, state: OutState::Open });
        Self { out, err: Mutex::new(err), volume, json, color }
    }

    /// Prints data, followed by a line's end where it has none.
    pub fn data(&self, text: impl AsRef<str>) {
        let text = text.as_ref();
        self.write_out(|stream| {
            stream.write_all(text.as_bytes())?;
            if text.is_empty() || text.ends_with('\n') { Ok(()) } else { stream.write_all(b"\n") }
        });
    }

    /// Prints bytes as they are: a log, a file. Past the colour filter, which would change them.
    pub fn bytes(&self, bytes: &[u8]) {
        self.write_out(|_| io::stdout().lock().write_all(bytes));
    }

    /// Prints one JSON document.
    pub fn document<T: Serialize>(&self, value: &T) {
        self.write_out(|stream| {
            serde_json::to_writer_pretty(&mut *stream, value)?;
            stream.write_all(b"\n")
        });
    }

    /// Prints one JSON document on one line, as events are printed.
    pub fn line<T: Serialize>(&self, value: &T) {
        self.write_out(|stream| {
            serde_json::to_writer(&mut *stream, value)?;
            stream.write_all(b"\n")
        });
    }

    /// Tells people something, unless they asked for quiet.
    pub fn say(&self, text: impl AsRef<str>) {
        if self.volume > Volume::Quiet && !text.as_ref().is_empty() {
            self.write_err(text.as_ref());
        }
    }

    /// Tells people something even when they asked for quiet: errors and warnings about what is lost.
    pub fn insist(&self, text: impl AsRef<str>) {
        self.write_err(text.as_ref());
    }

    /// Gives people a hint, with a command that can be pasted.
    pub fn hint(&self, text: impl AsRef<str>) {
        self.say(format!("{} {}", Tone::Hint.paint("hint:"), text.as_ref()));
    }

    /// Tells whether the reader of standard output is still there.
    pub fn is_open(&self) -> bool {
        self.out.lock().map(|out| matches!(out.state, OutState::Open)).unwrap_or(false)
    }

    /// Returns how wide data may be: the terminal's width; without one, wide enough to cut nothing.
    pub fn data_width(&self) -> usize {
        if terminal::stdout_is_terminal() { terminal::size().0 } else { PIPE_WIDTH }
    }

    /// Returns how wide text for people may be, by the same rule.
    pub fn width(&self) -> usize {
        if terminal::stderr_is_terminal() { terminal::size().0 } else { PIPE_WIDTH }
    }

    /// Tells whether people see colours on standard error; for displays that draw by themselves.
    pub fn colors_people(&self) -> bool {
        choice(self.color, &AutoStream::choice(&io::stderr())) != ColorChoice::Never
    }

    /// Writes out what is left; tells about output that could not be written.
    pub fn finish(&self) -> Result<(), CommandError> {
        self.write_out(|_| io::stdout().flush());
        let Ok(mut out) = self.out.lock() else { return Ok(()) };
        match std::mem::replace(&mut out.state, OutState::Closed) {
            OutState::Failed(error) => {
                Err(CommandError::environment("cannot write the output").because(&error))
            }
            OutState::Open | OutState::Closed => Ok(()),
        }
    }

    /// Lets `write` put a text together, and prints it in one go: standard output would write line by line.
    fn write_out(&self, write: impl FnOnce(&mut AutoStream<Vec<u8>>) -> io::Result<()>) {
        let Ok(mut out) = self.out.lock() else { return };
        if !matches!(out.state, OutState::Open) {
            return;
        }
        let mut text = AutoStream::new(Vec::new(), out.choice);
        let written = write(&mut text).and_then(|()| io::stdout().lock().write_all(&text.into_inner()));
        if let Err(error) = written {
            let gone = error.kind() == io::ErrorKind::BrokenPipe;
            out.state = if gone { OutState::Closed } else { OutState::Failed(error) };
        }
    }

    fn write_err(&self, text: &str) {
        let Ok(mut err) = self.err.lock() else { return };
        let end = if text.ends_with('\n') { "" } else { "\n" };
        // There is nobody left to tell that this failed.
        let _ = write!(err, "{text}{end}");
    }
}

/// Text in a pipe is never broken for the width of a window that nobody looks at.
const PIPE_WIDTH: usize = 1000;

fn choice(color: Color, found: &ColorChoice) -> ColorChoice {
    match color {
        Color::Auto => *found,
        Color::Always => ColorChoice::Always,
        Color::Never => ColorChoice::Never,
    }
}
