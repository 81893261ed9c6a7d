//! Gives an object back as a file: written beside its place or without a name, then put there.
//!
//! Whoever looks sees the file that was there or the whole new one, never a
//! part. A copy is hashed while it is made, so damaged bytes never reach a task.

use std::collections::HashSet;
use std::fs::{self, File};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use super::clone::{self, Mode};
use super::intake::one_pass;
use super::{FileStat, Store, StoreError, temporary, unnamed};
use crate::failpoint;
use crate::model::{Digest, LinkMode};

/// So many small objects are read together.
const AT_ONCE: usize = 256;

/// Writes the object's bytes to `to`, whose folder is made where it is absent.
pub(super) fn give(
    store: &Store,
    digest: &Digest,
    to: &Path,
    executable: bool,
    link: LinkMode,
) -> Result<(), StoreError> {
    put(store, to, link, |beside| fill(store, digest, beside, executable, link))
}

/// One file to give back.
#[derive(Debug, Clone, Copy)]
pub struct Giving<'a> {
    /// The object.
    pub digest: Digest,
    /// The file.
    pub to: &'a Path,
    /// Whether its owner may execute it.
    pub executable: bool,
}

/// Writes many objects; small ones are read together. What a remote has promised is not brought.
pub(super) fn give_all(
    store: &Store,
    files: &[Giving<'_>],
    link: LinkMode,
) -> Result<Vec<Result<(), StoreError>>, StoreError> {
    each(store, files, |file, small| {
        Ok(match small {
            Some(bytes) => give_small(store, file, &bytes, mode(file.executable, link), link),
            None => give(store, &file.digest, file.to, file.executable, link),
        })
    })
}

/// Hands each file on, with the bytes of its object where that is a small one that is here: those are read together.
pub(super) fn each<T>(
    store: &Store,
    files: &[Giving<'_>],
    give: impl Fn(&Giving<'_>, Option<Arc<[u8]>>) -> Result<T, StoreError>,
) -> Result<Vec<T>, StoreError> {
    let mut given = Vec::with_capacity(files.len());
    for some in files.chunks(AT_ONCE) {
        let digests: Vec<Digest> = some.iter().map(|file| file.digest).collect();
        for (file, small) in some.iter().zip(store.small.get_all(&digests)?) {
            given.push(give(file, small)?);
        }
    }
    Ok(given)
}

fn give_small(
    store: &Store,
    file: &Giving<'_>,
    bytes: &[u8],
    mode: Mode,
    link: LinkMode,
) -> Result<(), StoreError> {
    let beside = |beside: &Path| fill_small(store, &file.digest, bytes, beside, mode);
    let folder = file.to.parent().unwrap_or(Path::new("."));
    if !store.tidied.knows(folder) || link != LinkMode::Copy {
        return put(store, file.to, link, beside);
    }
    store.verify(&file.digest, bytes)?;
    let written = || failpoint::hit("store.give.written");
    match unnamed::write(folder, file.to, bytes, mode, written) {
        Ok(true) => Ok(()),
        Ok(false) => put(store, file.to, link, beside),
        Err(error) => Err(StoreError::writing("write", file.to, error)),
    }
}

/// Has `fill` write a file beside its place, and puts it there.
fn put(
    store: &Store,
    to: &Path,
    link: LinkMode,
    fill: impl Fn(&Path) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    let folder = to.parent().unwrap_or(Path::new("."));
    if !store.tidied.knows(folder) {
        fs::create_dir_all(folder).map_err(|error| StoreError::writing("make", folder, error))?;
        store.tidied.tidy(folder);
    }
    let beside = temporary::beside(folder);
    let filled = match fill(&beside) {
        // Somebody removed the folder since.
        Err(StoreError::Io { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => {
            fs::create_dir_all(folder).map_err(|error| StoreError::writing("make", folder, error))?;
            fill(&beside)
        }
        filled => filled,
    };
    let placed = filled
        .and_then(|()| failpoint::hit("store.give.written").map_err(|e| StoreError::writing("write", to, e)))
        .and_then(|()| fs::rename(&beside, to).map_err(|error| StoreError::writing("write", to, error)));
    // Also after success: renaming one link of a file over another does nothing at all.
    if placed.is_err() || link == LinkMode::Hard {
        let _ = fs::remove_file(&beside);
    }
    placed
}

/// Writes the object's bytes to `out` as they are read; the outer error is the store's, the inner one of `out`.
///
/// Bytes that turn out to be damaged have been written by then: the error is the last thing that is said.
pub(super) fn copy_to(
    store: &Store,
    digest: &Digest,
    out: &mut dyn Write,
) -> Result<std::io::Result<()>, StoreError> {
    if let Some(bytes) = store.small.get(digest)? {
        store.verify(digest, &bytes)?;
        return Ok(out.write_all(&bytes));
    }
    let Some((mut object, path)) = store.large.find(digest)? else {
        return Err(StoreError::Absent { digest: *digest, root: store.layout.root().to_owned() });
    };
    let mut hasher = blake3::Hasher::new();
    let mut buffer = vec![0; 256 * 1024];
    loop {
        let length = object.read(&mut buffer).map_err(|error| StoreError::reading(&path, error))?;
        if length == 0 {
            break;
        }
        hasher.update(&buffer[..length]);
        if let Err(error) = out.write_all(&buffer[..length]) {
            return Ok(Err(error));
        }
    }
    store.expect(digest, hasher.finalize().into())?;
    Ok(Ok(()))
}

/// Folders from which this process has removed what interrupted ones left.
#[derive(Default)]
pub(super) struct Tidied(Mutex<HashSet<PathBuf>>);

impl Tidied {
    fn knows(&self, folder: &Path) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).contains(folder)
    }

    pub(super) fn tidy(&self, folder: &Path) {
        let mut tidied = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !tidied.contains(folder) {
            tidied.insert(folder.to_owned());
            // What cannot be removed is in nobody's way.
            let _ = temporary::clean_folder(folder);
        }
    }
}

pub(super) fn fill(
    store: &Store,
    digest: &Digest,
    beside: &Path,
    executable: bool,
    link: LinkMode,
) -> Result<(), StoreError> {
    let mode = mode(executable, link);
    if let Some(bytes) = store.small.get(digest)? {
        return fill_small(store, digest, &bytes, beside, mode);
    }
    let Some((object, path)) = store.large.find(digest)? else {
        return Err(StoreError::Absent { digest: *digest, root: store.layout.root().to_owned() });
    };
    // All links of a file share its mode, so what is to be executable is a copy.
    if link == LinkMode::Hard && !executable && fs::hard_link(&path, beside).is_ok() {
        return Ok(());
    }
    copy(store, digest, object, &path, beside, mode)
}

pub(super) fn mode(executable: bool, link: LinkMode) -> Mode {
    match link {
        LinkMode::Copy => Mode::Usual { executable },
        LinkMode::Hard => Mode::ReadOnly { executable },
    }
}

pub(super) fn fill_small(
    store: &Store,
    digest: &Digest,
    bytes: &[u8],
    beside: &Path,
    mode: Mode,
) -> Result<(), StoreError> {
    store.verify(digest, bytes)?;
    let writing = |error| StoreError::writing("write", beside, error);
    clone::create(beside, mode).and_then(|mut file| file.write_all(bytes)).map_err(writing)
}

fn copy(
    store: &Store,
    digest: &Digest,
    mut object: File,
    path: &Path,
    beside: &Path,
    mode: Mode,
) -> Result<(), StoreError> {
    let metadata = object.metadata().map_err(|error| StoreError::reading(path, error))?;
    if store.large.clones.clone_file(&object, FileStat::from(&metadata).device, beside, mode) {
        return Ok(());
    }
    let mut file =
        clone::create(beside, mode).map_err(|error| StoreError::writing("write", beside, error))?;
    let (found, _) =
        one_pass(&mut object, &mut file, metadata.len()).map_err(|error| error.at("write", path, beside))?;
    store.expect(digest, found)
}
