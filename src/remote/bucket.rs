//! Keys and bytes behind an address: S3 (and what speaks S3), or a folder.
//!
//! [`Bucket::swap`] is the one thing on which all consistency rests: a key gets
//! new bytes only where it still has those that were read. S3 does that with
//! ETags; a folder with a lock of its own, since no file system can. Everything
//! else is written once and never changed. Requests are tried again by the
//! client, with back-off and jitter.

use std::fs::File;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use futures_util::{StreamExt, TryStreamExt};
use object_store::path::Path;
use object_store::{
    GetOptions, GetResultPayload, OBJECT_STORE_COALESCE_DEFAULT, ObjectStore, ObjectStoreExt, PutMode,
    PutOptions, PutPayload, UpdateVersion, WriteMultipart, coalesce_ranges,
};

pub use super::listing::Listed;
use super::said::said;
use super::table::{Condition, Found, Table};
use super::version::Held;
pub use super::version::Version;
use super::{RemoteError, folder, layout, lock};
use crate::model::Digest;

/// One piece of a large object on its way.
const PIECE: usize = 8 * 1024 * 1024;
/// A pack of no more bytes is in the table, where there is one: records and results come sooner from there.
const SMALL: usize = 256 * 1024;
/// How many pieces of one are on their way here at once.
const AHEAD: usize = 4;

/// Whether a key got its new bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Swapped {
    /// It did, unless somebody has moved it on since.
    Yes,
    /// It holds something else than what was expected.
    No,
}

/// Keys and bytes behind an address.
#[derive(Clone)]
pub struct Bucket {
    pub(super) client: Arc<dyn ObjectStore>,
    pub(super) prefix: Path,
    /// Where it is a folder.
    folder: Option<PathBuf>,
    /// Held since the first write to it.
    writing: Arc<OnceLock<File>>,
    /// Where keys of some kinds are instead.
    pub(super) table: Option<Table>,
    url: String,
}

impl Bucket {
    pub(super) fn new(
        client: Arc<dyn ObjectStore>,
        prefix: Path,
        folder: Option<PathBuf>,
        url: String,
    ) -> Self {
        Self { client, prefix, folder, writing: Arc::default(), table: None, url }
    }

    /// The same, with some kinds of keys in a table.
    pub(super) fn with_table(self, table: Table) -> Self {
        Self { table: Some(table), ..self }
    }

    /// Returns the address of the table that has some kinds of keys; absent where the bucket has them all.
    pub fn table(&self) -> Option<&str> {
        self.table.as_ref().map(Table::address)
    }

    fn table_of(&self, key: &str) -> Option<&Table> {
        self.table.as_ref().filter(|_| layout::is_in_table(key))
    }

    /// Returns the table where it may have a key that the bucket may have as well.
    pub(super) fn table_beside(&self, key: &str) -> Option<&Table> {
        self.table.as_ref().filter(|_| layout::in_table(key).is_some())
    }

    /// Returns the address, without anything secret.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Returns a key's bytes; absent where there is no such key. Fails where that is more than 256 MiB, of the index 1 GiB.
    pub async fn read(&self, key: &str) -> Result<Option<Vec<u8>>, RemoteError> {
        Ok(self.read_versioned(key).await?.map(|(bytes, _)| bytes))
    }

    /// Returns a key's bytes, and what [`Bucket::swap`] needs; absent where there is no such key.
    pub async fn read_versioned(&self, key: &str) -> Result<Option<(Vec<u8>, Version)>, RemoteError> {
        if let Some(table) = self.table_beside(key) {
            match table.read(key).await? {
                Some(Found { bytes, tag }) => return Ok(Some((bytes, Version(Held::Named(tag))))),
                None if layout::is_in_table(key) => return Ok(None),
                None => {}
            }
        }
        let found = match self.client.get(&self.path(key)).await {
            Ok(found) => found,
            Err(error @ object_store::Error::NotFound { .. }) if said(&error).is_none() => return Ok(None),
            Err(error) => return Err(self.failed("read", key, error)),
        };
        let most = layout::read_most(key);
        if found.meta.size > most {
            return Err(
                self.damaged(key, format!("it has {} bytes, and at most {most} are read", found.meta.size))
            );
        }
        let (e_tag, version) = (found.meta.e_tag.clone(), found.meta.version.clone());
        let bytes = found.bytes().await.map_err(|error| self.failed("read", key, error))?;
        let held = match &self.folder {
            Some(_) => Held::Bytes(Digest::of(&bytes)),
            None => Held::Tagged(UpdateVersion { e_tag, version }),
        };
        Ok(Some((bytes.to_vec(), Version(held))))
    }

