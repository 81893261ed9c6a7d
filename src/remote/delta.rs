//! A large object as what changed since another one: a zstd frame that refers to the other's bytes.
//!
//! It is what `zstd --patch-from` makes: the base is the frame's prefix, matches
//! are looked for over all of it. Depth 1: a base is there by itself, never a
//! delta. Memory is about twice the object, for who makes one and for who reads it.

use std::io::{Read, Write};

use super::RemoteError;
use super::encoding::{Encoding, LEVEL, TRIED};
use super::header;
use super::pack::PACKED_MOST;
use crate::model::{Digest, Progress};
use crate::store::{Store, StoreError};

/// Only objects of more bytes than this: others are members of packs.
pub const LEAST: u64 = PACKED_MOST;
/// Only objects of at most this many bytes, and bases; a frame's window is as long as the object.
pub const MOST: u64 = 1 << DELTA_WINDOW_LOG_MOST;
/// What readers take of a delta.
pub const DELTA_WINDOW_LOG_MOST: u32 = 29;
/// What zstd, and all else, takes besides.
const BESIDES: u64 = 32 * 1024 * 1024;
/// One that saves fewer bytes than this is not worth that it needs another object.
const SAVED_LEAST: u64 = 64 * 1024;
/// How much is read at a time.
const BLOCK: usize = 1024 * 1024;

/// Tells whether an object of `size` bytes may become a delta against one of `base` bytes.
pub fn may_be(size: u64, base: u64) -> bool {
    let range = LEAST + 1..=MOST;
    range.contains(&size) && range.contains(&base) && base <= size.saturating_mul(2) && size <= base * 2
}

/// Returns an empty vector with room for so many bytes; absent where there is not so much memory.
pub fn room(bytes: u64) -> Option<Vec<u8>> {
    let mut room = Vec::new();
    room.try_reserve_exact(usize::try_from(bytes).ok()?).ok()?;
    Some(room)
}

/// Returns an object of the store, verified, in no more memory than it has bytes; absent where that cannot be.
pub fn load(store: &Store, digest: &Digest, size: u64) -> Option<Vec<u8>> {
    let mut bytes = room(size)?;
    store.reader(digest).ok()?.take(size).read_to_end(&mut bytes).ok()?;
    (Digest::of(&bytes) == *digest).then_some(bytes)
}

/// Returns how many bytes of memory the reader of a delta takes: the base, and a window as long as the object.
pub fn memory(object: u64, base: u64) -> u64 {
    base.saturating_add(object).saturating_add(BESIDES)
}

/// Returns an object's stored bytes as a delta; absent where that is more than half of what it takes by itself.
///
/// Fails where the object's bytes here are not its own.
pub fn make(
    store: &Store,
    (digest, size): (&Digest, u64),
    base: &Digest,
    progress: &dyn Progress,
) -> Result<Option<Vec<u8>>, RemoteError> {
    // Without a base that is whole the object goes by itself.
    let Some(length) = store.size_of(base)? else { return Ok(None) };
    let window = size.max(length).next_power_of_two();
    if room(length + window + 4 * BESIDES).is_none() {
        return Ok(None);
    }
    let Some(prefix) = load(store, base, length) else { return Ok(None) };
    let failed = |error| RemoteError::from(StoreError::reading(store.layout().root(), error));
    let mut encoder = encoder(&prefix, size, *base).map_err(failed)?;
    let mut source = store.reader(digest)?;
    let mut hasher = blake3::Hasher::new();
    let mut alone = Alone { of: size, read: 0, tried: 0, compressed: 0 };
    let mut block = vec![0; BLOCK];
    loop {
        let read = super::outgoing::read_full(store, &mut source, &mut block)?;
        if read == 0 {
            break;
        }
        let bytes = &block[..read];
        hasher.update(bytes);
        alone.look_at(bytes);
        encoder.write_all(bytes).map_err(failed)?;
        progress.advance(read as u64);
        if encoder.get_ref().len() as u64 > alone.bytes() / 2 {
            return Ok(None);
        }
    }
    let found = Digest::from(hasher.finalize());
    if found != *digest {
        let root = store.layout().root().to_owned();
        return Err(StoreError::Damaged { digest: *digest, found, root }.into());
    }
    let stored = encoder.finish().map_err(failed)?;
    let (bytes, alone) = (stored.len() as u64, alone.bytes());
    Ok((bytes <= alone / 2 && alone - bytes >= SAVED_LEAST).then_some(stored))
}

fn encoder(
    prefix: &[u8],
    size: u64,
    base: Digest,
) -> std::io::Result<zstd::stream::write::Encoder<'_, Vec<u8>>> {
    let head = header::encode(Encoding::Delta { base }, size);
    let mut encoder = zstd::stream::write::Encoder::with_ref_prefix(head, LEVEL, prefix)?;
    let longest = size.max(prefix.len() as u64).next_power_of_two();
    encoder.window_log(longest.trailing_zeros())?;
    encoder.long_distance_matching(true)?;
    encoder.set_pledged_src_size(Some(size))?;
    Ok(encoder)
}

/// How many bytes an object would take by itself, as the first bytes of each block tell.
struct Alone {
    of: u64,
    read: u64,
    tried: u64,
    compressed: u64,
}

impl Alone {
    fn look_at(&mut self, block: &[u8]) {
        let first = &block[..block.len().min(TRIED)];
        let size =
            zstd::bulk::compress(first, LEVEL).map_or(first.len(), |tried| tried.len().min(first.len()));
        self.read += block.len() as u64;
        self.tried += first.len() as u64;
        self.compressed += size as u64;
    }

