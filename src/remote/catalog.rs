//! The index of a remote as it is read and written; its parts are kept here.
//!
//! A part is named by its digest, so one that was read once need never be read
//! again: it stays in the store's folder, and a damaged copy is fetched anew.

use std::collections::HashSet;
use std::hash::{BuildHasher, RandomState};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::RemoteError;
use super::branch::new_id;
use super::bucket::{Bucket, Swapped, Version};
use super::condemned::Condemned;
use super::index::{Collections, Grown, Head, Index, Located, Part, PartName};
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
    /// Of the head; absent where it is not there, or was just written.
    version: Option<Version>,
    /// Whether somebody relies on what the remote has, and must know what is about to go.
    heeds: bool,
    condemned: Condemned,
    /// Keys whose bytes were looked at, and are not what they should be.
    distrusted: HashSet<String>,
}

/// Whether the index names what was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Added {
    /// It does.
    Yes,
    /// A collection may have deleted it meanwhile: it must be written again.
    Stale,
}

impl<'a> Catalog<'a> {
    /// Reads the head, and those parts that are not here yet.
    pub async fn read(bucket: &'a Bucket, folder: &Path) -> Result<Self, RemoteError> {
        let mut catalog = Self::empty(bucket, folder);
        catalog.refresh().await?;
        Ok(catalog)
    }

    /// The same, for who will rely on what is there: also what a collection is about to delete.
    pub async fn read_to_rely_on(bucket: &'a Bucket, folder: &Path) -> Result<Self, RemoteError> {
        let mut catalog = Self { heeds: true, ..Self::empty(bucket, folder) };
        catalog.refresh().await?;
        Ok(catalog)
    }

    fn empty(bucket: &'a Bucket, folder: &Path) -> Self {
        Self {
            bucket,
            folder: folder.to_owned(),
            index: Index::default(),
            version: None,
            heeds: false,
            condemned: Condemned::default(),
            distrusted: HashSet::new(),
        }
    }

    /// Returns whether the remote has an object, and will.
    pub fn has(&self, digest: &Digest) -> bool {
        let Some(found) = self.index.find_whole(digest) else { return false };
        if self.condemned.keys.is_empty() && self.distrusted.is_empty() {
            return true;
        }
        let stays = |one: Located| {
            let key = one.key();
            !self.condemned.keys.contains(&key) && !self.distrusted.contains(&key)
        };
        found.all().all(stays)
    }

    /// Returns what a collection is about to delete.
    pub fn condemned(&self) -> &Condemned {
        &self.condemned
    }

    /// Takes what some keys hold as absent, until it was sent again.
    pub fn distrust(&mut self, keys: HashSet<String>) {
        self.distrusted = keys;
    }

    /// Returns after how many collections this is.
    pub fn epoch(&self) -> u64 {
        self.index.head.gc.epoch
    }

    /// Reads the head again, and what it names that is not here.
    pub async fn refresh(&mut self) -> Result<(), RemoteError> {
        for _ in 0..TRIES {
            self.read_head().await?;
            let list = self.index.head.gc.list.clone().filter(|_| self.heeds);
            let Some(list) = list else {
                self.condemned = Condemned::default();
                return Ok(());
            };
            if self.condemned.list == list {
                return Ok(());
            }
            if let Some(read) = Condemned::read(self.bucket, &list).await? {
                self.condemned = read;
                return Ok(());
            }
            // It was done between the two reads: the head says so now.
        }
        Err(self.bucket.damaged(layout::INDEX_HEAD, "the list of a collection that it names is not there"))
    }

    async fn read_head(&mut self) -> Result<(), RemoteError> {
        let Some((bytes, version)) = self.bucket.read_versioned(layout::INDEX_HEAD).await? else {
            (self.index, self.version) = (Index::default(), None);
            return Ok(());
        };
        let head: Head =
            serde_json::from_slice(&bytes).map_err(|error| self.bucket.damaged(layout::INDEX_HEAD, error))?;
        if head.generation > 0 && head == self.index.head {
            self.version = Some(version);
            return Ok(());
        }
        let mut parts = Vec::new();
        for name in &head.parts {
            parts.push(Arc::new(self.part(name).await?));
        }
        (self.index, self.version) = (Index::new(head, parts), Some(version));
        Ok(())
    }

