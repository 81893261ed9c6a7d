//! How people name an item: `B[NC]`, `B[T1,27601]`, `B[["T1",27601]]`.
//!
//! ```text
//! NC                     its label: its parts' texts, joined by commas
//! ["T1",27601]  {"a":1}  the element as the list has it, in JSON
//! ```
//! What begins as a JSON text, list or object is read as an element first, and
//! else as a label, so that each item can be named whatever its neighbours are.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Item, ItemIndex, NameError, TaskName};

/// A task, and perhaps one of its items: `B`, `B[NC]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    /// The task.
    pub task: TaskName,
    /// The item; absent where the whole task is meant.
    pub item: Option<ItemName>,
}

/// Why a text names no task and no item.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// What stands before the bracket.
    #[error(transparent)]
    Name(#[from] NameError),
    /// A bracket without its end.
    #[error("`{text}` has a `[` without a `]` at its end")]
    Unclosed {
        /// What was given.
        text: String,
    },
}

impl Address {
    /// Parses `TASK` or `TASK[ITEM]`.
    pub fn parse(text: &str) -> Result<Self, AddressError> {
        let Some((task, rest)) = text.split_once('[') else {
            return Ok(Self { task: TaskName::parse(text)?, item: None });
        };
        let unclosed = || AddressError::Unclosed { text: text.escape_debug().to_string() };
        let item = rest.strip_suffix(']').ok_or_else(unclosed)?;
        Ok(Self { task: TaskName::parse(task)?, item: Some(ItemName::new(item)) })
    }
}

/// A text that names one item of a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ItemName(String);

/// Why a name is not one item's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ItemNotFound {
    /// No item has it.
    Unknown {
        /// The name that was probably meant, as it can be typed.
        near: Option<String>,
    },
    /// Several have it.
    Ambiguous {
        /// The names in JSON that tell them apart.
        names: Vec<ItemName>,
    },
}

impl ItemName {
    /// Takes a text as it was typed.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// Returns the name of an item that is no other item's: its element in JSON.
    pub fn exact(item: &Item, names: &[String]) -> Self {
        Self(item.element(names).to_string())
    }

    /// Returns the text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the one of `items` that it names; `names` are those of `map_over`.
    pub fn find<'a>(&self, names: &[String], items: &'a [Item]) -> Result<&'a Item, ItemNotFound> {
        ItemIndex::new(names, items.iter().map(|item| (item.key(), item))).find(self).map(|(_, item)| item)
    }

    /// Returns the element that it is in JSON; absent where it is none.
    pub(super) fn element(&self) -> Option<Element> {
        serde_json::from_str(&self.0).ok().map(Element)
    }
}

/// An element of a list, as a name in JSON says it.
pub(super) struct Element(pub Value);

impl Element {
    /// Tells whether it reads as a label would: as a number, a truth or nothing.
    pub fn is_scalar(&self) -> bool {
        matches!(self.0, Value::Number(_) | Value::Bool(_) | Value::Null)
    }
}

impl fmt::Display for ItemName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // It is shown in messages, where a control character would do what it likes.
        let plain = |c: char| if c.is_control() { c.escape_default().to_string() } else { c.to_string() };
        f.write_str(&self.0.chars().map(plain).collect::<String>())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn find<'a>(text: &str, names: &[String], items: &'a [Item]) -> Result<&'a Item, ItemNotFound> {
        ItemName::new(text).find(names, items)
    }

    fn items(names: &[String], elements: &Value) -> Vec<Item> {
        let elements = elements.as_array().unwrap();
        elements.iter().map(|element| Item::of_element(names, element).unwrap()).collect()
    }

    fn names(text: &str) -> Vec<String> {
        text.split(',').map(str::to_owned).collect()
    }

    #[test]
    fn an_address_is_a_task_and_perhaps_an_item() {
        let parsed = |text| {
            let address = Address::parse(text).unwrap();
            (address.task.to_string(), address.item.map(|item| item.as_str().to_owned()))
        };
        assert_eq!(parsed("B"), ("B".into(), None));
        assert_eq!(parsed("B[NC]"), ("B".into(), Some("NC".into())));
        assert_eq!(parsed("B[]"), ("B".into(), Some(String::new())));
        assert_eq!(parsed("B[a[0]]"), ("B".into(), Some("a[0]".into())));
        assert_eq!(parsed(r#"B[["T1",27601]]"#), ("B".into(), Some(r#"["T1",27601]"#.into())));
        for refused in ["B[NC", "[NC]", "B]", "B[NC]x"] {
            assert!(Address::parse(refused).is_err(), "{refused}");
        }
    }

    #[test]
    fn labels_and_elements_find_items() {
        let one = names("US_STATE");
        let list = items(&one, &json!(["NC", 27601, true, {"a": 1}, [1, 2], "x,y", "[1]", "\"q\""]));
        let found = |text: &str| find(text, &one, &list).map(|item| item.element(&one));
        for (text, element) in [
            ("NC", json!("NC")),
            (r#""NC""#, json!("NC")),
            (r#"{"US_STATE":"NC"}"#, json!("NC")),
            ("27601", json!({"US_STATE": 27601})),
            ("true", json!({"US_STATE": true})),
            (r#"{"a": 1}"#, json!({"a": 1})),
            ("[1, 2]", json!([1, 2])),
            ("x,y", json!("x,y")),
            ("[1]", json!("[1]")),
            (r#""q""#, json!("\"q\"")),
        ] {
            assert_eq!(found(text), Ok(element), "{text}");
        }
        assert_eq!(found("nc"), Err(ItemNotFound::Unknown { near: Some("NC".into()) }));
        assert_eq!(found("elsewhere"), Err(ItemNotFound::Unknown { near: None }));
        let two = names("TRACT,ZIP");
        let list = items(&two, &json!([["T1", 27601], ["T1", "a,b"]]));
        for text in ["T1,27601", r#"["T1",27601]"#, r#"{"ZIP":27601,"TRACT":"T1"}"#] {
            assert_eq!(find(text, &two, &list), Ok(&list[0]), "{text}");
        }
    }

    #[test]
    fn a_label_of_two_items_is_answered_with_what_tells_them_apart() {
        let one = names("X");
        let list = items(&one, &json!(["1", 1]));
        let Err(ItemNotFound::Ambiguous { names: exact }) = find("1", &one, &list) else {
            panic!("1 is a text and a number");
        };
        assert_eq!(exact.iter().map(ItemName::as_str).collect::<Vec<_>>(), [r#""1""#, r#"{"X":1}"#]);
    }

    proptest! {
        #[test]
        fn each_item_has_a_name_of_its_own(picked in proptest::collection::vec(0..11_usize, 1..8), wide in any::<bool>()) {
            let pool = [
                json!("1"), json!(1), json!(1.0), json!([1]), json!("[1]"), json!({"X": 1}), json!({"X": {"X": 1}}),
                json!(null), json!("null"), json!("\"1\""), json!({"X": 1, "Y": 2}),
            ];
            let names = if wide { names("X,Y") } else { names("X") };
            let mut list: Vec<Item> = Vec::new();
            for at in picked {
                let element = if wide { json!([pool[at], pool[(at + 3) % 11]]) } else { pool[at].clone() };
                let item = Item::of_element(&names, &element).unwrap();
                if !list.contains(&item) {
                    list.push(item);
                }
            }
            for item in &list {
                prop_assert_eq!(find(ItemName::exact(item, &names).as_str(), &names, &list), Ok(item));
            }
        }
    }
}
