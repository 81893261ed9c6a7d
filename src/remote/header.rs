//! What a large object's key begins with: how the rest becomes the object.
//!
//! ```text
//! "kob1"  encoding (0 raw, 1 zstd, 2 delta)  0 0 0  raw length, u64 LE  of a delta: its base's digest
//! ```
//! So a large object explains itself where the index is lost. Readers go by the
//! index, and the header must say the same.

use super::encoding::Encoding;
use crate::model::Digest;

const MAGIC: &[u8; 4] = b"kob1";

/// Returns the header of an object of `raw` bytes.
pub fn encode(encoding: Encoding, raw: u64) -> Vec<u8> {
    let kind = match encoding {
        Encoding::Raw => 0,
        Encoding::Zstd => 1,
        Encoding::Delta { .. } => 2,
    };
    let mut header = [MAGIC.as_slice(), &[kind, 0, 0, 0], &raw.to_le_bytes()].concat();
    if let Some(base) = encoding.base() {
        header.extend_from_slice(base.as_bytes());
    }
    header
}

/// The longest that there is.
pub const LONGEST: usize = 16 + 32;

/// What a header says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// How the rest becomes the object.
    pub encoding: Encoding,
    /// How many bytes that has.
    pub raw: u64,
}

/// Reads the header at the beginning of a large object's key; absent where there is none.
pub fn decode(bytes: &[u8]) -> Option<Header> {
    let rest = bytes.strip_prefix(MAGIC)?;
    let (kind, rest) = rest.split_first_chunk::<4>()?;
    let (raw, rest) = rest.split_first_chunk::<8>()?;
    let encoding = match kind {
        [0, 0, 0, 0] => Encoding::Raw,
        [1, 0, 0, 0] => Encoding::Zstd,
        [2, 0, 0, 0] => Encoding::Delta { base: Digest::from_bytes(*rest.first_chunk()?) },
        _ => return None,
    };
    Some(Header { encoding, raw: u64::from_le_bytes(*raw) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_is_what_the_page_says() {
        assert_eq!(encode(Encoding::Raw, 5), b"kob1\0\0\0\0\x05\0\0\0\0\0\0\0");
        assert_eq!(encode(Encoding::Zstd, 1 << 56), b"kob1\x01\0\0\0\0\0\0\0\0\0\0\x01");
        let delta = encode(Encoding::Delta { base: Digest::from_bytes([7; 32]) }, 0);
        assert_eq!(delta, [b"kob1\x02\0\0\0\0\0\0\0\0\0\0\0".as_slice(), &[7; 32]].concat());
        for (encoding, raw) in
            [(Encoding::Raw, 5), (Encoding::Zstd, 1 << 56), (Encoding::Delta { base: Digest::of(b"b") }, 9)]
        {
            let header = encode(encoding, raw);
            assert_eq!(decode(&[&header[..], b"body"].concat()), Some(Header { encoding, raw }));
            assert_eq!(decode(&header[..header.len() - 1]), None);
        }
    }
}
