//! YAML text -> [`Node`], or everything that is wrong with it.
//!
//! It reads the parser's events itself instead of asking serde for a tree: so
//! every key and value keeps its place, all duplicate keys are found and not
//! only the first, and an alias costs what it expands to. Nothing here
//! recurses, and what a file may cost is bounded: [`DEEPEST`], [`MOST_VALUES`].
//! JSON is read by the same code, since YAML 1.2 contains it.

use std::collections::HashMap;

use serde_yaml::granit_parser::{Event, Options, Parser, ScalarStyle, Span, Tag};

use super::node::{Key, Kind, Node, Scalar, shortened};
use super::report::Report;
use super::scalar;
use super::stumbles::{self, syntax_error, too_deep, utf8};
use crate::model::Location;

/// How deep lists and mappings may be nested.
pub(super) const DEEPEST: usize = 64;
/// How many values a file may hold.
const MOST_VALUES: usize = 5_000_000;
/// How many values anchors and aliases may copy.
const MOST_COPIED: usize = 500_000;

/// Reads one document; absent where the text is not YAML. Problems go to `report`.
pub(super) fn parse(bytes: &[u8], report: &mut Report) -> Option<Node> {
    let text = utf8(bytes, report)?;
    let mut builder = Builder::default();
    let mut options = Options::default();
    options.emit_comments = false;
    options.simple_key_max_lookahead = 4096;
    options.flow_nesting_limit = DEEPEST;
    for event in Parser::new_from_str_with_options(text, options) {
        match event {
            Ok((event, span)) => builder.take(event, &span, report)?,
            Err(error) => {
                syntax_error(&error, text, report);
                return None;
            }
        }
    }
    if builder.root.is_none() {
        stumbles::empty(report);
    }
    builder.root
}

/// Returns a place; all of it counted from 1.
pub(super) fn location(line: usize, column: usize, length: usize) -> Location {
    let short = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    Location { line: short(line), column: short(column), length: short(length) }
}

/// Returns where a token stands; a length only where it ends on its first line.
fn place_of(span: &Span) -> Location {
    let one_line = span.start.line() == span.end.line();
    location(span.start.line(), span.start.col() + 1, if one_line { span.len() } else { 0 })
}

/// A list or mapping that is not closed yet.
enum Open {
    List { place: Location, anchor: usize, items: Vec<Node> },
    Map { place: Location, anchor: usize, entries: Vec<(Key, Node)>, key: Option<Key> },
}

#[derive(Default)]
struct Builder {
    open: Vec<Open>,
    anchors: HashMap<usize, (Node, usize)>,
    values: usize,
    copied: usize,
    root: Option<Node>,
}

impl Builder {
    /// Takes one event; absent where reading on makes no sense.
    fn take(&mut self, event: Event<'_>, span: &Span, report: &mut Report) -> Option<()> {
        let place = place_of(span);
        match event {
            Event::DocumentStart(..) if self.root.is_some() => {
                report.error(Some(place), "a second document begins here").hint =
                    Some("a file holds one document; remove the `---`".into());
                None
            }
            Event::Scalar(text, style, anchor, tag) => {
                let kind = scalar_kind(&text, style, tag.as_deref(), place, report);
                self.finished(Node { place, kind }, anchor, 1, report)
            }
            Event::SequenceStart(_, anchor, tag) => {
                refuse_tag(tag.as_deref(), &["seq"], place, report);
                self.enter(Open::List { place, anchor, items: Vec::new() }, place, report)
            }
            Event::MappingStart(_, anchor, tag) => {
                refuse_tag(tag.as_deref(), &["map"], place, report);
                self.enter(Open::Map { place, anchor, entries: Vec::new(), key: None }, place, report)
            }
            Event::SequenceEnd | Event::MappingEnd => match self.open.pop()? {
                Open::List { place, anchor, items } => {
                    self.finished(Node { place, kind: Kind::List(items) }, anchor, 1, report)
                }
                Open::Map { place, anchor, entries, .. } => {
                    let entries = unique(merged(entries, report), report);
                    self.finished(Node { place, kind: Kind::Map(entries) }, anchor, 1, report)
                }
            },
            Event::Alias(anchor) => {
                let Some((node, size)) = self.anchors.get(&anchor) else {
                    report.error(Some(place), "an alias that stands inside its own anchor");
                    return None;
                };
                let size = *size;
                self.copied += size;
                if self.copied > MOST_COPIED {
                    return too_much(place, report);
                }
                let node = node.clone();
                self.finished(node, 0, size, report)
            }
            _ => Some(()),
        }
    }

    fn enter(&mut self, open: Open, place: Location, report: &mut Report) -> Option<()> {
        if self.open.len() >= DEEPEST {
            report.error(Some(place), too_deep());
            return None;
        }
        self.open.push(open);
        Some(())
    }

