//! One 32-byte BLAKE3 digest, and a hasher that cannot be fed ambiguously.
//!
//! Objects are named by [`Digest::of`] their bytes. Everything that is hashed
//! from several parts goes through [`TaggedHasher`], which writes a tag and a
//! length before each part, so that no two lists of parts give the same input.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The BLAKE3 digest of some bytes; shown as 64 lowercase hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest([u8; 32]);

/// A text that is not 64 hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a digest of 64 hexadecimal digits")]
pub struct DigestError {
    /// The text as it was given.
    pub text: String,
}

impl Digest {
    /// Returns the digest of `bytes`.
    pub fn of(bytes: &[u8]) -> Self {
        Self(*blake3::hash(bytes).as_bytes())
    }

    /// Wraps 32 bytes that already are a digest.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Returns the 32 bytes.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Returns the first 12 hexadecimal digits, for people.
    pub fn short(&self) -> String {
        self.to_string()[..12].to_owned()
    }
}

impl From<blake3::Hash> for Digest {
    fn from(hash: blake3::Hash) -> Self {
        Self(*hash.as_bytes())
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(blake3::Hash::from_bytes(self.0).to_hex().as_str())
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Digest({})", self.short())
    }
}

impl FromStr for Digest {
    type Err = DigestError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let hash = blake3::Hash::from_hex(text).map_err(|_| DigestError { text: text.to_owned() })?;
        let digest = Self::from(hash);
        // `from_hex` takes capitals too; one digest has one spelling.
        if digest.to_string() == text { Ok(digest) } else { Err(DigestError { text: text.to_owned() }) }
    }
}

impl Serialize for Digest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            serializer.collect_str(self)
        } else {
            self.0.serialize(serializer)
        }
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if deserializer.is_human_readable() {
            let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
            text.parse().map_err(serde::de::Error::custom)
        } else {
            Ok(Self(<[u8; 32]>::deserialize(deserializer)?))
        }
    }
}

/// Hashes named parts: each is preceded by its tag and its length.
///
/// The domain given to [`TaggedHasher::new`] keeps digests of different kinds
/// of things apart, and carries the version of the recipe.
#[derive(Clone)]
pub struct TaggedHasher(blake3::Hasher);

impl TaggedHasher {
    /// Starts a digest of the given kind, for example `kptn fingerprint 1`.
    pub fn new(domain: &str) -> Self {
        let mut hasher = Self(blake3::Hasher::new());
        hasher.field("domain", domain.as_bytes());
        hasher
    }

    /// Adds one named part.
    pub fn field(&mut self, tag: &str, bytes: &[u8]) -> &mut Self {
        self.0.update(&(tag.len() as u64).to_le_bytes());
        self.0.update(tag.as_bytes());
        self.0.update(&(bytes.len() as u64).to_le_bytes());
        self.0.update(bytes);
        self
    }

    /// Returns the digest of all parts so far.
    pub fn finish(&self) -> Digest {
        self.0.finalize().into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_survives_its_text() {
        let digest = Digest::of(b"kptn");
        assert_eq!(digest.to_string().parse(), Ok(digest));
        assert!("".parse::<Digest>().is_err());
        assert!(digest.to_string().to_uppercase().parse::<Digest>().is_err());
    }

    #[test]
    fn moving_a_byte_between_tag_and_value_changes_the_digest() {
        let one = TaggedHasher::new("t").field("ab", b"c").finish();
        let other = TaggedHasher::new("t").field("a", b"bc").finish();
        assert_ne!(one, other);
    }
}
