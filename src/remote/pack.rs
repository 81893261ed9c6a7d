//! Packs: many small objects in one key, each readable alone by its range.
//!
//! ```text
//! member member …  list of members  length of the list, u32 LE  "kptnpak1"
//! ```
//! Each member is encoded by itself ([`Encoding`]). The list is a postcard
//! sequence of [`Member`]s in the order of their bytes, so a pack explains
//! itself where the index is lost; readers go by the index. A pack is named by
//! the digest of all its bytes.

use std::ops::Range;

use serde::{Deserialize, Serialize};

use super::encoding::{Encoding, encode};
use crate::model::Digest;

/// Objects of up to this many bytes go into packs.
pub const PACKED_MOST: u64 = 1024 * 1024;

/// A pack is closed once it has this many bytes.
pub const FULL: usize = 16 * 1024 * 1024;

const MAGIC: &[u8; 8] = b"kptnpak1";

/// How many bytes come after the list of members.
pub const TAIL: usize = 4 + MAGIC.len();

/// One object in a pack.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Member {
    /// Of its raw bytes.
    pub digest: Digest,
    /// Where its stored bytes begin.
    pub offset: u64,
    /// How many stored bytes there are.
    pub stored: u32,
    /// How many raw bytes there are; at most [`PACKED_MOST`].
    pub raw: u32,
    /// How the stored bytes become the raw ones.
    pub encoding: Encoding,
}

/// A pack that is ready to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pack {
    /// Of all its bytes.
    pub digest: Digest,
    /// What is in it, in the order of the bytes.
    pub members: Vec<Member>,
    /// All its bytes.
    pub bytes: Vec<u8>,
}

/// A pack that is being filled.
#[derive(Debug, Default)]
pub struct PackBuilder {
    members: Vec<Member>,
    bytes: Vec<u8>,
}

impl PackBuilder {
    /// Begins one whose bytes differ after each collection, so that no key is written again.
    pub fn new(epoch: u64) -> Self {
        // Before the first member, where nobody looks.
        let bytes = if epoch > 0 { epoch.to_le_bytes().to_vec() } else { Vec::new() };
        Self { members: Vec::new(), bytes }
    }

    /// Adds an object of at most [`PACKED_MOST`] bytes.
    pub fn add(&mut self, digest: Digest, raw: &[u8]) {
        let (encoding, stored) = encode(raw);
        self.members.push(Member {
            digest,
            offset: self.bytes.len() as u64,
            stored: stored.len() as u32,
            raw: raw.len() as u32,
            encoding,
        });
        self.bytes.extend_from_slice(&stored);
    }

    /// Returns whether nothing more should be added.
    pub fn is_full(&self) -> bool {
        self.bytes.len() >= FULL
    }

    /// Closes it; absent where nothing was added.
    pub fn finish(self) -> Option<Pack> {
        let Self { members, mut bytes } = self;
        if members.is_empty() {
            return None;
        }
        // Fixed-size fields and a vector: writing it to memory cannot fail.
        let list = postcard::to_allocvec(&members).unwrap_or_default();
        bytes.extend_from_slice(&list);
        bytes.extend_from_slice(&(list.len() as u32).to_le_bytes());
        bytes.extend_from_slice(MAGIC);
        Some(Pack { digest: Digest::of(&bytes), members, bytes })
    }
}

/// Returns where the list of members is in a pack of `size` bytes that ends like this; absent where that is no pack's.
pub fn list_of(tail: &[u8], size: u64) -> Option<Range<u64>> {
    let (length, magic) = tail.split_first_chunk::<4>()?;
    let end = size.checked_sub(TAIL as u64)?;
    let start = end.checked_sub(u32::from_le_bytes(*length).into())?;
    (magic == MAGIC).then_some(start..end)
}

/// Reads the list of members that begins at `start`; absent where it is none.
pub fn members(list: &[u8], start: u64) -> Option<Vec<Member>> {
    let members: Vec<Member> = postcard::from_bytes(list).ok()?;
    let inside = |member: &Member| {
        let end = member.offset.checked_add(u64::from(member.stored));
        end.is_some_and(|end| end <= start)
            && u64::from(member.raw) <= PACKED_MOST
            && member.encoding.base().is_none()
    };
    members.iter().all(inside).then_some(members)
}

/// Returns a pack of some texts, for tests.
#[cfg(test)]
pub fn pack_of(texts: &[String]) -> Pack {
    let mut builder = PackBuilder::default();
    texts.iter().for_each(|text| builder.add(Digest::of(text.as_bytes()), text.as_bytes()));
    builder.finish().unwrap_or_else(|| panic!("{texts:?} make no pack"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::remote::encoding::decode;

    /// Returns what a pack says is in it; absent where its bytes are no pack's.
    fn members(bytes: &[u8]) -> Option<Vec<Member>> {
        let tail = bytes.get(bytes.len().checked_sub(TAIL)?..)?;
        let list = list_of(tail, bytes.len() as u64)?;
        super::members(&bytes[list.start as usize..list.end as usize], list.start)
    }

    #[test]
    fn each_member_is_readable_by_its_range_and_the_pack_lists_them() {
        let objects = [b"a".to_vec(), b"hello ".repeat(500), Vec::new()];
        let mut builder = PackBuilder::default();
        objects.iter().for_each(|bytes| builder.add(Digest::of(bytes), bytes));
        let pack = builder.finish().unwrap();
        assert_eq!(members(&pack.bytes).unwrap(), pack.members);
        for (member, bytes) in pack.members.iter().zip(&objects) {
            let (start, stored) = (member.offset as usize, member.stored as usize);
            let stored = &pack.bytes[start..start + stored];
            assert_eq!(decode(member.encoding, stored, member.raw as usize).unwrap().as_ref(), &bytes[..]);
        }
        assert!(pack.bytes.len() < 1000);
    }

    #[test]
    fn what_is_cut_or_lies_about_its_members_is_no_pack() {
        let mut builder = PackBuilder::default();
        builder.add(Digest::of(b"abc"), b"abc");
        let pack = builder.finish().unwrap();
        for cut in 0..pack.bytes.len() {
            assert_eq!(members(&pack.bytes[..cut]), None, "{cut}");
        }
        let mut lying = PackBuilder::default();
        lying.add(Digest::of(b"abc"), b"abc");
        lying.members[0].stored = 1000;
        assert_eq!(members(&lying.finish().unwrap().bytes), None);
        assert_eq!(PackBuilder::default().finish(), None);
    }
}
