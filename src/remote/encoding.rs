//! How one object's bytes are stored: as they are, or compressed where that helps.
//!
//! Compression is zstd (RFC 8878), one frame an object, so that any of them can
//! be read alone. The first block tells whether it is worth it. Whoever decodes
//! says how many bytes there must be: more than that is never produced, however
//! the frame was made.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::model::Digest;

/// How the stored bytes become the object's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Encoding {
    /// They are the object's bytes.
    Raw,
    /// One zstd frame.
    Zstd,
    /// One zstd frame that refers to another object's bytes, as if they came just before it: `delta.rs`.
    Delta {
        /// That object, which must be there by itself.
        base: Digest,
    },
}

impl Encoding {
    /// Returns the object that this one is a delta against; absent where it is none.
    pub fn base(&self) -> Option<Digest> {
        match self {
            Self::Raw | Self::Zstd => None,
            Self::Delta { base } => Some(*base),
        }
    }
}

/// The stored bytes are not what they are said to be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{problem}")]
pub struct EncodingError {
    /// What is wrong.
    pub problem: String,
}

/// zstd's own default: three times smaller for text, at some 300 MB a second and core.
pub const LEVEL: i32 = 3;

/// How much of an object is tried.
pub const TRIED: usize = 64 * 1024;

/// Returns whether bytes that begin like this are worth compressing: at least a twentieth must be saved.
pub fn helps(first: &[u8]) -> bool {
    let first = &first[..first.len().min(TRIED)];
    // Below this the frame's own bytes eat what is saved.
    first.len() >= 64
        && zstd::bulk::compress(first, LEVEL).is_ok_and(|tried| tried.len() * 20 <= first.len() * 19)
}

/// Returns the bytes to store, and how they are encoded.
pub fn encode(bytes: &[u8]) -> (Encoding, Cow<'_, [u8]>) {
    if helps(bytes)
        && let Ok(compressed) = zstd::bulk::compress(bytes, LEVEL)
        && compressed.len() < bytes.len()
    {
        return (Encoding::Zstd, compressed.into());
    }
    (Encoding::Raw, bytes.into())
}

/// Returns the object's bytes, exactly `raw` of them.
pub fn decode(encoding: Encoding, stored: &[u8], raw: usize) -> Result<Cow<'_, [u8]>, EncodingError> {
    let bytes: Cow<'_, [u8]> = match encoding {
        Encoding::Raw => stored.into(),
        Encoding::Zstd => zstd::bulk::decompress(stored, raw)
            .map_err(|error| EncodingError { problem: format!("it cannot be decompressed: {error}") })?
            .into(),
        Encoding::Delta { .. } => {
            return Err(EncodingError { problem: "a delta cannot be decoded by itself".to_owned() });
        }
    };
    if bytes.len() == raw {
        return Ok(bytes);
    }
    Err(EncodingError { problem: format!("it has {} bytes instead of {raw}", bytes.len()) })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_encoded_comes_back(bytes in proptest::collection::vec(any::<u8>(), 0..2000), times in 1..20usize) {
            let bytes = bytes.repeat(times);
            let (encoding, stored) = encode(&bytes);
            prop_assert!(stored.len() <= bytes.len());
            let back = decode(encoding, &stored, bytes.len()).unwrap();
            prop_assert_eq!(back.as_ref(), &bytes[..]);
        }
    }

    #[test]
    fn text_gets_much_smaller_and_noise_stays_as_it_is() {
        let text = "state,year,value\nNC,1977,3.5\n".repeat(1000);
        let (encoding, stored) = encode(text.as_bytes());
        assert_eq!(encoding, Encoding::Zstd);
        assert!(stored.len() * 3 < text.len());
        let noise: Vec<u8> = (0..50u32).flat_map(|n| *blake3::hash(&n.to_le_bytes()).as_bytes()).collect();
        assert_eq!(encode(&noise).0, Encoding::Raw);
    }

    #[test]
    fn a_bomb_is_refused_before_it_goes_off() {
        let bomb = zstd::bulk::compress(&vec![0; 64 << 20], 19).unwrap();
        assert!(decode(Encoding::Zstd, &bomb, 1000).is_err());
        assert!(decode(Encoding::Raw, b"abc", 2).is_err());
        assert!(decode(Encoding::Zstd, b"no frame", 8).is_err());
    }
}
