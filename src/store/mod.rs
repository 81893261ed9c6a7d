//! Objects on this machine: bytes, named by their BLAKE3 digest.
//!
//! What tasks leave, records, results, logs and snapshots are all objects.
//! [`Store::put_file`] takes one in, [`Store::give`] puts it back as a file, and
//! [`Store::flush`] is the promise between them: what was put before it is on
//! disk after it. Whoever writes down a digest for others to trust flushes
//! first. Small objects are rows of a database, large ones files; nobody
//! outside can tell. [`Layout`] spells every path. Several processes may use a
//! store at once, and the same object may be put by many.
//!
//! It does not know what objects mean, so it removes none by itself: who knows
//! puts them into the trash first (`trash.rs`), where they are still found. One
//! that turns out to be damaged is moved aside: it counts as absent then, and can
//! be put again.

mod aside;
mod check;
mod clone;
pub(crate) mod database;
mod error;
mod format;
mod give;
mod give_folder;
mod hold;
mod intake;
mod large;
mod layout;
mod locate;
mod old;
mod place;
mod promised;
mod small;
mod stat;
mod sync;
mod temporary;
mod trash;
mod unnamed;

use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::model::{Digest, LinkMode, Silent, canonical_json};
use intake::Source;
use large::Large;
use small::{SMALL, Small};

pub use check::{CheckReport, Damage};
pub use error::StoreError;
pub use give::Giving;
pub use intake::{digest_file, read_file};
pub use large::Draft;
pub use layout::Layout;
pub use locate::locate;
pub use old::amount_of_runs;
pub use place::{FileSystem, existing};
pub use promised::{Bring, Brought, Lender, bring_by, lend_by};
pub use stat::FileStat;
pub use temporary::is_temporary;
pub use trash::{Amount, Batch};

/// The objects under one root.
pub struct Store {
    layout: Layout,
    small: Small,
    large: Large,
    tidied: give::Tidied,
    hold: hold::Hold,
}

/// A file that was taken in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stored {
    /// Of its bytes.
    pub digest: Digest,
    /// In bytes.
    pub size: u64,
    /// Its stat while it was read: what a memo needs to know the digest again.
    pub stat: FileStat,
}

impl Store {
    /// Opens the store at `root`, and makes it where there is none.
    pub fn open(root: &Path) -> Result<Self, StoreError> {
        let layout = Layout::new(root);
        format::check_or_make(&layout)?;
        let (small, large) = (Small::new(layout.small()), Large::new(layout.clone()));
        let (tidied, hold) = (give::Tidied::default(), hold::Hold::default());
        Ok(Self { small, large, tidied, hold, layout })
    }

    /// Returns the paths under its root.
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// Takes bytes in; they are on disk after the next [`Store::flush`].
    pub fn put_bytes(&self, bytes: &[u8]) -> Result<Digest, StoreError> {
        self.hold.take(&self.layout)?;
        let digest = Digest::of(bytes);
        if bytes.len() <= SMALL {
            self.small.put(digest, bytes)?;
        } else {
            self.large.put_bytes(digest, bytes)?;
        }
        Ok(digest)
    }

    /// Takes a file in, read once; it is on disk after the next [`Store::flush`].
    ///
    /// Fails with [`StoreError::ChangedWhileRead`] where something wrote to it meanwhile.
    pub fn put_file(&self, path: &Path) -> Result<Stored, StoreError> {
        self.hold.take(&self.layout)?;
        let mut source = Source::open(path)?;
        let digest = if source.stat.size <= SMALL as u64 {
            let bytes = source.read_whole()?;
            let digest = Digest::of(&bytes);
            self.small.put(digest, &bytes)?;
            digest
        } else {
            self.large.put_file(&mut source)?
        };
        Ok(Stored { digest, size: source.stat.size, stat: source.stat })
    }

    /// Begins a large object whose bytes come from elsewhere: written once, straight to where it stays.
    pub fn draft(&self) -> Result<Draft, StoreError> {
        self.hold.take(&self.layout)?;
        self.large.draft()
    }

