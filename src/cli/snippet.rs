//! Findings about the user's files, with the line shown and the place underlined.
//!
//! ```text
//! error: unknown dependency `Bb`
//!   --> kptn.yaml:7:12
//!    |
//!  7 |     B: [A, Bb]
//!    |            ^^
//! hint: did you mean `B`?
//! ```
//!
//! The file is read only here, and only where a place is known. A line that is
//! too long is cut round the place; tabs become spaces, wide characters count twice.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use unicode_width::UnicodeWidthChar;

use super::paint::Tone;
use super::words;
use crate::model::{Diagnostic, Location, Severity};

/// What it takes to show findings.
pub struct Snippets<'a> {
    /// Paths below it are shown relative to it.
    pub base: &'a Path,
    /// Cells a line may take.
    pub width: usize,
    /// Returns the bytes of a file; absent where it cannot be read.
    pub read: &'a dyn Fn(&Path) -> Option<Vec<u8>>,
}

/// More findings than this help nobody at once.
const MOST: usize = 50;

impl Snippets<'_> {
    /// Returns all findings, one after the other, with an empty line between.
    pub fn all(&self, diagnostics: &[Diagnostic]) -> String {
        let mut lines = LineCache { files: HashMap::new() };
        let shown = diagnostics.iter().take(MOST);
        let mut text: String = shown.map(|found| self.one(found, &mut lines) + "\n").collect();
        if diagnostics.len() > MOST {
            let more = (diagnostics.len() - MOST) as u64;
            text.push_str(&format!("and {}\n\n", words::count(more, "more finding", "more findings")));
        }
        text
    }

    fn one(&self, found: &Diagnostic, lines: &mut LineCache) -> String {
        let head = match found.severity {
            Severity::Error => "error:",
            Severity::Warning => "warning:",
            Severity::Note => "note:",
        };
        let mut text = format!("{} {}\n", Tone::from(found.severity).paint(head), visible(&found.message));
        if let Some(path) = &found.path {
            let shown = path.strip_prefix(self.base).unwrap_or(path).display();
            let place = found.location.map(|at| format!(":{}:{}", at.line, at.column)).unwrap_or_default();
            text.push_str(&format!("{} {shown}{place}\n", Tone::Hint.paint("  -->")));
            if let Some(at) = found.location
                && let Some(line) = lines.get(path, at.line, self.read)
            {
                text.push_str(&self.frame(&line, at, found.severity));
            }
        }
        if let Some(hint) = &found.hint {
            text.push_str(&format!("{} {hint}\n", Tone::Hint.paint("hint:")));
        }
        text
    }

    /// Returns the line with its number, and the underline.
    fn frame(&self, line: &str, at: Location, severity: Severity) -> String {
        let number = at.line.to_string();
        let gutter = " ".repeat(number.len() + 1);
        let room = self.width.saturating_sub(number.len() + 4).max(20);
        let (shown, before, marked) = window(line, at, room);
        let bar = Tone::Hint.paint("|");
        let carets = Tone::from(severity).paint("^".repeat(marked));
        let shown = shown.trim_end();
        format!(
            "{gutter} {bar}\n {} {bar} {shown}\n{gutter} {bar} {}{carets}\n",
            Tone::Hint.paint(&number),
            " ".repeat(before)
        )
    }
}

/// Returns a message in which nothing from a file can move the cursor or ring: control characters are spelled out.
fn visible(message: &str) -> String {
    let shown =
        |c: char| if c.is_control() && c != '\n' { c.escape_default().collect() } else { String::from(c) };
    message.chars().map(shown).collect()
}

/// One character of a line as it is shown.
struct Cell {
    text: String,
    width: usize,
}

fn cells_of(line: &str) -> Vec<Cell> {
    line.chars()
        .map(|c| match c {
            '\t' => Cell { text: "    ".to_owned(), width: 4 },
            c if c.is_control() => Cell { text: "�".to_owned(), width: 1 },
            c => Cell { text: c.to_string(), width: c.width().unwrap_or(0) },
        })
        .collect()
}

