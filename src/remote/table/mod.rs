//! Branches, their history, what runs write and small packs, in a table of DynamoDB instead of the bucket.
//!
//! ```text
//! items    how keys and bytes lie in a table: PURE
//! dynamo   the table itself, behind the cargo feature `aws`     absent   says that this kptn has it not
//! values   as the client takes them                          clock    what time it is at the server
//! ```
//! `refs: dynamodb://table`. What is large, the objects and the index, stays in the bucket, with `kptn.json`, which says where the branches
//! are: who does not know of the table keeps away. A bucket asks the table first for keys of its kinds.

#[cfg(not(feature = "aws"))]
mod absent;
#[cfg(feature = "aws")]
mod clock;
#[cfg(feature = "aws")]
mod dynamo;
#[cfg(feature = "aws")]
mod items;
#[cfg(feature = "aws")]
mod values;

#[cfg(not(feature = "aws"))]
pub use absent::Table;
#[cfg(feature = "aws")]
pub use dynamo::Table;

/// What a key of a table holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// Another one for each write.
    pub tag: String,
}

/// When a key gets its new bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Condition<'a> {
    /// In any case.
    None,
    /// Where there is no such key.
    New,
    /// Where it still has what was read.
    Tag(&'a str),
}
