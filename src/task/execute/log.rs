//! One attempt's part of a log file: written by the task itself, bounded by us.
//!
//! The task's output goes straight to the file (opened for appending), so no
//! pipe can fill up, block it, or stay open in an orphan. While it runs we look
//! at the length now and then. What exceeds the bound is cut out in the middle:
//!
//! ```text
//! |<- before ->|<- head 8 MiB ->|<- new lines ... ->|
//!                               ^ cut back to here, the last 8 MiB kept aside
//! at the end:  head | [kptn: 981 MiB left out] | the last 8 MiB
//! ```
//!
//! What is printed in the instant between reading and cutting is left out too.
//! A program that opens `/dev/stderr` by name, as `echo x > /dev/stderr` in a
//! shell does, empties the file, as it does wherever output goes to a file.

use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use super::{LineSink, SHOWN_LINES};
use crate::process::ProcessError;

const MIB: u64 = 1024 * 1024;
/// How much of its end is read again, for the lines that a failure shows.
const TAIL_BYTES: u64 = 64 * 1024;
/// No more is passed on at a time than this to those who watch.
const STREAM_BYTES: u64 = MIB;

/// How often what was printed meanwhile is read, too, before a log is cut.
const CUTS: u32 = 32;

/// How much of one attempt's lines is kept.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// From the start, in bytes.
    pub head: u64,
    /// From the end, in bytes.
    pub tail: u64,
}

impl Default for Bounds {
    fn default() -> Self {
        Self { head: 8 * MIB, tail: 8 * MIB }
    }
}

/// A log file, and the part of it that one attempt writes.
pub struct Log {
    path: PathBuf,
    /// Where its lines go in the end.
    moves_to: Option<PathBuf>,
    file: File,
    start: u64,
    bounds: Bounds,
    /// The last bytes before the latest cut.
    kept: Vec<u8>,
    /// Bytes cut out so far, `kept` among them.
    cut: u64,
    streamed: u64,
    partial: Vec<u8>,
    lines: Option<LineSink>,
}