    /// Takes in what was written, whose digest the caller has verified; it is on disk after the next
    /// [`Store::flush`].
    pub fn keep(&self, draft: Draft, digest: Digest) -> Result<(), StoreError> {
        self.large.keep(draft, digest)
    }

    /// Takes the canonical JSON of a value in.
    pub fn put_json<T: Serialize>(&self, value: &T) -> Result<Digest, StoreError> {
        self.put_bytes(&canonical_json(value))
    }

    /// Returns an object's bytes, verified; absent where the store has none of this digest. One that a remote has
    /// promised is brought first.
    pub fn get(&self, digest: &Digest) -> Result<Option<Vec<u8>>, StoreError> {
        match self.get_here(digest)? {
            None if self.bring(&[*digest], &Silent)?.objects > 0 => self.get_here(digest),
            found => Ok(found),
        }
    }

    fn get_here(&self, digest: &Digest) -> Result<Option<Vec<u8>>, StoreError> {
        self.hold.try_take(&self.layout);
        let bytes = match self.small.get(digest)? {
            Some(bytes) => bytes.to_vec(),
            None => {
                let Some((mut file, path)) = self.large.find(digest)? else { return Ok(None) };
                let mut bytes = Vec::new();
                file.read_to_end(&mut bytes).map_err(|error| StoreError::reading(&path, error))?;
                bytes
            }
        };
        self.verify(digest, &bytes)?;
        Ok(Some(bytes))
    }

    /// Returns an object's bytes, verified; fails where the store has none of this digest.
    pub fn load(&self, digest: &Digest) -> Result<Vec<u8>, StoreError> {
        self.get(digest)?
            .ok_or_else(|| StoreError::Absent { digest: *digest, root: self.layout.root().to_owned() })
    }

    /// Returns a reader of an object's bytes, which are not verified: whoever reads them compares digests.
    pub fn reader(&self, digest: &Digest) -> Result<Box<dyn Read + Send>, StoreError> {
        self.hold.try_take(&self.layout);
        self.with_promised(digest, || {
            if let Some(bytes) = self.small.get(digest)? {
                return Ok(Box::new(std::io::Cursor::new(bytes.to_vec())) as Box<dyn Read + Send>);
            }
            match self.large.find(digest)? {
                Some((file, _)) => Ok(Box::new(file)),
                None => Err(StoreError::Absent { digest: *digest, root: self.layout.root().to_owned() }),
            }
        })
    }

    /// Returns the value whose JSON an object is.
    pub fn load_json<T: DeserializeOwned>(&self, digest: &Digest) -> Result<T, StoreError> {
        let bytes = self.load(digest)?;
        serde_json::from_slice(&bytes).map_err(|source| StoreError::NotJson { digest: *digest, source })
    }

    /// Writes an object's bytes to `out`, verified while they pass; the inner error is of `out`.
    pub fn copy_to(&self, digest: &Digest, out: &mut dyn Write) -> Result<std::io::Result<()>, StoreError> {
        self.hold.try_take(&self.layout);
        // Nothing is written before the object is found.
        self.with_promised(digest, || give::copy_to(self, digest, out))
    }

    /// Writes an object to the file `to`, at once or not at all; makes the folders above it.
    ///
    /// With [`LinkMode::Hard`] the file is read-only, and shares its bytes with the store where
    /// both are on one file system.
    pub fn give(
        &self,
        digest: &Digest,
        to: &Path,
        executable: bool,
        link: LinkMode,
    ) -> Result<(), StoreError> {
        self.hold.try_take(&self.layout);
        self.with_promised(digest, || give::give(self, digest, to, executable, link))
    }

