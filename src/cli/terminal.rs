//! What is known about the terminal: whether there is one, and how large it is.
//!
//! Asked only at the edge (`printer.rs`, `live/`); everything else is told a width.

use std::io::{BufRead, IsTerminal, Write};

/// The width that is assumed where there is no terminal.
pub const WIDTH: usize = 80;

/// Tells whether people watch standard error.
pub fn stderr_is_terminal() -> bool {
    std::io::stderr().is_terminal()
}

/// Tells whether people watch standard output.
pub fn stdout_is_terminal() -> bool {
    std::io::stdout().is_terminal()
}

/// Tells whether a person can be asked.
pub fn stdin_is_terminal() -> bool {
    std::io::stdin().is_terminal()
}

/// Asks a question on standard error; what is not `y` or `yes` is no.
pub fn confirm(question: &str) -> bool {
    let mut out = std::io::stderr();
    if write!(out, "{question} [y/N] ").and_then(|()| out.flush()).is_err() {
        return false;
    }
    let mut answer = String::new();
    let read = std::io::stdin().lock().read_line(&mut answer);
    read.is_ok() && matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes")
}

/// Asks a question on standard error and returns the answer, trimmed and in small letters; absent where there is none,
/// or where `again` says that Ctrl-C was pressed instead.
pub fn answer(question: &str, again: &mut dyn FnMut() -> bool) -> Option<String> {
    let mut out = std::io::stderr();
    write!(out, "{question}").and_then(|()| out.flush()).ok()?;
    let (send, receive) = std::sync::mpsc::channel();
    let read = move || {
        let mut answer = String::new();
        let read = std::io::stdin().lock().read_line(&mut answer);
        // Nobody waits for it any more, where Ctrl-C was faster.
        drop(send.send(read.is_ok_and(|bytes| bytes > 0).then_some(answer)));
    };
    std::thread::Builder::new().name("answer".to_owned()).spawn(read).ok()?;
    loop {
        match receive.try_recv() {
            Ok(answer) => return answer.map(|text| text.trim().to_lowercase()),
            Err(std::sync::mpsc::TryRecvError::Disconnected) => return None,
            Err(std::sync::mpsc::TryRecvError::Empty) if again() => return None,
            Err(std::sync::mpsc::TryRecvError::Empty) => {}
        }
    }
}

/// Asks for a text on standard error; absent where none comes.
pub fn typed(question: &str) -> Option<String> {
    let mut out = std::io::stderr();
    write!(out, "{question} ").and_then(|()| out.flush()).ok()?;
    let mut answer = String::new();
    std::io::stdin().lock().read_line(&mut answer).ok()?;
    Some(answer.trim().to_owned())
}

/// Returns columns and rows: of the terminal on standard error or output, else
/// of `COLUMNS`, else 80 by 24.
pub fn size() -> (usize, usize) {
    asked()
        .or_else(|| Some((std::env::var("COLUMNS").ok()?.parse().ok()?, 24)))
        .filter(|(columns, _)| *columns > 0)
        .unwrap_or((WIDTH, 24))
}

#[cfg(unix)]
fn asked() -> Option<(usize, usize)> {
    let of = |size: rustix::termios::Winsize| (usize::from(size.ws_col), usize::from(size.ws_row));
    rustix::termios::tcgetwinsize(std::io::stderr())
        .or_else(|_| rustix::termios::tcgetwinsize(std::io::stdout()))
        .ok()
        .map(of)
        .filter(|(columns, _)| *columns > 0)
}

/// Windows: `COLUMNS` or 80; the live display asks `indicatif` for itself.
#[cfg(not(unix))]
fn asked() -> Option<(usize, usize)> {
    None
}
