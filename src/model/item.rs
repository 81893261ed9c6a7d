//! One element of a mapped task's list.
//!
//! A list may have a hundred thousand of them, and each goes from the list to the
//! plan, to its worker and into the item table: a copy shares the values.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

use super::{Digest, TaggedHasher, Variables};

/// What an item is known by: the digest of its value's canonical JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ItemKey(pub Digest);

/// The values of one item, by the names in `map_over`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Item {
    /// Each part's value, JSON type kept.
    pub values: ItemValues,
}

/// Values by name, sorted by name; written as a JSON object.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ItemValues(Arc<[(Arc<str>, Value)]>);

impl Item {
    /// Gives each name its value of one element of a list: the element itself for one name, else a list of
    /// as many values or an object with those keys; absent where the element does not fit.
    pub fn of_element(names: &[String], element: &Value) -> Option<Self> {
        let named = |name: &String, value: &Value| (Arc::<str>::from(name.as_str()), value.clone());
        let values = match (names, element) {
            ([name], Value::Object(fields)) if fields.len() == 1 && fields.contains_key(name) => {
                [named(name, &fields[name])].into_iter().collect()
            }
            ([name], other) => [named(name, other)].into_iter().collect(),
            (_, Value::Array(values)) if values.len() == names.len() => {
                names.iter().zip(values).map(|(name, value)| named(name, value)).collect()
            }
            (_, Value::Object(fields)) if fields.len() == names.len() => {
                let value = |name: &String| Some(named(name, fields.get(name)?));
                names.iter().map(value).collect::<Option<_>>()?
            }
            _ => return None,
        };
        Some(Self { values })
    }

    /// Returns an element that [`Item::of_element`] makes this item of, and that is no other item's label:
    /// a text, a list or an object.
    pub fn element(&self, names: &[String]) -> Value {
        let value = |name: &String| self.values.get(name).cloned().unwrap_or(Value::Null);
        match names {
            [name] => match value(name) {
                text @ (Value::String(_) | Value::Array(_)) => text,
                Value::Object(fields) if fields.len() != 1 || !fields.contains_key(name) => {
                    Value::Object(fields)
                }
                other => serde_json::json!({ name: other }),
            },
            _ => Value::Array(names.iter().map(value).collect()),
        }
    }

    /// Returns what it is known by, whatever its place in the list.
    pub fn key(&self) -> ItemKey {
        // Sorted names and `Value`s, whose maps are sorted: this is canonical JSON.
        let canonical = serde_json::to_vec(&self.values).unwrap_or_default();
        ItemKey(TaggedHasher::new("kptn item 1").field("values", &canonical).finish())
    }

    /// Returns its values as text, for `${US_STATE}` and for R's environment:
    /// text as it is, numbers without exponent, `true`/`false`, all else as JSON.
    pub fn variables(&self) -> Variables {
        self.values.iter().map(|(name, value)| (name.to_owned(), Self::text(value))).collect()
    }

    /// Returns the text of one value, as [`Item::variables`] has it.
    pub fn text(value: &Value) -> String {
        match value {
            Value::String(text) => text.clone(),
            Value::Number(number) => match (number.as_i64(), number.as_u64(), number.as_f64()) {
                (Some(n), _, _) => n.to_string(),
                (_, Some(n), _) => n.to_string(),
                // `Display` of f64 never writes an exponent.
                (_, _, Some(n)) => n.to_string(),
                _ => number.to_string(),
            },
            other => other.to_string(),
        }
    }

    /// Returns how people name it: its parts' texts joined by commas, in the order of `names`.
    pub fn label(&self, names: &[String]) -> String {
        let parts = names.iter().filter_map(|name| self.values.get(name)).map(Self::text);
        parts.collect::<Vec<_>>().join(",")
    }

    /// Returns [`Item::label`] for a message: one line of some length.
    pub fn short_label(&self, names: &[String]) -> String {
        let label = self.label(names);
        let whole = label.chars().nth(SHORT).is_none();
        let shown = label.chars().take(if whole { SHORT } else { SHORT - 1 });
        let plain =
            shown.map(|c| if c.is_control() { c.escape_default().to_string() } else { c.to_string() });
        plain.chain((!whole).then(|| "…".to_owned())).collect()
    }
}

impl ItemValues {
    /// Puts values together; of two with one name, the last.
    pub fn new(values: impl IntoIterator<Item = (Arc<str>, Value)>) -> Self {
        let mut values: Vec<_> = values.into_iter().collect();
        if !values.is_sorted_by(|one, other| one.0 < other.0) {
            values = values.into_iter().collect::<BTreeMap<_, _>>().into_iter().collect();
        }
        Self(values.into())
    }

    /// Returns the value of a name.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.iter().find(|(one, _)| *one == name).map(|(_, value)| value)
    }

    /// Returns names and values, sorted by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.0.iter().map(|(name, value)| (&**name, value))
    }

    /// Returns the names, sorted.
    pub fn keys(&self) -> impl Iterator<Item = &str> {
        self.iter().map(|(name, _)| name)
    }
}

impl<S: Into<Arc<str>>> FromIterator<(S, Value)> for ItemValues {
    fn from_iter<I: IntoIterator<Item = (S, Value)>>(values: I) -> Self {
        Self::new(values.into_iter().map(|(name, value)| (name.into(), value)))
    }
}

impl<const N: usize> From<[(String, Value); N]> for ItemValues {
    fn from(values: [(String, Value); N]) -> Self {
        values.into_iter().collect()
    }
}

impl From<BTreeMap<String, Value>> for ItemValues {
    fn from(values: BTreeMap<String, Value>) -> Self {
        values.into_iter().collect()
    }
}

impl Serialize for ItemValues {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.iter())
    }
}

impl<'de> Deserialize<'de> for ItemValues {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        BTreeMap::<String, Value>::deserialize(deserializer).map(Self::from)
    }
}
/// The most bytes of `NAME=value` that Linux allows, the NUL at its end not counted.
pub const LONGEST_VARIABLE: usize = 131_071;

/// In a message, so many characters of an item's name are shown.
const SHORT: usize = 60;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::canonical_json;

    #[test]
    fn values_become_text_as_r_expects_it() {
        for (value, text) in [
            (serde_json::json!("NC, \"x\""), "NC, \"x\""),
            (serde_json::json!(1e21), "1000000000000000000000"),
            (serde_json::json!(27601), "27601"),
            (serde_json::json!(0.1), "0.1"),
            (serde_json::json!(true), "true"),
            (serde_json::json!({"b": 1, "a": [2]}), r#"{"a":[2],"b":1}"#),
        ] {
            assert_eq!(Item::text(&value), text);
        }
    }

    #[test]
    fn the_order_of_the_names_never_matters_and_the_key_is_that_of_canonical_json() {
        let parts = [("ZIP", serde_json::json!({"b": 1, "a": "é\n"})), ("STATE", serde_json::json!("NC"))];
        let one = Item { values: parts.clone().into_iter().collect() };
        let other = Item { values: parts.into_iter().rev().collect() };
        assert_eq!(one, other);
        let canonical = canonical_json(&one.values);
        assert_eq!(canonical, r#"{"STATE":"NC","ZIP":{"a":"é\n","b":1}}"#.as_bytes());
        let golden = TaggedHasher::new("kptn item 1").field("values", &canonical).finish();
        assert_eq!(one.key(), ItemKey(golden));
        assert_eq!(serde_json::from_slice::<ItemValues>(&canonical).unwrap(), one.values);
    }
}
