//! Tables that stay readable in a narrow window.
//!
//! Every column but the last is as wide as its widest cell, up to a third of
//! the width; a longer cell is not cut (one may want to copy it) but pushes the
//! rest of its row to the next line. The last column is wrapped in the room that
//! is left; where that is too little, it goes below, indented. So do columns for
//! which the window has no room at all.

use super::paint::Tone;
use super::width::{cells, pad, pad_start, wrap};

/// Which way a column leans.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// Text.
    Left,
    /// Numbers.
    Right,
}

/// One cell: text without colours, and what it means.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Cell {
    text: String,
    tone: Tone,
}

impl Cell {
    /// Makes a cell of some tone.
    pub fn new(tone: Tone, text: impl Into<String>) -> Self {
        Self { text: text.into(), tone }
    }
}

impl<T: Into<String>> From<T> for Cell {
    fn from(text: T) -> Self {
        Self::new(Tone::Plain, text)
    }
}

/// Rows of cells under a head.
#[derive(Debug, Clone)]
pub struct Table {
    columns: Vec<(&'static str, Side)>,
    rows: Vec<Vec<Cell>>,
}

/// Between two columns.
const GAP: usize = 2;
/// The last column gets at least so much, or goes below.
const LEAST: usize = 24;
/// How far below it is indented.
const INDENT: usize = 4;

impl Table {
    /// Starts a table; the heads are lowercase words.
    pub fn new(columns: impl IntoIterator<Item = (&'static str, Side)>) -> Self {
        Self { columns: columns.into_iter().collect(), rows: Vec::new() }
    }

    /// Adds a row; cells that are missing are empty.
    pub fn row(&mut self, cells: impl IntoIterator<Item = Cell>) {
        let mut row: Vec<Cell> = cells.into_iter().collect();
        row.resize(self.columns.len(), Cell::default());
        self.rows.push(row);
    }

    /// Returns the table as lines of at most `width` cells where words allow, each with its end.
    pub fn render(&self, width: usize) -> String {
        let Some(last) = self.columns.len().checked_sub(1) else { return String::new() };
        let widths = self.widths(width);
        let before: usize = widths[..last].iter().map(|width| width + GAP).sum();
        let room = width.saturating_sub(before);
        let below = room < LEAST && self.natural(last) > room;
        let head: Vec<Cell> = self.columns.iter().map(|(name, _)| Cell::new(Tone::Dim, *name)).collect();
        let has_head = self.columns.iter().any(|(name, _)| !name.is_empty());
        let mut out = String::new();
        for (at, row) in has_head.then_some(&head).into_iter().chain(&self.rows).enumerate() {
            let is_head = has_head && at == 0;
            self.line(
                &mut out,
                row,
                &widths,
                if below { Place::Below(width) } else { Place::Beside(room) },
                is_head,
            );
        }
        out
    }

    fn natural(&self, column: usize) -> usize {
        let head = cells(self.columns[column].0);
        self.rows.iter().map(|row| cells(&row[column].text)).max().unwrap_or(0).max(head)
    }

    fn widths(&self, width: usize) -> Vec<usize> {
        let most = (width / 3).max(8);
        (0..self.columns.len()).map(|column| self.natural(column).min(most)).collect()
    }

    fn line(&self, out: &mut String, row: &[Cell], widths: &[usize], place: Place, is_head: bool) {
        let last = row.len() - 1;
        let mut line = String::new();
        let (mut used, mut below, mut blank) = (0, 0, true);
        let places = starts(&widths[..last], place);
        for (column, cell) in row[..last].iter().enumerate() {
            let (lines, start) = places[column];
            if used > start || lines > below {
                end_unless(blank, out, &mut line);
                (used, below, blank) = (0, lines, true);
            }
            blank &= cell.text.is_empty();
            line.push_str(&" ".repeat(start - used));
            let padded = match self.columns[column].1 {
                Side::Left => cell.text.clone(),
                Side::Right => pad_start(&cell.text, widths[column]),
            };
            // The gap after a column stays free even where its cell fills it.
            used = start + cells(&padded) + if cell.text.is_empty() { 0 } else { GAP };
            line.push_str(&cell.tone.paint(&padded));
            line.push_str(&" ".repeat(used - start - cells(&padded)));
        }
        let start: usize = widths[..last].iter().map(|width| width + GAP).sum();
        let cell = &row[last];
        let (indent, room) = match place {
            Place::Beside(room) => (start, room),
            // The last column's head stands beside the others where it can.
            Place::Below(width) if is_head && used + cells(&cell.text) <= width => (used, usize::MAX),
            Place::Below(width) => (INDENT, width.saturating_sub(INDENT)),
        };
        if cell.text.is_empty() {
            return end_unless(blank && below > 0, out, &mut line);
        }
        if used > indent || (matches!(place, Place::Below(_)) && indent == INDENT) {
            end_unless(blank && below > 0, out, &mut line);
            used = 0;
        }
        for text in wrap(&cell.text, room.max(1)) {
            line.push_str(&" ".repeat(indent - used));
            let text = match self.columns[last].1 {
                Side::Left => text,
                Side::Right => pad_start(&text, widths[last].min(room)),
            };
            line.push_str(&cell.tone.paint(text));
            end_line(out, &mut line);
            used = 0;
        }
    }
}

/// Returns where each column but the last begins: how many lines below the first, and at which cell.
fn starts(widths: &[usize], place: Place) -> Vec<(usize, usize)> {
    let room = match place {
        Place::Beside(_) => usize::MAX,
        Place::Below(width) => width,
    };
    let (mut lines, mut next) = (0, 0);
    let mut place = |width: &usize| {
        if next > INDENT && next + width > room {
            (lines, next) = (lines + 1, INDENT);
        }
        let start = next;
        next += width + GAP;
        (lines, start)
    };
    widths.iter().map(&mut place).collect()
}

#[derive(Clone, Copy)]
enum Place {
    /// The last column, beside the others, with so much room.
    Beside(usize),
    /// Below them, in a window of so many cells.
    Below(usize),
}

fn end_line(out: &mut String, line: &mut String) {
    out.push_str(line.trim_end_matches(' '));
    out.push('\n');
    line.clear();
}

/// Ends a line; one of a row that has nothing on it is left out.
fn end_unless(blank: bool, out: &mut String, line: &mut String) {
    if blank { line.clear() } else { end_line(out, line) }
}

/// Returns pairs of a name and a text as two columns without a head.
pub fn pairs(rows: &[(String, String)], width: usize) -> String {
    let widest = rows.iter().map(|(name, _)| cells(name)).max().unwrap_or(0);
    let mut out = String::new();
    for (name, text) in rows {
        let lines = wrap(text, width.saturating_sub(widest + GAP).max(LEAST));
        for (at, line) in lines.iter().enumerate() {
            let name = if at == 0 { name.as_str() } else { "" };
            let mut line = format!("{}  {line}", Tone::Dim.paint(pad(name, widest)));
            end_line(&mut out, &mut line);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::width::strip;

    fn states() -> Table {
        let mut table = Table::new([("task", Side::Left), ("status", Side::Left), ("why", Side::Left)]);
        table.row(["clean".into(), Cell::new(Tone::Good, "fresh"), "".into()]);
        table.row([
            "summarise".into(),
            Cell::new(Tone::Warn, "stale"),
            "code changed: helpers.clean, helpers.read; arg year: 2021 -> 2022; R 4.2 -> 4.3".into(),
        ]);
        table.row([
            "a task with a rather long name, longer than a third".into(),
            "maybe".into(),
            "clean is stale".into(),
        ]);
        table
    }

    #[test]
    fn fits_eighty_columns_by_wrapping_the_last() {
        insta::assert_snapshot!(strip(&states().render(80)), @"
        task                        status  why
        clean                       fresh
        summarise                   stale   code changed: helpers.clean, helpers.read;
                                            arg year: 2021 -> 2022; R 4.2 -> 4.3
        a task with a rather long name, longer than a third
                                    maybe   clean is stale
        ");
    }

    #[test]
    fn in_a_narrow_window_the_last_column_goes_below() {
        insta::assert_snapshot!(strip(&states().render(40)), @"
        task           status  why
        clean          fresh
        summarise      stale
            code changed: helpers.clean,
            helpers.read; arg year: 2021 ->
            2022; R 4.2 -> 4.3
        a task with a rather long name, longer than a third
                       maybe
            clean is stale
        ");
    }

    #[test]
    fn columns_for_which_there_is_no_room_go_below() {
        let heads = ["record", "made", "who", "commit", "on"].map(|name| (name, Side::Left));
        let mut table = Table::new(heads);
        table.row(["cb9f42f9a59f", "just now", "ada", "172feee21", "main"].map(Cell::from));
        table.row(["0b9f42f9a59f", "just now", "bob", "", "-"].map(Cell::from));
        insta::assert_snapshot!(strip(&table.render(30)), @"
        record      made      who
            commit  on
        cb9f42f9a59f
                    just now  ada
            172feee21
            main
        0b9f42f9a59f
                    just now  bob
            -
        ");
    }

    #[test]
    fn numbers_lean_right() {
        let mut table = Table::new([("task", Side::Left), ("time", Side::Right), ("size", Side::Right)]);
        table.row(["a".into(), "3.1 s".into(), "12 MB".into()]);
        table.row(["bb".into(), "12 s".into(), "1.2 kB".into()]);
        insta::assert_snapshot!(strip(&table.render(80)), @"
        task   time    size
        a     3.1 s   12 MB
        bb     12 s  1.2 kB
        ");
    }
}
