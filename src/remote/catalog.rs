//! The index of a remote as it is read and written; its parts are kept here.
//!
//! A part is named by its digest, so one that was read once need never be read
//! again: it stays in the store's folder, and a damaged copy is fetched anew.

use std::hash::{BuildHasher, RandomState};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::RemoteError;
use super::branch::new_id;
use super::bucket::{Bucket, Swapped, Version};
use super::index::{Head, Index, Part, PartName};
use super::layout;
use crate::model::{Digest, canonical_json};

/// How often a head is tried that others move too.
const TRIES: u32 = 20;
/// The first wait is no longer than this, each further one no longer than twice the one before it.
const SHORTEST_PAUSE: Duration = Duration::from_millis(20);
/// No wait is longer.
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// The index of one remote.
pub struct Catalog<'a> {
    bucket: &'a Bucket,
    /// Where parts are kept on this machine.
    folder: PathBuf,
    /// What the remote has.
    pub index: Index,
    version: Option<Version>,
}

impl<'a> Catalog<'a> {
    /// Reads the head, and those parts that are not here yet.
    pub async fn read(bucket: &'a Bucket, folder: &Path) -> Result<Self, RemoteError> {
        let mut catalog = Self { bucket, folder: folder.to_owned(), index: Index::default(), version: None };
        catalog.refresh().await?;
        Ok(catalog)
    }

    async fn refresh(&mut self) -> Result<(), RemoteError> {
        let Some((bytes, version)) = self.bucket.read_versioned(layout::INDEX_HEAD).await? else {
            (self.index, self.version) = (Index::default(), None);
            return Ok(());
        };
        let head: Head =
            serde_json::from_slice(&bytes).map_err(|error| self.bucket.damaged(layout::INDEX_HEAD, error))?;
        let mut parts = Vec::new();
        for name in &head.parts {
            parts.push(Arc::new(self.part(name).await?));
        }
        (self.index, self.version) = (Index::new(head, parts), Some(version));
        Ok(())
    }

    async fn part(&self, name: &PartName) -> Result<Part, RemoteError> {
        if let Some(part) = kept(&self.folder, &name.digest) {
            return Ok(part);
        }
        let key = layout::index_part(&name.digest);
        let stored = self.bucket.read(&key).await?;
        let stored = stored.ok_or_else(|| self.bucket.damaged(&key, "it is not there"))?;
        if Digest::of(&stored) != name.digest {
            return Err(self.bucket.damaged(&key, "its bytes are not its own"));
        }
        let part = Part::decode(&stored).ok_or_else(|| self.bucket.damaged(&key, "it is no index"))?;
        self.keep(&name.digest, &stored);
        Ok(part)
    }

    /// A part that cannot be kept is read again the next time.
    fn keep(&self, digest: &Digest, stored: &[u8]) {
        let path = self.folder.join(digest.to_string());
        let beside = self.folder.join(format!("{digest}.{}", new_id()));
        let written = std::fs::create_dir_all(&self.folder).and_then(|()| std::fs::write(&beside, stored));
        drop(written.and_then(|()| std::fs::rename(&beside, path)));
    }

    /// Adds what was written to the remote, so that others find it.
    pub async fn add(&mut self, part: &Part) -> Result<(), RemoteError> {
        let write_id = new_id();
        for tries in 0..TRIES {
            let grown = self.index.with(part.clone(), &write_id);
            let digest = Digest::of(&grown.part);
            self.bucket.write(&layout::index_part(&digest), grown.part.clone()).await?;
            self.keep(&digest, &grown.part);
            let head = canonical_json(&grown.head);
            let swapped = self.bucket.swap(layout::INDEX_HEAD, self.version.as_ref(), head).await;
            self.refresh().await?;
            // Also where the answer said no, or was lost: what is there tells.
            if self.index.head.writes.contains(&write_id) {
                return Ok(());
            }
            if let Err(error) = swapped {
                return Err(error);
            }
            debug_assert_eq!(swapped.ok(), Some(Swapped::No));
            tokio::time::sleep(pause(tries)).await;
        }
        Err(self.bucket.damaged(layout::INDEX_HEAD, "others move it all the time"))
    }
}

/// Returns how long to wait before the head is tried once more: another time for each who does.
fn pause(tries: u32) -> Duration {
    let longest = LONGEST_PAUSE.min(SHORTEST_PAUSE * 2_u32.saturating_pow(tries));
    let share = RandomState::new().hash_one(tries) % 1_000;
    longest.mul_f64(share as f64 / 1_000.0)
}

/// Returns a part that is kept here; absent where there is none or it is damaged.
fn kept(folder: &Path, digest: &Digest) -> Option<Part> {
    let stored = std::fs::read(folder.join(digest.to_string())).ok()?;
    (Digest::of(&stored) == *digest).then(|| Part::decode(&stored))?
}
