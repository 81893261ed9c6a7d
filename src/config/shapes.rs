//! Values of `kptn.yaml` that may be written in more than one way.
//!
//! `file: true` or a path, `refresh: 24h` or a word, a graph's entry as
//! nothing, a name, a list or a mapping. serde's `untagged` would lose the
//! place and the reason of an error, so each tells by what it is given how to
//! read it.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::value::SeqAccessDeserializer;
use serde::de::{self, Deserialize, Deserializer, Visitor};

use super::given::{Given, OneOrMany};
use super::reader::SHAPED;
use super::words::{EntryWords, ExtendsWords, Json, ProbeWords, RefWords};

/// Implements a schema under a name; the body may use the generator.
macro_rules! schema {
    ($type:ident, |$generator:ident| $schema:expr) => {
        impl JsonSchema for $type {
            fn inline_schema() -> bool {
                true
            }

            fn schema_name() -> Cow<'static, str> {
                stringify!($type).into()
            }

            fn json_schema($generator: &mut SchemaGenerator) -> Schema {
                $schema
            }
        }
    };
}

/// Text; a number or `true` counts as it is spelled.
#[derive(Debug, Clone, Default)]
pub(super) struct Text(pub String);

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self)
    }
}

schema!(Text, |_generator| json_schema!({ "type": ["string", "number", "boolean"] }));

/// `file`: a path, or `true`.
#[derive(Debug, Clone)]
pub(super) enum File {
    /// `<task>.py` in a folder of Python tasks.
    ByTask,
    /// A path, perhaps with a function.
    Path(String),
}

impl<'de> Deserialize<'de> for File {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Shape;

        impl Visitor<'_> for Shape {
            type Value = File;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a path such as `clean/run.R`, or `true`")
            }

            fn visit_bool<E: de::Error>(self, value: bool) -> Result<File, E> {
                match value {
                    true => Ok(File::ByTask),
                    false => Err(E::invalid_type(de::Unexpected::Bool(false), &self)),
                }
            }

            fn visit_str<E: de::Error>(self, path: &str) -> Result<File, E> {
                Ok(File::Path(path.to_owned()))
            }
        }

        deserializer.deserialize_any(Shape)
    }
}

schema!(File, |_generator| json_schema!({ "anyOf": [{ "type": "string" }, { "const": true }] }));

/// Names split at commas: `US_STATE,ZIP_CODE`, or a list.
#[derive(Debug, Clone, Default)]
pub(super) struct NameList(pub Vec<String>);

impl<'de> Deserialize<'de> for NameList {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let names = OneOrMany::<Given<Text>>::deserialize(deserializer)?;
        let names = names.0.iter().filter_map(|name| name.value.as_ref());
        Ok(Self(names.flat_map(|text| text.0.split(',')).map(|name| name.trim().to_owned()).collect()))
    }
}

schema!(NameList, |_generator| json_schema!({
    "anyOf": [{ "type": "string" }, { "type": "array", "items": { "type": "string" } }]
}));

/// A number with or without a unit, as it is spelled.
#[derive(Debug, Clone)]
pub(super) struct Quantity(pub String);

impl<'de> Deserialize<'de> for Quantity {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self)
    }
}

schema!(Quantity, |_generator| json_schema!({ "type": ["number", "string"] }));

/// A length of time in milliseconds: `10s`, `30m`, `24h`, `7d`; a bare number counts seconds.
#[derive(Debug, Clone, Copy)]
pub(super) struct Duration(pub u64);

impl Duration {
    fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let units =
            [("ms", 1), ("s", 1000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000), ("w", 604_800_000)];
        let found = units.into_iter().find_map(|(unit, factor)| {
            let number = text.strip_suffix(unit)?.trim();
            number.ends_with(|c: char| c.is_ascii_digit()).then_some((number, factor))
        });
        let (number, factor) = found.unwrap_or((text, 1000));
        if !number.bytes().all(|c| c.is_ascii_digit() || c == b'.') {
            return None;
        }
        let milliseconds = number.parse::<f64>().ok()? * f64::from(factor);
        (1.0..1e15).contains(&milliseconds).then_some(Self(milliseconds as u64))
    }
}

impl<'de> Deserialize<'de> for Duration {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| {
            let shown = super::node::shortened(&text);
            de::Error::custom(format!("`{shown}` is no length of time; write `30s`, `10m`, `24h` or `7d`"))
        })
    }
}

const TIME: &str = r"^[0-9.]+ *(ms|s|m|h|d|w)?$";

schema!(Duration, |_generator| json_schema!({
    "anyOf": [{ "type": "string", "pattern": TIME }, { "type": "number", "exclusiveMinimum": 0 }]
}));

/// `refresh`: a word or an age.
#[derive(Debug, Clone, Copy)]
pub(super) struct RefreshAge(pub crate::model::Refresh);

impl<'de> Deserialize<'de> for RefreshAge {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        use crate::model::Refresh;
        let text = String::deserialize(deserializer)?;
        match text.as_str() {
            "always" => Ok(Self(Refresh::Always)),
            "never" => Ok(Self(Refresh::Never)),
            _ => Duration::parse(&text).map(|age| Self(Refresh::After(age.0))).ok_or_else(|| {
                let shown = super::node::shortened(&text);
                de::Error::custom(format!("`{shown}` is none of `always`, `never` or an age such as `24h`"))
            }),
        }
    }
}

