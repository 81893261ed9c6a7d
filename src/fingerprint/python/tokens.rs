//! What counts of a piece of Python: its structure and its words.
//!
//! Comments, blank lines, line breaks, kinds of quotes, trailing commas and
//! needless parentheses do not count, as a formatter may change all of these.
//! The tree carries the structure, so parentheses that matter still show.

use tree_sitter::Node;

use crate::fingerprint::syntax::{
    Below, TokenWriter, Visitor, children, text_of, walk, without_quote_escapes,
};
use crate::model::Digest;

/// Brackets before whose end a comma means nothing.
const TRAILING_COMMA: [&str; 11] = [
    "argument_list",
    "parameters",
    "list",
    "dictionary",
    "set",
    "tuple",
    "tuple_pattern",
    "list_pattern",
    "type_parameter",
    "with_clause",
    "import_from_statement",
];

/// Returns the digest of what counts of `node`.
pub(super) fn digest(node: Node<'_>, text: &str) -> Digest {
    let writer = TokenWriter::new(text, node.start_byte(), &['\\']);
    let mut tokens = Tokens { text, writer, comma: false };
    walk(node, &mut tokens);
    tokens.flush_comma();
    Digest::of(&tokens.writer.finish())
}

struct Tokens<'s> {
    text: &'s str,
    writer: TokenWriter<'s>,
    /// A comma was read that counts unless a closing bracket follows.
    comma: bool,
}

impl Tokens<'_> {
    fn flush_comma(&mut self) {
        if std::mem::take(&mut self.comma) {
            self.writer.word(",");
        }
    }
}

impl<'t> Visitor<'t> for Tokens<'_> {
    fn enter(&mut self, node: Node<'t>, _field: Option<&'t str>, parents: &[Node<'t>]) -> Below {
        let parent = parents.last().map_or("", |parent| parent.kind());
        let kind = node.kind();
        if matches!(kind, ")" | "]" | "}") && TRAILING_COMMA.contains(&parent) && !is_tuple_of_one(parents) {
            self.comma = false;
        }
        if is_meaningless(kind, parent) || is_empty_bases(node, parent) {
            self.writer.skip(node);
            return Below::Skip;
        }
        if kind == "," {
            self.flush_comma();
            self.writer.skip(node);
            self.comma = true;
            return Below::Skip;
        }
        self.flush_comma();
        match kind {
            "parenthesized_expression" if !is_annotated_target(node, parents) => return Below::Enter,
            "(" | ")" if parent == "parenthesized_expression" && !is_kept_parenthesis(parents) => {
                self.writer.skip(node);
                return Below::Skip;
            }
            "string_start" => self.writer.leaf(node, &string_kind(text_of(node, self.text))),
            "string_end" => self.writer.leaf(node, ""),
            "string_content" => {
                let content = text_of(node, self.text);
                match parents.last().is_some_and(|string| is_raw(*string, self.text)) {
                    true => self.writer.leaf(node, content),
                    false => self.writer.leaf(node, &without_quote_escapes(content)),
                }
            }
            "integer" | "float" => self.writer.leaf(node, &text_of(node, self.text).to_lowercase()),
            // White space in these is printed.
            "format_specifier" => self.writer.leaf(node, text_of(node, self.text)),
            "interpolation" if children(node).iter().any(|(child, _)| child.kind() == "=") => {
                self.writer.leaf(node, text_of(node, self.text));
            }
            _ if node.child_count() == 0 => self.writer.leaf(node, text_of(node, self.text)),
            _ => {
                self.writer.open(node);
                return Below::Enter;
            }
        }
        Below::Skip
    }

    fn leave(&mut self, node: Node<'t>, _depth: usize) {
        self.flush_comma();
        if node.kind() != "parenthesized_expression" {
            self.writer.close(node);
        }
    }
}

fn is_meaningless(kind: &str, parent: &str) -> bool {
    matches!(kind, "comment" | "line_continuation" | ";")
        || (matches!(kind, "(" | ")") && matches!(parent, "with_clause" | "import_from_statement"))
}