    fn bytes(&self) -> u64 {
        self.of.saturating_mul(self.compressed) / self.tried.max(1)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::Silent;
    use crate::remote::incoming::Input;
    use crate::remote::index::{Entry, Place};

    fn noise(size: usize, seed: u64) -> Vec<u8> {
        let mut bytes = vec![0; size];
        blake3::Hasher::new().update(&seed.to_le_bytes()).finalize_xof().fill(&mut bytes);
        bytes
    }

    fn delta(base: &[u8], bytes: &[u8]) -> Option<Vec<u8>> {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        let (base, digest) = (store.put_bytes(base).unwrap(), store.put_bytes(bytes).unwrap());
        make(&store, (&digest, bytes.len() as u64), &base, &Silent).unwrap()
    }

    /// Returns what a reader makes of stored bytes; absent where it refuses them.
    fn read(base: &[u8], named: &[u8], stored: &[u8], bytes: &[u8]) -> Option<Vec<u8>> {
        let entry = Entry {
            digest: Digest::of(bytes),
            raw: bytes.len() as u64,
            encoding: Encoding::Delta { base: Digest::of(named) },
            place: Place::Own { stored: stored.len() as u64 },
        };
        let mut input = Input::new(&entry, base, Vec::new());
        for piece in stored.chunks(100_000) {
            input.take(piece).ok()?;
        }
        input.end().unwrap()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(16))]

        #[test]
        fn what_changed_a_little_is_small_and_comes_back(
            seed in 0..1000_u64,
            edits in proptest::collection::vec((0..1_500_000_usize, 0..3_000_usize, 0..3_000_usize), 0..20),
        ) {
            let base = noise(1_500_000, seed);
            let mut bytes = base.clone();
            for (n, (at, removed, added)) in edits.iter().enumerate() {
                let at = (*at).min(bytes.len());
                let end = (at + removed).min(bytes.len());
                bytes.splice(at..end, noise(*added, seed * 1000 + n as u64));
            }
            let stored = delta(&base, &bytes).unwrap();
            let added: usize = edits.iter().map(|(_, _, added)| added + 400).sum();
            prop_assert!(stored.len() < added + 2_000, "{} bytes", stored.len());
            prop_assert_eq!(read(&base, &base, &stored, &bytes), Some(bytes));
        }
    }

    #[test]
    fn what_has_little_in_common_or_hardly_saves_anything_is_no_delta() {
        let base = noise(2_000_000, 1);
        assert_eq!(delta(&base, &noise(2_000_000, 2)), None);
        let half = [&base[..900_000], &noise(1_100_000, 3)].concat();
        assert_eq!(delta(&base, &half), None, "more than half of it is new");
        assert!(delta(&base, &[&base[..1_100_000], &noise(900_000, 3)].concat()).is_some());
        assert_eq!(delta(&b"one".repeat(1_000_000), &b"two".repeat(1_000_000)), None);
        assert!(may_be(2 << 20, 3 << 20) && may_be(3 << 20, 6 << 20));
        assert!(!may_be(2 << 20, 5 << 20) && !may_be(5 << 20, 2 << 20) && !may_be(LEAST, LEAST));
        assert!(may_be(MOST, MOST) && !may_be(MOST + 1, MOST));
    }

    #[test]
    fn a_wrong_base_a_flipped_bit_and_a_cut_are_refused() {
        let base = noise(1_500_000, 4);
        let bytes = [&base[..700_000], b"changed", &base[700_000..]].concat();
        let stored = delta(&base, &bytes).unwrap();
        assert_eq!(read(&base, &base, &stored, &bytes), Some(bytes.clone()));
        let other = noise(1_500_000, 5);
        assert_eq!(read(&other, &base, &stored, &bytes), None, "another base's bytes");
        assert_eq!(read(&base, &other, &stored, &bytes), None, "another base's name");
        assert_eq!(read(&[], &base, &stored, &bytes), None, "no base");
        for at in 0..stored.len() {
            let mut flipped = stored.clone();
            flipped[at] ^= 4;
            assert_ne!(read(&base, &base, &flipped, &bytes), Some(Vec::new()), "{at}");
            if let Some(read) = read(&base, &base, &flipped, &bytes) {
                assert_eq!(read, bytes);
            }
            assert_eq!(read(&base, &base, &stored[..at], &bytes), None, "{at}");
        }
    }

    #[test]
    fn memory_that_is_not_there_is_said_and_never_fatal() {
        assert!(room(1 << 20).is_some_and(|room| room.capacity() == 1 << 20));
        assert_eq!(room(u64::MAX), None);
        assert_eq!(room(i64::MAX as u64), None);
        assert_eq!(memory(300 << 20, 300 << 20), 632 << 20);
    }

    #[test]
    fn a_window_that_is_too_large_is_refused() {
        let base = noise(10, 6);
        let mut encoder = zstd::stream::write::Encoder::with_ref_prefix(
            header::encode(Encoding::Delta { base: Digest::of(&base) }, 4),
            LEVEL,
            &base,
        )
        .unwrap();
        // Without its length the frame has to say the window.
        encoder.window_log(DELTA_WINDOW_LOG_MOST + 1).unwrap();
        encoder.write_all(b"abcd").unwrap();
        encoder.flush().unwrap();
        let stored = encoder.finish().unwrap();
        assert_eq!(read(&base, &base, &stored, b"abcd"), None);
    }
}
