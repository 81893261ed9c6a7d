//! The index: where each object of a remote is.
//!
//! It is a few parts, each written once and named by its digest, and a head that
//! lists those that count. A push adds one part; where there are many, the
//! smallest are put together into one, so their number stays logarithmic. A
//! part is a zstd frame over a postcard [`Part`]; the head is JSON, moved by
//! conditional put, and names the last writes so that one whose answer was lost
//! is known again.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::encoding::Encoding;
use super::layout;
use super::pack::{Member, PACKED_MOST, Pack};
use crate::model::Digest;

/// How many parts there may be before some are put together.
const PARTS_MOST: usize = 8;
/// How many of the last writes a head or a branch names.
pub const REMEMBERED: usize = 32;
/// A part of more bytes than this is not what kptn writes.
const PART_MOST: usize = 1 << 30;

/// Where one object is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Place {
    /// A key of its own, of so many stored bytes.
    Own {
        /// With the header.
        stored: u64,
    },
    /// A range of a pack.
    Packed {
        /// Which of the part's packs.
        pack: u32,
        /// Where its stored bytes begin.
        offset: u64,
        /// How many there are.
        stored: u32,
    },
    /// A key of its own that was written after collections began.
    OwnSince {
        /// With the header.
        stored: u64,
        /// After how many collections.
        epoch: u64,
    },
}

/// One object of the index.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Of its raw bytes.
    pub digest: Digest,
    /// How many raw bytes there are.
    pub raw: u64,
    /// How the stored bytes become the raw ones.
    pub encoding: Encoding,
    /// Where they are.
    pub place: Place,
}

/// One part of the index.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Part {
    /// The packs that entries name by their place in this list.
    pub packs: Vec<Digest>,
    /// Sorted by digest, each once.
    pub entries: Vec<Entry>,
}

/// One part as the head names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartName {
    /// Of the part's stored bytes.
    pub digest: Digest,
    /// How many objects it has.
    pub objects: u64,
}

/// How far collections are; `collect/mod.rs` says what for.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Collections {
    /// How many were announced.
    pub epoch: u64,
    /// The one that is announced and not done: the last part of its list's key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub list: Option<String>,
}

impl Collections {
    fn is_none(&self) -> bool {
        *self == Self::default()
    }
}

/// Which parts count.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Head {
    /// The format's version: 1.
    pub format: u32,
    /// Grows by one with each write.
    pub generation: u64,
    /// Later parts win.
    pub parts: Vec<PartName>,
    /// The ids of the last writes, the latest first.
    pub writes: Vec<String>,
    /// How far collections are.
    #[serde(default, skip_serializing_if = "Collections::is_none")]
    pub gc: Collections,
}

/// An object's place, with its pack's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Located {
    /// The entry.
    pub entry: Entry,
    /// The pack that holds it; absent where it has a key of its own.
    pub pack: Option<Digest>,
}

impl Located {
    /// Returns the key that holds it.
    pub fn key(&self) -> String {
        match (self.entry.place, &self.pack) {
            (Place::Packed { .. }, Some(pack)) => layout::pack(pack),
            (Place::OwnSince { epoch, .. }, _) => layout::object(&self.entry.digest, epoch),
            _ => layout::object(&self.entry.digest, 0),
        }
    }

    /// Returns where its stored bytes end in its key.
    pub fn end(&self) -> u64 {
        match self.entry.place {
            Place::Own { stored } | Place::OwnSince { stored, .. } => stored,
            Place::Packed { offset, stored, .. } => offset.saturating_add(stored.into()),
        }
    }
}

impl Part {
    /// Makes a part of packs and of objects that have keys of their own.
    pub fn of(packs: &[Pack], own: Vec<Entry>) -> Self {
        let packed = packs
            .iter()
            .enumerate()
            .flat_map(|(at, pack)| pack.members.iter().map(move |member| packed_entry(at as u32, member)));
        let sorted: BTreeMap<Digest, Entry> = packed.chain(own).map(|entry| (entry.digest, entry)).collect();
        Self {
            packs: packs.iter().map(|pack| pack.digest).collect(),
            entries: sorted.into_values().collect(),
        }
    }

