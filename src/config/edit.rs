//! Something is written into the text of a `kptn.yaml`, everything else of which stays byte for byte.
//!
//! ```text
//! no `remotes:`            two lines at the end
//! `remotes:` with nothing  a line below it
//! a block of remotes       a line below the last of them
//! `remotes: {…}`           an entry behind the brace
//! ```
//! `settings.aws` goes in the same way. Only something is put in, and nothing replaced. What came of it is
//! read again: it must say what it said before, and what was put in besides. Where it does not, nothing is
//! written.

use std::path::Path;

use serde_json::{Map, Value};

use super::node::{Key, Kind, Node};
use super::report::Report;
use super::yaml;
use crate::model::RemoteSettings;

/// A text with something put in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Added {
    /// The whole text.
    pub text: String,
    /// The first line that is new or changed, counted from 1.
    pub line: usize,
    /// The lines that are new or changed, as they are now.
    pub lines: Vec<String>,
}

/// What is said of something, in the order in which it is written.
type Fields = Vec<(&'static str, Value)>;

/// Returns the lines that a person would put into a `kptn.yaml` that has no remotes.
pub fn lines_of_remote(name: &str, settings: &RemoteSettings) -> String {
    format!("remotes:\n  {}\n", entry(name, &fields(settings)))
}

/// Puts a remote into the text of a `kptn.yaml`; absent where it cannot be done safely.
pub fn add_remote(text: &str, name: &str, settings: &RemoteSettings) -> Option<Added> {
    let fields = fields(settings);
    put(text, &["remotes"], name, &entry(name, &fields), object(&fields))
}

/// Says in `settings.aws` what it does not say yet; absent where that cannot be done safely, or it says something else.
pub fn say_aws(text: &str, said: &[(&'static str, String)]) -> Option<String> {
    let settings = read(text)?.get("settings").and_then(|settings| settings.get("aws")).cloned();
    let there = |name: &str| settings.as_ref().and_then(|aws| aws.get(name)).and_then(Node::text);
    if said.iter().any(|(name, value)| there(name).is_some_and(|there| there != value)) {
        return None;
    }
    let new: Fields = said
        .iter()
        .filter(|(name, _)| there(name).is_none())
        .map(|(name, value)| (*name, Value::String(value.clone())))
        .collect();
    if settings.is_none() && !new.is_empty() {
        return put(text, &["settings"], "aws", &entry("aws", &new), object(&new)).map(|added| added.text);
    }
    // The last comes first, as each goes in front of the others where they are in braces.
    let mut text = text.to_owned();
    for (name, value) in new {
        let entry = format!("{name}: {}", shown(&value));
        text = put(&text, &["settings", "aws"], name, &entry, value)?.text;
    }
    Some(text)
}

/// Puts an entry into the mapping at `path`, which is made where it is not there.
fn put(whole: &str, path: &[&str], name: &str, entry: &str, value: Value) -> Option<Added> {
    let (text, rest) = until_end_marker(whole);
    let before = read(text)?;
    let end = if text.contains("\r\n") { "\r\n" } else { "\n" };
    let (mut at, mut siblings) = (None, vec![&before]);
    let mut missing = path;
    while let [first, rest @ ..] = missing {
        let inside = siblings.last()?;
        let Some((key, node)) = inside.entries().iter().find(|(key, _)| key.text == *first) else { break };
        at = Some((key, node));
        siblings.push(node);
        missing = rest;
    }
    let (at, piece) = match (at, missing) {
        (None, [top, inner @ ..]) => {
            let open = if text.ends_with('\n') || text.is_empty() { "" } else { end };
            (text.len(), format!("{open}{top}:{end}  {}{end}", nested(inner, entry)))
        }
        (Some((key, node)), inner) => {
            let lines =
                siblings.iter().flat_map(|node| node.entries()).map(|(key, _)| key.place.line as usize);
            let below = last_within(node).max(key.place.line as usize);
            let next = lines.filter(|line| *line > below).min();
            place(text, (key, node), &nested(inner, entry), next, end)?
        }
        _ => return None,
    };
    let text = format!("{}{piece}{}{rest}", &text[..at], &text[at..]);
    let after = read(&text)?;
    (after.to_json() == with(before.to_json(), path, name, value)?).then(|| told(text, at, &piece))
}

/// Parts a text where YAML's `...` ends what it says.
fn until_end_marker(text: &str) -> (&str, &str) {
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        if line
            .strip_prefix("...")
            .is_some_and(|rest| rest.trim_start().len() < rest.len() || rest.is_empty())
        {
            break;
        }
        at += line.len();
    }
    text.split_at(at)
}

/// Returns `a: {b: entry}`, for what is not there yet.
fn nested(path: &[&str], entry: &str) -> String {
    path.iter().rev().fold(entry.to_owned(), |entry, name| format!("{name}: {{{entry}}}"))
}

/// Returns where in a mapping an entry goes, and what goes there.
fn place(
    text: &str,
    (key, node): (&Key, &Node),
    entry: &str,
    next: Option<usize>,
    end: &str,
) -> Option<(usize, String)> {
    match &node.kind {
        Kind::Null => {
            let indent = " ".repeat(key.place.column as usize + 1);
            below(text, key.place.line as usize, &format!("{indent}{entry}"), end)
        }
        Kind::Map(entries) => match brace(text, node) {
            Some(at) if entries.is_empty() => Some((at, entry.to_owned())),
            Some(at) => Some((at, format!("{entry}, "))),
            None => {
                let indent = " ".repeat(entries.first()?.0.place.column as usize - 1);
                below(text, last_line(text, next), &format!("{indent}{entry}"), end)
            }
        },
        _ => None,
    }
}

/// Returns the last line on which a key within a mapping stands.
fn last_within(node: &Node) -> usize {
    let of = |(key, node): &(Key, Node)| last_within(node).max(key.place.line as usize);
    node.entries().iter().map(of).max().unwrap_or(0)
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

/// Returns what a file says with an entry more; a mapping that says nothing is as good as none.
fn with(mut said: Value, path: &[&str], name: &str, value: Value) -> Option<Value> {
    let mut at = &mut said;
    for part in path {
        let inside = at.as_object_mut()?;
        let part = inside.entry(*part).or_insert(Value::Null);
        if part.is_null() {
            *part = Value::Object(Map::new());
        }
        at = part;
    }
    at.as_object_mut()?.insert(name.to_owned(), value).is_none().then_some(said)
}

fn object(fields: &Fields) -> Value {
    Value::Object(fields.iter().map(|(key, value)| ((*key).to_owned(), value.clone())).collect())
}

/// Returns what is said of a remote: what is not as it would be where nothing is said.
fn fields(settings: &RemoteSettings) -> Fields {
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
fn entry(name: &str, fields: &Fields) -> String {
    let fields: Vec<String> = fields.iter().map(|(key, value)| format!("{key}: {}", shown(value))).collect();
    // A name of digits, or `true`, would be no text.
    let plain = name.starts_with(|c: char| c.is_ascii_alphabetic()) && !is_word(name);
    let name = if plain { name.to_owned() } else { format!("'{name}'") };
    format!("{name}: {{{}}}", fields.join(", "))
}

fn shown(value: &Value) -> String {
    match value {
        // In single quotes nothing but a quote means anything.
        Value::String(text) => format!("'{}'", text.replace('\'', "''")),
        other => other.to_string(),
    }
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
            ("a: 1\n...\n# more\n", format!("a: 1\nremotes:\n  {ENTRY}\n...\n# more\n")),
            (
                "remotes:\n  x: {url: b}\n... # end",
                format!("remotes:\n  x: {{url: b}}\n  {ENTRY}\n... # end"),
            ),
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

    #[test]
    fn settings_of_aws_are_said_once_and_never_over_others() {
        let said = [("stack", "kptn-x".to_owned()), ("region", "eu-west-1".to_owned())];
        let say = |text: &str| say_aws(text, &said).unwrap_or_default();
        const BOTH: &str = "aws: {stack: 'kptn-x', region: 'eu-west-1'}";
        for (before, after) in [
            ("graphs: {}\n", format!("graphs: {{}}\nsettings:\n  {BOTH}\n")),
            ("settings:\n  store: x # ours\n\n# g\ngraphs: {}\n", format!("settings:\n  store: x # ours\n  {BOTH}\n\n# g\ngraphs: {{}}\n")),
            ("settings: {store: x}\n", format!("settings: {{{BOTH}, store: x}}\n")),
            (
                "settings:\n  aws: # there\n    profile: p\n  store: x\ngraphs: {}\n",
                "settings:\n  aws: # there\n    profile: p\n    stack: 'kptn-x'\n    region: 'eu-west-1'\n  store: x\ngraphs: {}\n".to_owned(),
            ),
            (
                "settings:\n  prefect:\n    work_pool: w\n  aws: {region: eu-west-1}\n",
                "settings:\n  prefect:\n    work_pool: w\n  aws: {stack: 'kptn-x', region: eu-west-1}\n".to_owned(),
            ),
            ("settings:\n  aws:\n", "settings:\n  aws:\n    stack: 'kptn-x'\n    region: 'eu-west-1'\n".to_owned()),
            ("settings: {aws: {stack: kptn-x, region: eu-west-1}}\n", "settings: {aws: {stack: kptn-x, region: eu-west-1}}\n".to_owned()),
        ] {
            assert_eq!(say(before), after, "{before:?}");
        }
        for text in [
            "settings: {aws: {stack: other}}\n",
            "settings: [x]\n",
            "settings: {aws: }\n",
            "a: &a {x: 1}\nsettings: *a\n",
        ] {
            assert_eq!(say(text), "", "{text:?}");
        }
    }
}