impl Log {
    /// Opens a log for appending, making its folder where that is absent.
    pub fn open(path: &Path, bounds: Bounds, lines: Option<LineSink>) -> Result<Self, ProcessError> {
        let failed = |source| ProcessError::Io { path: path.to_owned(), source };
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).map_err(failed)?;
        }
        let file = File::options().read(true).append(true).create(true).open(path).map_err(failed)?;
        let start = file.metadata().map_err(failed)?.len();
        Ok(Self {
            path: path.to_owned(),
            moves_to: None,
            file,
            start,
            bounds,
            kept: Vec::new(),
            cut: 0,
            streamed: start,
            partial: Vec::new(),
            lines,
        })
    }

    /// Takes a file with what one attempt printed so far for a log whose lines are added to `path` at the end.
    #[cfg(target_os = "linux")]
    pub fn open_apart(
        file: &Path,
        path: &Path,
        bounds: Bounds,
        lines: Option<LineSink>,
    ) -> Result<Self, ProcessError> {
        let log = Self::open(file, bounds, lines)?;
        Ok(Self { moves_to: Some(path.to_owned()), start: 0, streamed: 0, ..log })
    }

    /// Returns the file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Begins the part of the next attempt, where the last one's ended.
    pub fn begin_part(&mut self, lines: Option<LineSink>) {
        self.streamed = self.start;
        self.lines = lines;
        self.kept.clear();
        self.cut = 0;
    }

    /// Returns a second handle, for the task to write to.
    pub fn writer(&self) -> Result<File, ProcessError> {
        self.file.try_clone().map_err(|source| ProcessError::Io { path: self.path.clone(), source })
    }

    /// Adds a line of kptn's own.
    pub fn say(&mut self, line: &str) {
        // A log that cannot be written is not worth failing a task that can.
        let _ = writeln!(self.file, "[kptn: {line}]");
    }

    /// Looks at what was added: passes it on to who watches, cuts where it is too much.
    pub fn look(&mut self) {
        let _ = self.pass_on();
        let _ = self.cut_back();
    }

    /// Ends it, when nobody writes any more. Returns its last lines, the place of its bytes in
    /// the file, and how many bytes were left out.
    pub fn finish(mut self) -> (Vec<String>, (u64, u64), u64) {
        self.end_part(None)
    }

    /// Ends the part of one attempt, as [`Log::finish`] does; the next begins there.
    ///
    /// `told` is where the writer says that it ends, with nothing in it where it wrote nothing; the next
    /// attempt may write already. Without it the part goes to the end of the file.
    pub fn end_part(&mut self, told: Option<Option<u64>>) -> (Vec<String>, (u64, u64), u64) {
        if told == Some(None) && self.cut == 0 {
            return (Vec::new(), (self.start, 0), 0);
        }
        let _ = self.pass_on();
        self.flush_partial();
        if self.length() < self.start {
            self.start = 0;
        }
        let left_out = self.put_together(told.flatten()).unwrap_or(0);
        let told = told.flatten().filter(|_| self.cut == 0 && left_out == 0);
        let start = self.start;
        let end = told.unwrap_or_else(|| self.length()).max(start);
        let lines = self.tail(end).unwrap_or_default();
        let range = match self.moves_to.take() {
            Some(path) => self.move_to(&path).unwrap_or_default(),
            None => (start, end - start),
        };
        self.start = end;
        (lines, range, left_out)
    }

    /// Adds all that is there to another log; returns its place in that.
    fn move_to(&mut self, path: &Path) -> io::Result<(u64, u64)> {
        let mut to = File::options().append(true).create(true).open(path)?;
        let start = to.metadata()?.len();
        self.file.seek(SeekFrom::Start(self.start))?;
        Ok((start, io::copy(&mut self.file, &mut to)?))
    }

    fn length(&self) -> u64 {
        self.file.metadata().map_or(self.start, |data| data.len())
    }

    fn read(&mut self, from: u64, most: u64) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        self.file.seek(SeekFrom::Start(from))?;
        (&self.file).take(most).read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    /// Where cutting leaves off: the end of the head.
    fn head_end(&self) -> u64 {
        self.start + self.bounds.head
    }

    fn cut_back(&mut self) -> io::Result<()> {
        let mut length = self.length();
        let Bounds { tail, .. } = self.bounds;
        if length <= self.head_end() + 2 * tail {
            return Ok(());
        }
        self.kept = self.read(length - tail, tail)?;
        for _ in 0..CUTS {
            // Each time less, so the last of it comes soon before the cut.
            let news = self.read(length, self.length().saturating_sub(length))?;
            if news.is_empty() {
                break;
            }
            length += news.len() as u64;
            self.kept.extend(news);
            self.kept.drain(..self.kept.len().saturating_sub(tail as usize));
        }
        self.file.set_len(self.head_end())?;
        self.cut += length - self.head_end();
        self.streamed = self.head_end();
        Ok(())
    }

    /// Puts head and tail together, with a line between them that says what is missing.
    fn put_together(&mut self, told: Option<u64>) -> io::Result<u64> {
        let length = if self.cut == 0 { told.unwrap_or_else(|| self.length()) } else { self.length() };
        let rest = length.saturating_sub(self.head_end());
        if self.cut == 0 && rest <= self.bounds.tail {
            return Ok(0);
        }
        let last = self.read(length - rest.min(self.bounds.tail), self.bounds.tail)?;
        let missing = (self.bounds.tail as usize).saturating_sub(last.len()).min(self.kept.len());
        let mut tail = self.kept.split_off(self.kept.len() - missing);
        tail.extend_from_slice(&last);
        let left_out = (self.cut + rest).saturating_sub(tail.len() as u64);
        self.file.set_len(self.head_end())?;
        if left_out > 0 {
            writeln!(self.file, "\n[kptn: {} left out]", size(left_out))?;
        }
        self.file.write_all(&tail)?;
        Ok(left_out)
    }

    fn tail(&mut self, end: u64) -> io::Result<Vec<String>> {
        let from = self.start.max(end.saturating_sub(TAIL_BYTES));
        Ok(lines_of(&self.read(from, end - from)?, from > self.start))
    }

    fn pass_on(&mut self) -> io::Result<()> {
        if self.lines.is_none() {
            return Ok(());
        }
        loop {
            let length = self.length();
            // Someone opened the file anew and emptied it (`> /dev/stderr` does).
            self.streamed = self.streamed.min(length);
            let bytes = self.read(self.streamed, STREAM_BYTES)?;
            if bytes.is_empty() {
                return Ok(());
            }
            self.streamed += bytes.len() as u64;
            let mut rest = &bytes[..];
            while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
                self.partial.extend_from_slice(&rest[..end]);
                self.flush_partial();
                rest = &rest[end + 1..];
            }
            self.partial.extend_from_slice(rest);
            if self.partial.len() as u64 > TAIL_BYTES {
                self.flush_partial();
            }
            if length.saturating_sub(self.streamed) > self.bounds.tail {
                // Nobody reads this much: go on with what is printed next.
                self.flush_partial();
                self.streamed = length;
                return Ok(());
            }
        }
    }

    fn flush_partial(&mut self) {
        let Some(lines) = &self.lines else { return };
        if !self.partial.is_empty() {
            lines(&shown(&String::from_utf8_lossy(&self.partial)));
            self.partial.clear();
        }
    }
}

/// Returns the last lines of a part of a log that an attempt wrote before; none where they cannot be read.
pub fn last_lines(path: &Path, (offset, length): (u64, u64)) -> Vec<String> {
    let skipped = length.saturating_sub(TAIL_BYTES);
    let mut bytes = Vec::new();
    let read = File::open(path).and_then(|mut file| {
        file.seek(SeekFrom::Start(offset.saturating_add(skipped)))?;
        file.take(length - skipped).read_to_end(&mut bytes)
    });
    let mut lines = if read.is_ok() { lines_of(&bytes, skipped > 0) } else { Vec::new() };
    lines.drain(..lines.len().saturating_sub(SHOWN_LINES));
    lines
}

/// Returns the lines of the end of a log; one that began before what was read is not shown in half.
fn lines_of(bytes: &[u8], is_cut: bool) -> Vec<String> {
    let text = String::from_utf8_lossy(bytes);
    let lines: Vec<&str> = text.trim_end().lines().collect();
    let skip = usize::from(is_cut && lines.len() > 1);
    lines[skip..].iter().map(|line| shown(line)).collect()
}

/// A line as it would be seen: after the last carriage return, and not endless.
fn shown(line: &str) -> String {
    let line = line.trim_end_matches('\r');
    let line = line.rsplit('\r').next().unwrap_or(line);
    if line.chars().nth(1000).is_some() {
        line.chars().take(1000).chain(['…']).collect()
    } else {
        line.to_owned()
    }
}

/// Returns a size for people: `981 MiB`.
pub(super) fn size(bytes: u64) -> String {
    match bytes {
        0..1024 => format!("{bytes} bytes"),
        1024..MIB => format!("{} KiB", bytes / 1024),
        _ => format!("{} MiB", bytes / MIB),
    }
}