    /// Returns the bytes of some ranges of a key, those close together in one request.
    pub async fn read_ranges(&self, key: &str, ranges: &[Range<u64>]) -> Result<Vec<Vec<u8>>, RemoteError> {
        if let Some(table) = self.table_beside(key)
            && let Some(Found { bytes, .. }) = table.read(key).await?
        {
            let cut = |range: &Range<u64>| bytes.get(range.start as usize..range.end as usize).map(Vec::from);
            let all: Option<Vec<_>> = ranges.iter().map(cut).collect();
            return all.ok_or_else(|| self.damaged(key, "it has fewer bytes than it should"));
        }
        let path = self.path(key);
        let (client, path) = (&self.client, &path);
        let fetch = |range: Range<u64>| async move {
            let bytes = client.get_range(path, range.clone()).await;
            let bytes = bytes.map_err(|error| match error {
                error @ object_store::Error::NotFound { .. } if said(&error).is_none() => {
                    self.damaged(key, "it is not there")
                }
                error => self.failed("read", key, error),
            })?;
            // Cutting the ranges out of fewer bytes than they span would not end well.
            if bytes.len() as u64 != range.end - range.start {
                return Err(self.damaged(key, "fewer bytes came than it has"));
            }
            Ok(bytes)
        };
        let read = coalesce_ranges(ranges, fetch, OBJECT_STORE_COALESCE_DEFAULT).await?;
        Ok(read.into_iter().map(Vec::from).collect())
    }

    /// Hands a key's bytes over piece by piece, in their order; absent where there is no such key. Of a bucket some
    /// ranges are on their way at once.
    pub async fn read_pieces(
        &self,
        key: &str,
        mut piece: impl FnMut(&[u8]) -> Result<(), RemoteError>,
    ) -> Result<Option<()>, RemoteError> {
        let (path, failed) = (self.path(key), |error| self.failed("read", key, error));
        let get = |range: Option<Range<u64>>| {
            let options = GetOptions { range: range.map(Into::into), ..GetOptions::default() };
            self.client.get_opts(&path, options)
        };
        let found = match get(self.folder.is_none().then_some(0..PIECE as u64)).await {
            Ok(found) => found,
            Err(error @ object_store::Error::NotFound { .. }) if said(&error).is_none() => return Ok(None),
            Err(error) => return Err(failed(error)),
        };
        let size = found.meta.size;
        let mut first = match found.payload {
            GetResultPayload::File(file, _) => return folder::read_pieces(self, key, file, piece).map(Some),
            GetResultPayload::Stream(first) => first,
        };
        while let Some(bytes) = first.try_next().await.map_err(failed)? {
            piece(&bytes)?;
        }
        let rest = (PIECE as u64..size).step_by(PIECE).map(|start| start..size.min(start + PIECE as u64));
        let fetch = async |range| get(Some(range)).await?.into_stream().try_collect::<Vec<_>>().await;
        let mut coming = futures_util::stream::iter(rest.map(fetch)).buffered(AHEAD);
        while let Some(read) = coming.try_next().await.map_err(failed)? {
            read.iter().try_for_each(|bytes| piece(bytes))?;
        }
        Ok(Some(()))
    }

    /// Writes a key whose bytes its name decides: writing it twice is harmless.
    pub async fn write(&self, key: &str, bytes: Vec<u8>) -> Result<(), RemoteError> {
        if let Some(table) = self.table_beside(key)
            && (layout::is_in_table(key) || bytes.len() <= SMALL)
        {
            return table.put(key, bytes, Condition::None).await.map(drop);
        }
        self.begin_to_write().await?;
        let (path, bytes) = (self.path(key), PutPayload::from(bytes));
        let mut tries = 0;
        loop {
            tries += 1;
            match self.client.put(&path, bytes.clone()).await {
                Err(error)
                    if self.folder.is_some() && folder::has_vanished(&error) && tries < lock::TRIES => {}
                put => return put.map(|_| ()).map_err(|error| self.failed("write", key, error)),
            }
        }
    }

    /// Says in a folder that what will be half-written there has an owner.
    async fn begin_to_write(&self) -> Result<(), RemoteError> {
        if self.folder.is_some()
            && self.writing.get().is_none()
            && let Some(file) = lock::writing(self).await?
        {
            drop(self.writing.set(file));
        }
        Ok(())
    }

