//! The index: where each object of a remote is.
//!
//! It is a few parts, each written once and named by its digest, and a head that
//! lists those that count. A push adds one part; where there are many, the
//! smallest are put together into one, so their number stays logarithmic. A
//! part is a zstd frame over a postcard [`Part`]; the head is JSON, moved by
//! conditional put, and names the last writes so that one whose answer was lost
//! is known again.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

pub use super::part::{Entry, Located, Part, Place};
use crate::model::Digest;

/// How many parts there may be before some are put together.
const PARTS_MOST: usize = 8;
/// How many of the last writes a head or a branch names.
pub const REMEMBERED: usize = 32;

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

/// The parts that count, read.
#[derive(Debug, Clone, Default)]
pub struct Index {
    /// As it was read.
    pub head: Head,
    parts: Vec<Arc<Part>>,
}

/// All that an object is read from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Whole {
    /// Its own place.
    pub object: Located,
    /// Where the object is that it is a delta against; absent where it is none.
    pub base: Option<Located>,
}

impl Whole {
    /// Returns both.
    pub fn all(self) -> impl Iterator<Item = Located> {
        std::iter::once(self.object).chain(self.base)
    }
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

    /// Returns where an object and, if it is a delta, its base are; absent where one of them is not there.
    pub fn find_whole(&self, digest: &Digest) -> Option<Whole> {
        let object = self.find(digest)?;
        let base = match object.entry.base() {
            Some(base) => Some(self.find(&base).filter(|base| base.entry.base().is_none())?),
            None => None,
        };
        Some(Whole { object, base })
    }

    /// Returns whether the remote has an object, and the base that it may need.
    pub fn has(&self, digest: &Digest) -> bool {
        self.find_whole(digest).is_some()
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
        // Before they are put together: an older place of an object may go, and the newer stay.
        let left: Vec<_> = self.parts.iter().map(|part| part.without(goes)).collect();
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
    pub fn with_gc(&self, mut part: Part, gc: Collections, write_id: &str) -> Grown {
        // A delta never hides an object that is there by itself: others may be deltas against it.
        let is_by_itself =
            |digest: &Digest| self.find(digest).is_some_and(|found| found.entry.base().is_none());
        part.entries.retain(|entry| entry.base().is_none() || !is_by_itself(&entry.digest));
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
    use crate::remote::encoding::Encoding;
    use crate::remote::layout;
    use crate::remote::pack::{Pack, pack_of};

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
    fn a_delta_is_there_with_its_base_alone_and_hides_no_object() {
        let of = |name: &str, base: Option<&str>| Entry {
            digest: Digest::of(name.as_bytes()),
            raw: 2_000_000,
            encoding: base
                .map_or(Encoding::Raw, |base| Encoding::Delta { base: Digest::of(base.as_bytes()) }),
            place: Place::Own { stored: 9 },
        };
        let with = |index: &Index, entries: &[Entry]| {
            index.grown(index.with(Part::of(&[], entries.to_vec()), "w")).unwrap()
        };
        let has = |index: &Index| ["a", "b", "c"].map(|name| index.has(&Digest::of(name.as_bytes())));
        let index = with(&Index::default(), &[of("b", Some("a")), of("c", Some("b"))]);
        assert_eq!(has(&index), [false; 3]);
        let index = with(&index, &[of("a", None)]);
        assert_eq!(has(&index), [true, true, false], "no chains");
        // Somebody who did not know it yet sent it as a delta: others may count on it already.
        let late = with(&index, &[of("a", Some("c"))]);
        assert_eq!(has(&late), [true, true, false]);
        assert_eq!(late.head.parts, index.head.parts);
        let index = with(&index, &[of("b", None)]);
        assert_eq!(has(&index), [true; 3]);
        let whole = index.find_whole(&Digest::of(b"c")).unwrap();
        let keys: Vec<_> = whole.all().map(|one| one.key()).collect();
        assert!(keys[0].ends_with(&format!("-{}", Digest::of(b"b"))) && !keys[1].contains('-'), "{keys:?}");
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
}
