//! Copy-on-write copies where the file system can make them, and files' modes.
//!
//! A clone costs nothing, whatever the size. Most file systems cannot; which
//! devices failed is remembered, so a store asks each once.

use std::collections::BTreeSet;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::Path;
use std::sync::{Mutex, OnceLock, PoisonError};

/// Who may do what with a file that kptn makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    /// In the store: nobody writes.
    Object,
    /// Given back as a link or beside links: nobody writes.
    ReadOnly { executable: bool },
    /// Given back: as any file that the user makes.
    Usual { executable: bool },
}

impl Mode {
    pub(super) fn bits(self) -> u32 {
        match self {
            Self::Object | Self::ReadOnly { executable: false } => 0o444,
            Self::ReadOnly { executable: true } => 0o555,
            Self::Usual { executable: false } => 0o666,
            Self::Usual { executable: true } => 0o777,
        }
    }
}

/// Makes a file that did not exist, for writing now, with this mode less the user's umask.
pub(super) fn create(path: &Path, mode: Mode) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, mode.bits());
    #[cfg(not(unix))]
    let _ = mode.bits();
    options.open(path)
}

/// The devices from which nothing can be cloned into this store or out of it.
#[derive(Default)]
pub(super) struct Devices(Mutex<BTreeSet<u64>>);

impl Devices {
    /// Clones an open file to `to`, which must not exist; returns whether that worked.
    ///
    /// Any failure means: copy instead. What is really wrong will show there.
    pub(super) fn clone_file(&self, from: &File, device: u64, to: &Path, mode: Mode) -> bool {
        if self.hopeless().contains(&device) {
            return false;
        }
        if reflink_copy::reflink_file_to_path(from, to).is_err() {
            self.hopeless().insert(device);
            return false;
        }
        if set_mode(to, mode).is_ok() {
            return true;
        }
        let _ = fs::remove_file(to);
        false
    }

    fn hopeless(&self) -> std::sync::MutexGuard<'_, BTreeSet<u64>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A clone has its source's mode, so it is set as if the file had been made here.
#[cfg(unix)]
fn set_mode(path: &Path, mode: Mode) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    static UMASK: OnceLock<u32> = OnceLock::new();
    let mask = match UMASK.get() {
        Some(mask) => *mask,
        None => {
            let mask = find_umask(path.parent().unwrap_or(Path::new(".")))?;
            *UMASK.get_or_init(|| mask)
        }
    };
    fs::set_permissions(path, fs::Permissions::from_mode(mode.bits() & !mask))
}

/// Asking the system for the umask means setting it, for all threads: so one looks at what a new file gets.
#[cfg(unix)]
fn find_umask(folder: &Path) -> io::Result<u32> {
    use std::os::unix::fs::MetadataExt;
    let probe = super::temporary::beside(folder);
    let mode = create(&probe, Mode::Usual { executable: true })?.metadata()?.mode();
    fs::remove_file(&probe)?;
    Ok(0o777 & !mode)
}

#[cfg(not(unix))]
fn set_mode(_path: &Path, _mode: Mode) -> io::Result<()> {
    Ok(())
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn the_umask_is_what_new_files_lack() {
        use std::os::unix::fs::MetadataExt;
        let root = tempfile::tempdir().unwrap();
        let file = create(&root.path().join("x"), Mode::Usual { executable: false }).unwrap();
        let mask = find_umask(root.path()).unwrap();
        assert_eq!(file.metadata().unwrap().mode() & 0o777, 0o666 & !mask);
        assert_eq!(fs::read_dir(root.path()).unwrap().count(), 1);
    }
}
