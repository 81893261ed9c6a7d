//! A remote is written into the text of a `kptn.yaml`, everything else of which stays byte for byte.
//!
//! ```text
//! no `remotes:`            two lines at the end
//! `remotes:` with nothing  a line below it
//! a block of remotes       a line below the last of them
//! `remotes: {…}`           an entry behind the brace
//! ```
//! Only something is put in, and nothing replaced. What came of it is read again: it must say what it
//! said before, and the remote besides. Where it does not, nothing is written.

use std::path::Path;

use serde_json::{Map, Value};

use super::node::{Kind, Node};
use super::report::Report;
use super::yaml;
use crate::model::RemoteSettings;

/// A text with a remote put in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Added {
    /// The whole text.
    pub text: String,
    /// The first line that is new or changed, counted from 1.
    pub line: usize,
    /// The lines that are new or changed, as they are now.
    pub lines: Vec<String>,
}

/// Returns the lines that a person would put into a `kptn.yaml` that has no remotes.
pub fn lines_of_remote(name: &str, settings: &RemoteSettings) -> String {
    format!("remotes:\n  {}\n", entry(name, settings))
}

/// Puts a remote into the text of a `kptn.yaml`; absent where it cannot be done safely.
pub fn add_remote(text: &str, name: &str, settings: &RemoteSettings) -> Option<Added> {
    let before = read(text)?;
    let end = if text.contains("\r\n") { "\r\n" } else { "\n" };
    let entry = entry(name, settings);
    let (at, piece) = match before.entries().iter().find(|(key, _)| key.text == "remotes") {
        None => {
            let missing = if text.ends_with('\n') || text.is_empty() { "" } else { end };
            (text.len(), format!("{missing}remotes:{end}  {entry}{end}"))
        }
        Some((key, node)) => match &node.kind {
            Kind::Null => {
                let indent = " ".repeat(key.place.column as usize + 1);
                below(text, key.place.line as usize, &format!("{indent}{entry}"), end)?
            }
            Kind::Map(remotes) => match brace(text, node) {
                Some(at) if remotes.is_empty() => (at, entry),
                Some(at) => (at, format!("{entry}, ")),
                None => {
                    let indent = " ".repeat(remotes.first()?.0.place.column as usize - 1);
                    let next = before.entries().iter().map(|(other, _)| other.place.line as usize);
                    let next = next.filter(|line| *line > key.place.line as usize).min();
                    below(text, last_line(text, next), &format!("{indent}{entry}"), end)?
                }
            },
            _ => return None,
        },
    };
    let text = format!("{}{piece}{}", &text[..at], &text[at..]);
    let after = read(&text)?;
    (says(&after) == with_remote(says(&before), name, settings)?).then(|| told(text, at, &piece))
}

/// Returns what a person sees of the change: whole lines.
fn told(text: String, at: usize, piece: &str) -> Added {
    let start = at + piece.len() - piece.trim_start_matches(['\r', '\n']).len();
    let line = text[..start].matches('\n').count() + 1;
    let last = text[..at + piece.trim_end().len()].matches('\n').count() + 1;
    let lines = text.lines().skip(line - 1).take(last + 1 - line).map(str::to_owned).collect();
    Added { text, line, lines }
}

fn read(text: &str) -> Option<Node> {
    let mut report = Report::new(Path::new("kptn.yaml"));
    let node = yaml::parse(text.as_bytes(), &mut report)?;
    (matches!(node.kind, Kind::Map(_)) && !report.has_errors()).then_some(node)
}

/// Returns what a file says; `remotes:` with nothing says as much as none.
fn says(node: &Node) -> Value {
    let mut said = node.to_json();
    if let Value::Object(all) = &mut said {
        let remotes = all.remove("remotes").filter(|remotes| !remotes.is_null());
        all.insert("remotes".to_owned(), remotes.unwrap_or_else(|| Value::Object(Map::new())));
    }
    said
}

fn with_remote(mut said: Value, name: &str, settings: &RemoteSettings) -> Option<Value> {
    let remotes = said.get_mut("remotes")?.as_object_mut()?;
    let fields = fields(settings).into_iter().map(|(key, value)| (key.to_owned(), value));
    remotes.insert(name.to_owned(), Value::Object(fields.collect())).is_none().then_some(said)
}

/// Returns what is said of a remote: what is not as it would be where nothing is said.
fn fields(settings: &RemoteSettings) -> Vec<(&'static str, Value)> {
    let RemoteSettings { url, branch, writable, endpoint, region, path_style, profile, refs } = settings;
    let text = |value: &Option<String>| value.clone().map(Value::String);
    let all = [
        ("url", Some(Value::String(url.clone()))),
        ("branch", branch.as_ref().map(|branch| Value::String(branch.to_string()))),
        ("writable", (!writable).then_some(Value::Bool(false))),
        ("endpoint", text(endpoint)),
        ("region", text(region)),
        ("path_style", path_style.map(Value::Bool)),
        ("profile", text(profile)),
        ("refs", text(refs)),
    ];
    all.into_iter().filter_map(|(key, value)| Some((key, value?))).collect()
}

/// Returns `prod: {url: 's3://bucket/prefix', branch: 'main'}`.
fn entry(name: &str, settings: &RemoteSettings) -> String {
    let shown = |value: &Value| match value {
        // In single quotes nothing but a quote means anything.
        Value::String(text) => format!("'{}'", text.replace('\'', "''")),
        other => other.to_string(),
    };
    let fields: Vec<String> =
        fields(settings).iter().map(|(key, value)| format!("{key}: {}", shown(value))).collect();
    // A name of digits, or `true`, would be no text.
    let plain = name.starts_with(|c: char| c.is_ascii_alphabetic()) && !is_word(name);
    let name = if plain { name.to_owned() } else { format!("'{name}'") };
    format!("{name}: {{{}}}", fields.join(", "))
}

