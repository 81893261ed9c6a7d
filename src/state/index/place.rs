//! The project root as an open folder, from which paths are asked for.
//!
//! The one part of the index that differs between systems: where there are no
//! such descriptors, paths are joined and asked for whole.

use std::io;
use std::path::{Path, PathBuf};

use crate::store::FileStat;

/// What is at a path.
pub(super) enum Found {
    Absent,
    Folder(FileStat),
    File(FileStat),
}

/// An open folder.
pub(super) struct Place {
    path: PathBuf,
    #[cfg(unix)]
    folder: std::fs::File,
}

impl Place {
    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

#[cfg(unix)]
mod system {
    use std::ffi::{CStr, OsStr};
    use std::os::unix::ffi::OsStrExt;

    use rustix::fs::{AtFlags, FileType, Stat, statat};
    use rustix::io::Errno;

    use super::*;

    impl Place {
        pub(in crate::state::index) fn open(path: &Path) -> io::Result<Self> {
            Ok(Self { path: path.to_owned(), folder: std::fs::File::open(path)? })
        }

        /// Looks at a path, relative or absolute, with a zero at its end.
        pub(in crate::state::index) fn look(&self, path: &[u8]) -> io::Result<Found> {
            let path = CStr::from_bytes_with_nul(path).map_err(io::Error::other)?;
            // The root itself has an empty name.
            let path = if path.is_empty() { c"." } else { path };
            let stat = match statat(&self.folder, path, AtFlags::empty()) {
                Err(Errno::NOENT | Errno::NOTDIR | Errno::NAMETOOLONG) => return Ok(Found::Absent),
                stat => stat?,
            };
            match FileType::from_raw_mode(stat.st_mode) {
                FileType::Directory => Ok(Found::Folder(stat_of(&stat))),
                FileType::RegularFile => Ok(Found::File(stat_of(&stat))),
                _ => Err(io::ErrorKind::InvalidInput.into()),
            }
        }
    }

    /// As [`FileStat`] has it from the standard library. The fields' types differ between systems.
    #[allow(clippy::unnecessary_cast, reason = "needed on some systems")]
    fn stat_of(stat: &Stat) -> FileStat {
        let ns = |seconds: i64, rest: i64| seconds.saturating_mul(1_000_000_000).saturating_add(rest);
        FileStat {
            device: stat.st_dev as u64,
            inode: stat.st_ino as u64,
            size: stat.st_size as u64,
            modified_ns: ns(stat.st_mtime as i64, stat.st_mtime_nsec as i64),
            changed_ns: ns(stat.st_ctime as i64, stat.st_ctime_nsec as i64),
            executable: stat.st_mode as u32 & 0o100 != 0,
        }
    }

    pub(in crate::state::index) fn to_bytes(path: &Path) -> Option<&[u8]> {
        Some(path.as_os_str().as_bytes())
    }

    pub(in crate::state::index) fn from_bytes(bytes: &[u8]) -> PathBuf {
        OsStr::from_bytes(bytes).into()
    }
}

#[cfg(not(unix))]
mod system {
    use super::*;

    impl Place {
        pub(in crate::state::index) fn open(path: &Path) -> io::Result<Self> {
            Ok(Self { path: path.to_owned() })
        }

        pub(in crate::state::index) fn look(&self, path: &[u8]) -> io::Result<Found> {
            let path = from_bytes(path.strip_suffix(&[0]).unwrap_or(path));
            let metadata = match std::fs::metadata(self.path.join(path)) {
                Err(error) if crate::state::memo::is_absence(&error) => return Ok(Found::Absent),
                metadata => metadata?,
            };
            let stat = FileStat::from(&metadata);
            Ok(if metadata.is_dir() { Found::Folder(stat) } else { Found::File(stat) })
        }
    }

    pub(in crate::state::index) fn to_bytes(path: &Path) -> Option<&[u8]> {
        path.to_str().map(str::as_bytes)
    }

    pub(in crate::state::index) fn from_bytes(bytes: &[u8]) -> PathBuf {
        String::from_utf8_lossy(bytes).into_owned().into()
    }
}

pub(super) use system::{from_bytes, to_bytes};