    /// Writes such a key from pieces, at most two of them on their way at once; `next` returns none at
    /// the end. Nothing is there before the end, and nothing where `next` fails.
    pub async fn write_pieces(
        &self,
        key: &str,
        mut next: impl FnMut() -> Result<Option<Vec<u8>>, RemoteError>,
    ) -> Result<(), RemoteError> {
        self.begin_to_write().await?;
        let failed = |error| self.failed("write", key, error);
        let upload = self.client.put_multipart_opts(&self.path(key), Default::default()).await;
        let mut upload = WriteMultipart::new_with_chunk_size(upload.map_err(failed)?, PIECE);
        let mut size = 0;
        loop {
            match next() {
                Ok(Some(bytes)) => {
                    upload.wait_for_capacity(2).await.map_err(failed)?;
                    size += bytes.len() as u64;
                    upload.put(bytes.into());
                }
                Ok(None) => {
                    return match upload.finish().await {
                        // The answer to a first try may be lost: then the upload is not there, but the key is.
                        Err(_) if self.size(key).await == Some(size) => Ok(()),
                        finished => finished.map(|_| ()).map_err(failed),
                    };
                }
                Err(error) => {
                    // What was sent is nobody's; a bucket's own rules remove it where this fails.
                    drop(upload.abort().await);
                    return Err(error);
                }
            }
        }
    }

    /// Returns how many bytes a key has; absent where that cannot be told.
    async fn size(&self, key: &str) -> Option<u64> {
        self.client.head(&self.path(key)).await.ok().map(|found| found.size)
    }

    /// Gives a key new bytes where it still holds what was read; `expected` is absent for a new key.
    ///
    /// An error may come although the bytes were written: whoever swaps puts an
    /// id into them, reads the key again and looks for it. The bytes must be
    /// distinct from all that the key ever held, since a tag tells no more.
    pub async fn swap(
        &self,
        key: &str,
        expected: Option<&Version>,
        bytes: Vec<u8>,
    ) -> Result<Swapped, RemoteError> {
        if let Some(table) = self.table_of(key) {
            let condition = expected.map_or(Condition::New, Version::condition);
            return table.put(key, bytes, condition).await;
        }
        if self.folder.is_some() {
            return folder::swap(self, key, expected, bytes).await;
        }
        let mode = match expected.map(|version| &version.0) {
            Some(Held::Tagged(version)) => PutMode::Update(version.clone()),
            _ => PutMode::Create,
        };
        let options = PutOptions { mode, ..PutOptions::default() };
        match self.client.put_opts(&self.path(key), bytes.into(), options).await {
            Ok(_) => Ok(Swapped::Yes),
            Err(object_store::Error::Precondition { .. } | object_store::Error::AlreadyExists { .. }) => {
                Ok(Swapped::No)
            }
            Err(error) => Err(self.failed("write", key, error)),
        }
    }

    /// Returns the folder that it is; absent where it is none.
    pub fn folder(&self) -> Option<&std::path::Path> {
        self.folder.as_deref()
    }

    /// Removes a key; one that is not there is gone already.
    pub async fn remove(&self, key: &str) -> Result<(), RemoteError> {
        if let Some(table) = self.table_beside(key) {
            table.remove(&[key.to_owned()]).await?;
        }
        match self.client.delete(&self.path(key)).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(self.failed("remove", key, error)),
        }
    }

    /// Removes many keys, in few requests where that can be.
    pub async fn remove_all(&self, keys: &[String]) -> Result<(), RemoteError> {
        let (mut paths, mut items) = (Vec::new(), Vec::new());
        for key in keys {
            if self.table_beside(key).is_some() {
                items.push(key.clone());
            }
            if self.table_of(key).is_none() {
                paths.push(Ok(self.path(key)));
            }
        }
        if let Some(table) = self.table.as_ref().filter(|_| !items.is_empty()) {
            table.remove(&items).await?;
        }
        let mut gone = self.client.delete_stream(futures_util::stream::iter(paths).boxed());
        while let Some(one) = gone.next().await {
            match one {
                Ok(_) | Err(object_store::Error::NotFound { .. }) => {}
                Err(error) => return Err(self.failed("remove", "a key", error)),
            }
        }
        Ok(())
    }

    pub(super) fn path(&self, key: &str) -> Path {
        // As it is: `join` writes some characters in another way, which a list of keys would not undo.
        let text = format!("{}/{key}", self.prefix);
        Path::parse(text.trim_matches('/'))
            .unwrap_or_else(|_| key.split('/').fold(self.prefix.clone(), |path, part| path.join(part)))
    }
}
