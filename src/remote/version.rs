//! What a key held when it was read: what a conditional put asks for.

use object_store::UpdateVersion;

use super::table::Condition;
use crate::model::Digest;

/// What a key held when it was read; only good for [`super::Bucket::swap`].
#[derive(Debug, Clone)]
pub struct Version(pub(super) Held);

#[derive(Debug, Clone)]
pub(super) enum Held {
    /// By a bucket's ETag.
    Tagged(UpdateVersion),
    /// By a table's tag.
    Named(String),
    /// By the bytes themselves, in a folder.
    Bytes(Digest),
}

impl Version {
    /// Returns the digest of the bytes, where it is that.
    pub(super) fn digest(&self) -> Option<Digest> {
        match &self.0 {
            Held::Bytes(digest) => Some(*digest),
            Held::Tagged(_) | Held::Named(_) => None,
        }
    }

    /// Returns what a table is to ask for; no item has an empty tag.
    pub(super) fn condition(&self) -> Condition<'_> {
        match &self.0 {
            Held::Named(tag) => Condition::Tag(tag),
            Held::Tagged(_) | Held::Bytes(_) => Condition::Tag(""),
        }
    }
}