/// Returns the part of a line that fits into `room` cells and has the place in
/// it, how many cells stand before the place, and how many it takes.
fn window(line: &str, at: Location, room: usize) -> (String, usize, usize) {
    let cells = cells_of(line);
    let start = (at.column.max(1) as usize - 1).min(cells.len());
    let end = start.saturating_add(at.length as usize).min(cells.len());
    let total: usize = cells.iter().map(|cell| cell.width).sum();
    let (mut from, mut to) = (0, cells.len());
    if total > room {
        // A third of the room before the place, the rest from there on.
        let (mut before, mut after) = (0, 0);
        from = start;
        while from > 0 && before + cells[from - 1].width <= room / 3 {
            from -= 1;
            before += cells[from].width;
        }
        to = start;
        while to < cells.len() && before + after + cells[to].width + 2 <= room {
            after += cells[to].width;
            to += 1;
        }
    }
    let lead = usize::from(from > 0);
    let before: usize = cells[from..start].iter().map(|cell| cell.width).sum();
    let marked: usize = cells[start..end.min(to).max(start)].iter().map(|cell| cell.width).sum();
    let body: String = cells[from..to].iter().map(|cell| cell.text.as_str()).collect();
    let tail = if to < cells.len() { "…" } else { "" };
    (format!("{}{body}{tail}", "…".repeat(lead)), before + lead, marked.max(1))
}

/// Files that were read, so that a hundred findings in one file read it once.
struct LineCache {
    files: HashMap<PathBuf, Option<Vec<u8>>>,
}

impl LineCache {
    fn get(&mut self, path: &Path, line: u32, read: &dyn Fn(&Path) -> Option<Vec<u8>>) -> Option<String> {
        let bytes = self.files.entry(path.to_owned()).or_insert_with(|| read(path)).as_ref()?;
        let line = bytes.split(|byte| *byte == b'\n').nth((line as usize).checked_sub(1)?)?;
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        Some(String::from_utf8_lossy(line).into_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::width::{cells, strip};

    fn show(source: &str, line: u32, column: u32, length: u32, width: usize) -> String {
        let found = Diagnostic::new(Severity::Error, "unknown dependency `Bb`")
            .at("/p/kptn.yaml", Some(Location { line, column, length }))
            .hint("did you mean `B`?");
        let read = |_: &Path| Some(source.as_bytes().to_vec());
        strip(&Snippets { base: Path::new("/p"), width, read: &read }.all(&[found]))
    }

    #[test]
    fn shows_the_line_and_underlines_the_place() {
        insta::assert_snapshot!(show("graphs:\n  G:\n    B: [A, Bb]\n", 3, 12, 2, 80), @r"
        error: unknown dependency `Bb`
          --> kptn.yaml:3:12
           |
         3 |     B: [A, Bb]
           |            ^^
        hint: did you mean `B`?
        ");
    }

    #[test]
    fn tabs_and_wide_characters_keep_the_underline_in_place() {
        insta::assert_snapshot!(show("\t日本: Bb", 1, 6, 2, 80), @r"
        error: unknown dependency `Bb`
          --> kptn.yaml:1:6
           |
         1 |     日本: Bb
           |           ^^
        hint: did you mean `B`?
        ");
    }

    #[test]
    fn a_long_line_is_cut_round_the_place() {
        let line = format!("{}Bb{}", "a ".repeat(500), " c".repeat(500));
        let shown = show(&line, 1, 1001, 2, 60);
        insta::assert_snapshot!(shown, @"
        error: unknown dependency `Bb`
          --> kptn.yaml:1:1001
           |
         1 | …a a a a a a a a a Bb c c c c c c c c c c c c c c c c …
           |                    ^^
        hint: did you mean `B`?
        ");
        assert!(shown.lines().all(|line| cells(line) <= 60));
    }

    #[test]
    fn a_place_outside_the_file_and_a_file_that_is_gone_are_no_panic() {
        for (line, column, length) in [(1, 1, 0), (1, 900, 9), (0, 0, 0), (9, 1, 1), (1, u32::MAX, u32::MAX)]
        {
            assert!(show("a", line, column, length, 0).contains("unknown"));
        }
        let found = Diagnostic::new(Severity::Warning, "x")
            .at("/gone", Some(Location { line: 1, column: 1, length: 1 }));
        let text = Snippets { base: Path::new("/p"), width: 80, read: &|_| None }.all(&[found]);
        assert_eq!(strip(&text), "warning: x\n  --> /gone:1:1\n\n");
    }
}
