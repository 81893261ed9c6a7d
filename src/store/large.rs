//! Objects of more than 16 KiB: a file each.
//!
//! ```text
//! put:    source -> tmp/<writer>/<n>    hashed in the same pass
//! flush:  sync them all -> rename each to objects/ab/cdef… -> sync those folders
//! ```
//! An object gets its name only once its bytes are on disk, so a power cut never
//! leaves a broken file under a good name, and no later put is fooled by one.
//! Until the flush this process reads from the temporary file.

use std::collections::hash_map::Entry;
use std::collections::{BTreeSet, HashMap};
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::intake::Source;
use super::layout::Layout;
use super::temporary::Workshop;
use super::{StoreError, aside, clone, sync, trash};
use crate::failpoint;
use crate::model::Digest;

/// The large objects of one store.
pub(super) struct Large {
    layout: Layout,
    /// Made at the first put.
    workshop: Mutex<Option<Workshop>>,
    staged: Mutex<HashMap<Digest, PathBuf>>,
    flushing: Mutex<()>,
    pub(super) clones: clone::Devices,
}

/// A large object that is being written; where it is dropped, nothing is left of it.
#[derive(Debug)]
pub struct Draft {
    file: File,
    /// Until it is kept.
    path: Option<PathBuf>,
}

impl Write for Draft {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        if let Some(path) = self.path.take() {
            let _ = fs::remove_file(path);
        }
    }
}

impl Large {
    pub(super) fn new(layout: Layout) -> Self {
        Self {
            layout,
            workshop: Mutex::default(),
            staged: Mutex::default(),
            flushing: Mutex::default(),
            clones: clone::Devices::default(),
        }
    }

    /// Takes in the bytes of an open file.
    pub(super) fn put_file(&self, source: &mut Source<'_>) -> Result<Digest, StoreError> {
        let temporary = self.new_path()?;
        let taken = self.take_in(source, &temporary);
        self.stage(taken, temporary)
    }

    /// Takes in bytes.
    pub(super) fn put_bytes(&self, digest: Digest, bytes: &[u8]) -> Result<(), StoreError> {
        if self.find(&digest)?.is_some() {
            return Ok(());
        }
        let temporary = self.new_path()?;
        let written = clone::create(&temporary, clone::Mode::Object)
            .and_then(|mut file| file.write_all(bytes))
            .map_err(|error| StoreError::writing("write", &temporary, error));
        self.stage(written.map(|()| digest), temporary).map(|_| ())
    }

    /// Begins an object that somebody else writes and verifies.
    pub(super) fn draft(&self) -> Result<Draft, StoreError> {
        let path = self.new_path()?;
        let file = clone::create(&path, clone::Mode::Object)
            .map_err(|error| StoreError::writing("write", &path, error))?;
        Ok(Draft { file, path: Some(path) })
    }

    /// Takes in what was written.
    pub(super) fn keep(&self, mut draft: Draft, digest: Digest) -> Result<(), StoreError> {
        match draft.path.take() {
            Some(path) => self.stage(Ok(digest), path).map(drop),
            None => Ok(()),
        }
    }

    /// Returns an object's open file; absent where there is none of this digest.
    pub(super) fn find(&self, digest: &Digest) -> Result<Option<(File, PathBuf)>, StoreError> {
        self.look(digest, |path| File::open(path).map(|file| (file, path.to_owned())))
    }

    /// Returns an object's size in bytes; absent where there is none of this digest.
    pub(super) fn size_of(&self, digest: &Digest) -> Result<Option<u64>, StoreError> {
        self.look(digest, |path| fs::metadata(path).map(|metadata| metadata.len()))
    }

