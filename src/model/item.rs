//! One element of a mapped task's list.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Digest, TaggedHasher, Variables, canonical_json};

/// What an item is known by: the digest of its value's canonical JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ItemKey(pub Digest);

/// The values of one item, by the names in `map_over`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Item {
    /// Each part's value, JSON type kept.
    pub values: BTreeMap<String, Value>,
}

impl Item {
    /// Gives each name its value of one element of a list: the element itself for one name, else a list of
    /// as many values or an object with those keys; absent where the element does not fit.
    pub fn of_element(names: &[String], element: &Value) -> Option<Self> {
        let values = match (names, element) {
            ([name], Value::Object(fields)) if fields.len() == 1 && fields.contains_key(name) => {
                BTreeMap::from([(name.clone(), fields[name].clone())])
            }
            ([name], other) => BTreeMap::from([(name.clone(), other.clone())]),
            (_, Value::Array(values)) if values.len() == names.len() => {
                names.iter().cloned().zip(values.iter().cloned()).collect()
            }
            (_, Value::Object(fields)) if fields.len() == names.len() => {
                let value = |name: &String| Some((name.clone(), fields.get(name)?.clone()));
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
        ItemKey(TaggedHasher::new("kptn item 1").field("values", &canonical_json(&self.values)).finish())
    }

    /// Returns its values as text, for `${US_STATE}` and for R's environment:
    /// text as it is, numbers without exponent, `true`/`false`, all else as JSON.
    pub fn variables(&self) -> Variables {
        self.values.iter().map(|(name, value)| (name.clone(), Self::text(value))).collect()
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
}

#[cfg(test)]
mod tests {
    use super::*;

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
}