schema!(RefreshAge, |_generator| json_schema!({
    "anyOf": [{ "enum": ["always", "never"] }, { "type": "string", "pattern": TIME }]
}));

/// Anything; read elsewhere.
#[derive(Debug, Clone, Default)]
pub(super) struct FreeForm;

impl<'de> Deserialize<'de> for FreeForm {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        de::IgnoredAny::deserialize(deserializer).map(|_| Self)
    }
}

schema!(FreeForm, |_generator| json_schema!({ "type": "object" }));

/// The value of an argument: any JSON, or `{ref: dep}`.
#[derive(Debug, Clone)]
pub(super) enum Argument {
    Value(Json),
    Ref(String),
}

impl<'de> Deserialize<'de> for Argument {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Json::deserialize(deserializer)?;
        let Some(map) = value.as_object().filter(|map| map.len() == 1) else { return Ok(Self::Value(value)) };
        match map.get("ref").and_then(Json::as_str) {
            Some(name) => Ok(Self::Ref(name.to_owned())),
            None => Ok(Self::Value(value)),
        }
    }
}

schema!(Argument, |generator| {
    let reference = generator.subschema_for::<RefWords>();
    json_schema!({ "anyOf": [reference, true] })
});

/// Something that a task reads: a file or glob, or a probe.
#[derive(Debug, Clone)]
pub(super) enum Input {
    Files(String),
    Probe(Option<String>),
}

/// A graph's entry for one task.
#[derive(Debug, Default)]
pub(super) struct Entry(pub EntryWords);

/// A graph that is taken over.
#[derive(Debug, Default)]
pub(super) struct Extends(pub ExtendsWords);

/// Reads a value that is text, or a mapping of words, or (where it may be) a list.
macro_rules! text_or_words {
    ($type:ident, $expected:literal, $words:ty, |$text:ident| $from_text:expr, |$from:ident| $from_words:expr $(, list |$list:ident| $from_list:expr)?) => {
        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct Shape;

                impl<'de> Visitor<'de> for Shape {
                    type Value = $type;

                    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                        f.write_str($expected)
                    }

                    fn visit_str<E: de::Error>(self, $text: &str) -> Result<$type, E> {
                        Ok($from_text)
                    }

                    fn visit_newtype_struct<D: Deserializer<'de>>(self, words: D) -> Result<$type, D::Error> {
                        let $from = <$words>::deserialize(words)?;
                        Ok($from_words)
                    }

                    $(fn visit_seq<A: de::SeqAccess<'de>>(self, items: A) -> Result<$type, A::Error> {
                        let $list = Vec::<Given<Text>>::deserialize(SeqAccessDeserializer::new(items))?;
                        Ok($from_list)
                    })?
                }

                deserializer.deserialize_newtype_struct(SHAPED, Shape)
            }
        }
    };
}

fn given(text: &str) -> Given<Text> {
    Given { value: Some(Text(text.to_owned())), place: None }
}

fn given_list(list: Vec<Given<Text>>) -> Given<OneOrMany<Given<Text>>> {
    Given { value: Some(OneOrMany(list)), place: None }
}

text_or_words!(
    Input,
    "a file, a glob or `{probe: command}`",
    ProbeWords,
    |text| Input::Files(text.to_owned()),
    |words| Input::Probe(words.probe.value.map(|text| text.0))
);
text_or_words!(
    Entry,
    "a task, a list of tasks or `{deps: […], args: {…}}`",
    EntryWords,
    |text| Entry(EntryWords { deps: given_list(vec![given(text)]), ..EntryWords::default() }),
    |words| Entry(words),
    list | list | Entry(EntryWords { deps: given_list(list), ..EntryWords::default() })
);
text_or_words!(
    Extends,
    "a graph or `{graph: NAME, args: {…}}`",
    ExtendsWords,
    |text| Extends(ExtendsWords { graph: given(text), ..ExtendsWords::default() }),
    |words| Extends(words)
);

schema!(Input, |generator| {
    let probe = generator.subschema_for::<ProbeWords>();
    json_schema!({ "anyOf": [{ "type": "string" }, probe] })
});
schema!(Entry, |generator| {
    let words = generator.subschema_for::<EntryWords>();
    let task = json_schema!({ "type": ["string", "number"] });
    json_schema!({ "anyOf": [{ "type": "null" }, task, { "type": "array", "items": task }, words] })
});
schema!(Extends, |generator| {
    let words = generator.subschema_for::<ExtendsWords>();
    json_schema!({ "anyOf": [{ "type": "string" }, words] })
});

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_of_time_have_units() {
        for (text, milliseconds) in [
            ("10s", 10_000),
            ("30m", 1_800_000),
            ("24h", 86_400_000),
            ("7d", 604_800_000),
            ("1.5 h", 5_400_000),
            ("90", 90_000),
            ("250ms", 250),
        ] {
            assert_eq!(Duration::parse(text).map(|d| d.0), Some(milliseconds), "{text}");
        }
        for bad in ["", "h", "-1h", "0", "1y", "1h30m", "nan", "1e400s"] {
            assert!(Duration::parse(bad).is_none(), "{bad}");
        }
    }
}
