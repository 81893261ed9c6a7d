//! Which items of a mapped task a run is about.
//!
//! ```text
//! --item NC         one item, by its label or in JSON
//! --items 'N*'      every item whose label matches
//! --items failed    every item whose latest attempt failed
//! --bundle D:0-100  a stretch of the list that the result `D` is
//! ```
//! A run keeps the choice as it was made: what the list is may only be known
//! when the task that returns it has run.

use std::collections::HashMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::{Digest, Item, ItemKey, ItemName, ItemNotFound, TaggedHasher};

/// Which items of a mapped task a run is about: all that any of these names.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ItemChoice(pub Vec<ItemSelector>);

/// What names items.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ItemSelector {
    /// One item.
    Named(ItemName),
    /// Every item whose label this glob matches.
    Matching(String),
    /// Every item whose latest attempt failed, of whatever fingerprint.
    Failed,
    /// A stretch of the list.
    Bundle(Bundle),
}

/// A stretch of a list, named so that it means the same on every machine and at any time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Bundle {
    /// The result that is the list.
    pub list: Digest,
    /// The first item's place in the list, from 0.
    pub from: u64,
    /// The place after the last item's.
    pub to: u64,
}

/// A text that names no bundle.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` names no bundle; `kptn task bundles` names them, as `DIGEST:FROM-TO`")]
pub struct BundleError {
    /// What was given.
    pub text: String,
}

impl Bundle {
    /// Parses `DIGEST:FROM-TO`.
    pub fn parse(text: &str) -> Result<Self, BundleError> {
        let parts = || {
            let (list, range) = text.split_once(':')?;
            let (from, to) = range.split_once('-')?;
            let (from, to) = (from.parse().ok()?, to.parse().ok()?);
            Some(Self { list: list.parse().ok()?, from, to }).filter(|_| from < to)
        };
        parts().ok_or_else(|| BundleError { text: text.escape_debug().to_string() })
    }

    /// Returns what tells it from other bundles, for locks.
    pub fn key(&self) -> ItemKey {
        ItemKey(TaggedHasher::new("kptn bundle 1").field("name", self.to_string().as_bytes()).finish())
    }

    /// Returns the name of its own folder or file within its run's.
    pub fn file_name(&self) -> String {
        format!("bundle-{}-{}-{}", self.list.short(), self.from, self.to)
    }
}

impl fmt::Display for Bundle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}-{}", self.list, self.from, self.to)
    }
}

impl TryFrom<String> for Bundle {
    type Error = BundleError;

    fn try_from(text: String) -> Result<Self, BundleError> {
        Self::parse(&text)
    }
}

impl From<Bundle> for String {
    fn from(bundle: Bundle) -> Self {
        bundle.to_string()
    }
}

/// Items that can be found by their names, however many names there are.
pub struct ItemIndex<'n, 'a> {
    names: &'n [String],
    items: Vec<(ItemKey, &'a Item)>,
    by_label: HashMap<String, Vec<usize>>,
    by_key: HashMap<ItemKey, usize>,
}

impl<'n, 'a> ItemIndex<'n, 'a> {
    /// Takes the items of a list; `names` are those of `map_over`.
    pub fn new(names: &'n [String], items: impl IntoIterator<Item = (ItemKey, &'a Item)>) -> Self {
        let items: Vec<_> = items.into_iter().collect();
        let mut by_label: HashMap<String, Vec<usize>> = HashMap::with_capacity(items.len());
        for (at, (_, item)) in items.iter().enumerate() {
            by_label.entry(item.label(names)).or_default().push(at);
        }
        let by_key = items.iter().enumerate().map(|(at, (key, _))| (*key, at)).collect();
        Self { names, items, by_label, by_key }
    }

    /// Returns the one item that has a name.
    pub fn find(&self, name: &ItemName) -> Result<(ItemKey, &'a Item), ItemNotFound> {
        let of_element = |element| {
            let key = Item::of_element(self.names, element)?.key();
            self.by_key.get(&key).map(|at| self.items[*at])
        };
        let element = name.element();
        if let Some(found) =
            element.as_ref().filter(|one| !one.is_scalar()).and_then(|one| of_element(&one.0))
        {
            return Ok(found);
        }
        match self.by_label.get(name.as_str()).map(Vec::as_slice) {
            Some([at]) => Ok(self.items[*at]),
            None | Some([]) => {
                let found = element.as_ref().and_then(|one| of_element(&one.0));
                found.ok_or_else(|| ItemNotFound::Unknown { near: self.near(name) })
            }
            Some(several) => {
                let exact = several.iter().map(|at| ItemName::exact(self.items[*at].1, self.names));
                Err(ItemNotFound::Ambiguous { names: exact.collect() })
            }
        }
    }

    /// Returns how many items there are.
    pub fn len(&self) -> usize {
        self.items.len()
    }

    /// Tells whether there is none.
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// Returns the keys of a stretch of the list; absent where it is not so long.
    pub fn stretch(&self, from: u64, to: u64) -> Option<Vec<ItemKey>> {
        let (from, to) = (usize::try_from(from).ok()?, usize::try_from(to).ok()?);
        Some(self.items.get(from..to)?.iter().map(|(key, _)| *key).collect())
    }

    /// Returns every item with its label.
    pub fn labels(&self) -> impl Iterator<Item = (ItemKey, &str)> {
        self.by_label
            .iter()
            .flat_map(move |(label, places)| places.iter().map(move |at| (self.items[*at].0, label.as_str())))
    }

    fn near(&self, name: &ItemName) -> Option<String> {
        super::nearest_name(name.as_str(), self.by_label.keys().map(String::as_str)).map(str::to_owned)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bundle_has_one_spelling_and_other_texts_are_none() {
        let list = Digest::of(b"list");
        let bundle = Bundle { list, from: 3, to: 6 };
        assert_eq!(Bundle::parse(&bundle.to_string()), Ok(bundle));
        for text in
            ["", "3-6", &format!("{list}:6-3"), &format!("{list}:3-3"), "abc:3-6", &format!("{list}:-3")]
        {
            assert!(Bundle::parse(text).is_err(), "{text}");
        }
    }
}
