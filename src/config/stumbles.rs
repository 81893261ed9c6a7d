//! What keeps a text from being YAML at all, in words for someone who writes YAML now and then.

use serde_yaml::granit_parser::{ErrorKind, ScanError};

use super::report::Report;
use super::yaml::{DEEPEST, location};

/// Reports a file that says nothing.
pub(super) fn empty(report: &mut Report) {
    report.error(None, "the file is empty; it needs `graphs:` and `tasks:`").hint =
        Some("run `kptn init` in an empty folder to see a small working project".into());
}

/// Returns the bytes as text; else says at which line and byte they stop being UTF-8.
pub(super) fn utf8<'a>(bytes: &'a [u8], report: &mut Report) -> Option<&'a str> {
    let error = match std::str::from_utf8(bytes) {
        Ok(text) => return Some(text.strip_prefix('\u{feff}').unwrap_or(text)),
        Err(error) => error,
    };
    let before = &bytes[..error.valid_up_to()];
    let line_start = before.iter().rposition(|b| *b == b'\n').map_or(0, |at| at + 1);
    let line = before.iter().filter(|b| **b == b'\n').count() + 1;
    let column = String::from_utf8_lossy(&before[line_start..]).chars().count() + 1;
    let place = location(line, column, 1);
    let message = format!("byte {} (0x{:02x}) is not UTF-8", before.len() + 1, bytes[before.len()]);
    let utf16 = bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]);
    let encoding = if utf16 { "utf-16" } else { "latin1" };
    report.error(Some(place), message).hint =
        Some(format!("save the file as UTF-8, perhaps with `iconv -f {encoding} -t utf-8`"));
    None
}

/// Says what the parser stumbled over, in words for someone who writes YAML now and then.
pub(super) fn syntax_error(error: &ScanError, text: &str, report: &mut Report) {
    let marker = error.marker();
    let place = location(marker.line(), marker.col() + 1, 0);
    let line = text.lines().nth(marker.line().saturating_sub(1)).unwrap_or_default();
    let indentation = &line[..line.len() - line.trim_start().len()];
    if let Some(column) = indentation.chars().position(|c| c == '\t') {
        let place = location(marker.line(), column + 1, 1);
        report.error(Some(place), "a tab in the indentation").hint =
            Some("YAML is indented with spaces; replace the tab".into());
        return;
    }
    let quotes = "a text that holds `: ` or ` #`, or begins with a sign such as `%` or `@`, needs quotes";
    let (message, hint) = match error.kind() {
        ErrorKind::RecursionLimitExceeded => (too_deep(), None),
        ErrorKind::UnknownAnchor => {
            ("an alias (`*name`) without its anchor (`&name`) before it".to_owned(), None)
        }
        ErrorKind::ExpectedBlockMappingKey
        | ErrorKind::InvalidIndentation
        | ErrorKind::ExpectedBlockSequenceEntry => (
            "this line is not indented like those it belongs to".to_owned(),
            Some("entries of one mapping or list begin in the same column"),
        ),
        ErrorKind::UnclosedQuotedScalar => ("a quote without its end".to_owned(), None),
        ErrorKind::InvalidColonPlacement => (
            "a `:` where a list or a text goes on".to_owned(),
            Some("a `[`, a `{` or a quote above it may have no end"),
        ),
        ErrorKind::UnexpectedCharacter { .. } if is_binary(line) => (said(error), None),
        ErrorKind::MappingValueNotAllowed | ErrorKind::UnexpectedCharacter { .. } => {
            (said(error), Some(quotes))
        }
        _ => (said(error), None),
    };
    report.error(Some(place), message).hint = hint.map(str::to_owned);
}

fn is_binary(line: &str) -> bool {
    line.chars().any(|c| c.is_control() && c != '\t')
}

pub(super) fn too_deep() -> String {
    format!("lists and mappings nested more than {DEEPEST} deep")
}

/// Returns the parser's own words as a fragment.
fn said(error: &ScanError) -> String {
    let message = error.info();
    let mut letters = message.trim_end_matches('.').chars();
    let first = letters.next().map(|first| first.to_lowercase().chain(letters).collect::<String>());
    format!("this is no valid YAML: {}", first.unwrap_or_default())
}