    /// Returns where an object is; absent where this part does not know it.
    pub fn find(&self, digest: &Digest) -> Option<Located> {
        let at = self.entries.binary_search_by(|entry| entry.digest.cmp(digest)).ok()?;
        Some(self.locate(self.entries[at]))
    }

    /// Returns where each of its objects is.
    pub fn located(&self) -> impl Iterator<Item = Located> + '_ {
        self.entries.iter().map(|entry| self.locate(*entry))
    }

    /// Returns its stored bytes: others after each collection, so that a key is never written again.
    pub fn encode(&self, epoch: u64) -> Vec<u8> {
        // Plain numbers and vectors: neither step can fail in memory.
        let mut plain = postcard::to_allocvec(self).unwrap_or_default();
        if epoch > 0 {
            // Readers stop before it.
            plain.extend_from_slice(&epoch.to_le_bytes());
        }
        zstd::bulk::compress(&plain, super::encoding::LEVEL).unwrap_or_default()
    }

    /// Reads stored bytes; absent where they are no part that can be trusted.
    pub fn decode(stored: &[u8]) -> Option<Self> {
        let size = zstd::zstd_safe::get_frame_content_size(stored).ok()??;
        let size = usize::try_from(size).ok().filter(|size| *size <= PART_MOST)?;
        let plain = zstd::bulk::decompress(stored, size).ok()?;
        let part: Self = postcard::from_bytes(&plain).ok()?;
        let sorted = part.entries.is_sorted_by(|a, b| a.digest < b.digest);
        let sound = |entry: &Entry| match entry.place {
            Place::Own { .. } | Place::OwnSince { .. } => true,
            Place::Packed { pack, .. } => (pack as usize) < part.packs.len() && entry.raw <= PACKED_MOST,
        };
        (sorted && part.entries.iter().all(sound)).then_some(part)
    }

    /// Puts parts together; what a later one says wins.
    fn merged<'a>(parts: impl Iterator<Item = &'a Self>) -> Self {
        let mut packs: Vec<Digest> = Vec::new();
        let mut numbers: BTreeMap<Digest, u32> = BTreeMap::new();
        let mut entries: BTreeMap<Digest, Entry> = BTreeMap::new();
        for part in parts {
            for entry in &part.entries {
                let mut entry = *entry;
                if let Place::Packed { pack, .. } = &mut entry.place {
                    let digest = part.packs[*pack as usize];
                    *pack = *numbers.entry(digest).or_insert_with(|| {
                        packs.push(digest);
                        packs.len() as u32 - 1
                    });
                }
                entries.insert(entry.digest, entry);
            }
        }
        Self { packs, entries: entries.into_values().collect() }
    }

    fn locate(&self, entry: Entry) -> Located {
        let pack = match entry.place {
            Place::Own { .. } | Place::OwnSince { .. } => None,
            Place::Packed { pack, .. } => self.packs.get(pack as usize).copied(),
        };
        Located { entry, pack }
    }
}

fn packed_entry(pack: u32, member: &Member) -> Entry {
    let place = Place::Packed { pack, offset: member.offset, stored: member.stored };
    Entry { digest: member.digest, raw: member.raw.into(), encoding: member.encoding, place }
}

/// The parts that count, read.
#[derive(Debug, Clone, Default)]
pub struct Index {
    /// As it was read.
    pub head: Head,
    parts: Vec<Arc<Part>>,
}

/// A head to write, and the new part that it names.
#[derive(Debug, Clone, PartialEq)]
pub struct Grown {
    /// The next head.
    pub head: Head,
    /// The part's stored bytes, to be written before the head; absent where it names those that are there.
    pub part: Option<Vec<u8>>,
}

impl Index {
    /// Puts a head and its parts, in the head's order, together.
    pub fn new(head: Head, parts: Vec<Arc<Part>>) -> Self {
        Self { head, parts }
    }