/// `(x,)` takes apart what `(x)` names.
fn is_tuple_of_one(parents: &[Node<'_>]) -> bool {
    parents.last().is_some_and(|parent| parent.kind() == "tuple_pattern" && parent.named_child_count() == 1)
}

/// `class A():` is `class A:`.
fn is_empty_bases(node: Node<'_>, parent: &str) -> bool {
    parent == "class_definition" && node.kind() == "argument_list" && node.named_child_count() == 0
}

/// `(x): int = 1` declares less than `x: int = 1`.
fn is_annotated_target(node: Node<'_>, parents: &[Node<'_>]) -> bool {
    parents.last().is_some_and(|parent| {
        parent.kind() == "assignment"
            && parent.child_by_field_name("type").is_some()
            && parent.start_byte() == node.start_byte()
    })
}

fn is_kept_parenthesis(parents: &[Node<'_>]) -> bool {
    match parents {
        [before @ .., parenthesized] => is_annotated_target(*parenthesized, before),
        [] => false,
    }
}

/// Returns a string's prefix in one spelling: no quotes, no `u`, lower case, sorted.
fn string_kind(start: &str) -> String {
    let mut letters: Vec<char> =
        start.chars().filter(char::is_ascii_alphabetic).map(|c| c.to_ascii_lowercase()).collect();
    letters.retain(|letter| *letter != 'u');
    letters.sort_unstable();
    letters.into_iter().collect()
}

fn is_raw(string: Node<'_>, text: &str) -> bool {
    string.child(0).is_some_and(|start| text_of(start, text).contains(['r', 'R']))
}

#[cfg(test)]
mod tests {
    use crate::fingerprint::python::facts_of;

    fn tokens(source: &str) -> Vec<crate::model::Digest> {
        facts_of(source.as_bytes()).statements.iter().map(|statement| statement.tokens).collect()
    }

    #[test]
    fn what_a_formatter_changes_does_not_count() {
        for (before, after) in [
            ("x = 1", "x=1  # one\n\n"),
            ("x = [1, 2]", "x = [\n    1,\n    2,  # two\n]\n"),
            ("x = {'a': 'b\\'c'}", "x = {\"a\": \"b'c\"}"),
            ("f(a, b)", "f(\n    a,\n    b,\n)"),
            ("x = a and b", "x = (\n    a\n    and b\n)"),
            ("x = a + \\\n    b", "x = a + b"),
            ("def f(a):\n  return a", "def f(\n    a,\n):\n\n    # why\n    return (a)"),
            ("class A():\n  pass", "class A:\n    pass"),
            ("x = 0XFF + 1E5", "x = 0xff + 1e5"),
            ("x = u'a' + F'{b}'", "x = 'a' + f\"{b}\""),
            ("def f():\n  a = 1; b = 2", "def f():\n  a = 1\n  b = 2"),
            ("with a as b, c as d: pass", "with (\n    a as b,\n    c as d,\n):\n    pass"),
        ] {
            assert_eq!(tokens(before), tokens(after), "{before}\n--\n{after}");
        }
    }

    #[test]
    fn what_python_tells_apart_counts() {
        for (one, other) in [
            ("x = 1", "x = 2"),
            ("x = (1)", "x = (1,)"),
            ("x = (a + b) * c", "x = a + b * c"),
            ("x = (a < b) < c", "x = a < b < c"),
            ("x = a[1]", "x = a[1,]"),
            ("x = 'a b'", "x = 'a  b'"),
            ("x = '\\n'", "x = '\\\\n'"),
            ("x = r'\\''", "x = '\\''"),
            ("x = 'a'", "x = b'a'"),
            ("x = '{a}'", "x = f'{a}'"),
            ("x = f'{a=}'", "x = f'{a = }'"),
            ("x = f'{a:>1}'", "x = f'{a: >1}'"),
            ("x = f'{a!r}'", "x = f'{a}'"),
            ("x = 'abc'", "x = 'abd'"),
            ("x = 'a\\'b'", "x = 'a\\\\'"),
            ("def f():\n  if a:\n    b()\n    c()", "def f():\n  if a:\n    b()\n  c()"),
            ("x = a if b else c", "x = c if b else a"),
            ("x = [a, b]", "x = [b, a]"),
            ("def f(*, a): pass", "def f(a): pass"),
            ("x = 1.0", "x = 10"),
            ("(x): int = 1", "x: int = 1"),
            ("(x,) = a", "(x) = a"),
            ("match a:\n  case (x,): b()", "match a:\n  case (x): b()"),
        ] {
            assert_ne!(tokens(one), tokens(other), "{one}\n--\n{other}");
        }
    }
}
