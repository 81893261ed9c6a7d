//! The text of a script, freed from how an editor or git stored it.
//!
//! A byte order mark and the kind of line ends say nothing about what a script
//! does, so a checkout with CRLF gives the same fingerprints. What is not
//! UTF-8 is no text here: it counts byte by byte.

use std::borrow::Cow;

/// Returns the bytes without a byte order mark and with `\n` as the only line end.
pub(super) fn normalised(bytes: &[u8]) -> Cow<'_, [u8]> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    if !bytes.contains(&b'\r') {
        return Cow::Borrowed(bytes);
    }
    let mut text = Vec::with_capacity(bytes.len());
    let mut rest = bytes.iter().copied().peekable();
    while let Some(byte) = rest.next() {
        if byte != b'\r' {
            text.push(byte);
            continue;
        }
        if rest.peek() == Some(&b'\n') {
            rest.next();
        }
        text.push(b'\n');
    }
    Cow::Owned(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn line_ends_and_a_byte_order_mark_do_not_show() {
        for stored in ["a\nb\n", "a\r\nb\r\n", "a\rb\r", "\u{feff}a\r\nb\n"] {
            assert_eq!(normalised(stored.as_bytes()).as_ref(), b"a\nb\n", "{stored:?}");
        }
        assert_eq!(normalised(b"\r\r\n").as_ref(), b"\n\n");
    }
}