    /// Puts a complete value, which counts as `size`, where it belongs.
    fn finished(&mut self, node: Node, anchor: usize, size: usize, report: &mut Report) -> Option<()> {
        self.values += size;
        if self.values > MOST_VALUES {
            let message = format!("more than {MOST_VALUES} values in one file");
            report.error(Some(node.place), message);
            return None;
        }
        if anchor != 0 {
            // Anchors within anchors are kept once for each level: that counts too.
            let size = node.size();
            self.copied += size;
            if self.copied > MOST_COPIED {
                return too_much(node.place, report);
            }
            self.anchors.insert(anchor, (node.clone(), size));
        }
        match self.open.last_mut() {
            None => self.root = Some(node),
            Some(Open::List { items, .. }) => items.push(node),
            Some(Open::Map { entries, key, .. }) => match key.take() {
                Some(key) => entries.push((key, node)),
                None => *key = Some(as_key(&node, report)?),
            },
        }
        Some(())
    }
}

fn too_much(place: Location, report: &mut Report) -> Option<()> {
    report.error(Some(place), format!("anchors and aliases that stand for more than {MOST_COPIED} values"));
    None
}

fn as_key(node: &Node, report: &mut Report) -> Option<Key> {
    match node.text() {
        Some(text) => Some(Key { place: node.place, text: text.to_owned() }),
        None => {
            let message = format!("a name is needed before `:`, not {}", node.described());
            report.error(Some(node.place), message);
            None
        }
    }
}

fn scalar_kind(
    text: &str,
    style: ScalarStyle,
    tag: Option<&Tag>,
    place: Location,
    report: &mut Report,
) -> Kind {
    let is = |suffix: &str| tag.is_some_and(|tag| tag.is_yaml_core_schema_tag(suffix));
    refuse_tag(tag, &["str", "int", "float", "bool", "null"], place, report);
    let quoted = !matches!(style, ScalarStyle::Plain);
    if is("str") || (quoted && !is("int") && !is("float") && !is("bool") && !is("null")) {
        Kind::Scalar { text: text.to_owned(), value: Scalar::Text }
    } else {
        scalar::plain(text)
    }
}

fn refuse_tag(tag: Option<&Tag>, fine: &[&str], place: Location, report: &mut Report) {
    if let Some(tag) = tag.filter(|tag| !fine.iter().any(|fine| tag.is_yaml_core_schema_tag(fine))) {
        report.error(Some(place), format!("the tag `{}` has no meaning here", tag.original())).hint =
            Some("remove it, or put the text in quotes".into());
    }
}

/// Replaces merge keys (`<<: *defaults`) by the entries they bring; an own entry wins.
fn merged(entries: Vec<(Key, Node)>, report: &mut Report) -> Vec<(Key, Node)> {
    if !entries.iter().any(|(key, _)| key.text == "<<") {
        return entries;
    }
    let (merges, mut own): (Vec<_>, Vec<_>) = entries.into_iter().partition(|(key, _)| key.text == "<<");
    let mut sources = Vec::new();
    for (_, node) in merges {
        match node.kind {
            Kind::List(items) => sources.extend(items),
            _ => sources.push(node),
        }
    }
    for source in sources {
        let Kind::Map(brought) = source.kind else {
            let message = format!("`<<` takes a mapping, not {}", source.described());
            report.error(Some(source.place), message);
            continue;
        };
        let known: std::collections::HashSet<String> = own.iter().map(|(key, _)| key.text.clone()).collect();
        own.extend(brought.into_iter().filter(|(key, _)| !known.contains(&key.text)));
    }
    own
}

/// Reports keys that are given twice; the first of each stays.
fn unique(entries: Vec<(Key, Node)>, report: &mut Report) -> Vec<(Key, Node)> {
    let mut seen: HashMap<&str, Location> = HashMap::new();
    let mut twice = Vec::new();
    for (position, (key, _)) in entries.iter().enumerate() {
        // Most mappings are small: a scan is cheaper than a table.
        let first = if entries.len() <= 8 {
            entries[..position].iter().find(|(other, _)| other.text == key.text).map(|(other, _)| other.place)
        } else {
            let first = seen.get(key.text.as_str()).copied();
            seen.entry(&key.text).or_insert(key.place);
            first
        };
        if let Some(first) = first {
            report.error(Some(key.place), format!("duplicate key `{}`", shortened(&key.text))).hint =
                Some(format!("it is given in line {} too; keep one", first.line));
            twice.push(position);
        }
    }
    if twice.is_empty() {
        return entries;
    }
    let mut position = 0..;
    entries
        .into_iter()
        .filter(|_| position.next().is_none_or(|at| twice.binary_search(&at).is_err()))
        .collect()
}