    /// Looks at an object's file wherever that is; who asks for one that was put aside brings it back.
    fn look<T>(
        &self,
        digest: &Digest,
        look: impl Fn(&Path) -> io::Result<T>,
    ) -> Result<Option<T>, StoreError> {
        let staged = self.staged().get(digest).cloned();
        let object = self.layout.object(digest);
        let at = |path: &Path| match look(path) {
            Ok(found) => Ok(Some(found)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(StoreError::reading(path, error)),
        };
        // A flush on another thread may rename it between the look and the opening.
        for path in staged.iter().chain([&object]) {
            if let Some(found) = at(path)? {
                return Ok(Some(found));
            }
        }
        // Also where nothing was found there: another process may have been faster.
        if trash::is_there(&self.layout) {
            trash::bring_back(&self.layout, digest)?;
            return at(&object);
        }
        Ok(None)
    }

    /// Moves a damaged object aside, so that it counts as absent and can be put again.
    pub(super) fn set_aside(&self, digest: &Digest) {
        // Where that fails, the next one who reads it is told again.
        drop(aside::large(&self.layout, digest));
    }

    /// Puts everything that is staged on disk and gives it its name.
    pub(super) fn flush(&self) -> Result<(), StoreError> {
        // Whoever comes second returns after the first one's objects are on disk too.
        let _guard = self.flushing.lock().unwrap_or_else(PoisonError::into_inner);
        let staged: Vec<(Digest, PathBuf)> =
            self.staged().iter().map(|(digest, path)| (*digest, path.clone())).collect();
        if staged.is_empty() {
            return Ok(());
        }
        hit("store.flush.begun", &self.layout)?;
        sync::files(&staged.iter().map(|(_, path)| path.as_path()).collect::<Vec<_>>())?;
        hit("store.flush.synced", &self.layout)?;
        let mut folders = BTreeSet::new();
        for (digest, temporary) in &staged {
            folders.extend(self.name(digest, temporary)?);
        }
        sync::folders(&folders.iter().map(PathBuf::as_path).collect::<Vec<_>>())?;
        hit("store.flush.renamed", &self.layout)?;
        let mut waiting = self.staged();
        for (digest, _) in &staged {
            waiting.remove(digest);
        }
        Ok(())
    }

    /// Gives a temporary file its name; returns the folders that have a new entry.
    fn name(&self, digest: &Digest, temporary: &Path) -> Result<Vec<PathBuf>, StoreError> {
        let object = self.layout.object(digest);
        let mut changed: Vec<PathBuf> = object.parent().map(Path::to_owned).into_iter().collect();
        let mut moved = fs::rename(temporary, &object);
        if moved.as_ref().is_err_and(|error| error.kind() == io::ErrorKind::NotFound) {
            for folder in &changed {
                fs::create_dir_all(folder).map_err(|error| StoreError::writing("make", folder, error))?;
            }
            changed.push(self.layout.objects());
            moved = fs::rename(temporary, &object);
        }
        moved.map_err(|error| StoreError::writing("write", &object, error))?;
        Ok(changed)
    }

    fn take_in(&self, source: &mut Source<'_>, temporary: &Path) -> Result<Digest, StoreError> {
        if self.clones.clone_file(&source.file, source.stat.device, temporary, clone::Mode::Object) {
            let (digest, copied) = super::intake::digest_file(temporary)?;
            source.held_still(copied.size)?;
            return Ok(digest);
        }
        let mut file = clone::create(temporary, clone::Mode::Object)
            .map_err(|error| StoreError::writing("write", temporary, error))?;
        source.copy(&mut file, temporary)
    }

    /// Remembers a temporary file by its digest, or removes it where it is not needed.
    fn stage(&self, taken: Result<Digest, StoreError>, temporary: PathBuf) -> Result<Digest, StoreError> {
        let taken = taken.and_then(|digest| hit("store.put.copied", &self.layout).map(|()| digest));
        let known = match &taken {
            Ok(digest) => self.size_of(digest)?.is_some(),
            Err(_) => true,
        };
        if known {
            let _ = fs::remove_file(&temporary);
            return taken;
        }
        if let Ok(digest) = &taken {
            match self.staged().entry(*digest) {
                Entry::Vacant(place) => drop(place.insert(temporary)),
                // Another thread has put the same bytes meanwhile.
                Entry::Occupied(_) => drop(fs::remove_file(&temporary)),
            }
        }
        taken
    }

    fn new_path(&self) -> Result<PathBuf, StoreError> {
        let mut workshop = self.workshop.lock().unwrap_or_else(PoisonError::into_inner);
        let open = match &mut *workshop {
            Some(open) => open,
            None => workshop.insert(Workshop::open(&self.layout.temporary())?),
        };
        Ok(open.path())
    }

    fn staged(&self) -> MutexGuard<'_, HashMap<Digest, PathBuf>> {
        self.staged.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Fails here where a test asked for it.
pub(super) fn hit(name: &'static str, layout: &Layout) -> Result<(), StoreError> {
    failpoint::hit(name).map_err(|error| StoreError::writing("write", layout.root(), error))
}
