//! Item tables as objects of the store: put, and read back.
//!
//! What was put is what [`ItemTable::shards`] cuts, so a table that differs in
//! one item shares all other shards with the one before. Nothing is believed
//! that is not whole: a shard that is absent, damaged, of another version or
//! out of order makes the whole table unreadable, and its task stale.

use std::collections::HashMap;
use std::sync::Arc;

use crate::model::{Digest, ITEM_TABLE_FORMAT, ItemRecord, ItemShard, ItemTable, ShardList};
use crate::store::{Store, StoreError};

/// Why an item table cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ItemTableError {
    /// One of its objects is absent, damaged or something else.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// One of its objects is of another version.
    #[error("object {} is of format {format}, and this kptn reads {ITEM_TABLE_FORMAT}", digest.short())]
    Format { digest: Digest, format: u32 },
    /// Its objects do not fit together.
    #[error("the shards of item table {} do not fit together", digest.short())]
    Torn { digest: Digest },
}

/// Shards that were read or put before, by digest: tables of one task share most of theirs.
pub type Shards = HashMap<Digest, Arc<[Arc<ItemRecord>]>>;

/// Puts a table; returns the digest of its list of shards. All is on disk after the store's next flush.
pub fn put_item_table(store: &Store, table: &ItemTable) -> Result<Digest, StoreError> {
    let put = |items: &[Arc<ItemRecord>]| {
        store.put_json(&ItemShard { format: ITEM_TABLE_FORMAT, items: items.to_vec() })
    };
    let shards = table.shards().map(put).collect::<Result<_, _>>()?;
    let items = table.items().len() as u64;
    store.put_json(&ShardList { format: ITEM_TABLE_FORMAT, items, shards })
}

/// Reads which shards a table has, and how many items.
pub fn load_shard_list(store: &Store, digest: &Digest) -> Result<ShardList, ItemTableError> {
    let index: ShardList = store.load_json(digest)?;
    check_format(digest, index.format)?;
    Ok(index)
}

/// Reads one shard.
pub fn load_item_shard(store: &Store, digest: &Digest) -> Result<Vec<Arc<ItemRecord>>, ItemTableError> {
    let shard: ItemShard = store.load_json(digest)?;
    check_format(digest, shard.format)?;
    Ok(shard.items)
}

/// Reads a whole table; shards in `known` are taken from there, others are added.
pub fn load_item_table(
    store: &Store,
    digest: &Digest,
    known: &mut Shards,
) -> Result<ItemTable, ItemTableError> {
    let index = load_shard_list(store, digest)?;
    let mut items: Vec<Arc<ItemRecord>> = Vec::new();
    for shard in &index.shards {
        items.extend(read_shard(store, shard, known)?.iter().cloned());
    }
    let in_order = items.is_sorted_by(|one, other| one.key < other.key);
    if !in_order || items.len() as u64 != index.items {
        return Err(ItemTableError::Torn { digest: *digest });
    }
    Ok(ItemTable::new(items))
}

/// Reads what can be read of a table: the items of each shard that is whole.
///
/// An item's record holds by itself, so what was lost with one shard need not be lost with all.
pub fn load_readable_items(store: &Store, digest: &Digest, known: &mut Shards) -> ItemTable {
    let Ok(list) = load_shard_list(store, digest) else { return ItemTable::default() };
    let read = list.shards.iter().filter_map(|shard| read_shard(store, shard, known).ok());
    ItemTable::new(read.flat_map(|items| items.to_vec()))
}

fn read_shard(
    store: &Store,
    digest: &Digest,
    known: &mut Shards,
) -> Result<Arc<[Arc<ItemRecord>]>, ItemTableError> {
    if let Some(shard) = known.get(digest) {
        return Ok(Arc::clone(shard));
    }
    let read: Arc<[_]> = load_item_shard(store, digest)?.into();
    Ok(Arc::clone(known.entry(*digest).or_insert(read)))
}

