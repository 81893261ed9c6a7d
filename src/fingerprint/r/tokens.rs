//! What counts of a piece of R: its structure and its words.
//!
//! Comments, blank lines, line breaks, `;` and kinds of quotes do not count.

use tree_sitter::Node;

use crate::fingerprint::syntax::{Below, TokenWriter, Visitor, text_of, walk, without_quote_escapes};
use crate::model::Digest;

/// Returns the digest of what counts of `node`.
pub(super) fn digest(node: Node<'_>, text: &str) -> Digest {
    let mut tokens = Tokens { text, writer: TokenWriter::new(text, node.start_byte(), &[';']) };
    walk(node, &mut tokens);
    Digest::of(&tokens.writer.finish())
}

struct Tokens<'s> {
    text: &'s str,
    writer: TokenWriter<'s>,
}

impl<'t> Visitor<'t> for Tokens<'_> {
    fn enter(&mut self, node: Node<'t>, _field: Option<&'t str>, parents: &[Node<'t>]) -> Below {
        match node.kind() {
            "comment" => self.writer.skip(node),
            "string_open" if is_raw(node, self.text) => self.writer.leaf(node, "raw"),
            "string_open" | "string_close" => self.writer.leaf(node, ""),
            "string_content" => {
                let content = text_of(node, self.text);
                let raw = parents.last().and_then(|string| string.child(0));
                match raw.is_some_and(|open| is_raw(open, self.text)) {
                    true => self.writer.leaf(node, content),
                    false => self.writer.leaf(node, &without_quote_escapes(content)),
                }
            }
            // Its suffix alone is a node.
            "integer" | "complex" => self.writer.leaf(node, text_of(node, self.text)),
            _ if node.child_count() == 0 => self.writer.leaf(node, text_of(node, self.text)),
            _ => {
                self.writer.open(node);
                return Below::Enter;
            }
        }
        Below::Skip
    }

    fn leave(&mut self, node: Node<'t>, _depth: usize) {
        self.writer.close(node);
    }
}

fn is_raw(open: Node<'_>, text: &str) -> bool {
    text_of(open, text).starts_with(['r', 'R'])
}

#[cfg(test)]
mod tests {
    use crate::fingerprint::r::facts_of;

    #[test]
    fn what_a_formatter_changes_does_not_count() {
        for (before, after) in [
            ("x <- 1", "x<-1 # one\n\n"),
            ("f(a, 'b')", "f(\n  a,  # the first\n  \"b\"\n)"),
            ("x <- 'it\\'s'", "x <- \"it's\""),
            ("a; b", "a\nb"),
            ("f <- function(x){x}", "f <- function(x) {\n  # x\n  x\n}\n"),
            ("x <- 5L", "x <-\n  5L"),
        ] {
            let digest = |text: &str| facts_of(text.as_bytes()).digest;
            assert_eq!(digest(before), digest(after), "{before}\n--\n{after}");
        }
    }

    #[test]
    fn what_r_tells_apart_counts() {
        for (one, other) in [
            ("x <- 1", "x <- 2"),
            ("x <- 1L", "x <- 2L"),
            ("x <- 1", "x = 1"),
            ("x <- 'a b'", "x <- 'a  b'"),
            ("x <- r\"(\\')\"", "x <- \"\\'\""),
            ("x <- '\\n'", "x <- '\\\\n'"),
            ("(x)", "x"),
            ("x[1]", "x[[1]]"),
            ("x[1, ]", "x[1]"),
            ("a + b * c", "(a + b) * c"),
            ("x$a", "x$b"),
            ("a %in% b", "a %notin% b"),
            ("x <- c(", "x <- c( "),
        ] {
            let digest = |text: &str| facts_of(text.as_bytes()).digest;
            assert_ne!(digest(one), digest(other), "{one}\n--\n{other}");
        }
    }
}
