//! The items of a mapped task, and how their table is cut into objects.
//!
//! ```text
//! record -> list of shards -> shard, shard, shard…   sorted by key, about 256 items each
//! ```
//! A shard ends after an item whose key's low bits are zero, so where it ends
//! depends on that item alone: equal items give equal shards, whatever comes
//! before and after them, and a changed item changes one shard. Reading and
//! writing these objects is for [`crate::state`].

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{Digest, ItemKey, ItemRecord, OutputFile};

/// The version of the formats of [`ShardList`] and [`ItemShard`] that this kptn reads and writes.
pub const ITEM_TABLE_FORMAT: u32 = 2;

/// The items of a mapped task, sorted by key, each key once.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ItemTable {
    items: Vec<Arc<ItemRecord>>,
}

/// The object that a record names: which shards there are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShardList {
    /// [`ITEM_TABLE_FORMAT`] of the writer.
    pub format: u32,
    /// How many items there are in all shards.
    pub items: u64,
    /// The shards, in the order of their items.
    pub shards: Vec<Digest>,
}

/// An object that holds some items.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ItemShard {
    /// [`ITEM_TABLE_FORMAT`] of the writer.
    pub format: u32,
    /// Sorted by key.
    pub items: Vec<Arc<ItemRecord>>,
}

impl ItemTable {
    /// Puts a table together, in any order; of two items with one key, the last.
    pub fn new(items: impl IntoIterator<Item = Arc<ItemRecord>>) -> Self {
        let mut items: Vec<_> = items.into_iter().collect();
        if !items.is_sorted_by(|one, other| one.key < other.key) {
            items.reverse();
            items.sort_by_key(|item| item.key);
            items.dedup_by_key(|item| item.key);
        }
        Self { items }
    }

    /// Returns the items, sorted by key.
    pub fn items(&self) -> &[Arc<ItemRecord>] {
        &self.items
    }

    /// Returns an item; absent where the table has none of this key.
    pub fn find(&self, key: &ItemKey) -> Option<&Arc<ItemRecord>> {
        let at = self.items.binary_search_by(|item| item.key.cmp(key)).ok()?;
        self.items.get(at)
    }

    /// Returns the items' files.
    pub fn files(&self) -> impl Iterator<Item = &OutputFile> {
        self.items.iter().flat_map(|item| &item.outputs)
    }

    /// Returns the items of each shard, in order; none where there are no items.
    pub fn shards(&self) -> impl Iterator<Item = &[Arc<ItemRecord>]> {
        self.items.split_inclusive(|item| ends_shard(&item.key))
    }
}

/// Tells whether a shard ends after this item: the key's low eight bits are zero.
fn ends_shard(key: &ItemKey) -> bool {
    key.0.as_bytes().last() == Some(&0)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;
    use crate::model::{Fingerprint, Item, Timing};

    fn record(name: u32, made: u32) -> Arc<ItemRecord> {
        let item = Item { values: [("N", serde_json::json!(name))].into_iter().collect() };
        Arc::new(ItemRecord {
            key: item.key(),
            item,
            fingerprint: Fingerprint(Digest::of(&made.to_le_bytes())),
            outputs: Vec::new(),
            result: None,
            timing: Timing::default(),
            log: None,
            accepted: None,
        })
    }

    fn digests(table: &ItemTable) -> BTreeSet<Digest> {
        let of = |shard: &[Arc<ItemRecord>]| {
            Digest::of(
                format!("{:?}", shard.iter().map(|item| (item.key, item.fingerprint)).collect::<Vec<_>>())
                    .as_bytes(),
            )
        };
        table.shards().map(of).collect()
    }

    #[test]
    fn one_of_50_000_items_changes_one_shard_and_an_added_or_removed_one_two_at_most() {
        let items: Vec<_> = (0..50_000).map(|name| record(name, 0)).collect();
        let before = digests(&ItemTable::new(items.clone()));
        assert!((150..250).contains(&before.len()), "{} shards", before.len());
        for at in [0, 1, 24_999, 49_999] {
            let mut changed = items.clone();
            changed[at] = record(at as u32, 1);
            assert_eq!(digests(&ItemTable::new(changed)).difference(&before).count(), 1);
            let without =
                items.iter().enumerate().filter(|(one, _)| *one != at).map(|(_, item)| Arc::clone(item));
            assert!(digests(&ItemTable::new(without)).difference(&before).count() <= 1);
            let with = items.iter().cloned().chain([record(50_000 + at as u32, 0)]);
            assert!(digests(&ItemTable::new(with)).difference(&before).count() <= 2);
        }
    }

    proptest! {
        #[test]
        fn a_table_is_its_items_in_no_order_and_its_shards_together(
            (names, shuffled) in proptest::collection::vec(any::<u32>(), 0..600)
                .prop_flat_map(|names| (Just(names.clone()), Just(names).prop_shuffle()))
        ) {
            let table = ItemTable::new(names.iter().map(|name| record(*name, 0)));
            prop_assert_eq!(&table, &ItemTable::new(shuffled.iter().map(|name| record(*name, 0))));
            let keys: BTreeSet<_> = names.iter().map(|name| record(*name, 0).key).collect();
            prop_assert!(table.items().iter().map(|item| item.key).eq(keys.iter().copied()));
            prop_assert!(table.shards().flatten().eq(table.items()));
            let shards = table.shards().count();
            for (at, shard) in table.shards().enumerate() {
                let last = shard.len() - 1;
                prop_assert!(shard[..last].iter().all(|item| !ends_shard(&item.key)));
                prop_assert!(at + 1 == shards || ends_shard(&shard[last].key));
            }
            for name in names {
                prop_assert_eq!(table.find(&record(name, 0).key), Some(&record(name, 0)));
            }
        }

        #[test]
        fn of_two_items_with_one_key_the_last_counts(names in proptest::collection::vec(0..20u32, 0..60)) {
            let made = names.iter().enumerate().map(|(at, name)| record(*name, at as u32));
            let table = ItemTable::new(made);
            for (at, name) in names.iter().enumerate() {
                if !names[at + 1..].contains(name) {
                    prop_assert_eq!(table.find(&record(*name, 0).key), Some(&record(*name, at as u32)));
                }
            }
        }
    }
}