fn check_format(digest: &Digest, format: u32) -> Result<(), ItemTableError> {
    if format == ITEM_TABLE_FORMAT {
        return Ok(());
    }
    Err(ItemTableError::Format { digest: *digest, format })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::PathBuf;

    use super::*;
    use crate::model::{Fingerprint, Item, OutputFile, Timing};
    use crate::state::{Need, Reach};

    struct Place {
        folder: tempfile::TempDir,
        store: Store,
    }

    impl Place {
        fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            Self { store: Store::open(folder.path()).unwrap(), folder }
        }

        /// Puts a table; returns its index and how many bytes and objects the store has then.
        fn put(&self, table: &ItemTable) -> (Digest, u64, u64) {
            let index = put_item_table(&self.store, table).unwrap();
            self.store.flush().unwrap();
            let found = self.store.check_objects().unwrap();
            (index, found.bytes, found.objects)
        }

        fn load(&self, index: &Digest) -> Result<ItemTable, ItemTableError> {
            // As another process: nothing is known.
            load_item_table(&Store::open(self.folder.path()).unwrap(), index, &mut Shards::new())
        }

        /// A shard that is a file of its own, and its place among the shards.
        fn large_shard(&self, index: &Digest) -> (usize, PathBuf) {
            let shards = load_shard_list(&self.store, index).unwrap().shards;
            let files = shards.iter().map(|shard| self.store.layout().object(shard));
            files.enumerate().find(|(_, file)| file.exists()).unwrap()
        }
    }

    fn item(n: u32, made: &str) -> Arc<ItemRecord> {
        let item = Item { values: [("N", serde_json::json!(n))].into_iter().collect() };
        Arc::new(ItemRecord {
            key: item.key(),
            item,
            fingerprint: Fingerprint(Digest::of(made.as_bytes())),
            outputs: vec![OutputFile {
                path: format!("items/{n}.csv"),
                digest: Digest::of(made.as_bytes()),
                size: 2_000,
                executable: false,
            }],
            result: None,
            log: None,
            timing: Timing { started_ms: 1_790_000_000_000, wall_ms: 3, cpu_ms: 2, peak_kib: 20_000 },
            accepted: None,
        })
    }

    fn table(count: u32, changed: Option<u32>) -> ItemTable {
        ItemTable::new((0..count).map(|n| item(n, if changed == Some(n) { "other" } else { "same" })))
    }

    #[test]
    fn one_changed_item_of_5_000_costs_one_shard_and_an_index() {
        let place = Place::new();
        let (_, bytes, objects) = place.put(&table(5_000, None));
        assert!(bytes > 2_000_000 && objects > 10, "{bytes} bytes in {objects} objects");
        let (index, after, now) = place.put(&table(5_000, Some(77)));
        assert_eq!(now - objects, 2, "a shard and the index");
        assert!(after - bytes < bytes / 4, "{} of {bytes} bytes were written anew", after - bytes);
        assert_eq!(place.load(&index).unwrap(), table(5_000, Some(77)));
        // Nothing is written for what is there.
        assert_eq!(place.put(&table(5_000, Some(77))), (index, after, now));
        let grown = place.put(&table(5_001, Some(77)));
        assert!(grown.2 - now <= 3, "{} objects", grown.2 - now);
    }

    #[test]
    fn tables_of_no_and_of_one_item_are_read_back() {
        let place = Place::new();
        for count in [0, 1] {
            let (index, ..) = place.put(&table(count, None));
            assert_eq!(place.load(&index).unwrap(), table(count, None));
            let read = load_shard_list(&place.store, &index).unwrap();
            assert_eq!((read.items, read.shards.len()), (u64::from(count), count as usize));
        }
    }

    #[test]
    fn what_is_not_whole_is_not_believed() {
        let place = Place::new();
        let (index, ..) = place.put(&table(2_000, None));
        let good = load_shard_list(&place.store, &index).unwrap();
        let put = |index: &ShardList| place.store.put_json(index).unwrap();
        let load = |index: &Digest| load_item_table(&place.store, index, &mut Shards::new());
        let torn = |index: ShardList| matches!(load(&put(&index)), Err(ItemTableError::Torn { .. }));
        assert!(torn(ShardList { items: 1, ..good.clone() }));
        assert!(torn(ShardList { shards: good.shards[1..].to_vec(), ..good.clone() }));
        assert!(torn(ShardList { shards: good.shards.iter().rev().copied().collect(), ..good.clone() }));
        let twice = [good.shards.clone(), vec![good.shards[0]]].concat();
        assert!(torn(ShardList { shards: twice, items: good.items, ..good.clone() }));
        let newer = put(&ShardList { format: 3, ..good.clone() });
        assert!(matches!(load(&newer), Err(ItemTableError::Format { format: 3, .. })));
        let shard = place.store.put_json(&ItemShard { format: 3, items: vec![item(1, "x")] }).unwrap();
        let newer = put(&ShardList { items: 1, shards: vec![shard], ..good.clone() });
        assert!(matches!(load(&newer), Err(ItemTableError::Format { format: 3, .. })));
        // Tables of kptn before, and anything else that is an object.
        for other in
            [serde_json::json!({"format": 1, "items": []}), serde_json::json!("text"), serde_json::json!([])]
        {
            let other = place.store.put_json(&other).unwrap();
            assert!(matches!(load(&other), Err(ItemTableError::Store(_))));
        }
        place.store.flush().unwrap();
        let (at, file) = place.large_shard(&index);
        std::fs::remove_file(file).unwrap();
        assert!(matches!(place.load(&index), Err(ItemTableError::Store(StoreError::Absent { .. }))));
        let store = Store::open(place.folder.path()).unwrap();
        let readable = load_readable_items(&store, &index, &mut Shards::new());
        let lost = table(2_000, None).shards().nth(at).unwrap().len();
        assert_eq!(readable.items().len(), 2_000 - lost, "the others hold");
        assert_eq!(load_readable_items(&store, &newer, &mut Shards::new()), ItemTable::default());
        place.put(&table(2_000, None));
        assert_eq!(place.load(&index).unwrap(), table(2_000, None), "whoever puts it again mends it");
    }

    #[test]
    fn everything_that_a_table_names_is_reached_and_what_hides_the_rest_is_said() {
        let place = Place::new();
        let items = table(2_000, None);
        let (index, ..) = place.put(&items);
        let record = place.store.put_json(&crate::state::reach::tests::record(Some(index))).unwrap();
        let other = crate::state::reach::tests::record(Some(index));
        let other = place.store.put_json(&crate::model::Record { outputs_digest: index, ..other }).unwrap();
        place.store.flush().unwrap();
        let mut reach = Reach::new(&place.store);
        let follow = |reach: &mut Reach<'_>, record: &Digest| {
            let (mut files, mut parts) = (BTreeSet::new(), BTreeSet::new());
            let hidden = reach.follow(record, &mut |need, digest| match need {
                Need::Output(file) => drop(files.insert(file.path.clone())),
                Need::ShardList | Need::ItemShard => drop(parts.insert(digest)),
                _ => {}
            });
            (files.len(), parts.len(), hidden.len())
        };
        let shards = items.shards().count();
        assert_eq!(follow(&mut reach, &record), (2_000, shards + 1, 0));
        assert_eq!(follow(&mut reach, &other), (0, shards + 1, 0), "its shards were entered before");
        let (at, file) = place.large_shard(&index);
        std::fs::remove_file(&file).unwrap();
        let left = 2_000 - items.shards().nth(at).unwrap().len();
        let store = Store::open(place.folder.path()).unwrap();
        assert_eq!(follow(&mut Reach::new(&store), &record), (left, shards + 1, 1));
        std::fs::write(&file, "{}").unwrap();
        assert_eq!(follow(&mut Reach::new(&store), &record), (left, shards + 1, 1));
    }
}
