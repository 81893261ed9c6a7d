//! Parsing and walking source code without ever hanging, panicking or running out of stack.
//!
//! A parse has a budget in steps, not in time, so the same bytes always give
//! the same answer. Walks use the tree's cursor and a stack on the heap, never
//! recursion: a hundred thousand nested brackets are only a long list.

use std::ops::ControlFlow;

use tree_sitter::{Language, Node, ParseOptions, Parser, Tree};

/// Larger sources are not parsed: they count byte by byte.
const LARGEST: usize = 8 << 20;

/// The parser calls back every hundred steps; a real source needs about one call in 30 bytes.
const FREE_CALLS: usize = 20_000;
const BYTES_PER_CALL: usize = 8;

/// Parses a source; absent where it is too large, or needs far more steps than real code does.
pub(super) fn parse(language: &Language, text: &str) -> Option<Tree> {
    if text.len() > LARGEST {
        return None;
    }
    let mut parser = Parser::new();
    parser.set_language(language).ok()?;
    let mut calls_left = FREE_CALLS + text.len() / BYTES_PER_CALL;
    let mut count = |_: &_| {
        calls_left = calls_left.saturating_sub(1);
        if calls_left == 0 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    let bytes = text.as_bytes();
    let mut read = |at: usize, _| bytes.get(at..).unwrap_or_default();
    parser.parse_with_options(&mut read, None, Some(ParseOptions::new().progress_callback(&mut count)))
}

/// Whether a walk goes on below a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Below {
    /// Its children come next.
    Enter,
    /// It is treated as a leaf.
    Skip,
}

/// Hears of each node of a walk, in the order of the text.
pub(super) trait Visitor<'t> {
    /// A node begins; `parents` are the nodes around it, the root of the walk first.
    fn enter(&mut self, node: Node<'t>, field: Option<&'t str>, parents: &[Node<'t>]) -> Below;

    /// A node whose children were walked ends; `depth` is the number of nodes around it.
    fn leave(&mut self, node: Node<'t>, depth: usize);
}

/// Walks a node and everything below it.
pub(super) fn walk<'t>(root: Node<'t>, visitor: &mut impl Visitor<'t>) {
    let mut cursor = root.walk();
    let mut parents: Vec<Node<'t>> = Vec::new();
    loop {
        let node = cursor.node();
        let below = visitor.enter(node, cursor.field_name(), &parents);
        if below == Below::Enter && cursor.goto_first_child() {
            parents.push(node);
            continue;
        }
        if below == Below::Enter {
            visitor.leave(node, parents.len());
        }
        while parents.is_empty() || !cursor.goto_next_sibling() {
            let Some(parent) = parents.pop() else { return };
            cursor.goto_parent();
            visitor.leave(parent, parents.len());
        }
    }
}

/// Returns the children of a node, each with its field.
pub(super) fn children<'t>(node: Node<'t>) -> Vec<(Node<'t>, Option<&'t str>)> {
    let mut cursor = node.walk();
    let mut found = Vec::new();
    if cursor.goto_first_child() {
        loop {
            found.push((cursor.node(), cursor.field_name()));
            if !cursor.goto_next_sibling() {
                break;
            }
        }
    }
    found
}

/// Returns a node's text.
pub(super) fn text_of<'s>(node: Node<'_>, text: &'s str) -> &'s str {
    text.get(node.byte_range()).unwrap_or_default()
}

/// Writes what counts of a tree: kinds of nodes and the text of leaves, each with its length.
///
/// Text between leaves that is not white space counts too, so that nothing a
/// grammar leaves out of its tree can get lost.
pub(super) struct TokenWriter<'s> {
    text: &'s str,
    written: Vec<u8>,
    seen_to: usize,
    /// Characters between leaves that mean nothing, besides white space.
    ignored: &'static [char],
}

impl<'s> TokenWriter<'s> {
    pub(super) fn new(text: &'s str, from: usize, ignored: &'static [char]) -> Self {
        Self { text, written: Vec::new(), seen_to: from, ignored }
    }

    fn gap_before(&mut self, start: usize) {
        let gap = self.text.get(self.seen_to..start).unwrap_or_default();
        let gap = gap.trim_matches(|c: char| c.is_whitespace() || self.ignored.contains(&c));
        if !gap.is_empty() {
            self.put(4, "", gap);
        }
    }

    fn put(&mut self, mark: u8, kind: &str, text: &str) {
        self.written.push(mark);
        self.written.extend((kind.len() as u32).to_le_bytes());
        self.written.extend(kind.as_bytes());
        self.written.extend((text.len() as u64).to_le_bytes());
        self.written.extend(text.as_bytes());
    }

    /// A node with children begins.
    pub(super) fn open(&mut self, node: Node<'_>) {
        self.gap_before(node.start_byte());
        self.seen_to = self.seen_to.max(node.start_byte());
        self.put(1, node.kind(), "");
    }

    /// The latest open node ends.
    pub(super) fn close(&mut self, node: Node<'_>) {
        self.gap_before(node.end_byte());
        self.seen_to = self.seen_to.max(node.end_byte());
        self.written.push(2);
    }

    /// A leaf that counts as `text`.
    pub(super) fn leaf(&mut self, node: Node<'_>, text: &str) {
        self.skip_to(node);
        self.put(3, if node.is_named() { node.kind() } else { "" }, text);
    }

    /// A word that was skipped before and counts after all.
    pub(super) fn word(&mut self, text: &str) {
        self.put(3, "", text);
    }

    /// A node that does not count.
    pub(super) fn skip(&mut self, node: Node<'_>) {
        self.skip_to(node);
    }

    fn skip_to(&mut self, node: Node<'_>) {
        self.gap_before(node.start_byte());
        self.seen_to = self.seen_to.max(node.end_byte());
    }

    /// Returns everything written.
    pub(super) fn finish(self) -> Vec<u8> {
        self.written
    }
}

/// Returns the content of an ordinary string with its quotes' escapes undone: `it\'s` -> `it's`.
///
/// A reformatted script may have other quotes, and then other escapes.
pub(super) fn without_quote_escapes(content: &str) -> String {
    let mut plain = String::with_capacity(content.len());
    let mut rest = content.chars();
    while let Some(c) = rest.next() {
        if c != '\\' {
            plain.push(c);
            continue;
        }
        match rest.next() {
            Some(quote @ ('\'' | '"')) => plain.push(quote),
            Some(other) => plain.extend(['\\', other]),
            None => plain.push('\\'),
        }
    }
    plain
}