    async fn part(&self, name: &PartName) -> Result<Part, RemoteError> {
        read_part(self.bucket, &self.folder, &layout::index_part(&name.digest), &name.digest).await
    }

    /// Adds what was written to the remote, so that others find it.
    pub async fn add(&mut self, part: &Part) -> Result<Added, RemoteError> {
        let epoch = self.epoch();
        let added = self.change(|catalog, write_id| {
            catalog.still_holds(part, epoch).then(|| catalog.index.with(part.clone(), write_id))
        });
        Ok(if added.await? { Added::Yes } else { Added::Stale })
    }

    /// Tells whether what was written since a collection's epoch was not deleted, and will not be.
    ///
    /// A collection deletes keys of its list alone, and none that were first written after it was announced.
    fn still_holds(&self, part: &Part, epoch: u64) -> bool {
        let Collections { epoch: now, list } = &self.index.head.gc;
        if *now == epoch {
            return true;
        }
        let is_listed = |located: Located| {
            let has_no_base = || located.entry.base().is_some_and(|base| !self.has(&base));
            self.condemned.keys.contains(&located.key()) || has_no_base()
        };
        *now == epoch + 1 && list.is_some() && self.heeds && !part.located().any(is_listed)
    }

    /// Moves the head to what `next` makes of the index, until that is there or `next` has nothing more to
    /// say; returns whether it is there.
    pub async fn change(&mut self, next: impl Fn(&Self, &str) -> Option<Grown>) -> Result<bool, RemoteError> {
        let write_id = new_id();
        if self.version.is_none() && self.index.head.generation > 0 {
            self.refresh().await?;
        }
        for tries in 0..TRIES {
            let Some(grown) = next(self, &write_id) else { return Ok(false) };
            if let Some(part) = &grown.part {
                let digest = Digest::of(part);
                keep(&self.folder, &digest, part);
                self.bucket.write(&layout::index_part(&digest), part.clone()).await?;
            }
            let head = canonical_json(&grown.head);
            let swapped = self.bucket.swap(layout::INDEX_HEAD, self.version.as_ref(), head).await;
            if matches!(swapped, Ok(Swapped::Yes)) && grown.head.gc == self.index.head.gc {
                // No need to ask for what was just written; only its version is not known.
                if let Some(index) = self.index.grown(grown) {
                    (self.index, self.version) = (index, None);
                    return Ok(true);
                }
            }
            self.refresh().await?;
            // Also where the answer said no, or was lost: what is there tells.
            if self.index.head.writes.contains(&write_id) {
                return Ok(true);
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

/// Reads a part of the index, from `folder` where it is kept there.
pub async fn read_part(
    bucket: &Bucket,
    folder: &Path,
    key: &str,
    digest: &Digest,
) -> Result<Part, RemoteError> {
    if let Some(part) = kept(folder, digest) {
        return Ok(part);
    }
    let stored = bucket.read(key).await?.ok_or_else(|| bucket.damaged(key, "it is not there"))?;
    if Digest::of(&stored) != *digest {
        return Err(bucket.damaged(key, "its bytes are not its own"));
    }
    let part = Part::decode(&stored).ok_or_else(|| bucket.damaged(key, "it is no index"))?;
    keep(folder, digest, &stored);
    Ok(part)
}

/// Keeps a part here. One that cannot be kept is read again the next time.
pub fn keep(folder: &Path, digest: &Digest, stored: &[u8]) {
    let path = folder.join(digest.to_string());
    let beside = folder.join(format!("{digest}.{}", new_id()));
    let written = std::fs::create_dir_all(folder).and_then(|()| std::fs::write(&beside, stored));
    drop(written.and_then(|()| std::fs::rename(&beside, path)));
}

/// Returns a part that is kept here; absent where there is none or it is damaged.
fn kept(folder: &Path, digest: &Digest) -> Option<Part> {
    Part::decode(&kept_bytes(folder, digest)?)
}

/// Returns the stored bytes of a part that is kept here; absent where there are none or they are damaged.
pub fn kept_bytes(folder: &Path, digest: &Digest) -> Option<Vec<u8>> {
    let stored = std::fs::read(folder.join(digest.to_string())).ok()?;
    (Digest::of(&stored) == *digest).then_some(stored)
}