fn is_word(name: &str) -> bool {
    ["true", "false", "null"].contains(&name.to_ascii_lowercase().as_str())
}

/// Returns where a line ends, and what goes there for another one below it.
fn below(text: &str, line: usize, new: &str, end: &str) -> Option<(usize, String)> {
    let ends: Vec<usize> = text
        .split_inclusive('\n')
        .scan(0, |at, line| {
            *at += line.len();
            Some(*at)
        })
        .collect();
    let at = *ends.get(line.checked_sub(1)?)?;
    let is_open = !text[..at].ends_with('\n');
    Some((at, if is_open { format!("{end}{new}") } else { format!("{new}{end}") }))
}

/// Returns the last line before another key that is neither empty nor a comment.
fn last_line(text: &str, next: Option<usize>) -> usize {
    let lines: Vec<&str> = text.lines().collect();
    let most = next.map_or(lines.len(), |next| next - 1);
    let says_something = |line: &&str| {
        let line = line.trim();
        !line.is_empty() && !line.starts_with('#')
    };
    (1..=most).rev().find(|line| lines.get(line - 1).is_some_and(says_something)).unwrap_or(most)
}

/// Returns the place behind the brace that a mapping begins with; absent where it is a block.
fn brace(text: &str, node: &Node) -> Option<usize> {
    let line_at: usize = text.split_inclusive('\n').take(node.place.line as usize - 1).map(str::len).sum();
    let line = &text[line_at..];
    let (at, found) = line.char_indices().nth(node.place.column as usize - 1)?;
    (found == '{').then_some(line_at + at + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings() -> RemoteSettings {
        RemoteSettings { url: "s3://data/it's".into(), writable: false, ..RemoteSettings::default() }
    }

    fn added(text: &str) -> String {
        add_remote(text, "prod", &settings()).map(|added| added.text).unwrap_or_default()
    }

    const ENTRY: &str = "prod: {url: 's3://data/it''s', writable: false}";

    #[test]
    fn everything_else_stays_byte_for_byte() {
        for (before, after) in [
            ("graphs: {}\n", format!("graphs: {{}}\nremotes:\n  {ENTRY}\n")),
            ("graphs: {}", format!("graphs: {{}}\nremotes:\n  {ENTRY}\n")),
            ("graphs: {}\r\n", format!("graphs: {{}}\r\nremotes:\r\n  {ENTRY}\r\n")),
            ("remotes:\ngraphs: {}\n", format!("remotes:\n  {ENTRY}\ngraphs: {{}}\n")),
            ("remotes: # none\ngraphs: {}", format!("remotes: # none\n  {ENTRY}\ngraphs: {{}}")),
            ("a: 1\nremotes:", format!("a: 1\nremotes:\n  {ENTRY}")),
            ("remotes: {}\na: 1\n", format!("remotes: {{{ENTRY}}}\na: 1\n")),
            (
                "é: 1\nremotes: { x: {url: b} } # y\n",
                format!("é: 1\nremotes: {{{ENTRY},  x: {{url: b}} }} # y\n"),
            ),
            ("remotes: {\n  x: {url: b}\n}\n", format!("remotes: {{{ENTRY}, \n  x: {{url: b}}\n}}\n")),
            (
                "remotes:\n    # ours\n    x:\n        url: b # far\n\n# graphs\ngraphs: {}\n",
                format!(
                    "remotes:\n    # ours\n    x:\n        url: b # far\n    {ENTRY}\n\n# graphs\ngraphs: {{}}\n"
                ),
            ),
            ("remotes:\r\n  x: {url: b}\r\n", format!("remotes:\r\n  x: {{url: b}}\r\n  {ENTRY}\r\n")),
            ("remotes:\n  x: {url: b}", format!("remotes:\n  x: {{url: b}}\n  {ENTRY}")),
            (
                "remotes:\n  x:\n    url: >-\n      b\n      c\nd: 1\n",
                format!("remotes:\n  x:\n    url: >-\n      b\n      c\n  {ENTRY}\nd: 1\n"),
            ),
            (
                "{\"graphs\": {}, \"remotes\": {\"x\": {\"url\": \"b\"}}}",
                format!("{{\"graphs\": {{}}, \"remotes\": {{{ENTRY}, \"x\": {{\"url\": \"b\"}}}}}}"),
            ),
        ] {
            assert_eq!(added(before), after, "{before:?}");
        }
    }

    #[test]
    fn what_cannot_be_done_safely_is_not_done() {
        for text in [
            "{\"graphs\": {}}",
            "graphs: {}\n...\n",
            "remotes: &r {x: {url: b}}\nother: *r\n",
            "base: &r {x: {url: b}}\nremotes: *r\n",
            "remotes: [x]\n",
            "remotes: {prod: {url: b}}\n",
            "graphs: {a: 1, a: 2}\n",
            "",
            "[",
        ] {
            assert_eq!(added(text), "", "{text:?}");
        }
    }

    #[test]
    fn the_lines_that_changed_are_told() {
        let told = add_remote("a: 1", "prod", &settings()).unwrap();
        assert_eq!((told.line, told.lines.len()), (2, 2));
        let told = add_remote("a: 1\nremotes: {x: {url: b}}\n", "1", &settings()).unwrap();
        assert_eq!((told.line, told.lines.len()), (2, 1));
        assert!(told.lines[0].contains("'1': {url"), "{told:?}");
    }
}
