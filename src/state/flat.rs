//! Flat files that may be thrown away: read in one go, replaced by rename.
//!
//! ```text
//! magic, with the format's version    16 bytes
//! BLAKE3 of the rest                  32 bytes
//! the rest
//! ```
//! A file that is absent, cut off, damaged or of another version is all the
//! same: there is nothing to be known from it. No sync: a file that a power cut
//! left half written fails its check.

use std::fs;
use std::path::Path;

use crate::store::StoreError;

pub(super) const MAGIC: usize = 16;
const HEADER: usize = MAGIC + 32;

/// Reads what was written under the same magic; the bytes begin at [`start`].
pub(super) fn read(path: &Path, magic: [u8; MAGIC]) -> Option<Vec<u8>> {
    let bytes = fs::read(path).ok()?;
    let (found, rest) = bytes.split_at_checked(MAGIC)?;
    let (check, payload) = rest.split_at_checked(HEADER - MAGIC)?;
    let whole = found == magic && blake3::hash(payload).as_bytes() == check;
    whole.then_some(bytes)
}

/// Where the payload begins in what [`read`] returns.
pub(super) const fn start() -> usize {
    HEADER
}

/// Replaces a file at once; makes the folder above it.
pub(super) fn write(path: &Path, magic: [u8; MAGIC], payload: &[u8]) -> Result<(), StoreError> {
    let writing = |error| StoreError::writing("write", path, error);
    let folder = path.parent().unwrap_or(path);
    fs::create_dir_all(folder).map_err(|error| StoreError::writing("make", folder, error))?;
    let mut bytes = Vec::with_capacity(HEADER + payload.len());
    bytes.extend_from_slice(&magic);
    bytes.extend_from_slice(blake3::hash(payload).as_bytes());
    bytes.extend_from_slice(payload);
    let mut beside = tempfile::Builder::new().prefix(".new-").tempfile_in(folder).map_err(writing)?;
    std::io::Write::write_all(&mut beside, &bytes).map_err(writing)?;
    beside.persist(path).map_err(|error| writing(error.error))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: [u8; MAGIC] = *b"kptn test 1     ";

    #[test]
    fn any_damage_or_other_version_reads_as_absent() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("a/b");
        assert_eq!(read(&path, ONE), None);
        write(&path, ONE, b"payload").unwrap();
        assert_eq!(&read(&path, ONE).unwrap()[start()..], b"payload");
        assert_eq!(read(&path, *b"kptn test 2     "), None);
        let good = fs::read(&path).unwrap();
        for length in 0..good.len() {
            fs::write(&path, &good[..length]).unwrap();
            assert_eq!(read(&path, ONE), None, "cut at {length}");
        }
        for at in 0..good.len() {
            let mut bad = good.clone();
            bad[at] ^= 1;
            fs::write(&path, bad).unwrap();
            assert_eq!(read(&path, ONE), None, "byte {at}");
        }
        write(&path, ONE, b"").unwrap();
        assert_eq!(read(&path, ONE).unwrap().len(), start());
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
    }
}
