//! `[tool.kptn]` of `pyproject.toml`, as a [`Node`] like YAML's.

use std::path::{Path, PathBuf};

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::ConfigError;
use super::find;
use super::node::{Key, Kind, Node, Scalar};
use super::report::Report;
use crate::model::Location;

/// The part of a `pyproject.toml` that is about kptn.
#[derive(Debug)]
pub(super) struct Pyproject {
    /// The file, absolute.
    pub path: PathBuf,
    /// The table `[tool.kptn]`.
    pub table: Node,
}

impl Pyproject {
    /// Reads `[tool.kptn]`; absent where there is none. Another tool's broken file is none of ours.
    pub fn parse(path: &Path, bytes: &[u8]) -> Result<Option<Self>, ConfigError> {
        let Some(text) = std::str::from_utf8(bytes).ok().filter(|text| text.contains("kptn")) else {
            return Ok(None);
        };
        let places = Places::new(text);
        match DeTable::parse(text) {
            Ok(document) => {
                let kptn = document.get_ref().get("tool").and_then(|tool| tool.get_ref().get("kptn"));
                Ok(kptn.map(|kptn| Self { path: path.to_owned(), table: places.node(kptn) }))
            }
            Err(error) => {
                let mut report = Report::new(path);
                let place = error.span().map(|span| places.location(&span));
                report.error(
                    place,
                    format!("this is no valid TOML: {}", error.message().lines().next().unwrap_or_default()),
                );
                Err(ConfigError::Invalid { diagnostics: report.into_found() })
            }
        }
    }

    /// Returns the `kptn.yaml` that it names, absolute.
    pub fn tasks_conf_path(&self) -> Option<PathBuf> {
        let named = self.table.get("tasks_conf_path")?.text()?;
        Some(find::join(self.path.parent()?, named))
    }
}

/// Finds lines and columns of byte offsets.
struct Places<'a> {
    text: &'a str,
    starts: Vec<usize>,
}

impl<'a> Places<'a> {
    fn new(text: &'a str) -> Self {
        let newlines = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(at, _)| at + 1);
        Self { text, starts: std::iter::once(0).chain(newlines).collect() }
    }

    fn location(&self, span: &std::ops::Range<usize>) -> Location {
        let line = self.starts.partition_point(|start| *start <= span.start).max(1);
        let characters = |range| self.text.get(range).map_or(0, |part: &str| part.chars().count());
        let column = characters(self.starts[line - 1]..span.start) + 1;
        let length = characters(span.clone());
        let short = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        Location { line: short(line), column: short(column), length: short(length) }
    }

    fn node(&self, value: &Spanned<DeValue<'_>>) -> Node {
        let scalar = |text: String, value| Kind::Scalar { text, value };
        let kind = match value.get_ref() {
            DeValue::String(text) => scalar(text.to_string(), Scalar::Text),
            DeValue::Boolean(value) => scalar(value.to_string(), Scalar::Bool(*value)),
            DeValue::Integer(number) => {
                let parsed = i64::from_str_radix(number.as_str(), number.radix());
                scalar(number.as_str().to_owned(), parsed.map_or(Scalar::Text, Scalar::Signed))
            }
            DeValue::Float(number) => {
                let parsed = number.as_str().parse().ok();
                scalar(number.as_str().to_owned(), parsed.map_or(Scalar::Text, Scalar::Float))
            }
            DeValue::Datetime(time) => scalar(time.to_string(), Scalar::Text),
            DeValue::Array(items) => Kind::List(items.iter().map(|item| self.node(item)).collect()),
            DeValue::Table(table) => {
                let mut entries: Vec<_> = table.iter().collect();
                entries.sort_by_key(|(key, _)| key.span().start);
                let entry = |(key, value): (&Spanned<std::borrow::Cow<'_, str>>, _)| {
                    let place = self.location(&key.span());
                    (Key { place, text: key.get_ref().to_string() }, self.node(value))
                };
                Kind::Map(entries.into_iter().map(entry).collect())
            }
        };
        Node { place: self.location(&value.span()), kind }
    }
}
