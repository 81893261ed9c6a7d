//! One part of the index: where some objects are, and how that is stored.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::encoding::{self, Encoding, EncodingError};
use super::pack::{Member, PACKED_MOST, Pack};
use super::{delta, layout};
use crate::model::Digest;

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

impl Entry {
    /// Returns the object that this one is a delta against; absent where it is none.
    pub fn base(&self) -> Option<Digest> {
        self.encoding.base()
    }

    /// Returns the object's bytes of its stored ones; fails where they are not its own.
    pub fn decode<'s>(&self, stored: &'s [u8]) -> Result<Cow<'s, [u8]>, EncodingError> {
        let raw = encoding::decode(self.encoding, stored, usize::try_from(self.raw).unwrap_or(usize::MAX))?;
        if Digest::of(&raw) == self.digest {
            return Ok(raw);
        }
        Err(EncodingError { problem: format!("what should be {} is not", self.digest.short()) })
    }
}

/// One part of the index.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Part {
    /// The packs that entries name by their place in this list.
    pub packs: Vec<Digest>,
    /// Sorted by digest, each once.
    pub entries: Vec<Entry>,
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
        let epoch = match (self.entry.place, &self.pack) {
            (Place::Packed { .. }, Some(pack)) => return layout::pack(pack),
            (Place::OwnSince { epoch, .. }, _) => epoch,
            _ => 0,
        };
        match self.entry.base() {
            Some(base) => layout::delta(&self.entry.digest, &base, epoch),
            None => layout::object(&self.entry.digest, epoch),
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

    /// Makes a part of objects wherever they are; of those that are there twice one is taken that is there by itself,
    /// else the last.
    pub fn of_located(all: impl Iterator<Item = Located>) -> Self {
        let mut chosen: BTreeMap<Digest, Located> = BTreeMap::new();
        for one in all {
            let hides = |known: &Located| known.entry.base().is_none() && one.entry.base().is_some();
            if !chosen.get(&one.entry.digest).is_some_and(hides) {
                chosen.insert(one.entry.digest, one);
            }
        }
        let alone = chosen.into_values().map(|Located { mut entry, pack }| {
            if let Place::Packed { pack, .. } = &mut entry.place {
                *pack = 0;
            }
            Self { packs: pack.into_iter().collect(), entries: vec![entry] }
        });
        Self::merged(alone.collect::<Vec<_>>().iter())
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
        zstd::bulk::compress(&plain, encoding::LEVEL).unwrap_or_default()
    }

    /// Reads stored bytes; absent where they are no part that can be trusted.
    pub fn decode(stored: &[u8]) -> Option<Self> {
        Self::decode_dated(stored).map(|(part, _)| part)
    }

    /// The same, and after how many collections it was written.
    pub fn decode_dated(stored: &[u8]) -> Option<(Self, u64)> {
        let size = zstd::zstd_safe::get_frame_content_size(stored).ok()??;
        let size = usize::try_from(size).ok().filter(|size| *size <= PART_MOST)?;
        let plain = zstd::bulk::decompress(stored, size).ok()?;
        let (part, rest): (Self, &[u8]) = postcard::take_from_bytes(&plain).ok()?;
        let epoch = rest.first_chunk().map_or(0, |epoch| u64::from_le_bytes(*epoch));
        let sorted = part.entries.is_sorted_by(|a, b| a.digest < b.digest);
        let sound = |entry: &Entry| match entry.place {
            Place::Own { .. } | Place::OwnSince { .. } => entry.base().is_none() || entry.raw <= delta::MOST,
            Place::Packed { pack, .. } => {
                (pack as usize) < part.packs.len() && entry.raw <= PACKED_MOST && entry.base().is_none()
            }
        };
        (sorted && part.entries.iter().all(sound)).then_some((part, epoch))
    }

    /// Puts parts together; what a later one says wins.
    pub fn merged<'a>(parts: impl Iterator<Item = &'a Self>) -> Self {
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

    /// Returns it without the objects whose keys are to go.
    pub fn without(&self, goes: &dyn Fn(&str) -> bool) -> Self {
        let stays = |entry: &&Entry| !goes(&self.locate(**entry).key());
        Self { packs: self.packs.clone(), entries: self.entries.iter().filter(stays).copied().collect() }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::remote::pack::{PackBuilder, pack_of};

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
        assert_eq!(Part::decode_dated(&part.encode(7)), Some((part.clone(), 7)));
        assert_eq!(Part::decode(&part.encode(0)), Some(part));
    }

    #[test]
    fn of_two_places_that_is_taken_which_needs_no_other() {
        let (pack, digest) = (pack_of(&["a".to_owned()]), Digest::of(b"own"));
        let packed = Part::of(std::slice::from_ref(&pack), Vec::new());
        let own = |encoding| {
            let entry = Entry { digest, raw: 3, encoding, place: Place::Own { stored: 19 } };
            Located { entry, pack: None }
        };
        let (alone, delta) = (own(Encoding::Raw), own(Encoding::Delta { base: Digest::of(b"base") }));
        for order in [[alone, delta], [delta, alone]] {
            let part = Part::of_located(order.into_iter().chain(packed.located()));
            assert_eq!(part.find(&digest), Some(alone));
            assert_eq!(part.find(&Digest::of(b"a")), packed.find(&Digest::of(b"a")));
            assert_eq!(Part::decode(&part.encode(0)), Some(part));
        }
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
