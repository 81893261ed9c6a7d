//! What can go wrong with the store, with the path it went wrong at.
//!
//! A full disk and a place that may not be written are told apart from the rest:
//! those are the user's to mend, and nothing that was recorded is lost by them.

use std::io;
use std::path::{Path, PathBuf};

use crate::model::Digest;

/// Why the store did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The disk (or the user's share of it) is full.
    #[error("no space left on the disk to write `{}`", path.display())]
    NoSpace { path: PathBuf },
    /// The folder or file system may not be written.
    #[error("`{}` cannot be written: it is read-only for you", path.display())]
    ReadOnly { path: PathBuf },
    /// Any other failure of the file system.
    #[error("cannot {action} `{}`", path.display())]
    Io { action: &'static str, path: PathBuf, source: io::Error },
    /// Something wrote to the file while kptn read it.
    #[error("`{}` changed while it was read", path.display())]
    ChangedWhileRead { path: PathBuf },
    /// It is a folder, a pipe or a device.
    #[error("`{}` is not a regular file", path.display())]
    NotAFile { path: PathBuf },
    /// No object has this digest here.
    #[error("object {digest} is not in the store `{}`", root.display())]
    Absent { digest: Digest, root: PathBuf },
    /// A remote has it, and it could not be brought.
    #[error("cannot bring {} that a remote has", if *count == 1 { "an object".to_owned() } else { format!("{count} objects") })]
    NotBrought { count: u64, source: Box<dyn std::error::Error + Send + Sync> },
    /// The stored bytes are not those that were put.
    #[error("object {digest} in the store `{}` is damaged: its bytes have the digest {found}", root.display())]
    Damaged { digest: Digest, found: Digest, root: PathBuf },
    /// The object's bytes are fine, but are not what the caller takes them for.
    #[error("object {digest} is not the expected JSON")]
    NotJson { digest: Digest, source: serde_json::Error },
    /// A newer kptn made it in a way that this one does not know.
    #[error("`{}` was written by a newer kptn (format {found}; this one knows up to {known})", path.display())]
    NewerFormat { path: PathBuf, found: u32, known: u32 },
    /// `format.json` is not what any kptn writes.
    #[error("`{}` does not say what format the store has", path.display())]
    UnknownFormat { path: PathBuf, source: serde_json::Error },
    /// SQLite failed.
    #[error("cannot use the database `{}`", path.display())]
    Database { path: PathBuf, source: rusqlite::Error },
}

impl StoreError {
    /// Wraps a failure to write, telling a full disk and a read-only place apart from the rest.
    pub fn writing(action: &'static str, path: &Path, source: io::Error) -> Self {
        let path = path.to_owned();
        match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::NoSpace { path },
            io::ErrorKind::ReadOnlyFilesystem | io::ErrorKind::PermissionDenied => Self::ReadOnly { path },
            _ => Self::Io { action, path, source },
        }
    }

    /// Tells whether a folder could not be made since a file is where it, or one above it, has to be.
    pub fn is_file_above(&self) -> bool {
        use io::ErrorKind::{AlreadyExists, NotADirectory};
        matches!(self, Self::Io { source, .. } if matches!(source.kind(), AlreadyExists | NotADirectory))
    }

    /// Wraps a failure to read.
    pub fn reading(path: &Path, source: io::Error) -> Self {
        Self::Io { action: "read", path: path.to_owned(), source }
    }

    /// Wraps a failure of SQLite.
    pub fn database(path: &Path, source: rusqlite::Error) -> Self {
        use rusqlite::ErrorCode;
        let path = path.to_owned();
        match source.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => Self::NoSpace { path },
            Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => Self::ReadOnly { path },
            _ => Self::Database { path, source },
        }
    }
}
