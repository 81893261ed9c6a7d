//! How wide text is in a terminal, and how it is cut, padded and wrapped.
//!
//! Widths are in terminal cells: a Chinese character takes two, an accent none,
//! a colour code none. Nothing here asks the terminal: the width is given.

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// Returns `text` without its escape sequences.
pub fn strip(text: &str) -> String {
    anstream::adapter::strip_str(text).to_string()
}

/// Returns how many cells `text` takes, colour codes not counted.
pub fn cells(text: &str) -> usize {
    if text.is_ascii() && !text.contains('\x1b') { text.len() } else { strip(text).width() }
}

/// Returns `text`, cut at the end with `…` where it takes more than `width` cells. For text without colours.
pub fn cut(text: &str, width: usize) -> String {
    if cells(text) <= width {
        return text.to_owned();
    }
    let (mut out, mut used) = (String::new(), 0);
    for c in text.chars() {
        let next = c.width().unwrap_or(0);
        if used + next + 1 > width {
            break;
        }
        used += next;
        out.push(c);
    }
    if width > 0 {
        out.push('…');
    }
    out
}

/// Returns `text`, cut at the start with `…` where it is too wide: for paths, whose end says more.
pub fn cut_start(text: &str, width: usize) -> String {
    if cells(text) <= width {
        return text.to_owned();
    }
    let mut kept: Vec<char> = Vec::new();
    let mut used = 0;
    for c in text.chars().rev() {
        let next = c.width().unwrap_or(0);
        if used + next + 1 > width {
            break;
        }
        used += next;
        kept.push(c);
    }
    let dots = if width > 0 { "…" } else { "" };
    dots.chars().chain(kept.into_iter().rev()).collect()
}

/// Returns `text` with spaces after it up to `width` cells.
pub fn pad(text: &str, width: usize) -> String {
    let missing = width.saturating_sub(cells(text));
    format!("{text}{}", " ".repeat(missing))
}

/// Returns `text` with spaces before it up to `width` cells.
pub fn pad_start(text: &str, width: usize) -> String {
    let missing = width.saturating_sub(cells(text));
    format!("{}{text}", " ".repeat(missing))
}

/// Breaks `text` at spaces into lines of at most `width` cells; a longer word
/// gets a line of its own, uncut, so that a path can still be copied.
pub fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines = Vec::new();
    for paragraph in text.split('\n') {
        let mut line = String::new();
        for word in paragraph.split(' ') {
            if !line.is_empty() && cells(&line) + 1 + cells(word) > width {
                lines.push(std::mem::take(&mut line));
            }
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
        lines.push(line);
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wide_characters_and_colours_count_as_they_show() {
        assert_eq!(cells("日本"), 4);
        assert_eq!(cells("e\u{301}"), 1);
        assert_eq!(cells("\x1b[1mab\x1b[0m"), 2);
        assert_eq!(pad("日本", 6), "日本  ");
    }

    #[test]
    fn a_cut_text_never_gets_wider_than_asked() {
        for width in 0..8 {
            for text in ["a日本b", "abcdefghij", "日本日本日本"] {
                assert!(cells(&cut(text, width)) <= width, "{text} {width}");
                assert!(cells(&cut_start(text, width)) <= width, "{text} {width}");
            }
        }
        assert_eq!(cut("abcdef", 4), "abc…");
        assert_eq!(cut_start("abcdef", 4), "…def");
    }

    #[test]
    fn long_words_stay_whole() {
        assert_eq!(wrap("see /a/very/long/path now", 10), ["see", "/a/very/long/path", "now"]);
    }
}
