//! What the file system says of a file without reading it.
//!
//! The store hands it out with what it took in, so that `state` can know a
//! file's digest again without reading it. It decides nothing by it itself.

use std::fs::Metadata;
use std::path::Path;

use serde::{Deserialize, Serialize};

/// Enough of a file's metadata to tell that it was written to.
///
/// Two different contents have different stats unless the second was written
/// within one tick of the file system's clock; who remembers digests by stats
/// has to mind those (`state::memo` does).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub struct FileStat {
    /// The file system it is on.
    pub device: u64,
    /// Its number there; a file that replaces another has another one.
    pub inode: u64,
    /// In bytes.
    pub size: u64,
    /// When its bytes were written, in ns since the epoch. A program can set it to anything.
    pub modified_ns: i64,
    /// When its bytes, name or mode were changed, in ns since the epoch. No program can set it.
    pub changed_ns: i64,
    /// Whether its owner may execute it.
    pub executable: bool,
}

impl FileStat {
    /// Returns the stat of what a path leads to now; absent where that is nothing.
    pub fn at(path: &Path) -> Option<Self> {
        std::fs::metadata(path).ok().map(|metadata| Self::from(&metadata))
    }
}

#[cfg(unix)]
impl From<&Metadata> for FileStat {
    fn from(metadata: &Metadata) -> Self {
        use std::os::unix::fs::MetadataExt;
        let ns = |seconds: i64, rest: i64| seconds.saturating_mul(1_000_000_000).saturating_add(rest);
        Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            size: metadata.size(),
            modified_ns: ns(metadata.mtime(), metadata.mtime_nsec()),
            changed_ns: ns(metadata.ctime(), metadata.ctime_nsec()),
            executable: metadata.mode() & 0o100 != 0,
        }
    }
}

/// Without device, inode and change time: an edit that keeps size and time goes unnoticed.
#[cfg(not(unix))]
impl From<&Metadata> for FileStat {
    fn from(metadata: &Metadata) -> Self {
        let since_epoch = metadata.modified().ok().and_then(|t| t.duration_since(std::time::UNIX_EPOCH).ok());
        let ns = since_epoch.and_then(|age| i64::try_from(age.as_nanos()).ok()).unwrap_or_default();
        Self { size: metadata.len(), modified_ns: ns, changed_ns: ns, ..Self::default() }
    }
}
