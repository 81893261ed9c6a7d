//! Reads a file once: its bytes go to where they are kept and through the hasher.
//!
//! The file may be written to meanwhile, by a script that is not done or by a
//! person. Its stat is taken before and after; where they differ, what was read
//! is nothing that ever was, and the caller gets an error instead of a digest.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::Path;

use super::{FileStat, StoreError};
use crate::model::Digest;

/// The most that is read at once: enough for the hasher to work on whole vectors, small enough
/// to stay in the processor's cache.
const BUFFER: usize = 256 * 1024;

/// A file that is open for reading, with its stat at that moment.
pub(super) struct Source<'a> {
    pub(super) path: &'a Path,
    pub(super) file: File,
    pub(super) stat: FileStat,
}

impl<'a> Source<'a> {
    /// Opens a regular file; follows links.
    pub(super) fn open(path: &'a Path) -> Result<Self, StoreError> {
        let reading = |error| StoreError::reading(path, error);
        let file = File::open(path).map_err(reading)?;
        let metadata = file.metadata().map_err(reading)?;
        if !metadata.is_file() {
            return Err(StoreError::NotAFile { path: path.to_owned() });
        }
        Ok(Self { path, file, stat: FileStat::from(&metadata) })
    }

    /// Reads the file whole.
    pub(super) fn read_whole(&mut self) -> Result<Vec<u8>, StoreError> {
        // One byte more than it should have: a full buffer is the sign of a file that grew.
        let mut bytes = Vec::with_capacity(self.stat.size as usize + 1);
        let limit = self.stat.size + 1;
        (&mut self.file)
            .take(limit)
            .read_to_end(&mut bytes)
            .map_err(|error| StoreError::reading(self.path, error))?;
        self.held_still(bytes.len() as u64)?;
        Ok(bytes)
    }

    /// Hashes the file, and copies it to `to` in the same pass.
    pub(super) fn copy(&mut self, to: &mut File, to_path: &Path) -> Result<Digest, StoreError> {
        let pass = one_pass(&mut self.file, to, self.stat.size);
        let (digest, size) = pass.map_err(|error| error.at("write", self.path, to_path))?;
        self.held_still(size)?;
        Ok(digest)
    }

    /// Fails where the file is not what it was when it was opened.
    pub(super) fn held_still(&self, read: u64) -> Result<(), StoreError> {
        let now = self.file.metadata().map_err(|error| StoreError::reading(self.path, error))?;
        if read != self.stat.size || FileStat::from(&now) != self.stat {
            return Err(StoreError::ChangedWhileRead { path: self.path.to_owned() });
        }
        Ok(())
    }
}

/// Returns the digest of a file's bytes, and its stat while they were read; keeps nothing.
pub fn digest_file(path: &Path) -> Result<(Digest, FileStat), StoreError> {
    let mut source = Source::open(path)?;
    let size = source.stat.size;
    let pass = one_pass(&mut source.file, &mut io::sink(), size);
    let (digest, read) = pass.map_err(|error| error.at("read", path, path))?;
    source.held_still(read)?;
    Ok((digest, source.stat))
}

/// Returns a file's bytes, and its stat while they were read.
pub fn read_file(path: &Path) -> Result<(Vec<u8>, FileStat), StoreError> {
    let mut source = Source::open(path)?;
    let bytes = source.read_whole()?;
    Ok((bytes, source.stat))
}

/// On which side a copy failed.
pub(super) enum PassError {
    Reading(io::Error),
    Writing(io::Error),
}

impl PassError {
    pub(super) fn at(self, action: &'static str, from: &Path, to: &Path) -> StoreError {
        match self {
            Self::Reading(error) => StoreError::reading(from, error),
            Self::Writing(error) => StoreError::writing(action, to, error),
        }
    }
}

/// Copies everything that is left in `from` to `to`; returns its digest and size.
pub(super) fn one_pass(
    from: &mut impl Read,
    to: &mut impl Write,
    expected: u64,
) -> Result<(Digest, u64), PassError> {
    let room = usize::try_from(expected + 1).unwrap_or(BUFFER).min(BUFFER);
    let mut buffer = vec![0; room.max(1)];
    let mut hasher = blake3::Hasher::new();
    let mut size = 0;
    loop {
        let read = match from.read(&mut buffer) {
            Ok(0) => return Ok((hasher.finalize().into(), size)),
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(PassError::Reading(error)),
        };
        hasher.update(&buffer[..read]);
        to.write_all(&buffer[..read]).map_err(PassError::Writing)?;
        size += read as u64;
    }
}