    /// Returns where an object is; absent where the remote does not have it.
    pub fn find(&self, digest: &Digest) -> Option<Located> {
        self.parts.iter().rev().find_map(|part| part.find(digest))
    }

    /// Returns whether the remote has an object.
    pub fn has(&self, digest: &Digest) -> bool {
        self.find(digest).is_some()
    }

    /// Returns the index as it is once `grown` is written; absent where its part cannot be read.
    pub fn grown(&self, grown: Grown) -> Option<Self> {
        let new = match &grown.part {
            Some(stored) => Some(Arc::new(Part::decode(stored)?)),
            None => None,
        };
        let known = |name: &PartName| {
            let at = self.head.parts.iter().position(|known| known.digest == name.digest);
            at.and_then(|at| self.parts.get(at).cloned()).or_else(|| new.clone())
        };
        let parts = grown.head.parts.iter().map(known).collect::<Option<_>>()?;
        Some(Self::new(grown.head, parts))
    }

    /// Returns every object that the remote has, sorted by digest, each where it is found.
    pub fn all(&self) -> Vec<Located> {
        let whole = Part::merged(self.parts.iter().map(Arc::as_ref));
        whole.located().collect()
    }

    /// Returns the next head without the objects whose keys are to go; of one part, where there are any.
    pub fn without(&self, goes: &dyn Fn(&str) -> bool, gc: Collections, write_id: &str) -> Grown {
        let stays = |part: &Arc<Part>| {
            let stays = |entry: &&Entry| !goes(&part.locate(**entry).key());
            Part { packs: part.packs.clone(), entries: part.entries.iter().filter(stays).copied().collect() }
        };
        // Before they are put together: an older place of an object may go, and the newer stay.
        let left: Vec<_> = self.parts.iter().map(stays).collect();
        let entries =
            |parts: &mut dyn Iterator<Item = &Part>| parts.map(|part| part.entries.len()).sum::<usize>();
        if entries(&mut left.iter()) == entries(&mut self.parts.iter().map(Arc::as_ref)) {
            return self.head_of(self.head.parts.clone(), None, gc, write_id);
        }
        self.head_of(Vec::new(), Some(Part::merged(left.iter())), gc, write_id)
    }

    /// Returns the next head with `part` added; small parts are put together where there are many.
    pub fn with(&self, part: Part, write_id: &str) -> Grown {
        self.with_gc(part, self.head.gc.clone(), write_id)
    }

    /// The same, and with other words about collections.
    pub fn with_gc(&self, part: Part, gc: Collections, write_id: &str) -> Grown {
        let mut names = self.head.parts.clone();
        let mut parts = self.parts.clone();
        if part.entries.is_empty() {
            return self.head_of(names, None, gc, write_id);
        }
        let mut new = Arc::new(part);
        // Each part that is no larger than what would be put on top goes into it.
        while let Some(last) = parts.last()
            && (parts.len() >= PARTS_MOST || last.entries.len() <= new.entries.len())
        {
            new = Arc::new(Part::merged([last.as_ref(), new.as_ref()].into_iter()));
            parts.pop();
            names.pop();
        }
        self.head_of(names, Some(Arc::unwrap_or_clone(new)), gc, write_id)
    }

