//! Which keys there are, how large, and since when.

use futures_util::TryStreamExt;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};

use super::bucket::Bucket;
use super::{RemoteError, layout};

/// One key as a list of keys has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// The key.
    pub key: String,
    /// How many bytes it has.
    pub size: u64,
    /// When it was written, in ms since the epoch, by the other end's clock.
    pub at_ms: u64,
}

impl Bucket {
    /// Tells whether there is anything that kptn wrote.
    pub async fn has_any(&self) -> Result<bool, RemoteError> {
        let mut listed = self.client.list(Some(&self.prefix));
        while let Some(one) = listed.try_next().await.map_err(|error| self.failed("list", "", error))? {
            if layout::is_ours(&self.key(&one.location)) {
                return Ok(true);
            }
        }
        match &self.table {
            Some(table) => Ok(!table.list(layout::REFS).await?.is_empty()),
            None => Ok(false),
        }
    }

    fn key(&self, path: &Path) -> String {
        let text = path.as_ref();
        text.strip_prefix(self.prefix.as_ref()).unwrap_or(text).trim_start_matches('/').to_owned()
    }

    /// Returns the keys that begin with a folder's name, sorted, and their sizes in bytes.
    pub async fn list(&self, folder: &str) -> Result<Vec<(String, u64)>, RemoteError> {
        let listed = self.list_dated(folder).await?;
        Ok(listed.into_iter().map(|one| (one.key, one.size)).collect())
    }

    /// Returns the keys that begin with a folder's name, sorted; all of them where it is empty.
    pub async fn list_dated(&self, folder: &str) -> Result<Vec<Listed>, RemoteError> {
        let listed: Result<Vec<_>, _> = self.client.list(Some(&self.path(folder))).try_collect().await;
        let listed = listed.map_err(|error| self.failed("list", folder, error))?;
        let listed = listed.iter().map(|meta| Listed {
            key: self.key(&meta.location),
            size: meta.size,
            at_ms: u64::try_from(meta.last_modified.timestamp_millis()).unwrap_or(0),
        });
        let mut keys: Vec<_> = listed.collect();
        if let Some(table) = &self.table {
            // Of these kinds the bucket may have keys that others wrote there; they are none of ours.
            keys.retain(|one| !layout::is_in_table(&one.key));
            keys.extend(table.list(folder).await?);
        }
        keys.sort_by(|a, b| a.key.cmp(&b.key));
        Ok(keys)
    }

    /// Returns when a key was written, by the other end's clock; absent where it is not there.
    pub async fn written_ms(&self, key: &str) -> Result<Option<u64>, RemoteError> {
        if let Some(table) = self.table_beside(key)
            && let Some(at_ms) = table.written_ms(key).await?
        {
            return Ok(Some(at_ms));
        }
        match self.client.head(&self.path(key)).await {
            Ok(found) => Ok(u64::try_from(found.last_modified.timestamp_millis()).ok()),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(self.failed("read", key, error)),
        }
    }
}