    /// As [`Store::give`] for many files, but for what a remote has promised, which is absent here; returns what became
    /// of each, in their order.
    pub fn give_all(
        &self,
        files: &[Giving<'_>],
        link: LinkMode,
    ) -> Result<Vec<Result<(), StoreError>>, StoreError> {
        self.hold.try_take(&self.layout);
        give::give_all(self, files, link)
    }

    /// As [`Store::give_all`] for files right below a folder that is not there, all at once; absent where it is there after
    /// all: then nothing was done.
    pub fn give_folder(
        &self,
        folder: &Path,
        files: &[Giving<'_>],
        link: LinkMode,
    ) -> Result<Option<Vec<Result<(), StoreError>>>, StoreError> {
        self.hold.try_take(&self.layout);
        give_folder::give_folder(self, folder, files, link)
    }

    /// Returns whether the store has an object of this digest, here.
    pub fn has(&self, digest: &Digest) -> Result<bool, StoreError> {
        Ok(self.size_of(digest)?.is_some())
    }

    /// Returns an object's size in bytes; absent where the store has none of this digest.
    pub fn size_of(&self, digest: &Digest) -> Result<Option<u64>, StoreError> {
        self.hold.try_take(&self.layout);
        match self.small.size_of(digest)? {
            Some(size) => Ok(Some(size)),
            None => self.large.size_of(digest),
        }
    }

    /// Returns the sizes of many objects in their order, small ones read together: a tenth of the cost of one by one.
    pub fn sizes_of(&self, digests: &[Digest]) -> Result<Vec<Option<u64>>, StoreError> {
        self.hold.try_take(&self.layout);
        let small = self.small.sizes_of(digests)?;
        let has_trash = trash::is_there(&self.layout);
        let look_further = |(size, digest): (Option<u64>, &Digest)| match size {
            Some(size) => Ok(Some(size)),
            None if has_trash => self.size_of(digest),
            None => match self.small.waits(digest) {
                Some(bytes) => Ok(Some(bytes.len() as u64)),
                None => self.large.size_of(digest),
            },
        };
        small.into_iter().zip(digests).map(look_further).collect()
    }

    /// Returns the bytes of those of some objects that are small and whole, in their order, read together.
    pub fn load_small(&self, digests: &[Digest]) -> Result<Vec<Option<Arc<[u8]>>>, StoreError> {
        self.hold.try_take(&self.layout);
        let read = self.small.get_all(digests)?.into_iter().zip(digests);
        Ok(read.map(|(bytes, digest)| bytes.filter(|bytes| Digest::of(bytes) == *digest)).collect())
    }

    /// Waits until everything that was put so far, by any thread, is on disk.
    ///
    /// Must be called before a record that names the objects is trusted.
    pub fn flush(&self) -> Result<(), StoreError> {
        // Large ones first: then a record that is found has what it names.
        self.large.flush()?;
        self.small.flush()?;
        self.hit("store.flush.committed")
    }

    /// As [`Store::flush`], for those objects alone that are files: the others go into a journal.
    pub fn flush_large(&self) -> Result<(), StoreError> {
        self.large.flush()
    }

    /// Moves an object out of the way whose bytes are not its own; returns where it is now.
    ///
    /// Absent where it is whole, or not there: another one may have put it again meanwhile.
    pub fn set_aside(&self, digest: &Digest) -> Result<Option<PathBuf>, StoreError> {
        match aside::small(&self.small, &self.layout, digest)? {
            Some(place) => Ok(Some(place)),
            None => aside::large(&self.layout, digest),
        }
    }

    /// Tells whether an object was moved out of the way like that, and is kept still.
    pub fn was_damaged(&self, digest: &Digest) -> bool {
        aside::has(&self.layout, digest)
    }

    /// Returns the bytes of a small object that waits in memory for a flush.
    pub fn waiting(&self, digest: &Digest) -> Option<Arc<[u8]>> {
        self.small.waits(digest)
    }

    /// Fails here where a test asked for it.
    pub fn hit(&self, name: &'static str) -> Result<(), StoreError> {
        large::hit(name, &self.layout)
    }

    /// Fails where `bytes` are not those of the object.
    fn verify(&self, digest: &Digest, bytes: &[u8]) -> Result<(), StoreError> {
        self.expect(digest, Digest::of(bytes))
    }

    fn expect(&self, digest: &Digest, found: Digest) -> Result<(), StoreError> {
        if found == *digest {
            return Ok(());
        }
        self.large.set_aside(digest);
        Err(StoreError::Damaged { digest: *digest, found, root: self.layout.root().to_owned() })
    }
}

#[cfg(test)]
mod tests;
