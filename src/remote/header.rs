//! The first 16 bytes of a large object's key: how the rest becomes the object.
//!
//! ```text
//! "kob1"  encoding (0 raw, 1 zstd)  0 0 0  raw length, u64 LE
//! ```
//! So a large object explains itself where the index is lost.

use super::encoding::Encoding;

/// How long a header is.
pub const LENGTH: usize = 16;

const MAGIC: &[u8; 4] = b"kob1";

/// Returns the header of an object of `raw` bytes.
pub fn encode(encoding: Encoding, raw: u64) -> [u8; LENGTH] {
    let mut header = [0; LENGTH];
    header[..4].copy_from_slice(MAGIC);
    header[4] = match encoding {
        Encoding::Raw => 0,
        Encoding::Zstd => 1,
    };
    header[8..].copy_from_slice(&raw.to_le_bytes());
    header
}

/// Reads a header; absent where it is none.
pub fn decode(header: &[u8; LENGTH]) -> Option<(Encoding, u64)> {
    let (magic, rest) = header.split_first_chunk::<4>()?;
    let (kind, raw) = rest.split_first_chunk::<4>()?;
    let encoding = match kind {
        [0, 0, 0, 0] => Encoding::Raw,
        [1, 0, 0, 0] => Encoding::Zstd,
        _ => return None,
    };
    (magic == MAGIC).then_some((encoding, u64::from_le_bytes(raw.try_into().ok()?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_comes_back_and_others_are_none() {
        for (encoding, raw) in [(Encoding::Raw, 0), (Encoding::Zstd, u64::MAX)] {
            assert_eq!(decode(&encode(encoding, raw)), Some((encoding, raw)));
        }
        assert_eq!(decode(b"kob1\x02\0\0\0\0\0\0\0\0\0\0\0"), None);
        assert_eq!(decode(b"kob2\0\0\0\0\0\0\0\0\0\0\0\0"), None);
    }
}
