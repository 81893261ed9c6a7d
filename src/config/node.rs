//! A tree of what a file says, with the place of every value and key.
//!
//! YAML, TOML and JSON all become this one shape, so that the same words are
//! read the same way wherever they stand. It knows nothing about kptn's words:
//! `reader` turns it into them.

use std::borrow::Cow;

use serde_json::Value;

use crate::model::Location;

/// One value and where it stands.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Node {
    pub place: Location,
    pub kind: Kind,
}

/// What kind of value it is.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Kind {
    /// Nothing: an empty value, `null` or `~`.
    Null,
    /// One word, number or text.
    Scalar { text: String, value: Scalar },
    /// A list.
    List(Vec<Node>),
    /// A mapping, in the order written; keys are unique.
    Map(Vec<(Key, Node)>),
}

/// What a scalar means beyond its spelling.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Scalar {
    Text,
    Bool(bool),
    Signed(i64),
    Unsigned(u64),
    Float(f64),
}

/// A key of a mapping.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Key {
    pub place: Location,
    pub text: String,
}

impl Node {
    /// Returns the value of `key`; absent where this is no mapping or has no such key.
    pub fn get(&self, key: &str) -> Option<&Self> {
        self.entries().iter().find(|(k, _)| k.text == key).map(|(_, node)| node)
    }

    /// Returns the entries of a mapping; none for anything else.
    pub fn entries(&self) -> &[(Key, Self)] {
        match &self.kind {
            Kind::Map(entries) => entries,
            _ => &[],
        }
    }

    /// Returns its text as written; absent for lists, mappings and nothing.
    pub fn text(&self) -> Option<&str> {
        match &self.kind {
            Kind::Scalar { text, .. } => Some(text),
            _ => None,
        }
    }

    /// Returns it as JSON, places forgotten.
    pub fn to_json(&self) -> Value {
        match &self.kind {
            Kind::Null => Value::Null,
            Kind::Scalar { text, value } => value.to_json(text),
            Kind::List(items) => items.iter().map(Self::to_json).collect(),
            Kind::Map(entries) => {
                entries.iter().map(|(key, node)| (key.text.clone(), node.to_json())).collect()
            }
        }
    }

    /// Returns how a message names it: `a list`, `the number 3`.
    pub fn described(&self) -> Cow<'static, str> {
        match &self.kind {
            Kind::Null => "nothing".into(),
            Kind::List(_) => "a list".into(),
            Kind::Map(_) => "a mapping".into(),
            Kind::Scalar { text, value: Scalar::Text } => format!("the text `{}`", shortened(text)).into(),
            Kind::Scalar { text, value: Scalar::Bool(_) } => format!("`{text}`").into(),
            Kind::Scalar { text, .. } => format!("the number {}", shortened(text)).into(),
        }
    }

    /// Returns how many values it holds, itself included.
    pub fn size(&self) -> usize {
        1 + match &self.kind {
            Kind::List(items) => items.iter().map(Self::size).sum::<usize>(),
            Kind::Map(entries) => entries.iter().map(|(_, node)| node.size()).sum(),
            Kind::Null | Kind::Scalar { .. } => 0,
        }
    }
}

impl Scalar {
    /// Returns the JSON of a scalar that is spelled `text`.
    fn to_json(self, text: &str) -> Value {
        match self {
            Self::Text => text.into(),
            Self::Bool(value) => value.into(),
            Self::Signed(value) => value.into(),
            Self::Unsigned(value) => value.into(),
            // JSON has no infinity; its spelling is kept as text.
            Self::Float(value) => {
                serde_json::Number::from_f64(value).map_or_else(|| text.into(), Value::Number)
            }
        }
    }
}

/// Returns `text` in one line and at most 60 characters, for a message.
pub(super) fn shortened(text: &str) -> Cow<'_, str> {
    let plain = text.chars().take(61).all(|c| !c.is_control());
    if plain && text.chars().nth(60).is_none() {
        return text.into();
    }
    let mut short: String = text.chars().take(57).flat_map(char::escape_debug).collect();
    short.push('…');
    short.into()
}