    fn head_of(&self, mut parts: Vec<PartName>, new: Option<Part>, gc: Collections, write_id: &str) -> Grown {
        let stored = new.as_ref().map(|new| new.encode(gc.epoch));
        if let (Some(new), Some(stored)) = (&new, &stored) {
            parts.push(PartName { digest: Digest::of(stored), objects: new.entries.len() as u64 });
        }
        let writes = std::iter::once(write_id.to_owned()).chain(self.head.writes.iter().cloned());
        let head = Head {
            format: 1,
            generation: self.head.generation + 1,
            parts,
            writes: writes.take(REMEMBERED).collect(),
            gc,
        };
        Grown { head, part: stored }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::remote::pack::PackBuilder;

    fn pack_of(texts: &[String]) -> Pack {
        let mut builder = PackBuilder::default();
        texts.iter().for_each(|text| builder.add(Digest::of(text.as_bytes()), text.as_bytes()));
        builder.finish().unwrap()
    }

    #[test]
    fn pushes_leave_few_parts_and_every_object_is_found() {
        let mut index = Index::default();
        for push in 0..100 {
            let texts: Vec<String> = (0..1 + push % 7).map(|n| format!("{push}-{n}")).collect();
            let pack = pack_of(&texts);
            let grown = index.with(Part::of(std::slice::from_ref(&pack), Vec::new()), &format!("w{push}"));
            index = index.grown(grown).unwrap();
            for text in texts {
                let found = index.find(&Digest::of(text.as_bytes())).unwrap();
                assert_eq!(found.pack, Some(pack.digest));
            }
        }
        assert!(index.parts.len() <= PARTS_MOST, "{}", index.parts.len());
        assert_eq!(index.head.writes.len(), REMEMBERED);
        assert_eq!(index.head.writes[0], "w99");
        assert!(index.has(&Digest::of(b"0-0")) && !index.has(&Digest::of(b"x")));
    }

    #[test]
    fn what_goes_is_named_no_more_and_another_place_of_an_object_holds() {
        let (old, new) = (pack_of(&["a".into(), "b".into()]), pack_of(&["a".into()]));
        let mut index = Index::default();
        for (n, pack) in [&old, &new].into_iter().enumerate() {
            let grown = index.with(Part::of(std::slice::from_ref(pack), Vec::new()), &n.to_string());
            index = index.grown(grown).unwrap();
        }
        let done = Collections { epoch: 1, list: None };
        let without = |pack: &Pack| {
            let key = layout::pack(&pack.digest);
            index.grown(index.without(&|one| one == key, done.clone(), "w")).unwrap()
        };
        let place =
            |index: &Index, text: &str| index.find(&Digest::of(text.as_bytes())).and_then(|one| one.pack);
        let left = without(&old);
        assert_eq!((place(&left, "a"), place(&left, "b")), (Some(new.digest), None));
        assert_eq!((left.head.gc.epoch, left.parts.len()), (1, 1));
        let left = without(&new);
        assert_eq!((place(&left, "a"), place(&left, "b")), (Some(old.digest), Some(old.digest)));
        // Where nothing goes, no part is written.
        assert_eq!(index.without(&|_| false, done.clone(), "w").part, None);
        assert_eq!(index.with_gc(Part::default(), done, "w").part, None);
    }

    #[test]
    fn keys_of_different_epochs_differ() {
        let pack = |epoch| {
            let mut builder = PackBuilder::new(epoch);
            builder.add(Digest::of(b"a"), b"a");
            builder.finish().unwrap()
        };
        let part = Part::of(&[pack(0)], Vec::new());
        let keys: std::collections::BTreeSet<_> = [0, 1, 2]
            .into_iter()
            .flat_map(|epoch| [pack(epoch).digest, Digest::of(&part.encode(epoch))])
            .collect();
        assert_eq!(keys.len(), 6);
        assert_eq!(Part::decode(&part.encode(7)), Some(part));
    }

    #[test]
    fn bytes_that_are_no_part_are_refused() {
        let pack = pack_of(&["a".to_owned(), "b".to_owned()]);
        let stored = Part::of(std::slice::from_ref(&pack), Vec::new()).encode(0);
        for cut in 0..stored.len() {
            assert_eq!(Part::decode(&stored[..cut]), None);
        }
        let mut wrong = Part::of(std::slice::from_ref(&pack), Vec::new());
        wrong.packs.clear();
        assert_eq!(Part::decode(&wrong.encode(0)), None);
        let mut twice = Part::of(std::slice::from_ref(&pack), Vec::new());
        twice.entries[1] = twice.entries[0];
        assert_eq!(Part::decode(&twice.encode(0)), None);
    }
}
