//! What a collection is about to delete: `gc/<epoch>-<id>`, written once, before the index's head names it.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};

use super::bucket::Bucket;
use super::{RemoteError, layout};
use crate::model::canonical_json;

/// The format's version.
const FORMAT: u32 = 1;

/// The list of one collection.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Condemned {
    /// The last part of its key.
    pub list: String,
    /// The keys that go, unless something needs them after all.
    pub keys: HashSet<String>,
}

#[derive(Serialize, Deserialize)]
struct File {
    format: u32,
    /// By the other end's clock.
    at_ms: u64,
    keys: Vec<String>,
}

impl Condemned {
    /// Reads a list; absent where it is not there.
    pub async fn read(bucket: &Bucket, list: &str) -> Result<Option<Self>, RemoteError> {
        let key = layout::condemned(list);
        let Some(bytes) = bucket.read(&key).await? else { return Ok(None) };
        let file: File = serde_json::from_slice(&bytes).map_err(|error| bucket.damaged(&key, error))?;
        if file.format != FORMAT {
            let url = bucket.url().to_owned();
            return Err(RemoteError::NewerFormat { url, found: file.format, known: FORMAT });
        }
        Ok(Some(Self { list: list.to_owned(), keys: file.keys.into_iter().collect() }))
    }

    /// Writes it.
    pub async fn write(&self, bucket: &Bucket, at_ms: u64) -> Result<(), RemoteError> {
        let mut keys: Vec<_> = self.keys.iter().cloned().collect();
        keys.sort();
        let file = File { format: FORMAT, at_ms, keys };
        bucket.write(&layout::condemned(&self.list), canonical_json(&file)).await
    }
}
